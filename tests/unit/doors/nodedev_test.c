/* SPDX-License-Identifier: MIT
 * PCI devices: one description read, a fixed list read in process, this machine's through libvirtd. */
#include "doors/nodedev.h"

#include "tests/unit/doors/private_libvirtd.h"

#define CAPABILITY                                                                                           \
    "<capability type='pci'><class>0x0c0330</class><domain>0</domain><bus>0</bus><slot>20</slot>"            \
    "<function>0</function><product id='0x8c31'>8 Series &amp; more</product>"                               \
    "<vendor id='0x8086'>Intel Corporation</vendor></capability>"
#define DEVICE(name) "<device><name>" name "</name><parent>computer</parent>" CAPABILITY "</device>"

static int read_of(const char *xml, struct pci_node *node, struct fault *why)
{
    return nodedev_read(xml, strlen(xml), node, why);
}

static void a_description_gives_address_class_and_names(void **state)
{
    struct pci_node node;
    struct fault why = {0};
    (void)state;
    assert_int_equal(read_of(DEVICE("pci_0000_00_14_0"), &node, &why), 0);
    assert_string_equal(node.name, "pci_0000_00_14_0");
    assert_int_equal(node.segment, 0);
    assert_int_equal(node.bus, 0);
    assert_int_equal(node.slot, 0x14);
    assert_int_equal(node.function, 0);
    assert_string_equal(node.class_code, "0c0330");
    assert_string_equal(node.vendor_id, "0x8086");
    assert_string_equal(node.product_id, "0x8c31");
    assert_string_equal(node.vendor, "Intel Corporation");
    assert_string_equal(node.product, "8 Series & more");
}

static void what_is_missing_reads_as_empty(void **state)
{
    struct pci_node node;
    struct fault why = {0};
    (void)state;
    assert_int_equal(
        read_of("<device><name>pci_0000_00_02_0</name><capability type='pci'><domain>65536</domain>"
                "<bus>255</bus><slot>31</slot><function>7</function><vendor/></capability></device>",
                &node, &why),
        0);
    assert_int_equal(node.segment, 65536);
    assert_string_equal(node.class_code, "");
    assert_string_equal(node.vendor_id, "");
    assert_string_equal(node.product, "");
}

static void what_is_no_pci_function_changes_nothing(void **state)
{
    static const struct {
        const char *xml;
        int error;
    } bad[] = {
        {"", -ERR_BAD},
        {"<device>", -ERR_BAD},
        {"<node/>", -ERR_BAD},
        {"<device><name>computer</name><capability type='system'/></device>", -ERR_UNKNOWN},
        {"<device><capability type='pci'/></device>", -ERR_BAD},
        {"<device><name>n</name><capability type='pci'><domain>0</domain><bus>256</bus><slot>0</slot>"
         "<function>0</function></capability></device>",
         -ERR_BAD},
        {DEVICE("a_name_that_is_longer_than_any_real_one_of_a_node"), -ERR_BAD},
        {"<!DOCTYPE device [<!ENTITY e 'x'>]>" DEVICE("&e;"), -ERR_BAD},
        {"<!DOCTYPE device SYSTEM 'file:///etc/passwd'>" DEVICE("n"), -ERR_BAD},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct pci_node node = {.name = "untouched"};
        struct fault why = {0};
        assert_int_equal(read_of(bad[i].xml, &node, &why), bad[i].error);
        assert_int_equal(-(int)why.code, bad[i].error);
        assert_string_equal(node.name, "untouched");
    }
}

static void a_huge_description_is_refused_unread(void **state)
{
    struct pci_node node;
    struct fault why = {0};
    (void)state;
    assert_int_equal(nodedev_read(NULL, (size_t)NODEDEV_XML_MAX + 1, &node, &why), -ERR_TOO_BIG);
}

static void a_long_name_is_cut_at_a_whole_character(void **state)
{
    struct pci_node node;
    struct fault why = {0};
    char xml[2048], vendor[600] = "";
    (void)state;
    for (int i = 0; i < 200; i++)
        strcat(vendor, "\u20ac"); /* three bytes each: 255 is a whole number of them, so start off by one */
    snprintf(xml, sizeof xml,
             "<device><name>n</name><capability type='pci'><domain>0</domain><bus>0</bus><slot>0</slot>"
             "<function>0</function><vendor>x%s</vendor></capability></device>",
             vendor);
    assert_int_equal(read_of(xml, &node, &why), 0);
    assert_int_equal(strlen(node.vendor), 1 + 84 * 3);
}

static const char fixed_host[] =
    "<node><cpu><mhz>3000</mhz><model>i986</model><active>8</active><nodes>1</nodes><sockets>1</sockets>"
    "<cores>8</cores><threads>1</threads></cpu><memory>16777216</memory>"
    "<device><name>computer</name><capability type='system'><hardware><vendor>v</vendor><version>1</version>"
    "<serial>1</serial><uuid>11111111-2222-3333-4444-555555555555</uuid></hardware><firmware><vendor>v</"
    "vendor>"
    "<version>1</version><release_date>01/22/2007</release_date></firmware></capability></device>" DEVICE(
        "pci_0000_00_14_0") "<device><name>pci_0000_00_00_0</name><parent>computer</parent><capability "
                            "type='pci'>"
                            "<class>0x060000</class><domain>0</domain><bus>0</bus><slot>0</slot><function>0</"
                            "function>"
                            "<product id='0x0c00'>DRAM Controller</product><vendor id='0x8086'>Intel "
                            "Corporation</vendor>"
                            "</capability></device></node>";

static void a_fixed_list_is_read_in_this_process_and_sorted(void **state)
{
    char path[] = "/tmp/bulkhead-host-XXXXXX", uri[64];
    struct nodedev_door *opened = NULL;
    struct pci_node rows[4];
    size_t count = 0;
    struct fault why = {0};
    (void)state;
    AUTO_FD fd = mkstemp(path);
    assert_int_equal(write(fd, fixed_host, strlen(fixed_host)), (ssize_t)strlen(fixed_host));
    snprintf(uri, sizeof uri, "test://%s", path);
    int r = nodedev_open_libvirt(uri, &opened, &why);
    unlink(path);
    if (r < 0)
        fail_msg("%s", why.text);
    AUTO(nodedev_door) *door = opened;
    assert_int_equal(door->ops->list(door, rows, COUNT(rows), &count, &why), 0);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].name, "pci_0000_00_00_0");
    assert_string_equal(rows[0].class_code, "060000");
    assert_string_equal(rows[1].class_code, "0c0330");
    assert_int_equal(door->ops->list(door, rows, 1, &count, &why), -ERR_TOO_BIG);
    assert_int_equal(count, 2);
    assert_int_equal(door->ops->detach(door, "pci_0000_00_14_0", &why), -ERR_UNSUPPORTED);
    assert_int_equal(door->ops->detach(door, "pci_0000_77_14_0", &why), -ERR_UNKNOWN);
}

static void the_machines_own_devices_are_those_of_sysfs(void **state)
{
    struct nodedev_door *opened = NULL;
    static struct pci_node rows[512];
    size_t count = 0;
    struct fault why = {0};
    (void)state;
    NEED_LIBVIRTD();
    if (nodedev_open_libvirt(libvirtd.node_uri, &opened, &why) < 0)
        fail_msg("%s", why.text);
    AUTO(nodedev_door) *door = opened;
    assert_int_equal(door->ops->list(door, rows, COUNT(rows), &count, &why), 0);
    print_message("# %zu PCI devices on this machine\n", count);
    for (size_t i = 0; i < count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/sys/bus/pci/devices/%04x:%02x:%02x.%x", rows[i].segment, rows[i].bus,
                 rows[i].slot, rows[i].function);
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(strlen(rows[i].class_code), 6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_gives_address_class_and_names),
        cmocka_unit_test(what_is_missing_reads_as_empty),
        cmocka_unit_test(what_is_no_pci_function_changes_nothing),
        cmocka_unit_test(a_huge_description_is_refused_unread),
        cmocka_unit_test(a_long_name_is_cut_at_a_whole_character),
        cmocka_unit_test(a_fixed_list_is_read_in_this_process_and_sorted),
        cmocka_unit_test(the_machines_own_devices_are_those_of_sysfs),
    };
    return cmocka_run_group_tests_name("doors/nodedev", tests, libvirtd_up, libvirtd_down);
}
