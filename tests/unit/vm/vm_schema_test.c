/* SPDX-License-Identifier: MIT
 * What is rendered is valid by libvirt's own schema, once what only Qubes' libvirt knows is taken out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libxml/relaxng.h>

#include "actors/vm/vm_xml.h"
#include "base/own.h"
#include "doors/xslt.h"

#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"

/* A disk's script, the stub domain and its screen, resets and filters of PCI devices, a loader by name. */
static const char only_qubes[] =
    "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
    "<xsl:template match='@*|node()'><xsl:copy><xsl:apply-templates "
    "select='@*|node()'/></xsl:copy></xsl:template>"
    "<xsl:template match='disk/script|emulator|graphics[@type=\"qubes\"]|hostdev/@nostrictreset'/>"
    "<xsl:template match='hostdev/source/@writeFiltering|hostdev/source/@powerManagementFiltering'/>"
    "<xsl:template match='loader/text()'>/usr/lib/xen/boot/hvmloader</xsl:template>"
    "</xsl:stylesheet>";

static void complain(void *arg, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(void *arg, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(arg, format, args);
    va_end(args);
}

static void is_valid(const struct domain_spec *vm)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    AUTO_TEXT plain = TEXT_WITH_LIMIT(VM_XML_MAX);
    struct fault why = {0};
    assert_int_equal(vm_xml_render(vm, "xen", &xml, &why), 0);
    assert_int_equal(xslt_apply(span_of(only_qubes), text_span(&xml), &plain, &why), 0);
    xmlDoc *doc = xmlReadMemory(plain.at, (int)plain.len, NULL, NULL, XML_PARSE_NONET);
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewParserCtxt(SCHEMA);
    xmlRelaxNG *schema = xmlRelaxNGParse(parser);
    xmlRelaxNGValidCtxt *valid = xmlRelaxNGNewValidCtxt(schema);
    assert_true(doc != NULL && valid != NULL);
    xmlRelaxNGSetValidErrors(valid, complain, complain, stderr);
    int r = xmlRelaxNGValidateDoc(valid, doc);
    xmlRelaxNGFreeValidCtxt(valid);
    xmlRelaxNGFree(schema);
    xmlRelaxNGFreeParserCtxt(parser);
    xmlFreeDoc(doc);
    if (r != 0)
        fail_msg("%.*s", (int)plain.len, plain.at);
}

static struct domain_spec spec(enum vm_virt_mode mode)
{
    static const struct vm_disk volumes[] = {
        {.source = "/dev/a", .target = "xvda", .has_script = true},
        {.source = "/dev/b", .target = "xvdb", .read_only = true, .backend_domain = "sys-disk"}};
    static const struct vm_disk blocks[] = {{.source = "/dev/c", .devtype = "cdrom", .read_only = true}};
    static const struct vm_pci pci[] = {{.bus = 4, .no_strict_reset = true, .permissive = true}};
    return (struct domain_spec){.name = "work",
                                .uuid = "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11",
                                .virt_mode = mode,
                                .memory_mib = 400,
                                .maxmem_mib = 4000,
                                .memory_hotplug = true,
                                .vcpus = 2,
                                .debug = true,
                                .cpu_without_rdrand = true,
                                .kernel = "/var/lib/qubes/vm-kernels/6.12/vmlinuz",
                                .initrd = "/var/lib/qubes/vm-kernels/6.12/initramfs",
                                .cmdline = "ro quiet",
                                .has_pci_assigned = true,
                                .e820_host = true,
                                .volumes = volumes,
                                .volume_count = COUNT(volumes),
                                .blocks = blocks,
                                .block_count = COUNT(blocks),
                                .net = {.netvm = "fw",
                                        .mac = "00:16:3e:5e:6c:00",
                                        .ip = "10.137.0.7",
                                        .ip6 = "fd09:24ef:4179::a89:7",
                                        .dns = {"10.139.1.1", "10.139.1.2"},
                                        .gateway = "10.137.0.5",
                                        .netmask = "255.255.255.255"},
                                .pci = pci,
                                .pci_count = COUNT(pci),
                                .hvm = {.linux_stubdom = true, .video_model = "vga", .sound_model = "ich6"}};
}

static void every_mode_is_valid(void **state)
{
    (void)state;
    if (access(SCHEMA, R_OK) < 0)
        skip();
    for (int mode = VM_PVH; mode <= VM_PV; mode++) {
        struct domain_spec vm = spec((enum vm_virt_mode)mode);
        is_valid(&vm);
    }
}

static void every_clock_and_a_kernel_from_inside_are_valid(void **state)
{
    (void)state;
    if (access(SCHEMA, R_OK) < 0)
        skip();
    struct domain_spec vm = spec(VM_HVM);
    vm.hvm.clock = VM_CLOCK_LOCALTIME;
    is_valid(&vm);
    vm.hvm.clock = VM_CLOCK_OFFSET;
    vm.hvm.clock_offset = "-3600";
    is_valid(&vm);
    vm = spec(VM_PVH);
    vm.maxmem_mib = 0;
    vm.initrd = vm.cmdline = NULL;
    is_valid(&vm);
}

static void one_that_may_take_a_device_later_is_valid(void **state)
{
    (void)state;
    if (access(SCHEMA, R_OK) < 0)
        skip();
    struct domain_spec vm = spec(VM_HVM);
    vm.pci_count = 0;
    is_valid(&vm);
    vm = spec(VM_PV);
    vm.pci_count = 0;
    is_valid(&vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_is_valid),
        cmocka_unit_test(every_clock_and_a_kernel_from_inside_are_valid),
        cmocka_unit_test(one_that_may_take_a_device_later_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
