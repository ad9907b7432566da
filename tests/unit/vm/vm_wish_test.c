/* SPDX-License-Identifier: MIT
 * Devices that come by themselves once their VM runs: each once, wherever its process dies behind the start.
 * Spec: devices 14.3. */
#include "tests/unit/vm/vm_bench.h"

#define ASSIGNED .device_class = "block", .backend = "usb", .backend_qid = 4, .port = "*", .device_id = "net"

static const struct view_device comes = {ASSIGNED, .automatic = 1};
static const struct view_device asks = {ASSIGNED, .automatic = 2};

static void set_up(struct bench *b, const struct view_device *assigned)
{
    bench_setup(b);
    b->assigned = assigned;
    bench_run(b);
    b->said = 0;
}

static void settle(struct bench *b)
{
    static const enum vm_timer timers[] = {TIMER_AGAIN, TIMER_TELL, TIMER_DEVICE};
    bench_run(b);
    for (size_t i = 0; i < 8 * COUNT(timers) && !b->dead; i++) {
        bench_timer_fires(b, timers[i % COUNT(timers)]);
        bench_run(b);
    }
}

static void start(struct bench *b)
{
    BENCH_HEAR(b, vm_start, .nothing = 0);
    bench_run(b);
}

static bool notes_a_wish(const struct bench *b)
{
    return strstr(b->note, "wishes=") != NULL;
}

/* Killed at the n-th thing that it says, and what the worker had in hand happens or not. False: it lived. */
static bool dies_at(struct bench *b, const struct view_device *assigned, unsigned n, bool does)
{
    set_up(b, assigned);
    b->die_at = n;
    start(b);
    bool died = b->dead;
    if (died)
        bench_crash(b, does);
    settle(b);
    bench_is_definite(b);
    return died;
}

static void killed_behind_the_start_a_device_comes_all_the_same_and_once(void **state)
{
    unsigned lived = 0;
    (void)state;
    for (int does = 0; does < 2; does++) {
        struct bench b;
        for (unsigned n = 1; dies_at(&b, &comes, n, does != 0); n++) {
            assert_true(n < 200);
            lived += b.world.active;
            assert_int_equal(b.world.plugs, b.world.active);
            assert_int_equal(bench_count(&b, "device-attach:block"), b.world.active);
            assert_false(notes_a_wish(&b));
            bench_end(&b);
        }
        assert_int_equal(b.world.plugs, 1);
        bench_end(&b);
    }
    assert_true(lived > 10);
}

static void killed_behind_the_start_a_person_is_asked_all_the_same(void **state)
{
    struct bench b;
    (void)state;
    for (unsigned n = 1; dies_at(&b, &asks, n, false); n++) {
        assert_true(n < 200);
        assert_true(b.world.active ? b.wanted >= 1 && b.wanted <= 2 : b.wanted == 0);
        assert_int_equal(b.world.plugs, 0);
        assert_false(notes_a_wish(&b));
        bench_end(&b);
    }
    assert_int_equal(b.wanted, 1);
    bench_end(&b);
}

static void what_was_looked_for_is_not_looked_for_again(void **state)
{
    static const struct view_device *const kinds[] = {&comes, &asks};
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct bench b;
        set_up(&b, kinds[i]);
        start(&b);
        settle(&b);
        unsigned listed = b.asked_of[0], wanted = b.wanted;
        memset(b.world.plugged, 0, sizeof b.world.plugged); /* somebody has detached it */
        bench_crash(&b, false);
        settle(&b);
        assert_int_equal(b.core->life, VM_LIVING);
        assert_int_equal(b.asked_of[0], listed);
        assert_int_equal(b.wanted, wanted);
        bench_end(&b);
    }
}

static void who_was_asked_is_not_asked_again_for_what_else_was_on_its_way(void **state)
{
    struct bench b;
    (void)state;
    set_up(&b, &asks);
    start(&b);
    settle(&b);
    snprintf(strchr(b.note, '\0'), 16, " wishes=%d", WISHES_DUE | WISHES_ASKED);
    unsigned wanted = b.wanted;
    bench_crash(&b, false);
    settle(&b);
    assert_int_equal(b.wanted, wanted);
    assert_false(notes_a_wish(&b));
    bench_end(&b);
}

static void of_another_life_nothing_is_looked_for(void **state)
{
    struct bench b;
    (void)state;
    set_up(&b, &comes);
    start(&b);
    settle(&b);
    snprintf(strchr(b.note, '\0'), 16, " wishes=%d", WISHES_DUE);
    memset(b.world.plugged, 0, sizeof b.world.plugged);
    b.world.domid++; /* the domain was replaced while nobody looked */
    b.world.creates++;
    unsigned listed = b.asked_of[0];
    bench_crash(&b, false);
    settle(&b);
    assert_int_equal(b.asked_of[0], listed);
    bench_end(&b);
}

static void a_vm_without_such_devices_notes_none(void **state)
{
    struct bench b;
    (void)state;
    set_up(&b, NULL);
    uint64_t asked = BENCH_HEAR(&b, vm_start, .nothing = 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_false(notes_a_wish(&b));
    assert_int_equal(b.asked_of[0], 0);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_behind_the_start_a_device_comes_all_the_same_and_once),
        cmocka_unit_test(killed_behind_the_start_a_person_is_asked_all_the_same),
        cmocka_unit_test(what_was_looked_for_is_not_looked_for_again),
        cmocka_unit_test(who_was_asked_is_not_asked_again_for_what_else_was_on_its_way),
        cmocka_unit_test(of_another_life_nothing_is_looked_for),
        cmocka_unit_test(a_vm_without_such_devices_notes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
