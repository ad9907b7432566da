/* SPDX-License-Identifier: MIT
 * A start that has devices is answered when their bus has told of them: whoever has the answer finds them
 * attached. No bus can hold a start up for long, or make it fail. */
#include "tests/unit/vm/vm_bench.h"

static const struct view_device card = {
    .backend = "dom0", .port = "00_19.0", .device_id = "*", .required = 1};

static uint64_t begin(struct bench *b, const struct view_device *assigned)
{
    bench_setup(b);
    b->virt_mode = "hvm";
    b->assigned = assigned;
    b->world.live_xml = assigned == NULL
                            ? NULL
                            : "<domain><devices><hostdev type=\"pci\"><source><address domain=\"0x0000\""
                              " bus=\"0x00\" slot=\"0x19\" function=\"0x0\"/></source></hostdev>"
                              "</devices></domain>";
    bench_run(b);
    return BENCH_HEAR(b, vm_start, .nothing = 0);
}

static bool waits_for_a_bus(const struct bench *b)
{
    return b->asked > 0 && b->asks[0].type == MESSAGE_bus_has && b->asks[0].tag != 0 &&
           b->asks[0].tag == b->core->asked;
}

static void a_start_with_devices_is_answered_when_their_bus_has_told_of_them(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b, &card);
    while (!waits_for_a_bus(&b))
        assert_true(bench_run_once(&b));
    assert_int_equal(b.asks[0].e.to_kind, KIND_DEVBUS_PCI);
    assert_int_equal(b.has, 1);
    assert_int_equal(bench_answer(&b, asked), 1);
    assert_int_equal(bench_count(&b, "domain-start"), 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(bench_count(&b, "domain-start"), 1);
    assert_int_equal(b.has_told, 1);
    bench_end(&b);
}

static void a_bus_that_does_not_answer_neither_fails_a_start_nor_is_it_forgotten(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b, &card);
    b.fail_type = MESSAGE_bus_has;
    b.fail_type_with = -ERR_LATE;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.core->life, VM_LIVING);
    assert_int_equal(b.has_told, 1);
    b.fail_type = 0;
    bench_timer_fires(&b, TIMER_AGAIN);
    bench_run(&b);
    assert_int_equal(b.has_told, 2);
    assert_int_equal(b.has, 1);
    bench_end(&b);
}

static void a_bus_that_has_just_died_is_told_again_before_the_start_is_answered(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b, &card);
    b.fail_type = MESSAGE_bus_has;
    b.fail_type_with = -ERR_GONE;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 1);
    b.fail_type = 0;
    bench_timer_fires(&b, TIMER_DEVICE);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.has_told, 2);
    bench_end(&b);
}

static void a_start_without_devices_waits_for_no_bus(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b, NULL);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.has_told, 0);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_with_devices_is_answered_when_their_bus_has_told_of_them),
        cmocka_unit_test(a_bus_that_does_not_answer_neither_fails_a_start_nor_is_it_forgotten),
        cmocka_unit_test(a_bus_that_has_just_died_is_told_again_before_the_start_is_answered),
        cmocka_unit_test(a_start_without_devices_waits_for_no_bus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
