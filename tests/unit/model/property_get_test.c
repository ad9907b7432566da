/* SPDX-License-Identifier: MIT
 * What properties read as: stored, inherited, computed. */
#include "tests/unit/model/fixture.h"

static void every_property_of_a_fresh_appvm_reads_as_its_default(void **state)
{
    struct scene *s = *state;
    static const char *const want[][2] = {
        {"audiovm", "default=True type=vm dom0"},
        {"autostart", "default=True type=bool False"},
        {"backup_timestamp", "default=True type=int "},
        {"bootmode", "default=True type=str default"},
        {"debug", "default=True type=bool False"},
        {"default_dispvm", "default=True type=vm "},
        {"default_user", "default=True type=str user"},
        {"devices_denied", "default=True type=str "},
        {"dns", "default=True type=str "},
        {"gateway", "default=True type=str "},
        {"gateway6", "default=True type=str "},
        {"guivm", "default=True type=vm dom0"},
        {"icon", "default=True type=str appvm-red"},
        {"include_in_backups", "default=True type=bool True"},
        {"installed_by_rpm", "default=True type=bool False"},
        {"ip", "default=True type=str "},
        {"ip6", "default=True type=str "},
        {"kernel", "default=True type=str 6.12.1"},
        {"kernelopts", "default=True type=str swiotlb=2048"},
        {"keyboard_layout", "default=True type=str us++"},
        {"klass", "default=True type=str AppVM"},
        {"label", "default=False type=label red"},
        {"mac", "default=True type=str 00:16:3e:5e:6c:00"},
        {"management_dispvm", "default=True type=vm "},
        {"maxmem", "default=True type=int 0"},
        {"memory", "default=True type=int 400"},
        {"name", "default=False type=str work"},
        {"netvm", "default=True type=vm "},
        {"provides_network", "default=True type=bool False"},
        {"qid", "default=False type=int 2"},
        {"qrexec_timeout", "default=True type=int 60"},
        {"shutdown_timeout", "default=True type=int 60"},
        {"start_time", "default=True type=str "},
        {"stubdom_mem", "default=True type=int "},
        {"stubdom_uuid", "default=True type=str "},
        {"stubdom_xid", "default=True type=int -1"},
        {"template", "default=False type=vm tmpl"},
        {"template_for_dispvms", "default=True type=bool False"},
        {"updateable", "default=True type=bool False"},
        {"vcpus", "default=True type=int 2"},
        {"virt_mode", "default=True type=str pvh"},
        {"visible_gateway", "default=True type=str "},
        {"visible_gateway6", "default=True type=str "},
        {"visible_ip", "default=True type=str "},
        {"visible_ip6", "default=True type=str "},
        {"visible_netmask", "default=True type=str "},
        {"xid", "default=True type=int -1"},
    };
    enum property list[PROPERTIES];
    for (size_t i = 0; i < COUNT(want); i++)
        assert_string_equal(get(s, "work", want[i][0]), want[i][1]);
    assert_int_equal(property_list(&s->k, qid_of(s, "work"), list), COUNT(want) + 1); /* and uuid */
}

static void the_system_reads_as_its_defaults(void **state)
{
    struct scene *s = *state;
    static const char *const want[][2] = {
        {"default_guivm", "default=True type=vm dom0"},
        {"default_netvm", "default=True type=vm "},
        {"default_template", "default=False type=vm tmpl"},
        {"default_kernel", "default=False type=str 6.12.1"},
        {"default_pool", "default=True type=str varlibqubes"},
        {"default_pool_root", "default=True type=str varlibqubes"},
        {"default_pool_kernel", "default=False type=str linux-kernel"},
        {"default_qrexec_timeout", "default=True type=int 60"},
        {"check_updates_vm", "default=True type=bool True"},
        {"maxmem", "default=True type=int 16384"},
        {"no_cpus", "default=True type=int 8"},
        {"stats_interval", "default=True type=int 3"},
    };
    for (size_t i = 0; i < COUNT(want); i++)
        assert_string_equal(get(s, "", want[i][0]), want[i][1]);
}

static void dom0_and_others_have_only_the_properties_of_their_class(void **state)
{
    struct scene *s = *state;
    enum property list[PROPERTIES];
    static const char *const dom0[] = {"devices_denied",  "icon",  "include_in_backups",
                                       "keyboard_layout", "klass", "label",
                                       "maxmem",          "name",  "qid",
                                       "updateable",      "uuid",  "default_dispvm"};
    assert_int_equal(property_list(&s->k, 0, list), COUNT(dom0));
    for (size_t i = 0; i < COUNT(dom0); i++)
        assert_string_equal(property_name(list[i]), dom0[i]);
    assert_int_equal(property_list(&s->k, QID_GLOBAL, list), 20);
    assert_int_equal(property_list(&s->k, qid_of(s, "tmpl"), list), 47);
    assert_int_equal(property_list(&s->k, qid_of(s, "hvm"), list), 47);
    assert_int_equal(create(s, CLASS_DispVM, "dvm", "name=d label=red"), 0);
    assert_int_equal(property_list(&s->k, qid_of(s, "d"), list), 50);
    assert_int_equal(create(s, CLASS_RemoteVM, "", "name=far label=red"), 0);
    assert_int_equal(property_list(&s->k, qid_of(s, "far"), list), 10);
    assert_string_equal(get(s, "dom0", "qid"), "default=True type=int 0");
    assert_string_equal(get(s, "dom0", "icon"), "default=True type=str adminvm-black");
    assert_string_equal(get(s, "far", "icon"), "default=True type=str remotevm-red");
    assert_string_equal(get(s, "dom0", "netvm"), "no such property");
    assert_string_equal(get(s, "hvm", "icon"), "default=True type=str standalonevm-green");
    assert_string_equal(get(s, "dvm", "icon"), "default=True type=str templatevm-red");
    assert_string_equal(get(s, "net", "icon"), "default=True type=str servicevm-blue");
}

static void a_client_gets_addresses_and_its_provider_as_router(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "netvm", "net"), 0);
    assert_string_equal(get(s, "work", "ip"), "default=True type=str 10.137.0.2");
    assert_string_equal(get(s, "work", "gateway"), "default=True type=str ");
    assert_string_equal(get(s, "work", "visible_gateway"), "default=True type=str 10.137.0.3");
    assert_string_equal(get(s, "work", "visible_netmask"), "default=True type=str 255.255.255.255");
    assert_string_equal(get(s, "work", "dns"), "default=True type=str 10.139.1.1 10.139.1.2");
    assert_string_equal(get(s, "work", "ip6"), "default=True type=str ");
    assert_int_equal(feature(s, "net", "ipv6", "1"), 0);
    assert_string_equal(get(s, "work", "ip6"), "default=True type=str fd09:24ef:4179::a89:2");
    assert_string_equal(get(s, "work", "visible_gateway6"), "default=True type=str fd09:24ef:4179::a89:3");
    assert_int_equal(feature(s, "work", "net.fake-gateway", "192.168.0.1"), 0);
    assert_string_equal(get(s, "work", "visible_gateway"), "default=True type=str 192.168.0.1");
}

static void addresses_skip_the_ends_of_a_block(void **state)
{
    struct scene *s = *state;
    static const struct {
        uint32_t qid;
        const char *ip;
    } want[] = {{254, "10.137.0.254"},
                {255, "10.137.1.1"},
                {508, "10.137.1.254"},
                {509, "10.137.2.1"},
                {10000, "10.137.39.94"}};
    for (size_t i = 0; i < COUNT(want); i++) {
        struct property_value v;
        char name[16];
        snprintf(name, sizeof name, "n%u", want[i].qid);
        put(s, CHANGE_VM, want[i].qid, "", "1 StandaloneVM");
        put(s, CHANGE_PROPERTY, want[i].qid, "name", name);
        put(s, CHANGE_PROPERTY, want[i].qid, "provides_network", "True");
        property_get(&s->k, want[i].qid, PROPERTY_ip, &v);
        assert_string_equal(v.text.at, want[i].ip);
    }
}

static void children_inherit_what_their_template_sets(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "tmpl", "memory", "700"), 0);
    assert_string_equal(get(s, "work", "memory"), "default=True type=int 700");
    assert_string_equal(get(s, "hvm", "memory"), "default=True type=int 400");
    assert_int_equal(set(s, "", "default_qrexec_timeout", "61"), 0);
    assert_string_equal(get(s, "work", "qrexec_timeout"), "default=True type=int 61");
}

static void memory_is_balanced_only_where_the_hypervisor_can(void **state)
{
    struct scene *s = *state;
    s->hypervisor = "xen";
    assert_string_equal(get(s, "work", "maxmem"), "default=True type=int 4000");
    assert_string_equal(get(s, "hvm", "maxmem"), "default=True type=int 0");
    assert_int_equal(feature(s, "hvm", "qrexec", "1"), 0);
    assert_int_equal(feature(s, "hvm", "os", "Linux"), 0);
    assert_string_equal(get(s, "hvm", "maxmem"), "default=True type=int 4000");
    assert_int_equal(set(s, "hvm", "memory", "100000"), 0);
    assert_string_equal(get(s, "hvm", "maxmem"), "default=True type=int 8192");
    put(s, CHANGE_DEVICE, qid_of(s, "hvm"), "pci dom0 00_19.0 *", "mode=required");
    assert_string_equal(get(s, "hvm", "maxmem"), "default=True type=int 0");
}

static void gui_vms_that_show_each_other_do_not_hang_a_read(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "guivm", "hvm"), 0);
    assert_int_equal(set(s, "hvm", "guivm", "work"), 0);
    assert_string_equal(get(s, "work", "keyboard_layout"), "default=True type=str us++");
    assert_int_equal(set(s, "hvm", "keyboard_layout", "de++"), 0);
    assert_string_equal(get(s, "work", "keyboard_layout"), "default=True type=str de++");
}

static const char *default_of(struct scene *s, const char *vm, const char *name)
{
    static struct property_value v;
    enum property p;
    assert_int_equal(property_find(&s->k, qid_of(s, vm), span_of(name), &p, &s->why), 0);
    property_default(&s->k, qid_of(s, vm), p, &v);
    return v.is_set ? v.text.at : "unset";
}

static void a_qid_has_no_default_but_dom0s(void **state)
{
    struct scene *s = *state;
    assert_string_equal(default_of(s, "work", "qid"), "unset");
    assert_string_equal(default_of(s, "dom0", "qid"), "0");
    assert_string_equal(get(s, "dom0", "qid"), "default=True type=int 0");
}

static void a_kernel_that_nobody_named_has_no_options(void **state)
{
    struct scene *s = *state;
    assert_string_equal(default_of(s, "work", "kernelopts"), "swiotlb=2048");
    struct change gone = {CHANGE_PROPERTY, QID_GLOBAL, SPAN_LITERAL("default_kernel"), {"", 0}, 1};
    assert_int_equal(model_apply(s->m, &gone, &s->why), 0);
    assert_string_equal(default_of(s, "work", "kernel"), "unset");
    assert_string_equal(default_of(s, "work", "kernelopts"), "unset");
    assert_string_equal(get(s, "work", "kernelopts"), "default=True type=str ");
}

static void a_netmask_comes_from_a_provider_that_is_on_a_network(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "netvm", "net"), 0);
    assert_string_equal(get(s, "work", "visible_netmask"), "default=True type=str 255.255.255.255");
    assert_int_equal(reset(s, "net", "provides_network"), 0);
    assert_string_equal(get(s, "work", "visible_netmask"), "default=True type=str ");
}

static void only_hvm_has_a_device_model_in_a_domain(void **state)
{
    struct scene *s = *state;
    s->stubdom = "7";
    assert_string_equal(get(s, "hvm", "stubdom_xid"), "default=True type=int 7");
    assert_string_equal(get(s, "hvm", "stubdom_uuid"), "default=True type=str 7");
    assert_string_equal(get(s, "work", "stubdom_xid"), "default=True type=int -1");
    assert_string_equal(get(s, "work", "stubdom_uuid"), "default=True type=str ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(every_property_of_a_fresh_appvm_reads_as_its_default),
        SCENE_TEST(the_system_reads_as_its_defaults),
        SCENE_TEST(dom0_and_others_have_only_the_properties_of_their_class),
        SCENE_TEST(a_client_gets_addresses_and_its_provider_as_router),
        SCENE_TEST(addresses_skip_the_ends_of_a_block),
        SCENE_TEST(children_inherit_what_their_template_sets),
        SCENE_TEST(memory_is_balanced_only_where_the_hypervisor_can),
        SCENE_TEST(gui_vms_that_show_each_other_do_not_hang_a_read),
        SCENE_TEST(a_qid_has_no_default_but_dom0s),
        SCENE_TEST(a_kernel_that_nobody_named_has_no_options),
        SCENE_TEST(a_netmask_comes_from_a_provider_that_is_on_a_network),
        SCENE_TEST(only_hvm_has_a_device_model_in_a_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
