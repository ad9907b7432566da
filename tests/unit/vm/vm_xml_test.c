/* SPDX-License-Identifier: MIT
 * Rendered domain XML against whole documents, compared in meaning. */
#include "actors/vm/vm_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "tests/unit/vm/xml_meaning.h"

static const char pvh_document[] =
    "<domain type='xen'>"
    "<name>notes-box</name><uuid>5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11</uuid>"
    "<memory unit='MiB'>600</memory><maxMemory unit='MiB' slots='1'>3000</maxMemory>"
    "<currentMemory unit='MiB'>600</currentMemory><vcpu placement='static'>4</vcpu>"
    "<cpu mode='host-passthrough'>"
    "<feature name='vmx' policy='disable'/><feature name='svm' policy='disable'/>"
    "<feature name='invtsc' policy='require'/>"
    "</cpu>"
    "<os>"
    "<type arch='x86_64' machine='xenpvh'>xenpvh</type>"
    "<kernel>/var/lib/qubes/vm-kernels/6.12-1/vmlinuz</kernel>"
    "<initrd>/var/lib/qubes/vm-kernels/6.12-1/initramfs</initrd>"
    "<cmdline>root=/dev/mapper/dmroot ro nomodeset console=hvc0 rd_NO_PLYMOUTH rd.plymouth.enable=0 "
    "plymouth.enable=0 xen_privcmd.unrestricted swiotlb=2048</cmdline>"
    "</os>"
    "<features><pae/><acpi/><apic/><viridian/></features>"
    "<clock offset='utc' adjustment='reset'><timer name='tsc' mode='native'/></clock>"
    "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>"
    "<devices>"
    "<disk type='block' device='disk'><driver name='phy'/><source "
    "dev='/dev/mapper/qubes_dom0-vm--notes--box--root--snap'/><target dev='xvda'/><script "
    "path='/etc/xen/scripts/qubes-block'/></disk>"
    "<disk type='block' device='disk'><driver name='phy'/><source "
    "dev='/dev/mapper/qubes_dom0-vm--notes--box--private--snap'/><target dev='xvdb'/><script "
    "path='/etc/xen/scripts/qubes-block'/></disk>"
    "<disk type='block' device='disk'><driver name='phy'/><source "
    "dev='/dev/qubes_dom0/vm-notes-box-volatile'/><target dev='xvdc'/><script "
    "path='/etc/xen/scripts/qubes-block'/></disk>"
    "<disk type='block' device='disk'><driver name='phy'/><source "
    "dev='/var/lib/qubes/vm-kernels/6.12-1/modules.img'/><target dev='xvdd'/><readonly/><script "
    "path='/etc/xen/scripts/qubes-block'/></disk>"
    "<interface type='ethernet'><mac address='00:16:3e:5e:6c:00'/><ip address='10.137.0.21'/><ip "
    "address='fd09:24ef:4179::a89:15' family='ipv6'/><backenddomain name='fw-a'/><script "
    "path='vif-route-qubes'/></interface>"
    "<console type='pty'><target type='xen' port='0'/></console>"
    "</devices>"
    "</domain>";

static const char hvm_document[] =
    "<domain type='xen'>"
    "<name>usb-a</name><uuid>0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02</uuid>"
    "<memory unit='MiB'>400</memory><currentMemory unit='MiB'>400</currentMemory><vcpu "
    "placement='static'>2</vcpu>"
    "<cpu mode='host-passthrough'><feature name='vmx' policy='disable'/><feature name='svm' "
    "policy='disable'/><feature name='invtsc' policy='require'/></cpu>"
    "<os><type arch='x86_64' machine='xenfv'>hvm</type><loader type='rom'>hvmloader</loader><boot "
    "dev='cdrom'/><boot dev='hd'/></os>"
    "<features><pae/><acpi/><apic/><viridian/><xen><e820_host state='on'/></xen></features>"
    "<clock offset='variable' adjustment='0' basis='utc'/>"
    "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>"
    "<devices>"
    "<disk type='block' device='disk'><driver name='phy'/><source "
    "dev='/dev/mapper/qubes_dom0-vm--usb--a--root--snap'/><target dev='xvda'/><script "
    "path='/etc/xen/scripts/qubes-block'/></disk>"
    "<interface type='ethernet'><mac address='00:16:3e:5e:6c:00'/><ip address='10.137.0.7'/><backenddomain "
    "name='fw-a'/><script path='vif-route-qubes'/></interface>"
    "<hostdev type='pci' managed='yes' nostrictreset='yes'><source writeFiltering='no'><address "
    "domain='0x0000' bus='0x04' slot='0x00' function='0x0'/></source></hostdev>"
    "<emulator type='stubdom-linux' cmdline='-qubes-audio:audiovm_xid=0 -trace xen_platform_log "
    "-qubes-net:client_ip=10.137.0.7,dns_0=10.139.1.1,dns_1=10.139.1.2,gw=10.137.0.5,netmask=255.255.255.255'"
    "/>"
    "<input type='tablet' bus='usb'/>"
    "<video><model type='vga'/></video>"
    "<graphics type='qubes' log_level='2'/>"
    "<console type='pty'><target type='xen' port='0'/></console>"
    "</devices>"
    "</domain>";

static const char pv_document[] =
    "<domain type='xen'>"
    "<name>old-pv</name><uuid>9a8e3a51-31dc-4f1b-bb0a-64a1c6c7d803</uuid>"
    "<memory unit='MiB'>2048</memory><currentMemory unit='MiB'>512</currentMemory><vcpu "
    "placement='static'>1</vcpu>"
    "<os>"
    "<type arch='x86_64' machine='xenpv'>linux</type>"
    "<kernel>/var/lib/qubes/vm-kernels/6.12-1/vmlinuz</kernel>"
    "<cmdline>custom=1</cmdline>"
    "</os>"
    "<features/>"
    "<clock offset='utc' adjustment='reset'><timer name='tsc' mode='native'/></clock>"
    "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>"
    "<devices><console type='pty'><target type='xen' port='0'/></console></devices>"
    "</domain>";

#define SNAP(name) "/dev/mapper/qubes_dom0-vm--" name "--snap"

static struct domain_spec pvh_view(void)
{
    static const struct vm_disk volumes[] = {
        {.source = SNAP("notes--box--root"), .target = "xvda", .has_script = true},
        {.source = SNAP("notes--box--private"), .target = "xvdb", .has_script = true},
        {.source = "/dev/qubes_dom0/vm-notes-box-volatile", .target = "xvdc", .has_script = true},
        {.source = "/var/lib/qubes/vm-kernels/6.12-1/modules.img",
         .target = "xvdd",
         .read_only = true,
         .has_script = true},
    };
    return (struct domain_spec){
        .name = "notes-box",
        .uuid = "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11",
        .virt_mode = VM_PVH,
        .memory_mib = 600,
        .maxmem_mib = 3000,
        .memory_hotplug = true,
        .vcpus = 4,
        .kernel = "/var/lib/qubes/vm-kernels/6.12-1/vmlinuz",
        .initrd = "/var/lib/qubes/vm-kernels/6.12-1/initramfs",
        .cmdline = "root=/dev/mapper/dmroot ro nomodeset console=hvc0 rd_NO_PLYMOUTH rd.plymouth.enable=0 "
                   "plymouth.enable=0 xen_privcmd.unrestricted swiotlb=2048",
        .e820_host = true,
        .volumes = volumes,
        .volume_count = COUNT(volumes),
        .net = {.netvm = "fw-a",
                .mac = "00:16:3e:5e:6c:00",
                .ip = "10.137.0.21",
                .ip6 = "fd09:24ef:4179::a89:15"},
    };
}

static struct domain_spec hvm_view(void)
{
    static const struct vm_disk volumes[] = {
        {.source = SNAP("usb--a--root"), .target = "xvda", .has_script = true}};
    static const struct vm_pci pci[] = {{.bus = 4, .no_strict_reset = true, .permissive = true}};
    return (struct domain_spec){
        .name = "usb-a",
        .uuid = "0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02",
        .virt_mode = VM_HVM,
        .memory_mib = 400,
        .maxmem_mib = 4000,
        .vcpus = 2,
        .debug = true,
        .has_pci_assigned = true,
        .e820_host = true,
        .volumes = volumes,
        .volume_count = COUNT(volumes),
        .net = {.netvm = "fw-a",
                .mac = "00:16:3e:5e:6c:00",
                .ip = "10.137.0.7",
                .dns = {"10.139.1.1", "10.139.1.2"},
                .gateway = "10.137.0.5",
                .netmask = "255.255.255.255"},
        .pci = pci,
        .pci_count = COUNT(pci),
        .hvm = {.linux_stubdom = true, .video_model = "vga"},
    };
}

static struct domain_spec pv_view(void)
{
    return (struct domain_spec){.name = "old-pv",
                                .uuid = "9a8e3a51-31dc-4f1b-bb0a-64a1c6c7d803",
                                .virt_mode = VM_PV,
                                .memory_mib = 512,
                                .maxmem_mib = 2048,
                                .vcpus = 1,
                                .kernel = "/var/lib/qubes/vm-kernels/6.12-1/vmlinuz",
                                .cmdline = "custom=1"};
}

static void check_meaning(const struct domain_spec *vm, const char *type, const char *document)
{
    struct fault why = {0};
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    if (vm_xml_render(vm, type, &xml, &why) < 0)
        fail_msg("%s", why.text);
    if (!xml_means(xml.at, document))
        fail_msg("%s", xml.at);
}

static bool rendered_holds(const struct domain_spec *vm, const char *type, const char *part)
{
    struct fault why = {0};
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    assert_int_equal(vm_xml_render(vm, type, &xml, &why), 0);
    return strstr(xml.at, part) != NULL;
}

static void a_pvh_with_hotplug_kernel_and_both_addresses(void **state)
{
    struct domain_spec vm = pvh_view();
    (void)state;
    check_meaning(&vm, "xen", pvh_document);
}

static void an_hvm_with_a_pci_device_and_debug(void **state)
{
    struct domain_spec vm = hvm_view();
    (void)state;
    check_meaning(&vm, "xen", hvm_document);
}

static void a_pv_that_balloons_without_hotplug(void **state)
{
    struct domain_spec vm = pv_view();
    (void)state;
    check_meaning(&vm, "xen", pv_document);
}

static void a_kernel_from_inside_the_vm_has_no_command_line(void **state)
{
    struct domain_spec vm = pvh_view();
    (void)state;
    vm.maxmem_mib = 0;
    vm.kernel = "/var/lib/qubes/vm-kernels/pvgrub2-pvh/vmlinuz";
    vm.initrd = vm.cmdline = NULL;
    assert_true(
        rendered_holds(&vm, "xen", "<kernel>/var/lib/qubes/vm-kernels/pvgrub2-pvh/vmlinuz</kernel></os>"));
    assert_true(rendered_holds(&vm, "xen", "<memory unit=\"MiB\">600</memory><currentMemory"));
}

static void unnamed_disks_take_the_next_names(void **state)
{
    static const struct vm_disk volumes[] = {
        {.source = "/dev/a"}, {.source = "/dev/b", .target = "xvda"}, {.source = "/dev/c"}};
    static const struct vm_disk blocks[] = {{.source = "/dev/d", .devtype = "cdrom"},
                                            {.source = "/dev/e", .backend_domain = "sys-usb"}};
    struct domain_spec vm = hvm_view();
    (void)state;
    vm.volumes = volumes;
    vm.volume_count = COUNT(volumes);
    vm.blocks = blocks;
    vm.block_count = COUNT(blocks);
    assert_true(rendered_holds(&vm, "xen", "<source dev=\"/dev/a\"/><target dev=\"xvde\"/>"));
    assert_true(rendered_holds(&vm, "xen", "<source dev=\"/dev/c\"/><target dev=\"xvdf\"/>"));
    assert_true(rendered_holds(&vm, "xen", "<source dev=\"/dev/d\"/><target dev=\"xvdd\"/>"));
    assert_true(rendered_holds(&vm, "xen", "<target dev=\"xvdi\"/><backenddomain name=\"sys-usb\"/>"));
    vm.cmdline = ""; /* a kernel takes xvdd */
    assert_true(rendered_holds(&vm, "xen", "<source dev=\"/dev/d\"/><target dev=\"xvdi\"/>"));
}

static void more_disks_than_names_are_refused(void **state)
{
    struct vm_disk volumes[22];
    struct domain_spec vm = pv_view();
    struct fault why = {0};
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    (void)state;
    for (size_t i = 0; i < COUNT(volumes); i++)
        volumes[i] = (struct vm_disk){.source = "/dev/x"};
    vm.volumes = volumes;
    vm.volume_count = 21;
    assert_true(rendered_holds(&vm, "xen", "<target dev=\"xvdy\"/>"));
    vm.volume_count = 22;
    assert_int_equal(vm_xml_render(&vm, "xen", &xml, &why), -ERR_RANGE);
    assert_int_equal(xml.len, 0);
}

static void what_xml_cannot_hold_is_refused_and_what_it_can_is_quoted(void **state)
{
    static const char *const bad[] = {"a\x01", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82"};
    struct domain_spec vm = pv_view();
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fault why = {0};
        AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
        vm.cmdline = bad[i];
        assert_int_equal(vm_xml_render(&vm, "xen", &xml, &why), -ERR_RANGE);
        assert_int_equal(xml.len, 0);
    }
    vm.cmdline = "a=\"<b>\" & c \xe2\x82\xac";
    assert_true(rendered_holds(&vm, "xen", "&lt;b&gt;"));
    struct vm_disk odd = {.source = "/dev/'\"<>&"};
    vm.volumes = &odd;
    vm.volume_count = 1;
    assert_true(rendered_holds(&vm, "xen", "&quot;&lt;&gt;&amp;"));
}

static void a_stub_domain_without_linux_speaks_lwip(void **state)
{
    struct domain_spec vm = hvm_view();
    (void)state;
    vm.hvm.linux_stubdom = vm.debug = false;
    vm.hvm.audio_domid = -1;
    vm.hvm.qemu_extra_args = " -foo bar\n";
    vm.hvm.stubdom_mem_mib = 200;
    assert_true(
        rendered_holds(&vm, "xen",
                       "<emulator type=\"stubdom\" cmdline=\"-qubes-audio:audiovm_xid=-1 -foo bar -net "
                       "lwip,client_ip=10.137.0.7,server_ip=10.139.1.2,dns=10.139.1.1,gw=10.137.0.5,"
                       "netmask=255.255.255.255\" memory=\"204800\"/>"));
    assert_false(rendered_holds(&vm, "xen", "<graphics"));
    vm.net.gateway = NULL;
    struct fault why = {0};
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    assert_int_equal(vm_xml_render(&vm, "xen", &xml, &why), -ERR_RANGE);
}

static void other_drivers_get_what_they_take(void **state)
{
    struct domain_spec vm = pvh_view();
    struct fault why = {0};
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    (void)state;
    assert_true(rendered_holds(&vm, "test", "<os><type>hvm</type>"));
    assert_false(rendered_holds(&vm, "test", "xenpvh"));
    assert_false(rendered_holds(&vm, "test", "backenddomain"));
    assert_true(rendered_holds(&vm, "qemu", "<target dev=\"xvda\" bus=\"virtio\"/>"));
    assert_true(
        rendered_holds(&vm, "qemu", "<source file=\"/var/lib/qubes/vm-kernels/6.12-1/modules.img\"/>"));
    assert_true(rendered_holds(&vm, "xen", "<source dev=\"/var/lib/qubes/vm-kernels/6.12-1/modules.img\"/>"));
    assert_int_equal(vm_xml_render(&vm, "vbox", &xml, &why), -ERR_RANGE);
}

static void a_pci_device_alone_has_its_options(void **state)
{
    static const struct vm_pci pci = {
        .segment = 1, .bus = 0xc6, .slot = 0x1f, .function = 7, .no_power_management_filtering = true};
    struct fault why = {0};
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    (void)state;
    assert_int_equal(vm_xml_pci(&pci, &xml, &why), 0);
    assert_true(xml_means(
        xml.at, "<hostdev managed='yes' type='pci'><source powerManagementFiltering='no'>"
                "<address domain='0x0001' bus='0xc6' slot='0x1f' function='0x7'/></source></hostdev>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pvh_with_hotplug_kernel_and_both_addresses),
        cmocka_unit_test(an_hvm_with_a_pci_device_and_debug),
        cmocka_unit_test(a_pv_that_balloons_without_hotplug),
        cmocka_unit_test(a_kernel_from_inside_the_vm_has_no_command_line),
        cmocka_unit_test(unnamed_disks_take_the_next_names),
        cmocka_unit_test(more_disks_than_names_are_refused),
        cmocka_unit_test(what_xml_cannot_hold_is_refused_and_what_it_can_is_quoted),
        cmocka_unit_test(a_stub_domain_without_linux_speaks_lwip),
        cmocka_unit_test(other_drivers_get_what_they_take),
        cmocka_unit_test(a_pci_device_alone_has_its_options),
    };
    return cmocka_run_group_tests_name("actors/vm/vm_xml", tests, NULL, NULL);
}
