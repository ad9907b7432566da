/* SPDX-License-Identifier: MIT
 * The daemons of a start: in their order, what one that fails undoes, and where they may be missing. */
#include "tests/unit/vm/vm_bench.h"

static void up(struct bench *b)
{
    bench_setup(b);
    bench_run(b);
}

static uint64_t start(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    return asked;
}

static void a_start_whose_agent_does_not_come_is_undone_in_order(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    b.daemon[PROGRAM_QREXEC_DAEMON].status = 3;
    uint64_t asked = start(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_VM);
    assert_non_null(strstr(b.reply[0].text, "qrexec agent"));
    assert_int_equal(b.fills, 1);
    BENCH_HEARD(
        &b, 7, "domain-qdb-create", "domain-pre-unpaused", "domain-unpaused",
        "domain-start-failed reason=Cannot connect to qrexec agent of work in time: see its console log,",
        "domain-stopped", "property-reset:xid name=xid", "property-reset:stubdom_xid name=stubdom_xid",
        "property-reset:start_time name=start_time", "domain-shutdown");
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_qubesdb_daemon_that_fails_leaves_the_guest_paused_until_it_goes(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    b.daemon[PROGRAM_QUBESDB_DAEMON] = (struct daemon_reply){.status = 1, .said = "no xenstore"};
    uint64_t asked = start(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_QUBES);
    assert_non_null(strstr(b.reply[0].text, "no xenstore"));
    assert_int_equal(b.fills, 0);
    assert_int_equal(bench_count(&b, "domain-unpaused"), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void until_qrexec_serves_a_vm_is_in_transition(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    b.hold_asks = true;
    uint64_t asked = BENCH_HEAR(&b, vm_start, 0);
    for (int i = 0; i < 100 && bench_count(&b, "domain-unpaused") == 0; i++) {
        b.hold_asks = false;
        (void)bench_run_once(&b);
        b.hold_asks = true;
    }
    bench_run(&b);
    assert_string_equal(b.power_state, "Transient");
    assert_int_equal(bench_answer(&b, asked), 1);
    b.hold_asks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_string_equal(b.power_state, "Running");
    assert_true(b.core->qrexec_up);
    bench_end(&b);
}

static void a_guest_that_ends_while_qrexec_is_waited_for_ends_its_start(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_start, 0);
    while (bench_count(&b, "domain-unpaused") == 0)
        assert_true(bench_run_once(&b));
    b.hold_asks = true;
    b.world.active = false;
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_run(&b);
    b.hold_asks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_HYPERVISOR);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_program_may_be_missing_only_where_it_is_no_xen(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    start(&b);
    assert_int_equal(b.last_daemon.optional, 1);
    bench_end(&b);
    bench_setup(&b);
    b.world.door.can = &bench_xen;
    bench_run(&b);
    start(&b);
    assert_int_equal(b.last_daemon.optional, 0);
    assert_int_equal(b.last_daemon.again, 0);
    bench_end(&b);
}

static void without_its_daemons_a_vm_starts_and_nothing_is_written(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    b.daemon[PROGRAM_QUBESDB_DAEMON].missing = b.daemon[PROGRAM_QREXEC_DAEMON].missing = 1;
    assert_int_equal(bench_answer(&b, start(&b)), 0);
    assert_int_equal(b.fills, 0);
    assert_false(b.core->qrexec_up);
    bench_crash(&b, true);
    bench_run(&b);
    assert_true(b.core->bare); /* the next process knows, too */
    bench_is_definite(&b);
    bench_end(&b);
}

static void what_came_after_a_crash_asks_for_qrexec_again_and_ends_the_start(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    BENCH_HEAR(&b, vm_start, 0);
    while (bench_count(&b, "domain-unpaused") == 0)
        assert_true(bench_run_once(&b));
    b.asked = 0; /* its answer comes to nobody */
    bench_crash(&b, true);
    bench_run(&b);
    assert_int_equal(b.last_daemon.program, PROGRAM_QREXEC_DAEMON);
    assert_int_equal(b.last_daemon.again, 1);
    assert_int_equal(bench_count(&b, "domain-start"), 1);
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

/* At whatever word or note: a VM that runs in the end is one whose agent serves. */
static void killed_anywhere_in_a_start_the_next_knows_whether_qrexec_serves(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 60; at++) {
        struct bench b;
        up(&b);
        b.qrexec = true;
        b.die_at = b.said + at;
        BENCH_HEAR(&b, vm_start, 0);
        bench_run(&b);
        bench_crash(&b, true);
        bench_run(&b);
        for (int i = 0; i < 8; i++) {
            bench_timer_fires(&b, TIMER_AGAIN);
            bench_run(&b);
        }
        assert_string_equal(b.power_state, b.world.active ? "Running" : "Halted");
        bench_is_definite(&b);
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_whose_agent_does_not_come_is_undone_in_order),
        cmocka_unit_test(a_qubesdb_daemon_that_fails_leaves_the_guest_paused_until_it_goes),
        cmocka_unit_test(until_qrexec_serves_a_vm_is_in_transition),
        cmocka_unit_test(a_guest_that_ends_while_qrexec_is_waited_for_ends_its_start),
        cmocka_unit_test(a_program_may_be_missing_only_where_it_is_no_xen),
        cmocka_unit_test(without_its_daemons_a_vm_starts_and_nothing_is_written),
        cmocka_unit_test(killed_anywhere_in_a_start_the_next_knows_whether_qrexec_serves),
        cmocka_unit_test(what_came_after_a_crash_asks_for_qrexec_again_and_ends_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
