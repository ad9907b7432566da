/* SPDX-License-Identifier: MIT
 * The start of a disposable ahead of its use: it has succeeded when its guest is ready. */
#include "tests/unit/vm/vm_bench.h"

static uint64_t starts(struct bench *b, uint32_t waits)
{
    bench_setup(b);
    b->qrexec = b->is_preload = true;
    b->preload_waits = waits;
    bench_run(b);
    return BENCH_HEAR(b, vm_start, 0);
}

static void its_guest_is_waited_for_after_it_has_started(void **state)
{
    static const char *const last[] = {[1] = "qubes.WaitForRunningSystem ", [3] = "qubes.WaitForSession "};
    (void)state;
    for (uint32_t waits = 1; waits <= 3; waits += 2) {
        struct bench b;
        uint64_t asked = starts(&b, waits);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), 0);
        assert_int_equal(b.services, waits == 1 ? 1 : 2);
        assert_string_equal(b.called, last[waits]);
        assert_string_equal(b.event[b.events - 1], "domain-cmd-pre-run start_guid=False");
        assert_string_equal(b.event[b.events - b.services - 1], "domain-start start_guid=True");
        bench_is_definite(&b);
        bench_end(&b);
    }
}

static void any_other_vm_is_not_waited_for(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = starts(&b, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.services, 0);
    bench_end(&b);
}

static void a_guest_that_says_no_undoes_the_start(void **state)
{
    static const struct {
        int fails;
        uint32_t status;
    } rows[] = {{0, 1}, {MESSAGE_service, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b;
        uint64_t asked = starts(&b, 3);
        b.service.status = rows[i].status;
        b.fail_type = rows[i].fails;
        b.fail_type_with = -ERR_TIMEOUT;
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), -ERR_QUBES);
        assert_int_equal(b.services, 1);
        assert_false(b.world.active);
        assert_string_equal(b.power_state, "Halted");
        assert_string_equal(b.event[b.events - 1], "domain-shutdown");
        assert_int_equal(strncmp(b.event[b.events - 6], "domain-start-failed", 19), 0);
        assert_int_equal(bench_count(&b, "domain-stopped"), 1);
        assert_false(b.claimed);
        bench_end(&b);
    }
}

/* Asked, and not answered. */
static void until_it_waits(struct bench *b)
{
    while (b->services == 0)
        assert_true(bench_run_once(b));
    b->hold_asks = true;
}

static void a_kill_does_not_wait_for_its_guest(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = starts(&b, 1);
    until_it_waits(&b);
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    b.asked = 0;
    b.hold_asks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), 0);
    assert_int_equal(bench_answer(&b, asked), -ERR_CANCELLED);
    assert_false(b.world.active);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    assert_int_equal(bench_count(&b, "domain-stopped"), 1);
    bench_end(&b);
}

static void a_process_that_dies_meanwhile_leaves_a_vm_that_runs(void **state)
{
    struct bench b;
    (void)state;
    starts(&b, 1);
    until_it_waits(&b);
    b.hold_asks = false;
    bench_crash(&b, true);
    bench_run(&b);
    assert_string_equal(b.power_state, "Running"); /* registry, which hears no answer, ends it */
    bench_is_definite(&b);
    bench_end(&b);
}

static void paused_it_is_shut_down_where_others_are_not(void **state)
{
    (void)state;
    for (int preload = 0; preload < 2; preload++) {
        struct bench b;
        starts(&b, 0);
        b.is_preload = preload != 0;
        bench_run(&b);
        BENCH_HEAR(&b, vm_pause, 0);
        bench_run(&b);
        uint64_t asked = BENCH_HEAR(&b, vm_shutdown, 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), preload ? 0 : -ERR_VM_NOT_RUNNING);
        assert_int_equal(b.world.active, !preload);
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_guest_is_waited_for_after_it_has_started),
        cmocka_unit_test(any_other_vm_is_not_waited_for),
        cmocka_unit_test(a_guest_that_says_no_undoes_the_start),
        cmocka_unit_test(a_kill_does_not_wait_for_its_guest),
        cmocka_unit_test(a_process_that_dies_meanwhile_leaves_a_vm_that_runs),
        cmocka_unit_test(paused_it_is_shut_down_where_others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
