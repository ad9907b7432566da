/* SPDX-License-Identifier: MIT
 * Devices of a VM that runs or starts: one attachment, told once, whatever dies in the middle. */
#include "tests/unit/vm/vm_device_bench.h"

#define PRE_ATTACH "device-pre-attach:pci device=dom0:00_19.0:net options={}"
#define ATTACH     "device-attach:pci device=dom0:00_19.0:net options={}"
#define PRE_DETACH "device-pre-detach:pci port=dom0:00_19.0"
#define DETACH     "device-detach:pci port=dom0:00_19.0"

static uint64_t ask_attach(struct bench *b)
{
    return BENCH_HEAR(b, vm_attach, .device_class = "pci", .backend = "dom0", .port = "00_19.0",
                      .device_id = "net", .permissive = 1, .device = SPAN_LITERAL("dom0:00_19.0:net"),
                      .options = SPAN_LITERAL("{}"));
}

static uint64_t ask_detach(struct bench *b)
{
    return BENCH_HEAR(b, vm_detach, .device_class = "pci", .backend = "dom0", .port = "00_19.0",
                      .device = SPAN_LITERAL("dom0:00_19.0"));
}

static void a_device_is_announced_made_ready_plugged_confirmed_and_told(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    unsigned from = b.events;
    uint64_t asked = ask_attach(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    BENCH_HEARD(&b, from, PRE_ATTACH, ATTACH);
    assert_int_equal(plugged(&b), 1);
    assert_non_null(strstr(b.world.plugged[0], "slot=\"0x19\""));
    assert_non_null(strstr(b.world.plugged[0], "writeFiltering=\"no\""));
    assert_int_equal(b.asked_of[1], 1);
    assert_int_equal(b.asked_of[2], 1);
    assert_int_equal(b.again, 0);
    bench_end(&b);
}

static void the_guest_lets_go_of_a_device_before_it_is_taken_and_without_qrexec_nobody_asks_it(void **state)
{
    (void)state;
    for (int qrexec = 0; qrexec < 2; qrexec++) {
        struct bench b;
        open_living(&b);
        b.core->view.qrexec = (uint32_t)qrexec;
        ask_attach(&b);
        bench_run(&b);
        b.world.plugged[0][0] = '\0'; /* as libvirt shows it: without options */
        snprintf(b.world.plugged[0], 512,
                 "<hostdev type=\"pci\" managed=\"yes\"><source><address domain=\"0x0000\" bus=\"0x00\" "
                 "slot=\"0x19\" function=\"0x0\"/></source></hostdev>");
        unsigned from = b.events;
        uint64_t asked = ask_detach(&b);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), 0);
        BENCH_HEARD(&b, from, PRE_DETACH, DETACH);
        assert_int_equal(plugged(&b), 0);
        assert_int_equal(b.services, qrexec);
        assert_string_equal(b.handshake, qrexec ? "00:05.0" : "");
        bench_end(&b);
    }
}

static void a_guest_that_does_not_answer_delays_a_detachment_and_does_not_prevent_it(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    b.core->view.qrexec = 1;
    snprintf(b.world.plugged[0], 512,
             "<hostdev type=\"pci\" managed=\"yes\"><source><address domain=\"0x0000\" bus=\"0x00\" "
             "slot=\"0x19\" function=\"0x0\"/></source></hostdev>");
    b.fail_type = MESSAGE_service;
    b.fail_type_with = -ERR_LATE;
    uint64_t asked = ask_detach(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(plugged(&b), 0);
    bench_end(&b);
}

static void in_pvh_mode_it_is_announced_and_refused_and_no_bus_is_asked(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    BENCH_HEAR(&b, vm_start, .nothing = 0);
    bench_run(&b);
    unsigned from = b.events;
    uint64_t asked = ask_attach(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_QUBES);
    BENCH_HEARD(&b, from, PRE_ATTACH);
    assert_int_equal(b.asked_of[1], 0);
    bench_end(&b);
}

static void a_halted_vm_gets_no_device_and_says_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    uint64_t asked = ask_attach(&b), other = ask_detach(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_VM_NOT_RUNNING);
    assert_int_equal(bench_answer(&b, other), -ERR_VM_NOT_RUNNING);
    assert_int_equal(b.events, 0);
    bench_end(&b);
}

static void what_the_bus_refuses_is_not_plugged(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    b.fail_type = MESSAGE_bus_prepare;
    b.fail_type_with = -ERR_DEVICE_ATTACHED;
    unsigned calls = b.world.calls;
    uint64_t asked = ask_attach(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_DEVICE_ATTACHED);
    assert_int_equal(plugged(&b), 0);
    assert_int_equal(b.world.calls, calls);
    assert_int_equal(bench_count(&b, "device-attach:pci"), 0);
    bench_end(&b);
}

static void a_device_that_the_hypervisor_does_not_show_is_taken_out_again(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    b.fail_type = MESSAGE_bus_confirm;
    b.fail_type_with = -ERR_TIMEOUT;
    uint64_t asked = ask_attach(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_TIMEOUT);
    assert_int_equal(b.world.plugs, 1);
    assert_int_equal(plugged(&b), 0);
    assert_int_equal(bench_count(&b, "device-attach:pci"), 0);
    bench_end(&b);
}

static void a_bus_that_dies_is_asked_again_as_the_same_operation(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    b.fail_type = MESSAGE_bus_prepare;
    b.fail_type_with = -ERR_GONE;
    uint64_t asked = ask_attach(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 1);
    b.fail_type = 0;
    bench_timer_fires(&b, TIMER_DEVICE);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.again, 1);
    assert_int_equal(plugged(&b), 1);
    bench_end(&b);
}

static void killed_anywhere_an_attachment_ends_in_one_and_is_told_once(void **state)
{
    (void)state;
    die_everywhere(ask_attach, NULL, PRE_ATTACH, ATTACH);
}

static void killed_anywhere_a_detachment_ends_in_none_and_is_told_once(void **state)
{
    (void)state;
    die_everywhere(ask_detach, THE_CARD, PRE_DETACH, DETACH);
}

static void a_required_device_is_made_ready_and_booted_with(void **state)
{
    static const struct view_device assigned = {
        .backend = "dom0", .port = "00_19.0", .device_id = "*", .required = 1};
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.virt_mode = "hvm";
    b.assigned = &assigned;
    bench_run(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_start, .nothing = 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.purpose, BUS_TO_START);
    assert_non_null(strstr(b.world.defined_xml, "<hostdev"));
    assert_string_equal(b.event[1], "domain-verify-files");
    bench_end(&b);
}

static void what_is_not_required_is_made_ready_and_not_booted_with(void **state)
{
    static const struct view_device assigned = {.backend = "dom0", .port = "*", .device_id = "net"};
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.virt_mode = "hvm";
    b.assigned = &assigned;
    bench_run(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_start, .nothing = 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.purpose, BUS_TO_BE_READY);
    assert_null(strstr(b.world.defined_xml, "<hostdev"));
    bench_end(&b);
}

static void without_its_required_device_a_vm_does_not_start_and_the_event_says_what_sits_there(void **state)
{
    static const struct view_device
        absent = {.backend = "dom0", .port = "ff_19.0", .device_id = "*", .required = 1},
        other = {.backend = "dom0", .port = "00_19.0", .device_id = "usb", .required = 1};
    (void)state;
    for (int changed = 0; changed < 2; changed++) {
        struct bench b;
        bench_setup(&b);
        b.virt_mode = "hvm";
        b.assigned = changed ? &other : &absent;
        bench_run(&b);
        uint64_t asked = BENCH_HEAR(&b, vm_start, .nothing = 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), -ERR_QUBES);
        assert_int_equal(b.world.creates, 0);
        assert_int_equal(b.asked_of[1], 0);
        assert_int_equal(bench_count(&b, "domain-verify-files"), 0);
        assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
        assert_int_equal(strstr(b.event[1], "sits net") != NULL, changed);
        bench_is_definite(&b);
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_announced_made_ready_plugged_confirmed_and_told),
        cmocka_unit_test(the_guest_lets_go_of_a_device_before_it_is_taken_and_without_qrexec_nobody_asks_it),
        cmocka_unit_test(a_guest_that_does_not_answer_delays_a_detachment_and_does_not_prevent_it),
        cmocka_unit_test(in_pvh_mode_it_is_announced_and_refused_and_no_bus_is_asked),
        cmocka_unit_test(a_halted_vm_gets_no_device_and_says_nothing),
        cmocka_unit_test(what_the_bus_refuses_is_not_plugged),
        cmocka_unit_test(a_device_that_the_hypervisor_does_not_show_is_taken_out_again),
        cmocka_unit_test(a_bus_that_dies_is_asked_again_as_the_same_operation),
        cmocka_unit_test(killed_anywhere_an_attachment_ends_in_one_and_is_told_once),
        cmocka_unit_test(killed_anywhere_a_detachment_ends_in_none_and_is_told_once),
        cmocka_unit_test(a_required_device_is_made_ready_and_booted_with),
        cmocka_unit_test(what_is_not_required_is_made_ready_and_not_booted_with),
        cmocka_unit_test(without_its_required_device_a_vm_does_not_start_and_the_event_says_what_sits_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
