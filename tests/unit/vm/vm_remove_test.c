/* SPDX-License-Identifier: MIT
 * Who is removed rests and leaves no domain in libvirt, whatever its last life or a crash has left there.
 * Spec: vm-model 8.3. */
#include "tests/unit/vm/vm_bench.h"

static void living(struct bench *b)
{
    bench_setup(b);
    bench_run(b);
    BENCH_HEAR(b, vm_start, .nothing = 0);
    bench_run(b);
    assert_int_equal(b->core->life, VM_LIVING);
}

/* Halted, and its domain is defined all the same. */
static void left_defined(struct bench *b)
{
    bench_setup(b);
    b->world.defined = true;
    bench_run(b);
    assert_int_equal(b->core->life, VM_HALTED);
}

/* registry asks who is about to be removed: the claim that it has may be younger than the domain. */
static void only_a_vm_that_rests_agrees_to_its_removal(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_remove, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_VM_NOT_HALTED);
    BENCH_HEAR(&b, vm_kill, 0);
    asked = BENCH_HEAR(&b, vm_remove, 0); /* answered when its end is complete */
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_vm_whose_domain_may_still_be_made_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    b.core->unwanted = true;
    uint64_t asked = BENCH_HEAR(&b, vm_remove, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_VM_NOT_HALTED);
    bench_end(&b);
}

static void a_domain_that_stayed_defined_goes_before_the_vm_does(void **state)
{
    struct bench b;
    (void)state;
    left_defined(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_remove, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_false(b.world.defined);
    bench_end(&b);
}

/* Whatever the call is that fails, and whether it happened all the same. */
static void a_vm_whose_domain_libvirt_keeps_is_not_removed(void **state)
{
    (void)state;
    for (unsigned call = 1; call <= 3; call++) {
        struct bench b;
        left_defined(&b);
        b.world.fail_call = b.world.calls + call;
        b.world.fail_with = -ERR_HYPERVISOR;
        uint64_t asked = BENCH_HEAR(&b, vm_remove, 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), -ERR_HYPERVISOR);
        assert_true(b.world.defined);
        asked = BENCH_HEAR(&b, vm_remove, 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), 0);
        assert_false(b.world.defined);
        bench_end(&b);
    }
}

static void where_too_many_calls_hang_only_a_vm_without_a_domain_is_removed(void **state)
{
    struct bench b;
    (void)state;
    left_defined(&b);
    b.core->scarce = true;
    uint64_t asked = BENCH_HEAR(&b, vm_remove, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_BUSY);
    assert_true(b.world.defined);
    b.world.defined = false;
    asked = BENCH_HEAR(&b, vm_remove, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    bench_end(&b);
}

/* It may define the domain yet. */
static void a_vm_of_which_a_call_hangs_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    left_defined(&b);
    b.core->hung = 1;
    unsigned calls = b.world.calls;
    uint64_t asked = BENCH_HEAR(&b, vm_remove, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_BUSY);
    assert_int_equal(b.world.calls, calls);
    bench_end(&b);
}

/* Nobody asks it before it goes. */
static void a_disposable_waits_until_libvirt_has_forgotten_its_domain(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    strcpy(b.core->view.class, "DispVM");
    b.world.fail_call = b.world.calls + 4; /* look, destroy; look, undefine */
    b.world.fail_with = -ERR_HYPERVISOR;
    uint64_t asked = BENCH_HEAR(&b, vm_kill, .nothing = 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_true(b.world.defined && b.core->owes_clean);
    bench_timer_fires(&b, TIMER_AGAIN);
    bench_run(&b);
    assert_false(b.world.defined || b.core->owes_clean);
    assert_int_equal(bench_count(&b, "domain-shutdown"), 1);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_vm_that_rests_agrees_to_its_removal),
        cmocka_unit_test(a_vm_whose_domain_may_still_be_made_is_not_removed),
        cmocka_unit_test(a_domain_that_stayed_defined_goes_before_the_vm_does),
        cmocka_unit_test(a_vm_whose_domain_libvirt_keeps_is_not_removed),
        cmocka_unit_test(where_too_many_calls_hang_only_a_vm_without_a_domain_is_removed),
        cmocka_unit_test(a_vm_of_which_a_call_hangs_is_not_removed),
        cmocka_unit_test(a_disposable_waits_until_libvirt_has_forgotten_its_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
