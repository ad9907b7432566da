/* SPDX-License-Identifier: MIT
 * What is read from a qubes.xml: all of a good one; of a damaged one all but the damage. */
#include "actors/registry/registry_import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/registry/registry_example.h"

#define HEAD                                                                                                 \
    "<qubes><labels><label id='label-1' color='0xcc0000'>red</label><label id='label-8' color='0x000000'>"   \
    "black</label></labels><pools><pool name='main' driver='file' dir_path='/p'/><pool name='kernels' "      \
    "driver='linux-kernel' dir_path='/k'/></pools>"
#define TEMPLATE                                                                                             \
    "<domain class='TemplateVM'><properties><property name='name'>base</property><property name='qid'>1"     \
    "</property><property name='uuid'>u1</property></properties></domain>"
#define APP(qid, name, more_properties, more)                                                                \
    "<domain class='AppVM'><properties><property name='qid'>" qid "</property><property name='name'>" name   \
    "</property><property name='uuid'>u" qid                                                                 \
    "</property><property name='template'>base</property>" more_properties "</properties>" more "</domain>"
#define HOUSE(globals, domains)                                                                              \
    HEAD "<properties>" globals "</properties><domains>" TEMPLATE domains "</domains></qubes>"
#define P(name, value) "<property name='" name "'>" value "</property>"

/* Imports, and tells which of the lines (separated by newlines; "!" in front: absent) do not hold. */
static void assert_import_with(const char *xml, const struct import_rules *rules, const char *const *lines)
{
    struct gathered g = gathered_new();
    struct fault why = {0};
    if (gather(span_of(xml), rules, &g, &why) < 0)
        fail_msg("%s", why.text);
    for (; *lines != NULL; lines++) {
        bool absent = **lines == '!';
        bool found =
            strstr(g.print.at, *lines + absent) != NULL || strstr(g.problems.at, *lines + absent) != NULL;
        if (found == absent)
            fail_msg("%s\n%s%s", *lines, g.print.at, g.problems.at);
    }
    gathered_free(&g);
}

#define assert_import(xml, ...) assert_import_with(xml, NULL, (const char *const[]){__VA_ARGS__, NULL})

static void the_example_is_read_whole_and_without_a_word(void **state)
{
    (void)state;
    struct gathered g = gathered_new();
    assert_int_equal(gather(span_of(example_xml), NULL, &g, NULL), 0);
    assert_string_equal(g.problems.at, "");
    assert_string_equal(
        g.print.at,
        "LABEL -1 red=1 0xcc0000\nLABEL -1 black=8 0x000000\nLABEL -1 teal=9 0x00aacc\n"
        "POOL -1 main=dir_path=/srv/qubes|driver=file|revisions_to_keep=1|ephemeral_volatile=False\n"
        "POOL -1 linux-kernel=dir_path=/var/lib/qubes/vm-kernels|driver=linux-kernel\n"
        "VM 0 =1 AdminVM\nPROPERTY 0 label=black\n"
        "VM 1 =1 TemplateVM\nPROPERTY 1 name=base\nPROPERTY 1 label=black\n"
        "PROPERTY 1 uuid=3f0d5f0e-55d4-4d2f-8c1e-1c8a2b7f0a01\nFEATURE 1 qrexec=1\nTAG 1 guivm-dom0=\n"
        "VOLUME 1 root=pool=main|vid=vm-templates/base/root|revisions_to_keep=1|rw=True|save_on_stop=True|"
        "snap_on_start=False|size=10737418240\n"
        "VOLUME 1 kernel=pool=linux-kernel|vid=6.12-1|revisions_to_keep=0|rw=False|save_on_stop=False|"
        "snap_on_start=False\n"
        "VM 2 =1 AppVM\nPROPERTY 2 name=uplink\nPROPERTY 2 label=teal\n"
        "PROPERTY 2 provides_network=True\nPROPERTY 2 uuid=8b6b7b9c-2a0f-4f5b-b1c5-6f0f2c0e0a02\n"
        "PROPERTY 2 virt_mode=hvm\nPROPERTY 2 netvm=\nPROPERTY 2 template=base\n"
        "FEATURE 2 servicevm=1\nFEATURE 2 gui=\nTAG 2 created-by-dom0=\n"
        "DEVICE 2 pci dom0 00_1f.6 *=mode=required|option:no-strict-reset=True\n"
        "VOLUME 2 root=pool=main|vid=appvms/uplink/root|revisions_to_keep=0|rw=True|save_on_stop=False|"
        "snap_on_start=True|size=10737418240|source=vm-templates/base/root\n"
        "VOLUME 2 private=pool=main|vid=appvms/uplink/private|revisions_to_keep=1|rw=True|save_on_stop=True|"
        "snap_on_start=False|size=2147483648\n"
        "PROPERTY -1 default_kernel=6.12-1\nPROPERTY -1 default_netvm=uplink\nPROPERTY -1 default_pool=main\n"
        "PROPERTY -1 default_template=base\n");
    gathered_free(&g);
}

static void dom0_is_added_where_it_is_missing(void **state)
{
    (void)state;
    assert_import("<qubes/>", "VM 0 =1 AdminVM\n", "!PROPERTY 0", "dom0 was missing");
    assert_import(HOUSE("", ""), "VM 0 =1 AdminVM\nPROPERTY 0 label=black\n");
}

static void empty_text_is_none_as_each_type_has_it(void **state)
{
    (void)state;
    assert_import(HOUSE("", APP("2", "a", P("netvm", "") P("kernel", "") P("mac", ""), "")),
                  "PROPERTY 2 netvm=\n", "PROPERTY 2 kernel=\n", "PROPERTY 2 mac=None\n", "!DISABLED");
    assert_import(HOUSE("", APP("2", "a", P("vcpus", ""), "")), "DISABLED 2 =property 'vcpus'",
                  "!PROPERTY 2 vcpus");
}

static void old_content_is_migrated(void **state)
{
    (void)state;
    assert_import("<qubes><labels><label id='label-5' color='0x555753'>gray</label>"
                  "<label id='label-6' color='0x555753'>other</label></labels></qubes>",
                  "LABEL -1 gray=5 0x555555", "LABEL -1 other=6 0x555753");
    assert_import(HOUSE("", APP("2", "a", P("hvm", "True") P("dispvm_allowed", "yes"), "")
                                APP("3", "b", P("hvm", "0"), "")),
                  "PROPERTY 2 virt_mode=hvm", "PROPERTY 2 template_for_dispvms=True",
                  "PROPERTY 3 virt_mode=pv", "!DISABLED");
    assert_import(HOUSE(P("default_fw_netvm", "fw") P("default_netvm", "n"),
                        APP("2", "fw", P("provides_network", "1"), "")
                            APP("3", "n", P("provides_network", "1"), "") APP("4", "x", "", "")
                                APP("5", "own", P("provides_network", "1") P("netvm", ""), "")),
                  "PROPERTY 3 netvm=fw", "!PROPERTY 2 netvm", "!PROPERTY 4 netvm", "PROPERTY 5 netvm=\n",
                  "!PROPERTY -1 default_fw_netvm", "!DISABLED");
    assert_import(HOUSE(P("default_fw_netvm", "none-such"), APP("2", "fw", P("provides_network", "1"), "")),
                  "!PROPERTY 2 netvm", "!DISABLED");
    assert_import(HOUSE(P("default_dispvm", "a"),
                        APP("2", "a", P("default_dispvm", "d"), "")
                            APP("3", "d", P("template_for_dispvms", "True") P("default_dispvm", "a"), "")),
                  "PROPERTY -1 default_dispvm=\n", "PROPERTY 2 default_dispvm=d",
                  "PROPERTY 3 default_dispvm=\n", "!DISABLED");
    assert_import(HOUSE("", APP("2", "a", "", "<features><feature name='service.meminfo-writer'/></features>")
                                APP("3", "b", "",
                                    "<features><feature name='service.meminfo-writer'>1</feature>"
                                    "<feature name='z'/></features>")),
                  "PROPERTY 2 maxmem=0", "!PROPERTY 3 maxmem", "!FEATURE 2", "!FEATURE 3 service",
                  "FEATURE 3 z=\n");
    assert_import(HOUSE("", APP("2", "a", "",
                                "<volume-config><volume name='kernel' pool='kernels' snap_on_start='True' "
                                "internal='True'/></volume-config>")),
                  "VOLUME 2 kernel=pool=kernels|snap_on_start=False\n", "!internal");
}

static void labels_go_by_name_number_or_reference(void **state)
{
    (void)state;
    assert_import(HOUSE("", APP("2", "a", "<property name='label' ref='label-1'/>", "")
                                APP("3", "b", P("label", "label-8"), "") APP("4", "c", P("label", "8"), "")
                                    APP("5", "d", P("label", "mauve"), "")),
                  "PROPERTY 2 label=red", "PROPERTY 3 label=black", "PROPERTY 4 label=black",
                  "DISABLED 5 =", "!DISABLED 2", "!DISABLED 3", "!DISABLED 4");
}

static void one_bad_vm_is_disabled_and_the_rest_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *bad, *reason;
    } cases[] = {
        {APP("2", "a", P("shoe_size", "4"), ""), "shoe_size"},
        {APP("2", "a", P("vcpus", "two"), ""), "vcpus"},
        {APP("2", "a", P("provides_network", ""), ""), "provides_network"},
        {APP("2", "a", P("netvm", "gone"), ""), "gone"},
        {APP("2", "a", P("netvm", "base"), ""), "network"},
        {APP("2", "a", P("default_dispvm", "gone"), ""), "gone"},
        {APP("2", "a", P("template", "z"), ""), "template"},
        {"<domain class='AppVM'>" P("x", "") "<properties>" P("qid", "2") P("name", "a")
             P("uuid", "u") "</properties></domain>",
         "no template"},
        {"<domain class='TemplateVM'><properties>" P("qid", "2") P("name", "a") "</properties></domain>",
         "no uuid"},
        {"<domain class='Odd'><properties>" P("qid", "2") P("name", "a")
             P("uuid", "u") "</properties></domain>",
         "class 'Odd'"},
        {"<domain class='TemplateVM'><properties>" P("name", "a") P("uuid", "u") "</properties></domain>",
         "no qid"},
        {"<domain class='TemplateVM'><properties>" P("qid", "1") P("name", "a")
             P("uuid", "u") "</properties></domain>",
         "no qid"},
        {"<domain class='TemplateVM'><properties>" P("qid", "2") P("name", "a")
             P("uuid", "u1") "</properties></domain>",
         "its uuid is another's"},
        {"<domain class='TemplateVM'><properties>" P("qid", "2") P("name", "a")
             P("uuid", "00000000-0000-0000-0000-000000000000") "</properties></domain>",
         "its uuid is another's"},
        {APP("2", "base", "", ""), "another has it"},
        {APP("2", "", "", ""), "empty"},
        {APP("2", "a", "", "<features><feature>x</feature></features>"), "feature"},
        {APP("2", "a", "", "<tags><tag/></tags>"), "tag"},
        {APP("2", "a", "", "<volume-config><volume pool='main'/></volume-config>"), "volume"},
        {APP("2", "a", "", "<volume-config><volume name='r' pool='gone'/></volume-config>"), "pool"},
        {APP("2", "a", "", "<volume-config><volume name='r' pool='main' source='gone'/></volume-config>"),
         "source"},
        {APP("2", "a", "", "<devices class='pci'><device id='00_1.0' mode='manual'/></devices>"), "manual"},
        {APP("2", "a", "", "<devices class='pci'><device id='00_1.0'/><device id='00_1.0'/></devices>"),
         "second"},
        {APP("2", "a", "", "<devices class='usb'><device id='a b'/></devices>"), "port"},
        {APP("2", "a", "", "<devices class='usb'><device id='1' required='maybe'/></devices>"), "required"},
        {APP("2", "a", "",
             "<devices class='usb'><device id='1'><option name='x'>a\nb</option></device></devices>"),
         "option"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_TEXT xml = TEXT_WITH_LIMIT(1 << 16);
        text_format(&xml, "%s<domains>%s%s%s</domains></qubes>", HEAD, TEMPLATE, cases[i].bad,
                    APP("7", "z", P("vcpus", "3"), ""));
        assert_import(xml.at, "DISABLED 2 =", "NOTE 2 import=", "2 line 1: ", cases[i].reason, "VM 2 =1 ",
                      "PROPERTY 2 name=", "PROPERTY 7 vcpus=3", "!DISABLED 7", "!DISABLED 1 ");
    }
}

static void a_vm_of_an_unknown_class_is_kept_under_one_that_needs_nothing(void **state)
{
    (void)state;
    assert_import(HOUSE("", "<domain class='Odd'><properties>" P("qid", "2") P("name", "a") P("uuid", "u")
                                P("label", "red") "</properties></domain>"),
                  "VM 2 =1 StandaloneVM\nPROPERTY 2 name=a\n", "PROPERTY 2 label=red",
                  "DISABLED 2 =its class 'Odd'");
}

static void what_belongs_to_nobody_is_left_out_and_told(void **state)
{
    (void)state;
    assert_import(HOUSE(P("default_netvm", "gone") P("moon", "full") P("default_pool", "swamp"), ""),
                  "1 line 1: global property 'default_netvm'", "0 line 1: global property 'moon'",
                  "1 line 1: global property 'default_pool'", "!PROPERTY -1");
    assert_import("<qubes><pools><pool name='a' driver='tape'/><pool driver='file' dir_path='/x'/><pool "
                  "name='b' driver='file'/>"
                  "<pool name='c' driver='file' dir_path='/x' ephemeral_volatile='on' odd='1'/><pool "
                  "name='c' driver='file' "
                  "dir_path='/y'/><pool name='d' driver='file' dir_path='/x' "
                  "ephemeral_volatile='perhaps'/></pools></qubes>",
                  "!POOL -1 a", "!POOL -1 b", "POOL -1 c=dir_path=/x|driver=file|ephemeral_volatile=True\n",
                  "!POOL -1 d", "'odd'", "pool 'a' left out", "pool 'b' left out", "pool 'd' left out",
                  "is there already");
    assert_import(
        "<qubes><labels><label id='x' color='0x000000'>a</label><label id='label-2' color='red'>b</label>"
        "<label id='label-3' color='0x000000'>c</label><label id='label-3' "
        "color='0x000000'>d</label></labels></qubes>",
        "label 'a' left out", "label 'b' left out", "LABEL -1 c=3 0x000000", "label 'd' left out",
        "!LABEL -1 d");
    assert_import(HOUSE("", "<domain class='AdminVM'><properties>" P("label", "red")
                                P("name", "dom0") "</properties></domain>"
                                                  "<domain class='AdminVM'/>"),
                  "PROPERTY 0 label=red", "second AdminVM", "!PROPERTY 0 name", "!DISABLED");
}

static void devices_are_read_in_all_their_old_forms(void **state)
{
    (void)state;
    assert_import(HOUSE("", APP("2", "a", "",
                                "<devices class='pci'><device backend-domain='dom0' id='00_1.0'/><device "
                                "backend-domain='gone' id='00_2.0'/>"
                                "<device id='00_3.0' required='no' mode='required'><option name='identity'>i "
                                "d</option><option name='o'/></device>"
                                "<device backend-domain='*' id='00_4.0' mode='ask-to-attach'/><device "
                                "id='00_5.0' mode='sometimes'/></devices>"
                                "<devices class='teapot'><device id='1'/></devices><devices class='mic'/>")),
                  "DEVICE 2 pci dom0 00_1.0 *=mode=required\n",
                  "!00_2.0 *=", "DEVICE 2 pci * 00_3.0 i d=mode=auto-attach|option:o=None\n",
                  "DEVICE 2 pci * 00_4.0 *=mode=ask-to-attach\n", "!00_5.0 *=", "'gone' left out",
                  "'sometimes'", "'teapot'", "!DISABLED");
}

static int lookup(void *self, struct span address, struct text *path)
{
    (void)self;
    if (span_is(address, "02_00.0")) {
        text_add(path, "00_08.1-00_00.0");
        return 0;
    }
    return span_starts(address, "0") ? -ERR_UNKNOWN : -ERR_BAD;
}

static void an_old_pci_address_becomes_its_path_where_the_machine_knows_it(void **state)
{
    (void)state;
    static const struct import_rules rules = {.type = example_type, .pci_path = lookup};
    assert_import_with(HOUSE("", APP("2", "a", "",
                                     "<devices class='pci'><device id='02_00.0'/><device id='03_00.0'/>"
                                     "<device id='*'/></devices>")
                                     APP("3", "b", "", "<devices class='pci'><device id='what'/></devices>")),
                       &rules,
                       (const char *const[]){"DEVICE 2 pci * 00_08.1-00_00.0 *=", "DEVICE 2 pci * 03_00.0 *=",
                                             "DEVICE 2 pci * * *=", "!DISABLED 2", "DISABLED 3 =", NULL});
}

static int no_sevens(void *self, struct span class_name, struct span name, struct span value,
                     struct fault *why)
{
    (void)self, (void)class_name, (void)name;
    return span_is(value, "7") ? fault_set(why, ERR_PROPERTY_VALUE, "seven is 100%% unlucky\n") : 0;
}

static void what_the_model_refuses_disables_with_its_words_made_plain(void **state)
{
    (void)state;
    static const struct import_rules rules = {.type = example_type, .check = no_sevens};
    assert_import_with(
        HOUSE("", APP("2", "a", P("vcpus", "7"), "") APP("3", "7", "", "")), &rules,
        (const char *const[]){"DISABLED 2 =property 'vcpus' = '7' left out: seven is 100? unlucky?",
                              "PROPERTY 3 name=domain-3", "DISABLED 3 =", NULL});
}

static void bytes_that_are_no_store_fail_with_their_line_and_tell_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "<qubes>\n<labels>\n</qubes>", "<cubes/>",
                                      "<!DOCTYPE qubes><qubes/>", "hello"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct gathered g = gathered_new();
        struct fault why = {0};
        assert_int_equal(gather(span_of(bad[i]), NULL, &g, &why), -ERR_BAD);
        assert_non_null(strstr(why.text, "line"));
        assert_int_equal(g.count, 0);
        gathered_free(&g);
    }
}

static void a_file_cut_at_any_byte_is_an_error_and_no_more(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof example_xml - 2; len++) {
        struct gathered g = gathered_new();
        char *cut = malloc(len > 0 ? len : 1); /* so that a sanitizer sees a step too far */
        memcpy(cut, example_xml, len);
        assert_int_equal(gather((struct span){cut, len}, NULL, &g, NULL), -ERR_BAD);
        assert_int_equal(g.count, 0);
        free(cut);
        gathered_free(&g);
    }
}

static void any_byte_changed_is_survived(void **state)
{
    (void)state;
    static const char replacements[] = {'\0', '<', '"', ' ', '\xff', '9'};
    char xml[sizeof example_xml];
    for (size_t i = 0; i < sizeof example_xml - 1; i++) {
        struct gathered g = gathered_new();
        memcpy(xml, example_xml, sizeof xml);
        xml[i] = replacements[i % sizeof replacements];
        gather((struct span){xml, sizeof xml - 1}, NULL, &g, NULL);
        gathered_free(&g);
    }
}

static int refuse(void *self, const struct change *c)
{
    (void)c;
    return ++*(int *)self == 3 ? -ERR_CANCELLED : 0;
}

static int ignore(void *self, const struct import_problem *p)
{
    (void)self, (void)p;
    return 0;
}

static void a_listener_that_refuses_hears_no_more(void **state)
{
    (void)state;
    int heard = 0;
    struct import_rules rules = {.type = example_type};
    struct import_sink sink = {&heard, refuse, ignore};
    assert_int_equal(registry_import(span_of(example_xml), &rules, &sink, NULL), -ERR_CANCELLED);
    assert_int_equal(heard, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_read_whole_and_without_a_word),
        cmocka_unit_test(dom0_is_added_where_it_is_missing),
        cmocka_unit_test(empty_text_is_none_as_each_type_has_it),
        cmocka_unit_test(old_content_is_migrated),
        cmocka_unit_test(labels_go_by_name_number_or_reference),
        cmocka_unit_test(one_bad_vm_is_disabled_and_the_rest_is_read),
        cmocka_unit_test(a_vm_of_an_unknown_class_is_kept_under_one_that_needs_nothing),
        cmocka_unit_test(what_belongs_to_nobody_is_left_out_and_told),
        cmocka_unit_test(devices_are_read_in_all_their_old_forms),
        cmocka_unit_test(an_old_pci_address_becomes_its_path_where_the_machine_knows_it),
        cmocka_unit_test(what_the_model_refuses_disables_with_its_words_made_plain),
        cmocka_unit_test(bytes_that_are_no_store_fail_with_their_line_and_tell_nothing),
        cmocka_unit_test(a_file_cut_at_any_byte_is_an_error_and_no_more),
        cmocka_unit_test(any_byte_changed_is_survived),
        cmocka_unit_test(a_listener_that_refuses_hears_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
