/* SPDX-License-Identifier: MIT
 * What properties take, and what they refuse with nothing moved. */
#include "tests/unit/model/fixture.h"

static const struct {
    const char *vm, *name, *value, *kept;
} good[] = {
    {"work", "memory", "0500", "default=False type=int 500"},
    {"work", "memory", " 600", "default=False type=int 600"},
    {"work", "memory", "10000000000000000000000", "default=False type=int 10000000000000000000000"},
    {"work", "memory", "+7", "default=False type=int 7"},
    {"work", "memory", "1_0", "default=False type=int 10"},
    {"work", "maxmem", "0", "default=False type=int 0"},
    {"work", "vcpus", "4", "default=False type=int 4"},
    {"work", "stubdom_mem", "128", "default=False type=int 128"},
    {"work", "qrexec_timeout", "5", "default=False type=int 5"},
    {"work", "shutdown_timeout", "5", "default=False type=int 5"},
    {"work", "backup_timestamp", "1700000000", "default=False type=int 1700000000"},
    {"work", "debug", "yes", "default=False type=bool True"},
    {"work", "debug", "OFF", "default=False type=bool False"},
    {"work", "autostart", "1", "default=False type=bool True"},
    {"work", "include_in_backups", "no", "default=False type=bool False"},
    {"work", "installed_by_rpm", "True", "default=False type=bool True"},
    {"work", "template_for_dispvms", "True", "default=False type=bool True"},
    {"work", "provides_network", "True", "default=False type=bool True"},
    {"work", "label", "green", "default=False type=label green"},
    {"work", "label", "3", "default=False type=label yellow"},
    {"work", "label", "label-6", "default=False type=label blue"},
    {"work", "default_user", "", "default=False type=str "},
    {"work", "default_user", "u_-+,.9", "default=False type=str u_-+,.9"},
    {"work", "kernel", "6.6.9", "default=False type=str 6.6.9"},
    {"work", "kernel", "", "default=False type=str "},
    {"work", "kernelopts", "x\ny", "default=False type=str x\ny"},
    {"work", "virt_mode", "HVM", "default=False type=str hvm"},
    {"work", "virt_mode", "pvh", "default=False type=str pvh"},
    {"work", "bootmode", "", "default=False type=str "},
    {"work", "netvm", "net", "default=False type=vm net"},
    {"work", "netvm", "", "default=False type=vm "},
    {"work", "template", "tmpl", "default=False type=vm tmpl"},
    {"work", "guivm", "net", "default=False type=vm net"},
    {"work", "guivm", "", "default=False type=vm "},
    {"work", "audiovm", "dom0", "default=False type=vm dom0"},
    {"work", "default_dispvm", "dvm", "default=False type=vm dvm"},
    {"work", "management_dispvm", "dvm", "default=False type=vm dvm"},
    {"work", "mac", "00:16:3E:5E:6C:99", "default=False type=str 00:16:3e:5e:6c:99"},
    {"work", "ip", "10.0.0.5", "default=False type=str 10.0.0.5"},
    {"work", "ip6", "FD00:0:0:0:0:0:0:1", "default=False type=str fd00::1"},
    {"work", "ip6", "::ffff:1.2.3.4", "default=False type=str ::ffff:102:304"},
    {"work", "keyboard_layout", "us+intl+compose:ralt", "default=False type=str us+intl+compose:ralt"},
    {"work", "devices_denied", "u08****p0c****u08****", "default=False type=str p0c****u08****"},
    {"tmpl", "appvm_default_bootmode", "x", "default=False type=str x"},
    {"dom0", "label", "red", "default=False type=label red"},
    {"dom0", "keyboard_layout", "de++", "default=False type=str de++"},
    {"dom0", "default_dispvm", "dvm", "default=False type=vm dvm"},
    {"", "default_qrexec_timeout", "-1", "default=False type=int -1"},
    {"", "default_shutdown_timeout", " 5 ", "default=False type=int 5"},
    {"", "stats_interval", "0", "default=False type=int 0"},
    {"", "default_netvm", "", "default=False type=vm "},
    {"", "default_kernel", "", "default=False type=str "},
    {"", "default_pool", "linux-kernel", "default=False type=str linux-kernel"},
    {"", "default_pool_private", "varlibqubes", "default=False type=str varlibqubes"},
    {"", "clockvm", "net", "default=False type=vm net"},
    {"", "updatevm", "net", "default=False type=vm net"},
    {"", "default_dispvm", "dvm", "default=False type=vm dvm"},
    {"", "management_dispvm", "dvm", "default=False type=vm dvm"},
    {"", "default_guivm", "work", "default=False type=vm work"},
    {"", "default_audiovm", "", "default=False type=vm "},
    {"", "default_template", "", "default=False type=vm "},
    {"", "check_updates_vm", "0", "default=False type=bool False"},
};

static const struct {
    const char *vm, *name, *value;
    enum err code;
} bad[] = {
    {"work", "nosuch", "1", ERR_NO_PROPERTY},
    {"hvm", "template", "tmpl", ERR_NO_PROPERTY},
    {"dom0", "netvm", "net", ERR_NO_PROPERTY},
    {"work", "memory", "0", ERR_PROPERTY_VALUE},
    {"work", "memory", "-1", ERR_PROPERTY_VALUE},
    {"work", "memory", "", ERR_VALUE},
    {"work", "memory", "4.5", ERR_VALUE},
    {"work", "memory", "1__0", ERR_VALUE},
    {"work", "memory", "_1", ERR_VALUE},
    {"work", "memory", "1_", ERR_VALUE},
    {"work", "memory", "\xd9\xa1", ERR_VALUE},
    {"work", "maxmem", "-1", ERR_PROPERTY_VALUE},
    {"work", "vcpus", "x", ERR_VALUE},
    {"work", "qrexec_timeout", "0", ERR_PROPERTY_VALUE},
    {"work", "debug", "maybe", ERR_VALUE},
    {"work", "debug", "", ERR_VALUE},
    {"net", "provides_network", "nope", ERR_VALUE},
    {"work", "label", "", ERR_LABEL_NOT_FOUND},
    {"work", "label", "pink", ERR_LABEL_NOT_FOUND},
    {"work", "label", "label-x", ERR_LABEL_NOT_FOUND},
    {"work", "label", "label-red", ERR_LABEL_NOT_FOUND},
    {"work", "label", "label-99", ERR_LABEL_NOT_FOUND},
    {"work", "label", "99", ERR_LABEL_NOT_FOUND},
    {"work", "default_user", "a b", ERR_PROPERTY_VALUE},
    {"work", "default_user", "u\n", ERR_PROPERTY_VALUE},
    {"work", "kernel", "nosuch", ERR_PROPERTY_VALUE},
    {"work", "kernel", "broken", ERR_PROPERTY_VALUE},
    {"work", "kernel", "../x", ERR_PROPERTY_VALUE},
    {"work", "virt_mode", "kvm", ERR_PROPERTY_VALUE},
    {"work", "virt_mode", "", ERR_PROPERTY_VALUE},
    {"work", "netvm", "nosuch", ERR_PROPERTY_VALUE},
    {"work", "netvm", "tmpl", ERR_VALUE},
    {"work", "netvm", "dom0", ERR_VALUE},
    {"work", "netvm", "none", ERR_VALUE},
    {"net", "netvm", "net", ERR_VALUE},
    {"work", "template", "work", ERR_PROPERTY_VALUE},
    {"work", "template", "", ERR_PROPERTY_VALUE},
    {"work", "default_dispvm", "work", ERR_PROPERTY_VALUE},
    {"work", "default_dispvm", "dom0", ERR_PROPERTY_VALUE},
    {"work", "mac", "x", ERR_PROPERTY_VALUE},
    {"work", "mac", "00-16-3e-5e-6c-99", ERR_PROPERTY_VALUE},
    {"work", "ip", "256.1.1.1", ERR_VALUE},
    {"work", "ip", "::1", ERR_VALUE},
    {"work", "ip6", "10.0.0.1", ERR_VALUE},
    {"work", "keyboard_layout", "fr", ERR_PROPERTY_VALUE},
    {"work", "keyboard_layout", "+a+", ERR_PROPERTY_VALUE},
    {"work", "keyboard_layout", "fr+???+", ERR_PROPERTY_VALUE},
    {"work", "keyboard_layout", "us+++", ERR_PROPERTY_VALUE},
    {"work", "devices_denied", "zz", ERR_VALUE},
    {"work", "devices_denied", "x08****", ERR_PROPERTY_VALUE},
    {"work", "name", "other", ERR_PROPERTY_VALUE},
    {"work", "qid", "7", ERR_PROPERTY_VALUE},
    {"work", "uuid", "00000000-0000-0000-0000-000000000001", ERR_PROPERTY_VALUE},
    {"work", "xid", "1", ERR_PROPERTY_VALUE},
    {"work", "klass", "X", ERR_PROPERTY_VALUE},
    {"work", "icon", "x", ERR_PROPERTY_VALUE},
    {"work", "updateable", "True", ERR_PROPERTY_VALUE},
    {"dom0", "name", "x", ERR_PROPERTY_VALUE},
    {"dom0", "maxmem", "1", ERR_PROPERTY_VALUE},
    {"", "maxmem", "5", ERR_PROPERTY_VALUE},
    {"", "no_cpus", "2", ERR_PROPERTY_VALUE},
    {"", "default_template", "work", ERR_PROPERTY_VALUE},
    {"", "default_netvm", "net", ERR_PROPERTY_VALUE},
    {"", "default_netvm", "tmpl", ERR_PROPERTY_VALUE},
    {"", "default_netvm", "dom0", ERR_PROPERTY_VALUE},
    {"", "default_pool", "nosuch", ERR_PROPERTY_VALUE},
    {"", "default_pool", "", ERR_PROPERTY_VALUE},
    {"", "default_kernel", "../x", ERR_PROPERTY_VALUE},
    {"", "default_dispvm", "work", ERR_PROPERTY_VALUE},
    {"", "stats_interval", "1.5", ERR_VALUE},
    {"", "clockvm", "nosuch", ERR_PROPERTY_VALUE},
};

static void an_accepted_value_is_kept_in_its_canonical_form(void **state)
{
    struct scene *s = *state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(set(s, good[i].vm, good[i].name, good[i].value), 0);
        assert_string_equal(get(s, good[i].vm, good[i].name), good[i].kept);
        assert_int_equal(reset(s, good[i].vm, good[i].name) == 0,
                         strcmp(good[i].name, "template") != 0 &&
                             strcmp(good[i].name, "default_kernel") != 0);
        if (strcmp(good[i].name, "default_kernel") == 0)
            assert_int_equal(set(s, "", "default_kernel", "6.12.1"), 0);
        if (strcmp(good[i].name, "label") == 0)
            assert_int_equal(set(s, good[i].vm, "label", "red"), 0);
    }
}

static void a_refused_value_moves_nothing_and_names_its_class(void **state)
{
    struct scene *s = *state;
    char before[2048];
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(before, sizeof before, "%s", get(s, bad[i].vm, bad[i].name));
        assert_int_equal(set(s, bad[i].vm, bad[i].name, bad[i].value), -(int)bad[i].code);
        assert_string_equal(get(s, bad[i].vm, bad[i].name), before);
    }
}

static void options_of_513_characters_are_too_long(void **state)
{
    struct scene *s = *state;
    char text[514] = "";
    memset(text, 'a', 512);
    assert_int_equal(set(s, "work", "kernelopts", text), 0);
    text[512] = 'a';
    assert_int_equal(set(s, "work", "kernelopts", text), -ERR_PROPERTY_VALUE);
}

static void a_network_never_becomes_a_loop(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "provides_network", "True"), 0);
    assert_int_equal(set(s, "work", "netvm", "net"), 0);
    assert_int_equal(set(s, "net", "netvm", "work"), -ERR_VALUE);
    assert_int_equal(set(s, "", "default_netvm", "work"), -ERR_PROPERTY_VALUE);
    assert_int_equal(set(s, "net", "netvm", ""), 0);
    assert_int_equal(set(s, "hvm", "netvm", ""), 0);
    assert_int_equal(set(s, "dvm", "netvm", ""), 0);
    assert_int_equal(set(s, "net", "provides_network", "False"), -ERR_VALUE);
    assert_int_equal(set(s, "", "default_netvm", "net"), 0);
    assert_int_equal(reset(s, "net", "netvm"), -ERR_VALUE);
}

static void pvh_is_refused_while_a_pci_device_is_assigned(void **state)
{
    struct scene *s = *state;
    put(s, CHANGE_DEVICE, qid_of(s, "work"), "pci dom0 00_19.0 *", "mode=required");
    assert_string_equal(get(s, "work", "virt_mode"), "default=True type=str hvm");
    assert_int_equal(set(s, "work", "virt_mode", "pvh"), -ERR_PROPERTY_VALUE);
    assert_int_equal(set(s, "work", "virt_mode", "pv"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_accepted_value_is_kept_in_its_canonical_form),
        SCENE_TEST(a_refused_value_moves_nothing_and_names_its_class),
        SCENE_TEST(options_of_513_characters_are_too_long),
        SCENE_TEST(a_network_never_becomes_a_loop),
        SCENE_TEST(pvh_is_refused_while_a_pci_device_is_assigned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
