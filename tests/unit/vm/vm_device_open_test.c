/* SPDX-License-Identifier: MIT
 * An attachment that fails: its device is free again when a look has shown that the domain does not have it,
 * for a call of a process that died may still have been done. Spec: devbus-pci 7; devbus-block 5. */
#include "tests/unit/vm/vm_bench.h"

static void living(struct bench *b)
{
    bench_setup(b);
    b->virt_mode = "hvm";
    bench_run(b);
    BENCH_HEAR(b, vm_start, .nothing = 0);
    bench_run(b);
    b->left.bound = false;
}

static int attach(struct bench *b)
{
    uint64_t asked =
        BENCH_HEAR(b, vm_attach, .device_class = "block", .backend = "usb", .port = "sda", .device_id = "id",
                   .device = SPAN_LITERAL("usb:sda:id"), .options = SPAN_LITERAL("{}"));
    bench_run(b);
    return bench_answer(b, asked);
}

static void fails(struct bench *b, unsigned call, bool late)
{
    b->world.fail_call = b->world.calls + call;
    b->world.fail_with = -ERR_HYPERVISOR;
    b->world.late = late;
}

static void what_the_domain_does_not_have_is_free_again(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    fails(&b, 2, false);
    unsigned told = b.has_told;
    assert_int_equal(attach(&b), -ERR_HYPERVISOR);
    assert_false(b.left.bound);
    assert_int_equal(b.has_told, told);
    bench_end(&b);
}

static void what_nobody_could_see_stays_held_until_the_bus_is_told(void **state)
{
    (void)state;
    for (int looks = 0; looks < 3; looks++) {
        struct bench b;
        living(&b);
        if (looks == 0)
            fails(&b, 1, false); /* the domain is not found */
        else
            b.world.looks_fail = 1;
        if (looks == 2) {
            b.world.looks_fail = 0;
            fails(&b, 2, false);
            b.world.looks_fail_after_call = true;
        }
        unsigned told = b.has_told;
        assert_int_equal(attach(&b), -ERR_HYPERVISOR);
        assert_true(b.left.bound);
        assert_true(b.has_told > told);
        bench_end(&b);
    }
}

static void what_was_refused_and_is_there_has_come(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    fails(&b, 2, true);
    assert_int_equal(attach(&b), 0);
    assert_true(b.left.bound);
    assert_int_equal(b.asked_of[2], 1);
    assert_int_equal(bench_count(&b, "device-attach:block"), 1);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_domain_does_not_have_is_free_again),
        cmocka_unit_test(what_nobody_could_see_stays_held_until_the_bus_is_told),
        cmocka_unit_test(what_was_refused_and_is_there_has_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
