/* SPDX-License-Identifier: MIT
 * What vm_xml renders for the test driver is what a real libvirtd defines and starts. */
#include "actors/vm/vm_xml.h"

#include "tests/unit/doors/private_libvirtd.h"

#include "doors/domain.h"

static void every_mode_is_defined_and_started_by_the_test_driver(void **state)
{
    static const struct vm_disk volumes[] = {{.source = "/dev/a", .target = "xvda", .has_script = true},
                                             {.source = "/dev/b", .read_only = true}};
    static const struct vm_pci pci[] = {{.bus = 4, .no_strict_reset = true}};
    struct domain_spec vm = {.name = "rendered",
                             .uuid = "11111111-2222-4333-8444-555555555505",
                             .memory_mib = 400,
                             .maxmem_mib = 4000,
                             .memory_hotplug = true,
                             .vcpus = 2,
                             .kernel = "/boot/vmlinuz",
                             .cmdline = "ro quiet",
                             .volumes = volumes,
                             .volume_count = COUNT(volumes),
                             .net = {.netvm = "net", .mac = "00:16:3e:5e:6c:00", .ip = "10.137.0.21"},
                             .pci = pci,
                             .pci_count = COUNT(pci)};
    struct domain_door *opened = NULL;
    struct fault why = {0};
    (void)state;
    NEED_LIBVIRTD();
    assert_int_equal(domain_open_libvirt(libvirtd.uri, &opened, &why), 0);
    AUTO(domain_door) *door = opened;
    for (int mode = VM_PVH; mode <= VM_PV; mode++) {
        AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
        vm.virt_mode = (enum vm_virt_mode)mode;
        if (vm_xml_render(&vm, door->can->domain_type, &xml, &why) < 0 ||
            door->ops->define(door, xml.at, &why) < 0 || door->ops->start_paused(door, vm.uuid, &why) < 0 ||
            door->ops->destroy(door, vm.uuid, &why) < 0 || door->ops->undefine(door, vm.uuid, &why) < 0)
            fail_msg("mode %d: %s", mode, why.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_is_defined_and_started_by_the_test_driver),
    };
    return cmocka_run_group_tests_name("actors/vm/vm_xml_libvirt", tests, libvirtd_up, libvirtd_down);
}
