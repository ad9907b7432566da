/* SPDX-License-Identifier: MIT
 * Relations between VMs, and what GetSystemInfo tells. */
#include "tests/unit/model/fixture.h"

static void clients_are_found_however_far_away(void **state)
{
    struct scene *s = *state;
    const struct vm *list[4];
    uint32_t net = qid_of(s, "net"), work = qid_of(s, "work"), hvm = qid_of(s, "hvm");
    set(s, "work", "netvm", "net");
    set(s, "work", "provides_network", "True");
    set(s, "hvm", "netvm", "work");
    assert_int_equal(ask_connected(&s->k, net, list, COUNT(list)), 1);
    assert_ptr_equal(list[0], model_vm(s->m, work));
    assert_true(ask_is_client(&s->k, net, hvm));
    assert_false(ask_is_client(&s->k, hvm, net));
}

static void a_loop_that_was_imported_ends_every_walk(void **state)
{
    struct scene *s = *state;
    struct span v;
    put(s, CHANGE_PROPERTY, qid_of(s, "work"), "netvm", "net");
    put(s, CHANGE_PROPERTY, qid_of(s, "net"), "netvm", "work");
    assert_false(ask_is_client(&s->k, qid_of(s, "hvm"), qid_of(s, "work")));
    assert_int_equal(ask_feature(&s->k, qid_of(s, "work"), CHAIN_NETVM, span_of("ipv6"), &v), 0);
    assert_string_equal(get(s, "work", "visible_gateway6"), "default=True type=str ");
}

static void a_reference_to_nobody_reads_as_none(void **state)
{
    struct scene *s = *state;
    put(s, CHANGE_PROPERTY, qid_of(s, "work"), "netvm", "vanished");
    assert_string_equal(get(s, "work", "netvm"), "default=False type=vm ");
    assert_null(ask_netvm(&s->k, qid_of(s, "work")));
}

static void devices_bind_their_backend_and_pci_decides_the_mode(void **state)
{
    struct scene *s = *state;
    uint32_t hvm = qid_of(s, "hvm");
    put(s, CHANGE_DEVICE, hvm, "block work sda *", "mode=required");
    assert_false(ask_has_pci(&s->k, hvm));
    assert_ptr_equal(ask_device_user(&s->k, qid_of(s, "work")), model_vm(s->m, hvm));
    assert_null(ask_device_user(&s->k, qid_of(s, "net")));
    put(s, CHANGE_DEVICE, hvm, "pci dom0 00_19.0 *", "mode=auto-attach");
    assert_true(ask_has_pci(&s->k, hvm));
}

static void system_info_tells_of_each_vm(void **state)
{
    struct scene *s = *state;
    struct system_info info;
    s->power[qid_of(s, "dvm")] = "Paused";
    set(s, "", "default_dispvm", "dvm");
    feature(s, "dvm", "internal", "1");
    ask_system_info(&s->k, qid_of(s, "dvm"), &info);
    assert_string_equal(info.class, "AppVM");
    assert_string_equal(info.internal, "1");
    assert_string_equal(info.default_dispvm, "dvm");
    assert_string_equal(info.guivm, "dom0");
    assert_string_equal(info.icon, "appvm-red");
    assert_string_equal(info.colour, "0xcc0000");
    assert_string_equal(info.power_state, "Paused");
    assert_true(info.template_for_dispvms);
    assert_null(info.relayvm);
    assert_null(info.transport_rpc);
    ask_system_info(&s->k, 0, &info);
    assert_string_equal(info.power_state, "Running");
    assert_string_equal(info.uuid, "00000000-0000-0000-0000-000000000000");
    assert_null(info.guivm);
}

static void memory_can_be_plugged_in_only_where_the_guest_says_so(void **state)
{
    struct scene *s = *state;
    uint32_t work = qid_of(s, "work");
    assert_false(ask_memory_hotplug(&s->k, work));
    s->hypervisor = "xen";
    assert_false(ask_memory_hotplug(&s->k, work));
    feature(s, "tmpl", "memory-hotplug", "1");
    assert_true(ask_memory_hotplug(&s->k, work));
    s->power[work] = "Running";
    assert_int_equal(set(s, "work", "maxmem", "1000"), 0);
    feature(s, "work", "memory-hotplug", "");
    assert_false(ask_memory_hotplug(&s->k, work));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(clients_are_found_however_far_away),
        SCENE_TEST(a_loop_that_was_imported_ends_every_walk),
        SCENE_TEST(a_reference_to_nobody_reads_as_none),
        SCENE_TEST(devices_bind_their_backend_and_pci_decides_the_mode),
        SCENE_TEST(system_info_tells_of_each_vm),
        SCENE_TEST(memory_can_be_plugged_in_only_where_the_guest_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
