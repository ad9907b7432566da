/* SPDX-License-Identifier: MIT
 * A VM whose start waits for the agent in its guest is shut down and asked for its console, and the start is
 * what it was. Spec: lifecycle 4, 6. */
#include "tests/unit/vm/vm_bench_boot.h"

static void a_shutdown_is_asked_of_a_guest_whose_agent_is_still_waited_for(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = booting(&b);
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, .wait = 1);
    bench_run(&b);
    BENCH_HEARD(&b, BEFORE, "domain-pre-shutdown force=False");
    assert_int_equal(bench_answer(&b, shutdown), 1);
    guest_ends(&b);
    assert_int_equal(bench_answer(&b, shutdown), 0);
    assert_int_equal(bench_answer(&b, start), -ERR_HYPERVISOR);
    BENCH_HEARD(&b, BEFORE + 1, "domain-start-failed reason=the domain ended while it was starting",
                "domain-stopped", "property-reset:xid name=xid",
                "property-reset:stubdom_xid name=stubdom_xid", "property-reset:start_time name=start_time",
                "domain-shutdown");
    bench_is_definite(&b);
    bench_end(&b);
}

static void one_that_nobody_waits_for_is_answered_and_the_start_goes_on(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = booting(&b);
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, .force = 1);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, shutdown), 0);
    assert_int_equal(bench_answer(&b, start), 1);
    agent_comes(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    BENCH_HEARD(&b, BEFORE, "domain-pre-shutdown force=True", "domain-start start_guid=True");
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

static void one_that_fails_or_takes_too_long_is_told_and_leaves_the_start_alone(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct bench b;
        uint64_t start = booting(&b);
        b.world.fail_call = late ? 0 : b.world.calls + 2; /* behind the look */
        b.world.fail_with = -ERR_HYPERVISOR;
        uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, .wait = 1);
        bench_run(&b);
        if (late)
            bench_timer_fires(&b, TIMER_WAITERS);
        assert_int_equal(bench_answer(&b, shutdown), -ERR_VM_SHUTDOWN_TIMEOUT);
        assert_int_equal(bench_count(&b, "domain-shutdown-failed"), 1);
        agent_comes(&b);
        assert_int_equal(bench_answer(&b, start), 0);
        bench_is_definite(&b);
        bench_end(&b);
    }
}

static void who_lives_by_it_keeps_it(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = booting(&b);
    b.gui_user = "x";
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, .wait = 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, shutdown), -ERR_VM);
    assert_int_equal(bench_count(&b, "domain-shutdown-failed"), 1);
    assert_int_equal(bench_answer(&b, start), 1);
    bench_end(&b);
}

/* Asked when the guest did not run yet, or while another call is under way, it is done as soon as it can. */
static void one_that_comes_too_early_is_done_when_the_guest_runs(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.qrexec = true;
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    uint64_t console = BENCH_HEAR(&b, vm_console, 0), shutdown = BENCH_HEAR(&b, vm_shutdown, 0);
    while (bench_count(&b, "domain-unpaused") == 0)
        assert_true(bench_run_once(&b));
    b.hold_type = MESSAGE_daemon;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, console), 0);
    assert_int_equal(bench_answer(&b, shutdown), 0);
    assert_int_equal(bench_answer(&b, start), 1);
    BENCH_HEARD(&b, BEFORE, "domain-pre-shutdown force=False");
    bench_end(&b);
}

static void its_console_is_known_while_it_boots(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = booting(&b);
    b.world.live_xml = "<domain><devices><console type='pty' tty='/dev/pts/7'/></devices></domain>";
    uint64_t console = BENCH_HEAR(&b, vm_console, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, console), 0);
    assert_string_equal(b.console, "/dev/pts/7");
    assert_int_equal(bench_answer(&b, start), 1);
    b.world.fail_call = b.world.calls + 1;
    b.world.fail_with = -ERR_STATE;
    console = BENCH_HEAR(&b, vm_console, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, console), -ERR_STATE);
    bench_end(&b);
}

/* At whatever word or note its process is killed: the start is finished once, and told once. */
static void killed_meanwhile_the_start_is_finished_by_the_next_and_told_once(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 12; at++) {
        struct bench b;
        booting(&b);
        b.die_at = b.said + at;
        BENCH_HEAR(&b, vm_shutdown, .wait = 0);
        agent_comes(&b);
        bench_crash(&b, true);
        bench_run(&b);
        assert_int_equal(bench_count(&b, "domain-start"), 1);
        assert_true(bench_count(&b, "domain-pre-shutdown") <= 1);
        assert_string_equal(b.power_state, "Running");
        bench_is_definite(&b);
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shutdown_is_asked_of_a_guest_whose_agent_is_still_waited_for),
        cmocka_unit_test(one_that_nobody_waits_for_is_answered_and_the_start_goes_on),
        cmocka_unit_test(one_that_fails_or_takes_too_long_is_told_and_leaves_the_start_alone),
        cmocka_unit_test(who_lives_by_it_keeps_it),
        cmocka_unit_test(one_that_comes_too_early_is_done_when_the_guest_runs),
        cmocka_unit_test(its_console_is_known_while_it_boots),
        cmocka_unit_test(killed_meanwhile_the_start_is_finished_by_the_next_and_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
