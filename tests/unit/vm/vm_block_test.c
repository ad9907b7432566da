/* SPDX-License-Identifier: MIT
 * Disks of backends in the live domain's XML, and the names that are free for another one. */
#include "actors/vm/vm_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/vm/vm_xml.h"
#include "base/own.h"

static struct vm_block_list live;

static void read_disks(const char *inside, const char *words, bool has_kernel)
{
    char xml[8192];
    struct fault why;
    AUTO(xml_doc) *doc = NULL;
    snprintf(xml, sizeof xml,
             "<domain><metadata><a:attached xmlns:a='urn:x'>%s</a:attached></metadata><devices>%s</devices>"
             "</domain>",
             words, inside);
    assert_int_equal(xml_parse(span_of(xml), &doc, &why), 0);
    vm_block_list_read(&live, xml_root(doc), has_kernel);
}

#define DISK(target, source, more)                                                                           \
    "<disk type='block' device='disk'><source dev='" source "'/><target dev='" target "'/>" more "</disk>"

static void a_disk_without_a_backend_is_dom0s_and_the_systems_own_are_not_shown(void **state)
{
    (void)state;
    read_disks(DISK("xvda", "/dev/a", "") DISK("xvdd", "/dev/mapper/mods", "") DISK("xvdi", "/dev/sda", "")
                   DISK("xvdj", "/dev/mapper/x", "<readonly/><backenddomain name='sys-usb'/>"),
               "", true);
    assert_int_equal(live.count, 2);
    assert_true(strcmp(live.block[0].backend, "dom0") == 0 && strcmp(live.block[0].port, "sda") == 0);
    assert_true(strcmp(live.block[1].backend, "sys-usb") == 0 &&
                strcmp(live.block[1].port, "mapper_x") == 0 && live.block[1].read_only);
    read_disks(DISK("xvdd", "/dev/mapper/mods", ""), "", false);
    assert_int_equal(live.count, 1);
}

static void what_is_no_block_device_or_has_no_place_is_no_disk_of_a_backend(void **state)
{
    (void)state;
    read_disks("<disk type='file' device='disk'><source file='/x'/><target dev='xvdi'/></disk>"
               "<disk type='block'><target dev='xvdj'/></disk>"
               "<disk type='block'><source dev='/dev/x'/></disk>"
               "<disk type='block'><source dev='/dev/x'/><target dev=''/></disk>",
               "", false);
    assert_int_equal(live.count, 0);
    assert_int_equal(live.targets, 2); /* their names are taken all the same */
}

static void options_are_told_as_they_hold(void **state)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(256);
    (void)state;
    read_disks(
        "<disk type='block' device='cdrom'><source dev='/dev/sr0'/><target dev='xvdi'/><readonly/></disk>",
        "", false);
    vm_block_lines(&live.block[0], &lines);
    assert_string_equal(lines.at, "option:read-only=yes\noption:frontend-dev=xvdi\noption:devtype=cdrom");
}

static void choose(struct vm_block *b, const char *name)
{
    struct fault why;
    assert_int_equal(vm_block_choose(b, &live, &why), 0);
    assert_string_equal(b->target, name);
}

static void the_first_free_name_is_chosen_and_a_given_one_kept(void **state)
{
    (void)state;
    struct vm_block plain = {.port = "sda"}, next = plain, disc = {.devtype = "cdrom"}, other = disc,
                    given = {.target = "xvdp"};
    read_disks(DISK("xvda", "/dev/a", "") DISK("xvdb", "/dev/b", "") DISK("xvdc", "/dev/c", ""), "", true);
    choose(&plain, "xvdi");
    choose(&disc, "xvdd");
    choose(&given, "xvdp");
    read_disks(DISK("xvdi", "/dev/a", "") DISK("xvdd", "/dev/m", ""), "", true);
    choose(&next, "xvdj");
    choose(&other, "xvdj");
}

static void behind_the_letters_come_pairs_of_letters(void **state)
{
    struct vm_block b = {.port = "sda"};
    struct fault why;
    (void)state;
    live = (struct vm_block_list){.count = 0};
    for (int c = 'i'; c <= 'z'; c++)
        snprintf(live.used[live.targets++], 16, "xvd%c", c);
    choose(&b, "xvdaa");
    strcpy(live.used[live.targets++], "xvdaa");
    b.target[0] = '\0';
    choose(&b, "xvdab");
    unsigned names = 0;
    for (struct vm_block_list full = live; names < 1000; names++) { /* only so many fit into the list */
        b.target[0] = '\0';
        if (full.targets == COUNT(full.used) || vm_block_choose(&b, &full, &why) < 0)
            break;
        strcpy(full.used[full.targets++], b.target);
    }
    assert_int_equal(names, COUNT(live.used) - live.targets);
}

static void words_of_a_driver_without_hot_plug_come_and_go(void **state)
{
    (void)state;
    read_disks(DISK("xvdi", "/dev/sda", "<backenddomain name='sys-usb'/>"),
               "0000:00:19.0 disk:dom0:xvdj:r:cdrom:/dev/sr0 -disk:sys-usb:xvdi:w:disk:/dev/sda disk:x",
               false);
    assert_int_equal(live.count, 1);
    assert_true(strcmp(live.block[0].port, "sr0") == 0 && live.block[0].read_only &&
                strcmp(live.block[0].devtype, "cdrom") == 0);
    struct vm_block b = {.port = "sdb"};
    choose(&b, "xvdi");
}

static void the_element_is_as_the_specification_has_it(void **state)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(4096);
    struct vm_block b = {
        .backend = "sys-usb", .port = "sda", .target = "xvdi", .read_only = true, .script = true};
    struct fault why;
    char source[272];
    (void)state;
    vm_block_source(&b, source);
    struct vm_disk disk = vm_block_disk(&b, source);
    assert_int_equal(vm_xml_block(&disk, "xen", &xml, &why), 0);
    static const char *const parts[] = {"<disk type=\"block\" device=\"disk\">",
                                        "<driver name=\"phy\"/>",
                                        "<source dev=\"/dev/sda\"/>",
                                        "<target dev=\"xvdi\"/>",
                                        "<readonly>",
                                        "<backenddomain name=\"sys-usb\"/>",
                                        "<script path=\"/etc/xen/scripts/qubes-block\"/>"};
    const char *at = xml.at;
    for (size_t i = 0; i < COUNT(parts); i++) {
        at = strstr(at, parts[i]);
        assert_non_null(at);
    }
    strcpy(b.port, "mapper_dmroot");
    vm_block_source(&b, source);
    assert_string_equal(source, "/dev/mapper/dmroot");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_without_a_backend_is_dom0s_and_the_systems_own_are_not_shown),
        cmocka_unit_test(what_is_no_block_device_or_has_no_place_is_no_disk_of_a_backend),
        cmocka_unit_test(options_are_told_as_they_hold),
        cmocka_unit_test(the_first_free_name_is_chosen_and_a_given_one_kept),
        cmocka_unit_test(behind_the_letters_come_pairs_of_letters),
        cmocka_unit_test(words_of_a_driver_without_hot_plug_come_and_go),
        cmocka_unit_test(the_element_is_as_the_specification_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
