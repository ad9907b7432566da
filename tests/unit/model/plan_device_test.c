/* SPDX-License-Identifier: MIT
 * Assigning devices: what is kept, what is told, what is refused; in today's form and in that of before 4.3.
 */
#include "tests/unit/model/fixture.h"

#include "model/operation.h"
#include "model/plan_device.h"

static int run(struct scene *s, enum operation operation, const char *vm, const char *key, const char *value)
{
    return done(s, operation_plan(&s->k, operation, 0, qid_of(s, vm), span_of(key), span_of(value), &s->plan,
                                  &s->why));
}

static int assign(struct scene *s, const char *vm, const char *key, const char *payload)
{
    return run(s, OPERATION_device_assign, vm, key, payload);
}

static const char *stored(struct scene *s, const char *vm, const char *key)
{
    const struct item *item = model_item(s->m, qid_of(s, vm), CHANGE_DEVICE, span_of(key));
    return item != NULL ? item->value : "nothing";
}

static size_t count(struct scene *s, const char *vm)
{
    size_t n = 0;
    for (const struct item *at = model_items(s->m, qid_of(s, vm), CHANGE_DEVICE); at != NULL; at = at->next)
        n++;
    return n;
}

static void an_assignment_is_kept_and_told_around_its_commit(void **state)
{
    struct scene *s = *state;
    assert_int_equal(assign(s, "hvm", "pci dom0+00_19.0:*", "mode='required' _b='2' _a='1'"), 0);
    assert_string_equal(s->text,
                        "hvm device-pre-assign:pci device=dom0:00_19.0:*,options={'b': '2', 'a': '1'}\n|\n"
                        "hvm device-assign:pci device=dom0:00_19.0:*,options={'b': '2', 'a': '1'}\n");
    assert_string_equal(stored(s, "hvm", "pci dom0 00_19.0 *"),
                        "mode=required\nfrontend=\noption:b=2\noption:a=1");
    assert_true(ask_has_pci(&s->k, qid_of(s, "hvm")));
    assert_int_equal(run(s, OPERATION_device_unassign, "hvm", "pci dom0+00_19.0", ""), 0);
    assert_string_equal(s->text, "|\nhvm device-unassign:pci device=dom0:00_19.0:*\n");
    assert_int_equal(count(s, "hvm"), 0);
}

static void any_power_state_and_any_backend_may_be_assigned(void **state)
{
    struct scene *s = *state;
    s->power[qid_of(s, "work")] = "Running";
    assert_int_equal(assign(s, "work", "block hvm+sda", "mode='auto-attach' frontend_domain='work'"), 0);
    assert_string_equal(stored(s, "work", "block hvm sda *"), "mode=auto-attach\nfrontend=work");
    assert_int_equal(assign(s, "work", "block _+_+dead", "mode='ask-to-attach'"), 0);
    assert_string_equal(stored(s, "work", "block * * dead"), "mode=ask-to-attach\nfrontend=");
    assert_int_equal(assign(s, "dom0", "pci dom0+00_19.0", "mode='required'"), 0);
    assert_int_equal(run(s, OPERATION_device_unassign, "work", "block hvm+sda+_", ""), 0);
}

static void assignments_of_one_port_stand_side_by_side(void **state)
{
    struct scene *s = *state;
    static const char *const keys[] = {"usb net+1-1+dead", "usb net+1-1+beef", "usb net+1-1",
                                       "usb net+_+dead"};
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_int_equal(assign(s, "work", keys[i], "mode='auto-attach'"), 0);
    assert_int_equal(count(s, "work"), COUNT(keys));
    assert_int_equal(run(s, OPERATION_device_unassign, "work", keys[2], ""), 0);
    assert_int_equal(count(s, "work"), COUNT(keys) - 1);
}

static void an_id_that_the_argument_leaves_open_is_the_payloads(void **state)
{
    struct scene *s = *state;
    assert_int_equal(assign(s, "hvm", "pci dom0+00_19.0", "device_id='0x8086:1::p02 x' mode='required'"), 0);
    assert_string_equal(stored(s, "hvm", "pci dom0 00_19.0 0x8086:1::p02 x"), "mode=required\nfrontend=");
}

/* Only one that is named by port and id is looked up. */
static void any_port_may_be_assigned_whatever_sits_there(void **state)
{
    struct scene *s = *state;
    assert_int_equal(assign(s, "hvm", "pci dom0+bogus", "mode='required'"), 0);
    assert_int_equal(assign(s, "hvm", "pci dom0+bogus", "mode='required' device_id='x'"), 0);
    assert_int_equal(assign(s, "hvm", "pci dom0+ff_1f.2+x", "mode='required'"), 0);
    assert_int_equal(assign(s, "hvm", "usb dom0+bogus+x", "mode='required'"), 0);
    assert_string_equal(stored(s, "hvm", "pci dom0 bogus x"), "mode=required\nfrontend=");
}

static void what_is_refused_is_neither_kept_nor_told(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *vm, *key, *payload;
        enum err code;
    } bad[] = {
        {"hvm", "pci dom0+00_19.0", "mode='required'", ERR_DEVICE_ASSIGNED},
        {"hvm", "pci dom0+00_19.0+_", "", ERR_DEVICE_ASSIGNED},
        {"hvm", "pci dom0+00_1a.0", "mode='manual'", ERR_VALUE},
        {"hvm", "pci dom0+00_1a.0", "", ERR_VALUE},
        {"hvm", "pci dom0+00_1a.0", "mode='bogus'", ERR_PROTOCOL},
        {"hvm", "pci dom0+00_1a.0", "garbage", ERR_PROTOCOL},
        {"hvm", "pci dom0+00_1a.0", "mode='required' persistent='yes'", ERR_PROTOCOL},
        {"hvm", "pci dom0+00_1a.0", "mode='required' frontend_domain='nobody'", ERR_PROTOCOL},
        {"hvm", "pci _+00_1a.0", "mode='required' frontend_domain='hvm'", ERR_PROTOCOL},
        {"hvm", "pci dom0+00_1a.0", "mode='required' port_id='00_19.0'", ERR_PROTOCOL},
        {"hvm", "pci nosuch+00_1a.0", "mode='required'", ERR_VM_NOT_FOUND},
        {"hvm", "pci *+00_1a.0", "mode='required'", ERR_VM_NOT_FOUND},
        {"hvm", "pci dom0", "mode='required'", ERR_PROTOCOL},
        {"hvm", "pci dom0+bogus+0x8086", "mode='required'", ERR_PROTOCOL},
        {"hvm", "pci work+1-1+0x8086", "mode='required'", ERR_PROTOCOL},
        {"hvm", "scsi dom0+1", "mode='required'", ERR_PROTOCOL},
        {"away", "pci dom0+00_1a.0", "mode='required'", ERR_QUBES},
    };
    assert_int_equal(create(s, CLASS_RemoteVM, "", "name=away label=red"), 0);
    assert_int_equal(assign(s, "hvm", "pci dom0+00_19.0", "mode='required'"), 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t before = count(s, bad[i].vm);
        assert_int_equal(assign(s, bad[i].vm, bad[i].key, bad[i].payload), -(int)bad[i].code);
        assert_string_equal(s->text, "");
        assert_int_equal(count(s, bad[i].vm), before);
    }
    assert_int_equal(assign(s, "hvm", "pci dom0+00_19.0", ""), -ERR_DEVICE_ASSIGNED);
    assert_string_equal(s->why.text, "'pci device dom0:00_19.0:* is already assigned to hvm'");
    assert_int_equal(run(s, OPERATION_device_unassign, "hvm", "pci dom0+00_1f.2", ""),
                     -ERR_DEVICE_NOT_ASSIGNED);
    assert_string_equal(s->why.text, "'pci device dom0:00_1f.2:* is not assigned to hvm'");
}

static void a_bus_that_takes_no_options_refuses_after_it_was_asked(void **state)
{
    struct scene *s = *state;
    assert_int_equal(assign(s, "work", "usb net+1-1", "mode='auto-attach' _x='1'"), -ERR_QUBES);
    assert_string_equal(s->text, "work device-pre-assign:usb device=net:1-1:*,options={'x': '1'}\n");
    assert_string_equal(s->why.text, "USB device assignment does not support user options");
    assert_int_equal(count(s, "work"), 0);
}

static void a_change_of_mode_keeps_the_options(void **state)
{
    struct scene *s = *state;
    assert_int_equal(assign(s, "hvm", "pci dom0+00_19.0", "mode='required' _o='1'"), 0);
    assert_int_equal(run(s, OPERATION_device_mode, "hvm", "pci dom0+00_19.0", "required"), 0);
    assert_string_equal(s->text, "");
    assert_int_equal(run(s, OPERATION_device_mode, "hvm", "pci dom0+00_19.0", "ask-to-attach"), 0);
    assert_string_equal(s->text, "hvm device-pre-assign:pci device=dom0:00_19.0:*,options={'o': '1'}\n|\n"
                                 "hvm device-assignment-changed:pci device=dom0:00_19.0:*\n");
    assert_string_equal(stored(s, "hvm", "pci dom0 00_19.0 *"), "mode=ask-to-attach\nfrontend=\noption:o=1");
    static const char *const words[] = {"manual", "True", "Required", "required ", ""};
    for (size_t i = 0; i < COUNT(words); i++)
        assert_int_equal(run(s, OPERATION_device_mode, "hvm", "pci dom0+00_19.0", words[i]),
                         -ERR_DEVICE_MODE);
    assert_int_equal(create(s, CLASS_RemoteVM, "", "name=away label=red"), 0);
    assert_int_equal(run(s, OPERATION_device_mode, "away", "pci dom0+00_19.0", "manual"), -ERR_DEVICE_MODE);
    assert_int_equal(run(s, OPERATION_device_mode, "away", "pci dom0+00_19.0", "required"), -ERR_QUBES);
    assert_int_equal(run(s, OPERATION_device_mode, "hvm", "pci dom0+00_1f.2", "required"), -ERR_VALUE);
    assert_int_equal(run(s, OPERATION_device_mode, "hvm", "pci dom0+00_19.0+dead", "required"), -ERR_VALUE);
}

static void a_vm_whose_devices_others_have_assigned_stays(void **state)
{
    struct scene *s = *state;
    assert_int_equal(assign(s, "work", "block hvm+sda", "mode='auto-attach'"), 0);
    assert_int_equal(take_out(s, "hvm"), -ERR_VM_IN_USE);
    assert_int_equal(run(s, OPERATION_device_unassign, "work", "block hvm+sda", ""), 0);
    assert_int_equal(assign(s, "hvm", "block hvm+sda", "mode='auto-attach'"),
                     0); /* its own does not hold it */
    assert_int_equal(take_out(s, "hvm"), 0);
}

static void assignments_that_vms_of_other_hosts_have_go_with_the_backend(void **state)
{
    struct scene *s = *state;
    assert_int_equal(create(s, CLASS_RemoteVM, "", "name=away label=red"), 0);
    put(s, CHANGE_DEVICE, qid_of(s, "away"), "block hvm sda *", "mode=required");
    put(s, CHANGE_DEVICE, qid_of(s, "away"), "block work sda *", "mode=required");
    assert_int_equal(take_out(s, "hvm"), 0);
    assert_int_equal(count(s, "away"), 1);
    assert_string_equal(stored(s, "away", "block work sda *"), "mode=required");
}

static void an_old_persistent_attach_is_a_required_assignment(void **state)
{
    struct scene *s = *state;
    assert_int_equal(
        run(s, OPERATION_device_keep, "hvm", "pci dom0+00_19.0", "persistent=True\n no-strict-reset=True"),
        0);
    assert_string_equal(
        s->text, "hvm device-pre-attach:pci device=dom0:00_19.0,options={'no-strict-reset': 'True'}\n|\n"
                 "hvm device-attach:pci device=dom0:00_19.0,options={'no-strict-reset': 'True'}\n");
    assert_string_equal(stored(s, "hvm", "pci dom0 00_19.0 *"),
                        "mode=required\nfrontend=\noption:no-strict-reset=True");
    assert_int_equal(run(s, OPERATION_device_keep, "hvm", "pci dom0+00_19.0", "persistent=1"),
                     -ERR_DEVICE_ATTACHED);
    assert_int_equal(run(s, OPERATION_device_drop, "hvm", "pci dom0+00_19.0", ""), 0);
    assert_string_equal(s->text, "hvm device-pre-detach:pci device=dom0:00_19.0\n|\n"
                                 "hvm device-detach:pci device=dom0:00_19.0\n");
    assert_int_equal(run(s, OPERATION_device_drop, "hvm", "pci dom0+00_19.0", ""), -ERR_DEVICE_NOT_ATTACHED);
    assert_string_equal(s->text, "");
}

static void an_old_attach_that_the_class_refuses_is_asked_and_not_kept(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "virt_mode", "pvh"), 0);
    assert_int_equal(run(s, OPERATION_device_keep, "work", "pci dom0+00_19.0", "persistent=yes"), -ERR_QUBES);
    assert_string_equal(s->text, "work device-pre-attach:pci device=dom0:00_19.0,options={}\n");
    assert_int_equal(device_attach_check(&s->k, DEVICE_pci, 0, &s->why), -ERR_QUBES);
    assert_int_equal(device_attach_check(&s->k, DEVICE_block, 0, &s->why), 0);
    assert_int_equal(device_attach_check(&s->k, DEVICE_pci, qid_of(s, "hvm"), &s->why), 0);
    static const struct {
        const char *payload;
        enum err code;
    } bad[] = {{"persistent=yes x", ERR_PROTOCOL},
               {"persistent=maybe", ERR_VALUE},
               {"persistent=yes a=b;c", ERR_PROTOCOL},
               {"persistent=yes a/b=c", ERR_PROTOCOL},
               {"a=b", ERR_PROTOCOL},
               {"persistent=yes =c", ERR_PROTOCOL}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(run(s, OPERATION_device_keep, "hvm", "pci dom0+00_19.0", bad[i].payload),
                         -(int)bad[i].code);
        assert_int_equal(count(s, "hvm"), 0);
    }
}

static void a_persistent_device_stays_while_its_vm_lives(void **state)
{
    struct scene *s = *state;
    assert_int_equal(run(s, OPERATION_device_keep, "hvm", "pci dom0+00_19.0", "persistent=on"), 0);
    s->power[qid_of(s, "hvm")] = "Running";
    assert_int_equal(run(s, OPERATION_device_drop, "hvm", "pci dom0+00_19.0", ""), -ERR_VM_NOT_HALTED);
    assert_int_equal(count(s, "hvm"), 1);
}

static void set_persistent_wants_a_started_vm_and_tells_nothing(void **state)
{
    struct scene *s = *state;
    const char *key = "block net+sda";
    assert_int_equal(run(s, OPERATION_device_persist, "work", key, "True"), -ERR_VM_NOT_STARTED);
    s->power[qid_of(s, "work")] = "Running";
    assert_int_equal(run(s, OPERATION_device_persist, "work", key, "True\noption:read-only=yes"), 0);
    assert_string_equal(s->text, "|\n");
    assert_string_equal(stored(s, "work", "block net sda *"),
                        "mode=required\nfrontend=\noption:read-only=yes");
    assert_int_equal(run(s, OPERATION_device_persist, "work", key, "False"), 0);
    assert_int_equal(count(s, "work"), 0);
    static const char *const words[] = {"true", "yes", "", "True\nx"};
    for (size_t i = 0; i < COUNT(words); i++)
        assert_int_equal(run(s, OPERATION_device_persist, "work", key, words[i]), -ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_assignment_is_kept_and_told_around_its_commit),
        SCENE_TEST(any_power_state_and_any_backend_may_be_assigned),
        SCENE_TEST(assignments_of_one_port_stand_side_by_side),
        SCENE_TEST(an_id_that_the_argument_leaves_open_is_the_payloads),
        SCENE_TEST(any_port_may_be_assigned_whatever_sits_there),
        SCENE_TEST(what_is_refused_is_neither_kept_nor_told),
        SCENE_TEST(a_bus_that_takes_no_options_refuses_after_it_was_asked),
        SCENE_TEST(a_change_of_mode_keeps_the_options),
        SCENE_TEST(a_vm_whose_devices_others_have_assigned_stays),
        SCENE_TEST(assignments_that_vms_of_other_hosts_have_go_with_the_backend),
        SCENE_TEST(an_old_persistent_attach_is_a_required_assignment),
        SCENE_TEST(an_old_attach_that_the_class_refuses_is_asked_and_not_kept),
        SCENE_TEST(a_persistent_device_stays_while_its_vm_lives),
        SCENE_TEST(set_persistent_wants_a_started_vm_and_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
