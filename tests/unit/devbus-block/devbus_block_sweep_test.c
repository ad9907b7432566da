/* SPDX-License-Identifier: MIT
 * devbus-block takes out what nothing is behind any more, until it is out; and after a crash it waits for
 * those who do not know yet what they have. Spec: devbus-block 8. */
#include "tests/unit/devbus-block/devbus_block_bench.h"

static void timer_rings(struct bench *b, uint64_t at, uint64_t timer)
{
    assert_true(at > b->out.now);
    b->out.now = at;
    b->sent[0] = '\0';
    bench_rings(b, timer);
}

static void attached(struct bench *b)
{
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    confirm(b, FRONT, true);
}

static void what_goes_while_it_is_on_its_way_is_taken_out_when_it_has_come(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    exposes(b, "", true);
    assert_string_equal(b->sent, "");
    confirm(b, FRONT, true);
    assert_string_equal(b->sent, "lose 7 sda;");
}

static void who_has_not_taken_it_out_is_told_again(void **state)
{
    struct bench *b = *state;
    attached(b);
    exposes(b, "", true);
    assert_string_equal(b->sent, "lose 7 sda;");
    b->sent[0] = '\0';
    has(b, FRONT, "sda", false); /* libvirt refused, or its process has died */
    assert_string_equal(b->sent, "");
    timer_rings(b, b->timer[BLOCK_TIMER_SWEEP], BLOCK_TIMER_SWEEP);
    assert_string_equal(b->sent, "lose 7 sda;");
    confirm(b, FRONT, false);
    assert_int_equal(b->timer[BLOCK_TIMER_SWEEP], 0);
}

static void what_is_exposed_again_meanwhile_stays(void **state)
{
    struct bench *b = *state;
    attached(b);
    exposes(b, "", true);
    exposes(b, "sda ", true);
    timer_rings(b, b->timer[BLOCK_TIMER_SWEEP], BLOCK_TIMER_SWEEP);
    assert_string_equal(b->sent, "");
}

static void after_a_crash_nothing_is_taken_of_a_backend_that_has_told_nothing(void **state)
{
    struct bench *b = *state;
    attached(b);
    bench_killed(b);
    b->sent[0] = '\0';
    has(b, FRONT, "sda", false);
    for (int i = 0; i < 3; i++) {
        unsigned asked = b->guests_asked;
        timer_rings(b, b->timer[BLOCK_TIMER_SETTLED], BLOCK_TIMER_SETTLED);
        assert_string_equal(b->sent, "");
        assert_int_equal(b->guests_asked, asked + 1);
    }
    exposes(b, "", false); /* and it is nothing */
    assert_string_equal(b->sent, "lose 7 sda;");
}

/* A backend that has ended while the bus was dead: no process of its speaks. */
static void after_a_crash_a_backend_of_which_nobody_says_that_it_lives_is_gone_in_the_end(void **state)
{
    (void)state;
    for (int living = 0; living < 2; living++) {
        void *opened;
        open_bench(&opened);
        struct bench *b = opened;
        attached(b);
        bench_killed(b);
        if (living)
            HEAR(b, bus_has, BACK, .name = "back");
        has(b, FRONT, "sda", false);
        b->sent[0] = '\0';
        for (int i = 0; i < 4; i++) {
            assert_null(strstr(b->sent, "lose"));
            timer_rings(b, b->timer[BLOCK_TIMER_SETTLED], BLOCK_TIMER_SETTLED);
        }
        assert_string_equal(b->sent, living ? "" : "lose 7 sda;");
        bench_close(&opened);
    }
}

/* The guest process of a new life, which exposes nothing, says nothing, and that of the old one is gone. */
static void after_a_crash_a_backend_that_begins_another_life_exposes_nothing_of_the_last(void **state)
{
    (void)state;
    for (int told_first = 0; told_first < 2; told_first++) {
        for (int ended = 0; ended < 2; ended++) {
            void *opened;
            open_bench(&opened);
            struct bench *b = opened;
            attached(b);
            bench_killed(b);
            b->sent[0] = '\0';
            if (told_first)
                has(b, FRONT, "sda", false);
            if (ended)
                HEAR(b, bus_has, BACK, .over = 1);
            else
                HEAR(b, bus_has, BACK, .name = "back", .starts = 1);
            HEAR(b, bus_has, BACK, .name = "back");
            if (!told_first)
                has(b, FRONT, "sda", false);
            assert_string_equal(b->sent, "lose 7 sda;");
            bench_close(&opened);
        }
    }
}

static void what_another_life_exposes_stays(void **state)
{
    struct bench *b = *state;
    attached(b);
    bench_killed(b);
    b->sent[0] = '\0';
    HEAR(b, bus_has, BACK, .name = "back", .starts = 1);
    HEAR(b, bus_has, BACK, .name = "back");
    exposes(b, "sda ", false);
    has(b, FRONT, "sda", false);
    assert_null(strstr(b->sent, "lose"));
}

static void it_gives_nothing_away_while_a_vm_does_not_know_what_it_has(void **state)
{
    struct bench *b = *state;
    attached(b);
    bench_killed(b);
    exposes(b, "sda ", false);
    HEAR(b, bus_has, FRONT, .name = "front", .unknown = 1);
    uint64_t asked = prepare(b, OTHER, "", false);
    for (int i = 0; i < 20; i++)
        timer_rings(b, b->timer[BLOCK_TIMER_SETTLED], BLOCK_TIMER_SETTLED);
    assert_null(bench_reply(b, asked));
    has(b, FRONT, "sda", false);
    timer_rings(b, b->timer[BLOCK_TIMER_SETTLED], BLOCK_TIMER_SETTLED);
    assert_int_equal(bench_result(b, asked), -ERR_DEVICE_ATTACHED);
}

static void it_waits_for_nobody_whose_life_is_over_and_not_for_ever(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        void *opened;
        open_bench(&opened);
        struct bench *b = opened;
        attached(b);
        bench_killed(b);
        exposes(b, "sda ", false);
        HEAR(b, bus_has, FRONT, .name = "front", .unknown = 1);
        uint64_t since = b->out.now, asked = prepare(b, OTHER, "", false);
        if (over)
            HEAR(b, bus_over, FRONT, .nothing = 0);
        while (bench_reply(b, asked) == NULL)
            timer_rings(b, b->timer[BLOCK_TIMER_SETTLED], BLOCK_TIMER_SETTLED);
        assert_int_equal(bench_result(b, asked), 0);
        assert_in_range(b->out.now - since, over ? 2 * SECONDS : 80 * SECONDS,
                        over ? 4 * SECONDS : 100 * SECONDS);
        bench_close(&opened);
    }
}

/* Killed between holding and attaching: its note says what was held, and no backend has told it anything yet.
 */
static void what_was_held_before_a_crash_stays_when_it_has_come(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    bench_killed(b);
    b->sent[0] = '\0';
    assert_int_equal(bench_result(b, confirm(b, FRONT, true)), 0);
    assert_string_equal(b->sent, "");
    exposes(b, "sda ", false);
    assert_string_equal(b->sent, "");
    exposes(b, "", true);
    assert_string_equal(b->sent, "lose 7 sda;");
}

static void what_was_held_before_a_crash_goes_with_a_backend_of_which_nobody_says_that_it_lives(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    bench_killed(b);
    confirm(b, FRONT, true);
    b->sent[0] = '\0';
    for (int i = 0; i < 3; i++) {
        assert_string_equal(b->sent, "");
        timer_rings(b, b->timer[BLOCK_TIMER_SETTLED], BLOCK_TIMER_SETTLED);
    }
    assert_string_equal(b->sent, "lose 7 sda;");
}

/* Nobody has told it yet what was attached: the next one has to wait, too. */
static void killed_twice_it_still_waits(void **state)
{
    struct bench *b = *state;
    attached(b);
    bench_killed(b);
    exposes(b, "sda ", false);
    has(b, OTHER, "", false);
    prepare(b, OTHER, "", false);
    bench_killed(b);
    uint64_t asked = prepare(b, OTHER, "", false);
    assert_null(bench_reply(b, asked));
}

static void the_end_of_a_life_is_heard_without_being_woken_for_it(void **state)
{
    struct bench *b = *state;
    attached(b);
    b->events[0] = '\0';
    HEAR(b, bus_over, FRONT, .nothing = 0);
    assert_string_equal(b->events, "7 device-detach:block back:sda;");
    assert_string_equal(b->shown, "");
    assert_int_equal(bench_bus(b)->table.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_goes_while_it_is_on_its_way_is_taken_out_when_it_has_come),
        TEST(who_has_not_taken_it_out_is_told_again),
        TEST(what_is_exposed_again_meanwhile_stays),
        TEST(after_a_crash_nothing_is_taken_of_a_backend_that_has_told_nothing),
        cmocka_unit_test(after_a_crash_a_backend_of_which_nobody_says_that_it_lives_is_gone_in_the_end),
        cmocka_unit_test(after_a_crash_a_backend_that_begins_another_life_exposes_nothing_of_the_last),
        TEST(what_another_life_exposes_stays),
        TEST(it_gives_nothing_away_while_a_vm_does_not_know_what_it_has),
        cmocka_unit_test(it_waits_for_nobody_whose_life_is_over_and_not_for_ever),
        TEST(killed_twice_it_still_waits),
        TEST(what_was_held_before_a_crash_stays_when_it_has_come),
        TEST(what_was_held_before_a_crash_goes_with_a_backend_of_which_nobody_says_that_it_lives),
        TEST(the_end_of_a_life_is_heard_without_being_woken_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
