/* SPDX-License-Identifier: MIT
 * A VM that starts with several devices: all pass their checks before the first is taken. */
#include "tests/unit/vm/vm_bench.h"

static const struct view_device both = {.backend = "dom0", .port = "*", .device_id = "net", .required = 1};

static uint64_t start(struct bench *b, bool two, int refusal)
{
    bench_setup(b);
    b->virt_mode = "hvm";
    b->assigned = &both;
    b->two_devices = two;
    b->fail_type = refusal != 0 ? MESSAGE_bus_prepare : 0;
    b->fail_type_with = refusal;
    bench_run(b);
    uint64_t asked = BENCH_HEAR(b, vm_start, .nothing = 0);
    bench_run(b);
    return asked;
}

static void all_devices_of_a_start_pass_their_checks_before_the_first_is_taken(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = start(&b, true, 0);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_string_equal(b.prepared, "cctt");
    bench_end(&b);
    asked = start(&b, false, 0);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_string_equal(b.prepared, "t");
    bench_end(&b);
}

static void a_device_that_is_refused_ends_a_start_which_has_taken_none(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = start(&b, true, -ERR_QUBES);
    assert_int_equal(bench_answer(&b, asked), -ERR_QUBES);
    assert_string_equal(b.prepared, "c");
    assert_int_equal(b.world.creates, 0);
    bench_is_definite(&b);
    bench_end(&b);
}

/* Required or not: a VM that is to show something on a card of its own sets its mode. */
static void a_graphics_card_takes_the_word_that_leaves_screens_alone_from_the_kernels_options(void **state)
{
    static const struct view_device later = {.backend = "dom0", .port = "*", .device_id = "*"};
    (void)state;
    for (int card = 0; card < 2; card++) {
        struct bench b;
        bench_setup(&b);
        b.virt_mode = "hvm";
        b.assigned = &later;
        b.shows_screen = card != 0;
        b.world.door.can = &bench_xen;
        bench_run(&b);
        uint64_t asked = BENCH_HEAR(&b, vm_start, .nothing = 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), 0);
        assert_int_equal(strstr(b.world.defined_xml, "<cmdline>quiet<") != NULL, card);
        assert_int_equal(strstr(b.world.defined_xml, "<cmdline>nomodeset quiet<") != NULL, !card);
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_devices_of_a_start_pass_their_checks_before_the_first_is_taken),
        cmocka_unit_test(a_graphics_card_takes_the_word_that_leaves_screens_alone_from_the_kernels_options),
        cmocka_unit_test(a_device_that_is_refused_ends_a_start_which_has_taken_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
