/* SPDX-License-Identifier: MIT
 * The host's core: who is told what runs, when the list, the roster, the router or libvirt change. */
#include "tests/unit/host/host_bench.h"

static void what_runs_is_told_to_registry_and_to_each_vm(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    assert_true(b.readies > 0);
    assert_true(bench_has_said(&b, 0, "facts") && bench_has_said(&b, 0, "host_facts") &&
                bench_has_said(&b, 0, "all 1"));
    assert_true(bench_has_said(&b, 0, "vm/7.3 active=1 domid=4 state=1 event=255"));
    assert_true(bench_has_said(&b, 0, "vm_look"));
    for (unsigned i = 0; i < b.told; i++)
        assert_int_not_equal(strncmp(b.said[i], "vm/8", 4), 0);
    bench_down(&b);
}

static void a_domain_that_is_gone_is_told_once(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    unsigned from = b.told;
    b.count = 0;
    bench_event(&b, UUID_A, VIRT_EVENT_STOPPED);
    bench_perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/7.3 active=0 domid=0 state=5 event=5");
    bench_event(&b, UUID_B, VIRT_EVENT_DEFINED);
    assert_null(b.task);
    bench_down(&b);
}

static void strangers_are_nobodys_business(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    unsigned from = b.told;
    bench_runs(&b, "11111111-0f39-4c4e-9a53-0c7d3a4f8e11", 9, VIRT_RUNNING);
    bench_event(&b, "11111111-0f39-4c4e-9a53-0c7d3a4f8e11", VIRT_EVENT_STARTED);
    bench_perform(&b);
    assert_int_equal(b.told, from);
    bench_down(&b);
}

static void without_libvirt_it_is_ready_and_tries_less_and_less_often(void **state)
{
    struct bench b;
    uint64_t waits[8];
    (void)state;
    bench_up(&b);
    b.trouble = -ERR_NO_CONNECTION;
    for (size_t i = 0; i < COUNT(waits); i++) {
        bench_perform(&b);
        waits[i] = b.timer[TIMER_CONNECT] - b.out.now;
        host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    }
    assert_true(b.readies > 0);
    assert_true(waits[0] == 100 * MILLISECONDS && waits[1] == 200 * MILLISECONDS && waits[7] == 2 * SECONDS);
    b.trouble = 0;
    bench_runs(&b, UUID_A, 4, VIRT_RUNNING);
    bench_give_roster(&b);
    unsigned from = b.told;
    bench_perform(&b);
    assert_true(bench_has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=255"));
    bench_down(&b);
}

static void what_ended_while_libvirt_was_away_is_told(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    host_lost(b.core, &b.out);
    b.count = 0;
    unsigned from = b.told;
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    bench_perform(&b);
    assert_true(bench_has_said(&b, from, "vm/7.3 active=0 domid=0 state=5 event=255"));
    assert_true(bench_has_said(&b, from, "all 0"));
    bench_down(&b);
}

/* The look that was under way has nothing to connect again for, and the time for it is over. */
static void a_connection_that_ends_during_a_look_is_made_again(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_event(&b, UUID_A, VIRT_EVENT_STOPPED);
    assert_int_equal(b.task->what, HOST_LIST);
    host_lost(b.core, &b.out);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    unsigned opens = b.opens;
    b.timer[TIMER_CONNECT] = 0;
    bench_perform(&b);
    assert_int_not_equal(b.timer[TIMER_CONNECT], 0);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    bench_perform(&b);
    assert_int_equal(b.opens, opens + 1);
    bench_down(&b);
}

static void a_connection_that_ends_while_it_is_made_is_made_again(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    host_lost(b.core, &b.out);
    bench_perform(&b);
    assert_false(bench_has_said(&b, 0, "all 0"));
    assert_int_not_equal(b.timer[TIMER_CONNECT], 0);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    bench_perform(&b);
    bench_give_roster(&b);
    assert_true(bench_has_said(&b, 0, "all 0"));
    bench_down(&b);
}

/* libvirtd stands still: two threads may hang in it, and no more is asked until one returns. */
static void what_hangs_is_bounded_and_recovers(void **state)
{
    struct bench b;
    struct task *hung[2];
    (void)state;
    bench_up(&b);
    for (size_t i = 0; i < COUNT(hung); i++) {
        struct done overdue = {.what = b.task->what, .overdue = true};
        hung[i] = TAKE(b.task);
        host_actor.done(b.core, &b.out, &overdue);
        host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    }
    assert_null(b.task);
    assert_true(b.readies > 0);
    for (size_t i = 0; i < COUNT(hung); i++) {
        struct done cleared = {.task = hung[i], .what = hung[i]->what, .cleared = true};
        host_actor.done(b.core, &b.out, &cleared);
        free(hung[i]);
    }
    assert_non_null(b.task);
    bench_perform(&b);
    bench_give_roster(&b);
    assert_true(bench_has_said(&b, 0, "all 0"));
    bench_down(&b);
}

static void a_new_router_hears_everything_again(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    unsigned from = b.told;
    host_actor.hello(b.core, &b.out, 2, 0);
    assert_true(bench_has_said(&b, from, "all 1") && bench_has_said(&b, from, "facts"));
    assert_true(bench_has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=255"));
    bench_down(&b);
}

static void a_roster_that_does_not_come_is_asked_for_again(void **state)
{
    struct bench b;
    struct answer gone = {.r = -ERR_GONE};
    (void)state;
    bench_up(&b);
    b.asks_roster = false;
    host_actor.answered(b.core, &b.out, &gone);
    assert_true(b.timer[TIMER_ROSTER] > b.out.now);
    host_actor.timer(b.core, &b.out, TIMER_ROSTER);
    assert_true(b.asks_roster);
    bench_down(&b);
}

static void a_vm_that_was_removed_is_told_nothing(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    struct roster_change gone = {.gone = 1, .vm = {7, 3, UUID_A, "work"}};
    (void)state;
    bench_settle(&b);
    roster_change_encode(&body, &gone);
    struct envelope e = {.type = MESSAGE_roster_change,
                         .class = CLASS_EVENT,
                         .source_kind = KIND_REGISTRY,
                         .body = text_span(&body)};
    host_actor.hear(b.core, &b.out, &e);
    unsigned from = b.told;
    b.count = 0;
    bench_event(&b, UUID_A, VIRT_EVENT_STOPPED);
    bench_perform(&b);
    assert_int_equal(b.told, from);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_is_told_to_registry_and_to_each_vm),
        cmocka_unit_test(a_domain_that_is_gone_is_told_once),
        cmocka_unit_test(strangers_are_nobodys_business),
        cmocka_unit_test(without_libvirt_it_is_ready_and_tries_less_and_less_often),
        cmocka_unit_test(what_ended_while_libvirt_was_away_is_told),
        cmocka_unit_test(a_connection_that_ends_during_a_look_is_made_again),
        cmocka_unit_test(a_connection_that_ends_while_it_is_made_is_made_again),
        cmocka_unit_test(what_hangs_is_bounded_and_recovers),
        cmocka_unit_test(a_new_router_hears_everything_again),
        cmocka_unit_test(a_roster_that_does_not_come_is_asked_for_again),
        cmocka_unit_test(a_vm_that_was_removed_is_told_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
