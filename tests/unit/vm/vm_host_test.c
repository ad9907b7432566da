/* SPDX-License-Identifier: MIT
 * The host goes to sleep and wakes: what one VM does of it, and what it remembers. */
#include "tests/unit/vm/vm_bench.h"

static void living(struct bench *b, bool qrexec)
{
    bench_setup(b);
    b->world.can_pm = true;
    b->qrexec = qrexec;
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    bench_observe(b, VIRT_EVENT_RESUMED);
    bench_run(b);
}

static int follow(struct bench *b, enum host_phase phase)
{
    uint64_t asked = BENCH_HEAR(b, vm_host, .phase = phase);
    bench_run(b);
    return bench_answer(b, asked);
}

static void a_vm_that_runs_is_told_suspended_resumed_and_told(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    unsigned from = b.events;
    assert_int_equal(follow(&b, HOST_WARNS), 0);
    assert_string_equal(b.called, "qubes.SuspendPreAll root");
    assert_false(b.world.asleep);
    assert_int_equal(follow(&b, HOST_SLEEPS), 0);
    assert_string_equal(b.called, "qubes.SuspendPre root");
    assert_true(b.world.asleep);
    assert_int_equal(follow(&b, HOST_WAKES), 0);
    assert_string_equal(b.called, "qubes.SuspendPost root");
    assert_false(b.world.asleep);
    assert_int_equal(follow(&b, HOST_TELLS), 0);
    assert_string_equal(b.called, "qubes.SuspendPostAll root");
    assert_int_equal(b.services, 4);
    BENCH_HEARD(&b, from, "domain-cmd-pre-run start_guid=False", "domain-cmd-pre-run start_guid=False",
                "domain-cmd-pre-run start_guid=False", "domain-resumed",
                "domain-cmd-pre-run start_guid=False");
    bench_is_definite(&b);
    bench_end(&b);
}

static void one_that_slept_before_sleeps_on_and_is_told_nothing(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    bench_run(&b);
    unsigned from = b.events;
    assert_int_equal(follow(&b, HOST_WARNS), 0);
    assert_int_equal(follow(&b, HOST_SLEEPS), 0);
    bench_crash(&b, true); /* the note knows */
    bench_run(&b);
    assert_int_equal(follow(&b, HOST_WAKES), 0);
    assert_int_equal(follow(&b, HOST_TELLS), 0);
    assert_true(b.world.paused);
    assert_int_equal(b.services, 0);
    assert_int_equal(b.events, from);
    assert_int_equal(follow(&b, HOST_WAKES), 0); /* of a sleep that nobody announced: all wake */
    assert_false(b.world.paused);
    bench_is_definite(&b);
    bench_end(&b);
}

static void an_attempt_that_is_repeated_does_not_take_its_own_sleep_for_another(void **state)
{
    struct bench b;
    (void)state;
    living(&b, false);
    assert_int_equal(follow(&b, HOST_WARNS), 0);
    assert_int_equal(follow(&b, HOST_SLEEPS), 0);
    assert_true(b.world.asleep);
    bench_crash(&b, true);
    bench_run(&b);
    assert_int_equal(follow(&b, HOST_WARNS), 0);
    assert_int_equal(follow(&b, HOST_SLEEPS), 0);
    assert_int_equal(follow(&b, HOST_WAKES), 0);
    assert_false(b.world.asleep);
    assert_int_equal(follow(&b, HOST_TELLS), 0);
    assert_int_equal(b.services, 0); /* without qrexec nobody is called */
    bench_end(&b);
}

static void a_guest_that_does_not_answer_is_suspended_all_the_same(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    b.fail_type = MESSAGE_service;
    b.fail_type_with = -ERR_TIMEOUT;
    assert_int_equal(follow(&b, HOST_WARNS), 0);
    assert_int_equal(follow(&b, HOST_SLEEPS), 0);
    assert_true(b.world.asleep);
    bench_end(&b);
}

static void one_that_cannot_be_suspended_says_so_and_runs_on(void **state)
{
    struct bench b;
    (void)state;
    living(&b, false);
    assert_int_equal(follow(&b, HOST_WARNS), 0);
    b.world.fail_call = b.world.calls + 2; /* behind the look before it */
    b.world.fail_with = -ERR_HYPERVISOR;
    assert_int_equal(follow(&b, HOST_SLEEPS), -ERR_HYPERVISOR);
    assert_string_equal(b.power_state, "Running");
    assert_int_equal(follow(&b, HOST_WAKES), 0);
    assert_int_equal(follow(&b, HOST_TELLS), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void one_that_is_halted_has_nothing_to_do(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    for (enum host_phase phase = HOST_WARNS; phase <= HOST_TELLS; phase++)
        assert_int_equal(follow(&b, phase), 0);
    assert_int_equal(b.services, 0);
    assert_string_equal(b.power_state, "Halted");
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vm_that_runs_is_told_suspended_resumed_and_told),
        cmocka_unit_test(one_that_slept_before_sleeps_on_and_is_told_nothing),
        cmocka_unit_test(an_attempt_that_is_repeated_does_not_take_its_own_sleep_for_another),
        cmocka_unit_test(a_guest_that_does_not_answer_is_suspended_all_the_same),
        cmocka_unit_test(one_that_cannot_be_suspended_says_so_and_runs_on),
        cmocka_unit_test(one_that_is_halted_has_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
