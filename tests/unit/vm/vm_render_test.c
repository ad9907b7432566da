/* SPDX-License-Identifier: MIT
 * From a view, as registry sends it, to the domain's XML. */
#include "actors/vm/vm_render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/vm/vm_xml.h"
#include "base/own.h"

struct made {
    struct vm_view view;
    struct view_hvm hvm;
    struct vm_machine machine;
    struct text netvm, hvms;
};

static struct made make(const char *mode, const char *kernel)
{
    struct made m = {.view = {.name = "work",
                              .uuid = "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11",
                              .class = "AppVM",
                              .kernelopts = "ro quiet",
                              .memory = 400,
                              .maxmem = 4000,
                              .vcpus = 2,
                              .shutdown_timeout = 60,
                              .e820_host = 1},
                     .hvm = {.linux_stubdom = 1, .video_model = "vga"},
                     .machine = {.kernels = "/k", .has_initrd = true, .audio_domid = -1},
                     .netvm = TEXT_WITH_LIMIT(1024),
                     .hvms = TEXT_WITH_LIMIT(4096)};
    snprintf(m.view.virt_mode, sizeof m.view.virt_mode, "%s", mode);
    snprintf(m.view.kernel, sizeof m.view.kernel, "%s", kernel);
    return m;
}

/* The XML as a view that has travelled gives it. */
static void holds(struct made *m, const char *part, bool expected)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX), bytes = TEXT_WITH_LIMIT(BODY_MAX);
    struct vm_view view;
    struct fault why = {0};
    text_clear(&m->hvms);
    m->view.hvm = (struct wire_list){0};
    if (strcmp(m->view.virt_mode, "hvm") == 0)
        view_hvm_add(&m->view.hvm, &m->hvms, &m->hvm);
    vm_view_encode(&bytes, &m->view);
    assert_int_equal(vm_view_decode(&view, text_span(&bytes)), 0);
    if (vm_render(&view, &m->machine, "xen", &xml, &why) < 0)
        fail_msg("%s", why.text);
    if ((strstr(xml.at, part) != NULL) != expected)
        fail_msg("%s in %s", part, xml.at);
}

static void made_end(struct made *m)
{
    text_free(&m->netvm);
    text_free(&m->hvms);
}

static void the_kernel_of_dom0_comes_with_its_initrd_where_there_is_one(void **state)
{
    struct made m = make("pvh", "6.12");
    (void)state;
    holds(&m, "<kernel>/k/6.12/vmlinuz</kernel><initrd>/k/6.12/initramfs</initrd><cmdline>ro quiet</cmdline>",
          true);
    m.machine.has_initrd = false;
    holds(&m, "<kernel>/k/6.12/vmlinuz</kernel><cmdline>ro quiet</cmdline>", true);
    made_end(&m);
}

/* The first bytes are the kernel's options for every VM, the others its own. */
static void a_vm_that_has_a_screen_is_not_told_to_leave_its_mode_alone(void **state)
{
    struct made m = make("pvh", "6.12");
    (void)state;
    strcpy(m.view.kernelopts, "ro  nomodeset quiet nomodeset");
    m.view.common_len = strlen("ro  nomodeset ");
    m.machine.has_screen = true;
    holds(&m, "<cmdline>ro  nomodeset quiet nomodeset</cmdline>", true);
    m.view.modeset = 2;
    holds(&m, "<cmdline>ro  quiet nomodeset</cmdline>", true);
    m.machine.has_screen = false;
    holds(&m, "<cmdline>ro  nomodeset quiet nomodeset</cmdline>", true);
    m.view.modeset = 1;
    holds(&m, "<cmdline>ro  quiet nomodeset</cmdline>", true);
    m.view.common_len = 0;
    holds(&m, "<cmdline>ro  nomodeset quiet nomodeset</cmdline>", true);
    m.view.common_len = 1000;
    holds(&m, "<cmdline>ro  nomodeset quiet nomodeset</cmdline>", true);
    made_end(&m);
}

static void a_kernel_from_inside_is_loaded_by_a_loader_without_a_command_line(void **state)
{
    struct made m = make("pvh", "");
    (void)state;
    holds(&m, "<kernel>/k/pvgrub2-pvh/vmlinuz</kernel></os>", true);
    strcpy(m.view.virt_mode, "pv");
    holds(&m, "<kernel>/k/pvgrub2/vmlinuz</kernel></os>", true);
    strcpy(m.view.virt_mode, "hvm");
    holds(&m, "<kernel>", false);
    made_end(&m);
}

static void memory_follows_hotplug_and_assigned_devices(void **state)
{
    struct made m = make("pvh", "6.12");
    (void)state;
    holds(&m, "<memory unit=\"MiB\">4000</memory><currentMemory unit=\"MiB\">400<", true);
    m.view.memory_hotplug = 1;
    holds(&m, "<memory unit=\"MiB\">400</memory><maxMemory unit=\"MiB\" slots=\"1\">4000<", true);
    m.view.has_pci = 1;
    holds(&m, "<e820_host state=\"on\"/>", true);
    m.view.e820_host = 0;
    holds(&m, "e820_host", false);
    strcpy(m.view.virt_mode, "hvm");
    holds(&m, "<memory unit=\"MiB\">400</memory><currentMemory", true);
    made_end(&m);
}

static void the_processor_hides_what_this_machine_must_not_show(void **state)
{
    struct made m = make("pvh", "6.12");
    (void)state;
    holds(&m, "rdrand", false);
    m.machine.without_rdrand = true;
    holds(&m, "<feature name=\"rdrand\" policy=\"disable\"/>", true);
    made_end(&m);
}

static void the_clock_of_an_hvm_follows_its_timezone(void **state)
{
    static const struct {
        const char *zone, *adjustment, *basis;
    } rows[] = {{"", "0", "utc"},          {"LocalTime", "0", "localtime"}, {"3600", "3600", "utc"},
                {"-3600", "-3600", "utc"}, {"Europe/Rome", "0", "utc"},     {"3600s", "0", "utc"},
                {"--", "0", "utc"}};
    struct made m = make("hvm", "");
    char expected[100];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(m.hvm.timezone, sizeof m.hvm.timezone, "%s", rows[i].zone);
        snprintf(expected, sizeof expected, "<clock offset=\"variable\" adjustment=\"%s\" basis=\"%s\"/>",
                 rows[i].adjustment, rows[i].basis);
        holds(&m, expected, true);
    }
    made_end(&m);
}

static void the_device_model_is_told_its_network_its_sound_and_its_screen(void **state)
{
    struct made m = make("hvm", "");
    struct view_peer netvm = {.qid = 2, .generation = 1, .name = "fw-a"};
    (void)state;
    view_peer_add(&m.view.netvm, &m.netvm, &netvm);
    strcpy(m.view.mac, "00:16:3e:5e:6c:00");
    strcpy(m.view.ip, "10.137.0.7");
    strcpy(m.hvm.dns_0, "10.139.1.1");
    strcpy(m.hvm.dns_1, "10.139.1.2");
    strcpy(m.hvm.gateway, "10.137.0.5");
    strcpy(m.hvm.gui_domain, "sys-gui");
    holds(&m,
          "cmdline=\"-qubes-audio:audiovm_xid=-1 -qubes-net:client_ip=10.137.0.7,dns_0=10.139.1.1,"
          "dns_1=10.139.1.2,gw=10.137.0.5,netmask=255.255.255.255\"",
          true);
    holds(&m, "<graphics type=\"qubes\" domain=\"sys-gui\"/>", true);
    m.machine.audio_domid = 12;
    holds(&m, "audiovm_xid=12 ", true);
    m.hvm.audio_is_dom0 = 1;
    holds(&m, "audiovm_xid=0 ", true);
    m.hvm.uefi = 1;
    holds(&m, "<loader type=\"pflash\">/usr/share/edk2/xen/OVMF.fd</loader>", true);
    m.hvm.stubdom_mem = 200;
    m.hvm.full_stubdom = 1;
    strcpy(m.hvm.sound_model, "ich6");
    holds(&m, "memory=\"204800\" kernel=\"/usr/libexec/xen/boot/qemu-stubdom-linux-full-kernel\"", true);
    holds(&m, "<sound model=\"ich6\"/>", true);
    m.hvm.video_model[0] = '\0';
    holds(&m, "<graphics", false);
    made_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_of_dom0_comes_with_its_initrd_where_there_is_one),
        cmocka_unit_test(a_vm_that_has_a_screen_is_not_told_to_leave_its_mode_alone),
        cmocka_unit_test(a_kernel_from_inside_is_loaded_by_a_loader_without_a_command_line),
        cmocka_unit_test(memory_follows_hotplug_and_assigned_devices),
        cmocka_unit_test(the_processor_hides_what_this_machine_must_not_show),
        cmocka_unit_test(the_clock_of_an_hvm_follows_its_timezone),
        cmocka_unit_test(the_device_model_is_told_its_network_its_sound_and_its_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
