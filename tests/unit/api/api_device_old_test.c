/* SPDX-License-Identifier: MIT
 * Device calls in the form of before 4.3: devices 3 and 4, admin-api-methods 9. */
#include "tests/unit/api/api_device_scene.h"

static void open_old(struct scene *s)
{
    scene_open(s, 0);
    api_settle(s->api, &(struct api_settings){.old_devices = true});
}

static void the_old_form_calls_pci_devices_by_their_address(void **state)
{
    struct scene s;
    (void)state;
    open_old(&s);
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Available dom0 name dom0", "");
    answer_devices(&s, 0, "p020000");
    assert_true(
        scene_got(&s, conn,
                  "0|00_19.0 bus=00 device=19 function=0 libvirt_name=pci_0000_00_19_0 description=a: b c\n"
                  "03_00.0 bus=03 device=00 function=0 libvirt_name=pci_0000_03_00_0 description=\n"));
    scene_forget_asks(&s);
    conn = scene_call(&s, "admin.vm.device.pci.Available+03_00.0 dom0 name dom0", "");
    answer_devices(&s, 0, "p020000");
    assert_true(scene_got(
        &s, conn, "0|03_00.0 bus=03 device=00 function=0 libvirt_name=pci_0000_03_00_0 description=\n"));
    scene_close(&s);
}

static void the_old_list_is_what_is_assigned_and_what_is_attached(void **state)
{
    struct scene s;
    (void)state;
    open_old(&s);
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_1c.0-00_00.0 *", "mode=required\nfrontend=\noption:o=1");
    give(&s, CHANGE_DEVICE, 1, "pci dom0 gone *", "mode=auto-attach");
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    tell_attached(&s, WORK, "pci", "00_19.0", "net", "option:permissive=True");
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.List dom0 name work", "");
    answer_devices(&s, 0, "p020000");
    assert_true(scene_got(&s, conn,
                          "0|dom0+00_19.0 permissive=True persistent=no\n"
                          "dom0+03_00.0 o=1 persistent=yes\n"
                          "dom0+gone persistent=no\n"));
    scene_forget_asks(&s);
    conn = scene_call(&s, "admin.vm.device.pci.List+dom0+03_00.0 dom0 name work", "");
    answer_devices(&s, 0, "p020000");
    assert_true(scene_got(&s, conn, "0|dom0+03_00.0 o=1 persistent=yes\n"));
    scene_close(&s);
}

/* One old call to work; the operation's key and value that it becomes, or the class of its refusal. */
static void old(struct scene *s, const char *call, const char *payload, const char *key, const char *value)
{
    AUTO_TEXT whole = TEXT_WITH_LIMIT(1000);
    struct operate m;
    text_format(&whole, "admin.vm.device.pci.%s dom0 name work", call);
    uint64_t conn = scene_call(s, whole.at, payload);
    if (s->asks > 0)
        answer_devices(s, 0, "p020000");
    if (value == NULL) {
        if (!scene_refused(s, conn, key))
            fail_msg("%s wanted: %s", key, s->got[conn % SCENE_CONNS].at + 2);
    } else {
        assert_int_equal(s->asks, 2);
        assert_int_equal(operate_decode(&m, s->ask[1].e.body), 0);
        assert_true(span_is(m.key, key) && span_is(m.value, value) && m.target == 1);
        scene_answer(s, 1, 0, "", NULL);
        assert_true(scene_got(s, conn, "0|"));
    }
    scene_forget_asks(s);
}

static void the_old_calls_become_operations_on_assignments(void **state)
{
    struct scene s;
    (void)state;
    open_old(&s);
    old(&s, "Attach+dom0+03_00.0", "persistent=True o=1", "pci dom0+00_1c.0-00_00.0", "persistent=True o=1");
    old(&s, "Attach+dom0+00_19.0", "", "QubesVMNotRunningError", NULL);
    old(&s, "Attach+dom0+ff_19.0", "persistent=True", "QubesException", NULL);
    old(&s, "Attach+dom0+00_19.0", "persistent", "ProtocolError", NULL);
    old(&s, "Detach+dom0+00_19.0", "", "pci dom0+00_19.0", "");
    old(&s, "Set.persistent+dom0+00_19.0", "yes", "ProtocolError", NULL);
    old(&s, "Set.persistent+dom0+00_19.0", "True", "pci dom0+00_19.0",
        "True"); /* the registry: it is not started */
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    old(&s, "Set.persistent+dom0+00_19.0", "True", "ProtocolError", NULL);
    tell_attached(&s, WORK, "pci", "00_1c.0-00_00.0", "usb", "option:o=1");
    old(&s, "Set.persistent+dom0+03_00.0", "True", "pci dom0+00_1c.0-00_00.0", "True\noption:o=1");
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_1c.0-00_00.0 *", "mode=required");
    old(&s, "Detach+dom0+03_00.0", "", "pci dom0+00_1c.0-00_00.0", ""); /* the registry: it is not halted */
    scene_close(&s);
}

/* One old Attach to work, which runs: asked of its process, with what it should say. */
static uint64_t old_attach(struct scene *s, const char *name, const char *payload, const char *port,
                           const char *options)
{
    AUTO_TEXT whole = TEXT_WITH_LIMIT(1000);
    struct vm_attach m;
    text_format(&whole, "admin.vm.device.pci.Attach+dom0+%s dom0 name work", name);
    uint64_t conn = scene_call(s, whole.at, payload);
    answer_devices(s, 0, "p020000");
    assert_int_equal(s->asks, 2);
    assert_int_equal(s->ask[1].e.type, MESSAGE_vm_attach);
    assert_int_equal(vm_attach_decode(&m, s->ask[1].e.body), 0);
    assert_string_equal(m.port, port);
    assert_true(span_starts(m.device, "dom0:") &&
                span_is((struct span){m.device.at + 5, m.device.len - 5}, port));
    assert_true(span_is(m.options, options));
    return conn;
}

static void attached(struct scene *s, int r)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    vm_attach_reply_encode(&body, &(struct vm_attach_reply){.nothing = 0});
    scene_answer(s, 1, r, "no", r == 0 ? &body : NULL);
}

static void open_running(struct scene *s)
{
    open_old(s);
    scene_fact(s, 1, 3, FACT_power_state, "Running");
    give(s, CHANGE_PROPERTY, 1, "virt_mode", "hvm");
}

static void an_old_attach_to_a_vm_that_runs_is_done_now_and_nothing_is_kept(void **state)
{
    struct scene s;
    (void)state;
    open_running(&s);
    uint64_t conn =
        old_attach(&s, "03_00.0", "permissive=yes persistent=no", "00_1c.0-00_00.0", "{'permissive': 'yes'}");
    attached(&s, 0);
    assert_true(scene_got(&s, conn, "0|"));
    assert_int_equal(s.asks, 2);
    scene_close(&s);
}

static void a_persistent_one_is_attached_and_then_kept_with_its_options(void **state)
{
    struct scene s;
    struct operate m;
    (void)state;
    open_running(&s);
    uint64_t conn =
        old_attach(&s, "00_19.0", "persistent=True no-strict-reset=1", "00_19.0", "{'no-strict-reset': '1'}");
    attached(&s, 0);
    assert_int_equal(s.asks, 3);
    assert_int_equal(operate_decode(&m, s.ask[2].e.body), 0);
    assert_int_equal(m.operation, OPERATION_device_persist);
    assert_true(span_is(m.key, "pci dom0+00_19.0") && span_is(m.value, "True\noption:no-strict-reset=1"));
    assert_true(scene_got(&s, conn, ""));
    scene_answer(&s, 2, 0, "", NULL);
    assert_true(scene_got(&s, conn, "0|"));
    scene_close(&s);
}

static void what_could_not_be_attached_is_not_kept(void **state)
{
    struct scene s;
    (void)state;
    open_running(&s);
    uint64_t conn = old_attach(&s, "00_19.0", "persistent=True", "00_19.0", "{}");
    attached(&s, -ERR_QUBES);
    assert_true(scene_refused(&s, conn, "QubesException"));
    assert_int_equal(s.asks, 2);
    scene_close(&s);
}

static void a_vm_removed_while_its_device_came_keeps_nothing(void **state)
{
    struct scene s;
    struct change gone = {.kind = CHANGE_VM, .qid = 1, .gone = true};
    (void)state;
    open_running(&s);
    uint64_t conn = old_attach(&s, "00_19.0", "persistent=True", "00_19.0", "{}");
    scene_delta(&s, s.version + 1, &gone, NULL, 0);
    attached(&s, 0);
    assert_true(scene_refused(&s, conn, "QubesVMNotFoundError"));
    assert_int_equal(s.asks, 2);
    scene_close(&s);
}

static void an_old_attach_is_refused_in_the_order_of_the_checks(void **state)
{
    struct scene s;
    (void)state;
    open_running(&s);
    old(&s, "Attach+dom0+00_19.0", "persistent", "ProtocolError", NULL);
    old(&s, "Attach+dom0+00_19.0", "persistent=maybe", "QubesValueError", NULL);
    old(&s, "Attach+dom0+00_19.0", "k=a/b", "ProtocolError", NULL);
    old(&s, "Attach+dom0+ff_19.0", "", "QubesException", NULL);
    tell_attached(&s, WORK, "pci", "00_19.0", "net", "");
    old(&s, "Attach+dom0+00_19.0", "", "DeviceAlreadyAttached", NULL);
    old(&s, "Attach+dom0+00_19.0", "persistent=True", "DeviceAlreadyAttached", NULL);
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_1c.0-00_00.0 *", "mode=required");
    old(&s, "Attach+dom0+03_00.0", "", "DeviceAlreadyAttached", NULL);
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Attach+dom0+00_19.0 dom0 name dom0", "");
    answer_devices(&s, 0, "p020000");
    assert_true(scene_refused(&s, conn, "QubesException"));
    scene_close(&s);
}

static void an_old_detach_from_a_vm_that_runs_is_done_now_unless_it_is_kept(void **state)
{
    struct scene s;
    struct vm_detach m;
    (void)state;
    open_running(&s);
    tell_attached(&s, WORK, "pci", "00_1c.0-00_00.0", "usb", "");
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Detach+dom0+03_00.0 dom0 name work", "");
    answer_devices(&s, 0, "p020000");
    assert_int_equal(s.ask[1].e.type, MESSAGE_vm_detach);
    assert_int_equal(vm_detach_decode(&m, s.ask[1].e.body), 0);
    assert_string_equal(m.port, "00_1c.0-00_00.0");
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    vm_detach_reply_encode(&body, &(struct vm_detach_reply){.nothing = 0});
    scene_answer(&s, 1, 0, "", &body);
    assert_true(scene_got(&s, conn, "0|"));
    scene_forget_asks(&s);
    give(&s, CHANGE_DEVICE, 1, "pci dom0 00_1c.0-00_00.0 *", "mode=required");
    old(&s, "Detach+dom0+03_00.0", "", "pci dom0+00_1c.0-00_00.0", ""); /* the registry: it is not halted */
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_form_calls_pci_devices_by_their_address),
        cmocka_unit_test(the_old_list_is_what_is_assigned_and_what_is_attached),
        cmocka_unit_test(the_old_calls_become_operations_on_assignments),
        cmocka_unit_test(an_old_attach_to_a_vm_that_runs_is_done_now_and_nothing_is_kept),
        cmocka_unit_test(a_persistent_one_is_attached_and_then_kept_with_its_options),
        cmocka_unit_test(what_could_not_be_attached_is_not_kept),
        cmocka_unit_test(a_vm_removed_while_its_device_came_keeps_nothing),
        cmocka_unit_test(an_old_attach_is_refused_in_the_order_of_the_checks),
        cmocka_unit_test(an_old_detach_from_a_vm_that_runs_is_done_now_unless_it_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
