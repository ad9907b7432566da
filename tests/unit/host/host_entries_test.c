/* SPDX-License-Identifier: MIT
 * What host asks xenstored for a VM: whose domain it is, the entries with their owner, the device model; and
 * what a xenstored that hangs, lies or ends can spoil. */
#include "tests/unit/host/host_entries_bench.h"

static void the_guest_owns_its_entries_and_the_device_model_is_named(void **state)
{
    struct bench *b = *state;
    struct line *l = asked(b, &all);
    assert_string_equal(l->asked, "2 1 /local/domain/12/vm=;2 2 /local/domain/12/image/device-model-domid=;");
    its(b, l, "13");
    assert_string_equal(l->asked, "2 3 /local/domain/13/vm=;"
                                  "11 4 /local/domain/12/memory/meminfo=;"
                                  "14 5 /local/domain/12/memory/meminfo=n12;"
                                  "11 6 /local/domain/12/memory/swapinfo=;"
                                  "14 7 /local/domain/12/memory/swapinfo=n12;"
                                  "11 8 /local/domain/12/memory/hotplug-max=4096000;");
    say(b, l, XENSTORE_READ, 3, "/vm/" MODEL);
    for (uint32_t i = 4; i <= 8; i++) {
        assert_int_equal(b->replies, 0);
        say(b, l, i == 5 || i == 7 ? XENSTORE_PERMIT : XENSTORE_WRITE, i, "OK");
    }
    assert_int_equal(b->replies, 1);
    assert_int_equal(b->r[0], 0);
    assert_int_equal(b->reply[0].present, 1);
    assert_int_equal(b->reply[0].stubdom, 13);
    assert_string_equal(b->reply[0].stubdom_uuid, MODEL);
    assert_int_equal(b->timer, 0);
}

static void who_only_looks_writes_nothing(void **state)
{
    struct bench *b = *state;
    struct line *l = asked(b, &look);
    l->asked[0] = '\0';
    its(b, l, NULL);
    assert_string_equal(l->asked, "");
    assert_int_equal(b->replies, 1);
    assert_int_equal(b->reply[0].stubdom, 0);
}

static void a_domain_of_another_vm_is_left_alone(void **state)
{
    static const char *const whose[] = {"/vm/" MODEL, "/vm/", "", UUID, "/vm/" UUID "x"};
    struct bench *b = *state;
    for (unsigned i = 0; i < COUNT(whose); i++) {
        struct line *l = asked(b, &all);
        l->asked[0] = '\0';
        say(b, l, XENSTORE_READ, 1, whose[i]);
        assert_string_equal(l->asked, "");
        assert_int_equal(b->r[i], -ERR_REFUSED);
    }
    struct line *l = asked(b, &all);
    say(b, l, 16, 1, "ENOENT");
    assert_int_equal(b->r[COUNT(whose)], -ERR_REFUSED);
}

static void a_vm_that_there_is_not_is_asked_for_by_nobody(void **state)
{
    struct bench *b = *state;
    hear(b, &all, QID + 1);
    assert_int_equal(b->r[0], -ERR_REFUSED);
    assert_int_equal(b->wanted, 0);
}

static void an_entry_that_is_refused_is_an_error(void **state)
{
    struct bench *b = *state;
    struct line *l = asked(b, &all);
    its(b, l, NULL);
    say(b, l, XENSTORE_WRITE, 4, "OK");
    say(b, l, 16, 5, "EACCES");
    assert_int_equal(b->r[0], -ERR_HYPERVISOR);
    assert_int_equal(b->closed, 1);
}

static void a_device_model_that_is_none_is_not_believed(void **state)
{
    static const char *const models[] = {"", "0", "-1", "13x", "99999999999", "nobody"};
    struct bench *b = *state;
    for (unsigned i = 0; i < COUNT(models); i++) {
        its(b, asked(b, &look), models[i]);
        assert_int_equal(b->replies, i + 1);
        assert_int_equal(b->reply[i].stubdom, 0);
    }
    struct line *l = asked(b, &look);
    its(b, l, "13");
    say(b, l, XENSTORE_READ, 3, "/vm/not-an-identity-of-36-characters-xxx");
    assert_int_equal(b->reply[COUNT(models)].stubdom, 13);
    assert_string_equal(b->reply[COUNT(models)].stubdom_uuid, "");
}

static void answers_in_pieces_are_put_together(void **state)
{
    struct bench *b = *state;
    char bytes[128];
    uint32_t header[4] = {XENSTORE_READ, 1, 0, 4 + 36}, none[4] = {16, 2, 0, 7};
    struct line *l = asked(b, &look);
    memcpy(bytes, header, 16);
    snprintf(bytes + 16, 41, "/vm/%s", UUID);
    memcpy(bytes + 56, none, 16);
    memcpy(bytes + 72, "ENOENT", 7);
    for (unsigned i = 0; i < 79; i++) {
        assert_int_equal(b->replies, 0);
        say_bytes(b, l, bytes + i, 1);
    }
    assert_int_equal(b->replies, 1);
    assert_int_equal(b->r[0], 0);
}

static void nonsense_ends_the_question_and_no_other(void **state)
{
    static const uint32_t rows[][4] = {
        {XENSTORE_WRITE, 1, 0, 0},         /* of another kind */
        {XENSTORE_READ, 3, 0, 0},          /* to what was not asked */
        {XENSTORE_READ, 0, 0, 0},          /* to nothing */
        {15, 0, 0, 0},                     /* an event that nobody waits for */
        {XENSTORE_READ, UINT32_MAX, 0, 0}, /* far away */
        {XENSTORE_READ, 1, 0, 4097},       /* longer than any */
        {XENSTORE_READ, 1, 0, UINT32_MAX},
    };
    struct bench *b = *state;
    struct line *other = asked(b, &look);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        say_bytes(b, asked(b, &all), rows[i], sizeof rows[i]);
        assert_int_equal(b->replies, i + 1);
        assert_int_equal(b->r[i], -ERR_IO);
    }
    struct line *l = asked(b, &all);
    its(b, l, NULL);
    say(b, l, XENSTORE_WRITE, 4, "OK");
    say(b, l, XENSTORE_WRITE, 4, "OK"); /* twice */
    assert_int_equal(b->r[COUNT(rows)], -ERR_IO);
    its(b, other, NULL);
    assert_int_equal(b->r[COUNT(rows) + 1], 0);
}

static void a_flood_is_not_kept(void **state)
{
    static char much[HOST_LINE_PIECE];
    struct bench *b = *state;
    uint32_t header[4] = {XENSTORE_READ, 1, 0, XENSTORE_PAYLOAD};
    struct line *l = asked(b, &all);
    say_bytes(b, l, header, sizeof header);
    for (int i = 0; i < 4; i++)
        say_bytes(b, l, much, sizeof much);
    assert_int_equal(b->replies, 1);
    assert_true(b->r[0] < 0);
}

static void one_that_hangs_or_hangs_up_costs_its_question_alone(void **state)
{
    struct bench *b = *state;
    struct line *hung = asked(b, &all), *gone = asked(b, &all), *well = asked(b, &look);
    say_bytes(b, gone, "", 0);
    assert_int_equal(b->r[0], -ERR_CLOSED);
    its(b, well, NULL);
    assert_int_equal(b->r[1], 0);
    assert_true(b->timer > b->out.now && b->timer <= b->out.now + 10 * SECONDS);
    b->out.now = b->timer;
    host_actor.timer(b->core, &b->out, TIMER_ENTRIES);
    assert_int_equal(b->replies, 3);
    assert_int_equal(b->r[2], -ERR_TIMEOUT);
    assert_int_equal(b->timer, 0);
    say(b, hung, XENSTORE_READ, 1, "/vm/" UUID); /* too late: nothing comes of it */
    assert_int_equal(b->replies, 3);
}

static void one_that_takes_nothing_or_is_dead_is_an_error_and_none_is_none(void **state)
{
    struct bench *b = *state;
    b->deaf = true;
    (void)asked(b, &all);
    assert_int_equal(b->r[0], -ERR_CLOSED);
    b->deaf = false;
    hear(b, &all, QID);
    b->wanted--;
    host_entries_no_line(b->core, &b->out, true);
    assert_int_equal(b->r[1], -ERR_CLOSED);
    hear(b, &all, QID);
    b->wanted--;
    host_entries_no_line(b->core, &b->out, false);
    assert_int_equal(b->r[2], 0);
    assert_int_equal(b->reply[2].present, 0);
    b->core->lines = NULL;
    hear(b, &all, QID);
    assert_int_equal(b->r[3], 0);
    assert_int_equal(b->reply[3].present, 0);
}

static void a_line_that_comes_too_late_serves_the_next_or_nobody(void **state)
{
    struct bench *b = *state;
    hear(b, &all, QID);
    b->out.now = b->timer;
    host_actor.timer(b->core, &b->out, TIMER_ENTRIES);
    assert_int_equal(b->r[0], -ERR_TIMEOUT);
    hear(b, &look, QID);
    assert_int_equal(b->wanted, 2);
    struct line *l = hand(b);
    assert_non_null(l);
    assert_null(hand(b));
    its(b, l, NULL);
    assert_int_equal(b->r[1], 0);
}

static void before_the_roster_questions_wait(void **state)
{
    struct bench *b = *state;
    b->core->has_roster = false;
    hear(b, &look, QID);
    assert_int_equal(b->wanted, 0);
    b->core->has_roster = true;
    host_entries_roster(b->core, &b->out);
    its(b, hand(b), NULL);
    assert_int_equal(b->r[0], 0);
}

static void so_many_lines_are_open_and_the_rest_wait_their_turn(void **state)
{
    struct bench *b = *state;
    enum { MANY = HOST_LINES_MAX + 8 };
    for (unsigned i = 0; i < MANY; i++)
        hear(b, &look, QID);
    assert_int_equal(b->wanted, HOST_LINES_MAX);
    for (unsigned i = 0; i < MANY; i++) {
        struct line *l = hand(b);
        assert_int_equal(l->number, i + 1); /* in their order */
        its(b, l, NULL);
        assert_int_equal(b->replies, i + 1);
    }
    assert_int_equal(b->wanted, 0);
    assert_int_equal(b->closed, MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(the_guest_owns_its_entries_and_the_device_model_is_named),
        BENCH_TEST(who_only_looks_writes_nothing),
        BENCH_TEST(a_domain_of_another_vm_is_left_alone),
        BENCH_TEST(a_vm_that_there_is_not_is_asked_for_by_nobody),
        BENCH_TEST(an_entry_that_is_refused_is_an_error),
        BENCH_TEST(a_device_model_that_is_none_is_not_believed),
        BENCH_TEST(answers_in_pieces_are_put_together),
        BENCH_TEST(nonsense_ends_the_question_and_no_other),
        BENCH_TEST(a_flood_is_not_kept),
        BENCH_TEST(one_that_hangs_or_hangs_up_costs_its_question_alone),
        BENCH_TEST(one_that_takes_nothing_or_is_dead_is_an_error_and_none_is_none),
        BENCH_TEST(a_line_that_comes_too_late_serves_the_next_or_nobody),
        BENCH_TEST(before_the_roster_questions_wait),
        BENCH_TEST(so_many_lines_are_open_and_the_rest_wait_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
