/* SPDX-License-Identifier: MIT
 * The end of a life: stopped is told before its volumes are, shutdown when they and the VM are free; once
 * each, wherever its process is killed. Spec: lifecycle 6.2, 6.4; events 4. */
#include "tests/unit/vm/vm_bench.h"

static void living(struct bench *b)
{
    bench_setup(b);
    b->has_volumes = true;
    bench_run(b);
    BENCH_HEAR(b, vm_start, .nothing = 0);
    bench_run(b);
    assert_int_equal(b->core->life, VM_LIVING);
    assert_int_equal(b->left.mapped, 3);
}

static void shutdown_is_told_when_volumes_and_vm_are_free_for_others(void **state)
{
    struct bench b;
    bool between = false;
    (void)state;
    living(&b);
    unsigned from = b.events;
    uint64_t asked = BENCH_HEAR(&b, vm_kill, .nothing = 0);
    while (bench_run_once(&b)) {
        if (bench_count(&b, "domain-shutdown") > 0)
            assert_true(b.left.mapped == 0 && !b.claimed);
        between = between || (bench_count(&b, "domain-stopped") == 1 && b.left.mapped == 3);
    }
    assert_true(between);
    assert_int_equal(bench_answer(&b, asked), 0);
    BENCH_HEARD(&b, from, "domain-stopped", "property-reset:xid name=xid",
                "property-reset:stubdom_xid name=stubdom_xid", "property-reset:start_time name=start_time",
                "domain-shutdown");
    bench_is_definite(&b);
    bench_end(&b);
}

/* False: it was not that talkative. */
static bool ends_once(unsigned at, bool does)
{
    struct bench b;
    living(&b);
    unsigned from = b.events;
    b.die_at = b.said + at;
    BENCH_HEAR(&b, vm_kill, .nothing = 0);
    bench_run(&b);
    bool died = b.dead;
    if (died)
        bench_crash(&b, does);
    bench_run(&b);
    if (b.core->life == VM_LIVING) { /* the kill was never asked for */
        BENCH_HEAR(&b, vm_kill, .nothing = 0);
        bench_run(&b);
    }
    BENCH_HEARD(&b, from, "domain-stopped", "property-reset:xid name=xid",
                "property-reset:stubdom_xid name=stubdom_xid", "property-reset:start_time name=start_time",
                "domain-shutdown");
    assert_int_equal(b.left.mapped, 0);
    bench_is_definite(&b);
    bench_end(&b);
    return died;
}

static void killed_anywhere_between_the_two_each_is_told_once_and_in_order(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++)
        for (unsigned at = 1; ends_once(at, does != 0); at++)
            assert_true(at < 100);
}

static void what_is_dying_is_looked_at_until_it_is_gone(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.dying = true;
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_run(&b);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(b.power_state, "Dying");
        assert_int_equal(bench_count(&b, "domain-stopped"), 0);
        assert_true(b.timer[TIMER_AGAIN] != 0 && b.timer[TIMER_AGAIN] <= b.out.now + 250 * MILLISECONDS);
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    b.world.dying = b.world.active = false; /* and nobody says so */
    bench_timer_fires(&b, TIMER_AGAIN);
    bench_run(&b);
    assert_string_equal(b.power_state, "Halted");
    bench_is_definite(&b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_is_told_when_volumes_and_vm_are_free_for_others),
        cmocka_unit_test(killed_anywhere_between_the_two_each_is_told_once_and_in_order),
        cmocka_unit_test(what_is_dying_is_looked_at_until_it_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
