/* SPDX-License-Identifier: MIT
 * Device calls: what is listed, what is asked of whom, what is refused and in which order. */
#include "actors/api/api_inside.h"
#include "tests/unit/api/api_device_scene.h"

static void assignments_are_listed_by_class_and_sorted(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_1b.0 *", "mode=auto-attach\nfrontend=\noption:o=1");
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_19.0 net", "mode=required");
    give(&s, CHANGE_DEVICE, 1, "block * sda *", "mode=ask-to-attach\nfrontend=");
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Assigned dom0 name work", "");
    assert_true(
        scene_got(&s, conn,
                  "0|dom0+00_19.0:net device_id='net' port_id='00_19.0' devclass='pci' backend_domain='dom0' "
                  "mode='required' frontend_domain='work'\n"
                  "dom0+00_1b.0:* device_id='*' port_id='00_1b.0' devclass='pci' backend_domain='dom0' "
                  "mode='auto-attach' _o='1'\n"));
    conn = scene_call(&s, "admin.vm.device.block.Assigned dom0 name work", "");
    assert_true(scene_got(&s, conn,
                          "0|None+sda:* device_id='*' port_id='sda' devclass='block' backend_domain='*' "
                          "mode='ask-to-attach'\n"));
    conn = scene_call(&s, "admin.vm.device.block.Assigned+None+sda dom0 name work", "");
    assert_true(s.got[conn % SCENE_CONNS].len > 2);
    conn = scene_call(&s, "admin.vm.device.block.Assigned+_+sda dom0 name work", "");
    assert_true(scene_got(&s, conn, "0|"));
    conn = scene_call(&s, "admin.vm.device.pci.Assigned+dom0 dom0 name work", "");
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_19.0 *", "mode=required");
    conn = scene_call(&s, "admin.vm.device.pci.Assigned+dom0+00_19.0 dom0 name work", "");
    assert_true(scene_refused(&s, conn, "DeviceNotFound"));
    conn = scene_call(&s, "admin.vm.device.pci.Assigned dom0 name away", "");
    assert_true(scene_got(&s, conn, "0|"));
    conn = scene_call(&s, "admin.vm.device.pci.Attached+dom0 dom0 name away", "");
    assert_true(scene_got(&s, conn, "0|"));
    assert_int_equal(s.asks, 0);
    scene_close(&s);
}

static void what_a_bus_says_is_attached_until_the_vm_halts(void **state)
{
    const char *call = "admin.vm.device.pci.Attached dom0 name work";
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    tell_attached(&s, WORK, "pci", "00_19.0", "net", "option:o=1");
    tell_attached(&s, WORK, "nonsense", "00_19.0", "net", "");
    uint64_t conn = scene_call(&s, call, "");
    assert_true(
        scene_got(&s, conn,
                  "0|dom0+00_19.0:net device_id='net' port_id='00_19.0' devclass='pci' backend_domain='dom0' "
                  "mode='manual' frontend_domain='work' _o='1'\n"));
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_19.0 *", "mode=required\nfrontend=");
    conn = scene_call(&s, "admin.vm.device.pci.Attached+dom0+00_19.0 dom0 name work", "");
    assert_non_null(
        strstr(s.got[conn % SCENE_CONNS].at + 2, "mode='manual'")); /* any device is not that device */
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_19.0 net", "mode=required\nfrontend=");
    conn = scene_call(&s, call, "");
    assert_true(
        scene_got(&s, conn,
                  "0|dom0+00_19.0:net device_id='net' port_id='00_19.0' devclass='pci' backend_domain='dom0' "
                  "mode='required'\n"));
    tell_attached(&s, (struct subject){KIND_VM, 1, 2}, "pci", "00_1b.0", "old",
                  ""); /* of a VM that was before */
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    tell_attached(&s, WORK, "pci", "00_19.0", "net", "");
    scene_fact(&s, 1, 3, FACT_power_state, "Halted");
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    conn = scene_call(&s, call, "");
    assert_true(scene_got(&s, conn, "0|"));
    scene_close(&s);
}

static void only_served_classes_have_methods(void **state)
{
    struct api_settings more = {.device_classes = 1u << DEVICE_usb};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.device.usb.Available dom0 name work", "");
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    conn = scene_call(&s, "admin.deviceclass.List dom0 name dom0", "");
    assert_true(scene_got(&s, conn, "0|block\npci\n"));
    api_settle(s.api, &more);
    conn = scene_call(&s, "admin.vm.device.usb.Available dom0 name work", "");
    assert_true(scene_got(&s, conn, "0|"));
    conn = scene_call(&s, "admin.deviceclass.List dom0 name dom0", "");
    assert_true(scene_got(&s, conn, "0|block\npci\nusb\n"));
    conn = scene_call(&s, "admin.vm.device.mic.Assign+dom0+mic dom0 name work", "mode='required'");
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    conn = scene_call(&s, "admin.vm.device.pci.List dom0 name work", "");
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    conn = scene_call(&s, "admin.vm.device.pci.Set.persistent+dom0+00_19.0 dom0 name work", "True");
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    assert_int_equal(s.asks, 0);
    scene_close(&s);
}

static void tell_only(struct scene *s, uint32_t qid)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct attached_only m = {.device_class = "usb"};
    attached_vm_add(&m.vms, &elements, &(struct attached_vm){.qid = qid});
    attached_only_encode(&body, &m);
    scene_hear(s, MESSAGE_attached_only, (struct subject){.kind = KIND_ROUTER}, &body);
}

static size_t count_attached(const struct scene *s, enum device_class class)
{
    struct reader in = api_attached(s->api, 1, class);
    struct attached_item item;
    size_t count = 0;
    while (attached_item_next(&in, &item) == 1)
        count++;
    return count;
}

static void whom_a_bus_does_not_name_has_nothing_of_its_class_any_more(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    tell_attached(&s, WORK, "pci", "00_19.0", "net", "");
    tell_attached(&s, WORK, "usb", "1-1", "stick", "");
    tell_only(&s, 1);
    assert_int_equal(count_attached(&s, DEVICE_usb), 1);
    tell_only(&s, 2);
    assert_int_equal(count_attached(&s, DEVICE_usb), 0);
    assert_int_equal(count_attached(&s, DEVICE_pci), 1);
    scene_close(&s);
}

static void only_dom0s_pci_devices_are_asked_for(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    static const char *const none[] = {"admin.vm.device.pci.Available dom0 name work",
                                       "admin.vm.device.block.Available dom0 name work",
                                       "admin.vm.device.pci.Available dom0 name away"};
    for (size_t i = 0; i < COUNT(none); i++)
        assert_true(scene_got(&s, scene_call(&s, none[i], ""), "0|"));
    assert_int_equal(s.asks, 0);
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Available+00_19.0 dom0 name dom0", "");
    assert_int_equal(s.asks, 1);
    struct bus_list m;
    assert_int_equal(bus_list_decode(&m, s.ask[0].e.body), 0);
    assert_true(strcmp(m.port, "00_19.0") == 0 && m.backend == 0 && s.ask[0].e.to_kind == KIND_DEVBUS_PCI);
    scene_answer(&s, 0, -ERR_TIMEOUT, "slow", NULL);
    assert_true(scene_got(&s, conn, "2|QubesException||slow|"));
    scene_close(&s);
}

/* Such a one may be attached by its name, and is still none that is listed. */
static void a_block_device_that_listings_leave_out_is_not_listed_by_its_name_either(void **state)
{
    struct scene s;
    struct bus_list m;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.device.block.Available+00_19.0 dom0 name dom0", "");
    assert_int_equal(bus_list_decode(&m, s.ask[0].e.body), 0);
    assert_string_equal(m.port, "");
    answer_devices(&s, 0, "b******");
    const struct text *got = &s.got[conn % SCENE_CONNS];
    assert_non_null(strstr(got->at + 2, "00_19.0:net "));
    assert_null(strstr(got->at + 2, "00_1c.0"));
    scene_close(&s);
}

/* One Attach to work: the class of what comes back. */
static void attach(struct scene *s, const char *argument, const char *payload, const char *interfaces,
                   const char *class)
{
    AUTO_TEXT call = TEXT_WITH_LIMIT(1000);
    text_format(&call, "admin.vm.device.pci.Attach+%s dom0 name work", argument);
    uint64_t conn = scene_call(s, call.at, payload);
    if (s->asks > 0)
        answer_devices(s, 0, interfaces);
    if (!scene_refused(s, conn, class))
        fail_msg("%s wanted: %s", class, s->got[conn % SCENE_CONNS].at + 2);
    scene_forget_asks(s);
}

static void attaching_is_refused_in_the_order_of_the_checks(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    attach(&s, "dom0", "", "p020000", "ProtocolError");
    attach(&s, "nosuch+00_19.0", "", "p020000", "QubesVMNotFoundError");
    attach(&s, "dom0+00_19.0+net", "mode='bogus'", "p020000", "ProtocolError");
    attach(&s, "dom0+00_19.0+net", "persistent='yes'", "p020000", "ProtocolError");
    attach(&s, "dom0+00_19.0+net", "", "p020000", "QubesVMNotRunningError");
    attach(&s, "dom0+ff_19.0", "", "p020000", "QubesVMNotRunningError");
    give(&s, CHANGE_PROPERTY, 1, "devices_denied", "p02****");
    attach(&s, "dom0+00_19.0+net", "", "p020000", "PermissionDenied");
    attach(&s, "dom0+00_19.0", "", "p030000", "PermissionDenied"); /* not named exactly: nobody knows */
    attach(&s, "dom0+00_19.0", "device_id='net'", "p030000", "PermissionDenied");
    attach(&s, "dom0+00_19.0+net", "mode='required'", "p020000", "QubesVMNotRunningError");
    attach(&s, "dom0+00_19.0+net", "", "p030000", "QubesVMNotRunningError");
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    give(&s, CHANGE_PROPERTY, 1, "devices_denied", "");
    attach(&s, "dom0+ff_19.0", "", "p020000", "ProtocolError");
    attach(&s, "dom0+00_19.0+usb", "", "p020000", "ProtocolError");
    attach(&s, "work+00_19.0", "", "p020000", "ProtocolError");
    attach(&s, "dom0+_+_", "", "p020000", "ProtocolError"); /* two of them */
    tell_attached(&s, WORK, "pci", "00_19.0", "net", "");
    attach(&s, "dom0+00_19.0", "", "p020000", "DeviceAlreadyAttached");
    attach(&s, "dom0+_+net", "", "p020000", "DeviceAlreadyAttached");
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Attach+dom0+00_19.0 dom0 name away", "");
    assert_true(scene_refused(&s, conn, "QubesException"));
    scene_close(&s);
}

static void what_passes_the_checks_is_asked_of_the_vms_process(void **state)
{
    struct scene s;
    struct vm_attach m;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    give(&s, CHANGE_PROPERTY, 1, "virt_mode", "pvh"); /* that refuses it when it has told of it */
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Attach+dom0+00_19.0 dom0 name work",
                               "device_id='net' _permissive='False' _no-strict-reset=''");
    answer_devices(&s, 0, "p020000");
    assert_int_equal(s.asks, 2);
    assert_int_equal(s.ask[1].e.type, MESSAGE_vm_attach);
    assert_int_equal(s.ask[1].e.to_instance, 1);
    assert_int_equal(s.ask[1].e.subject_generation, 3);
    assert_int_equal(vm_attach_decode(&m, s.ask[1].e.body), 0);
    assert_string_equal(m.port, "00_19.0");
    assert_string_equal(m.device_id, "net");
    assert_true(span_is(m.device, "dom0:00_19.0:net"));
    assert_true(span_is(m.options, "{'permissive': 'False', 'no-strict-reset': ''}"));
    assert_int_equal(m.permissive, 1); /* any text counts */
    assert_int_equal(m.no_strict_reset, 0);
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    vm_attach_reply_encode(&body, &(struct vm_attach_reply){.nothing = 0});
    scene_answer(&s, 1, 0, "", &body);
    assert_true(scene_got(&s, conn, "0|"));
    scene_close(&s);
}

static void a_plan_is_the_bus_s_checks_behind_our_own(void **state)
{
    struct scene s;
    struct bus_plan m;
    AUTO_TEXT elements = TEXT_WITH_LIMIT(4096), body = TEXT_WITH_LIMIT(4096);
    struct bus_plan_reply reply = {0};
    struct bus_check check = {.name = "reset", .level = "refused", .text = "none"};
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "bulkhead.Plan+dom0+00_19.0 dom0 name work", "_no-strict-reset='yes'");
    answer_devices(&s, 0, "p020000");
    assert_int_equal(s.ask[1].e.type, MESSAGE_bus_plan);
    assert_int_equal(bus_plan_decode(&m, s.ask[1].e.body), 0);
    assert_int_equal(m.no_strict_reset, 1);
    bus_check_add(&reply.checks, &elements, &check);
    bus_plan_reply_encode(&body, &reply);
    scene_answer(&s, 1, 0, "", &body);
    assert_non_null(strstr(s.got[conn % SCENE_CONNS].at + 2, "refused mode "));
    assert_non_null(strstr(s.got[conn % SCENE_CONNS].at + 2, "\nrefused reset none\n"));
    scene_close(&s);
}

/* One bulkhead.Release: the class of its refusal. */
static void not_released(struct scene *s, const char *argument, const char *class)
{
    AUTO_TEXT call = TEXT_WITH_LIMIT(1000);
    text_format(&call, "bulkhead.Release+%s dom0 name dom0", argument);
    uint64_t conn = scene_call(s, call.at, "");
    answer_devices(s, 0, "p020000");
    assert_int_equal(s->asks, 1);
    assert_true(scene_refused(s, conn, class));
    scene_forget_asks(s);
}

static void a_device_goes_back_by_its_bus_and_the_answer_names_who_has_it(void **state)
{
    struct scene s;
    struct bus_return m;
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096);
    (void)state;
    scene_open(&s, 0);
    not_released(&s, "dom0+_+_", "ProtocolError");
    not_released(&s, "work+00_19.0", "ProtocolError");
    not_released(&s, "dom0+00_19.0+usb", "ProtocolError");
    uint64_t conn = scene_call(&s, "bulkhead.Release+dom0+00_19.0 dom0 name dom0", "");
    answer_devices(&s, 0, "p020000");
    assert_int_equal(s.ask[1].e.type, MESSAGE_bus_return);
    assert_int_equal(bus_return_decode(&m, s.ask[1].e.body), 0);
    assert_string_equal(m.port, "00_19.0");
    bus_return_reply_encode(&body, &(struct bus_return_reply){.sbdf = "0000:00:19.0", .driver = "e1000e"});
    scene_answer(&s, 1, 0, "", &body);
    assert_true(scene_got(&s, conn, "0|0000:00:19.0 e1000e\n"));
    scene_close(&s);
}

/* The detachment that was asked of the VM's process is forgotten again. */
static void is_asked_to_detach(struct scene *s, const char *call)
{
    struct vm_detach m;
    scene_call(s, call, "");
    assert_int_equal(s->asks, 1);
    assert_int_equal(s->ask[0].e.type, MESSAGE_vm_detach);
    assert_int_equal(vm_detach_decode(&m, s->ask[0].e.body), 0);
    assert_string_equal(m.port, "00_19.0");
    assert_true(span_is(m.device, "dom0:00_19.0"));
    scene_forget_asks(s);
}

static void detaching_looks_at_the_port_alone(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    const char *call = "admin.vm.device.pci.Detach+work+00_19.0+other dom0 name work";
    assert_true(scene_refused(&s, scene_call(&s, call, ""), "DeviceNotAssigned"));
    assert_true(scene_refused(&s, scene_call(&s, "admin.vm.device.pci.Detach+x dom0 name work", ""),
                              "ProtocolError"));
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    tell_attached(&s, WORK, "pci", "00_19.0", "net", "");
    is_asked_to_detach(&s, call);
    give(&s, CHANGE_DEVICE, 1, "pci dom0 * net", "mode=required");
    assert_true(scene_refused(&s, scene_call(&s, call, ""), "QubesVMNotHaltedError"));
    give(&s, CHANGE_DEVICE, 1, "pci dom0 * net", "mode=auto-attach");
    is_asked_to_detach(&s, call);
    tell_attached(&s, WORK, "pci", "", "", "");
    assert_true(scene_refused(&s, scene_call(&s, call, ""), "DeviceNotAssigned"));
    scene_close(&s);
}

static void a_domain_removed_while_its_bus_was_asked_is_not_found(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Attach+dom0+00_19.0 dom0 name work", "");
    struct change gone = {.kind = CHANGE_VM, .qid = 1, .gone = 1};
    scene_delta(&s, s.version + 1, &gone, NULL, 0);
    answer_devices(&s, 0, "p020000");
    assert_true(scene_refused(&s, conn, "QubesVMNotFoundError"));
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assignments_are_listed_by_class_and_sorted),
        cmocka_unit_test(what_a_bus_says_is_attached_until_the_vm_halts),
        cmocka_unit_test(only_served_classes_have_methods),
        cmocka_unit_test(whom_a_bus_does_not_name_has_nothing_of_its_class_any_more),
        cmocka_unit_test(only_dom0s_pci_devices_are_asked_for),
        cmocka_unit_test(a_block_device_that_listings_leave_out_is_not_listed_by_its_name_either),
        cmocka_unit_test(attaching_is_refused_in_the_order_of_the_checks),
        cmocka_unit_test(what_passes_the_checks_is_asked_of_the_vms_process),
        cmocka_unit_test(a_plan_is_the_bus_s_checks_behind_our_own),
        cmocka_unit_test(a_device_goes_back_by_its_bus_and_the_answer_names_who_has_it),
        cmocka_unit_test(detaching_looks_at_the_port_alone),
        cmocka_unit_test(a_domain_removed_while_its_bus_was_asked_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
