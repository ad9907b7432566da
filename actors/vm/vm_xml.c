/* SPDX-License-Identifier: MIT
 * What libvirt is told of a VM, in vm/<qid>. Elements in the order of spec libvirt-xml 2. */
#include "actors/vm/vm_xml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/vm/vm_xml_devices.h"

/* One row per virt_mode: os/type as Xen's driver knows it. */
static const struct {
    const char *machine, *type;
} modes[] = {
    [VM_PVH] = {"xenpvh", "xenpvh"},
    [VM_HVM] = {"xenfv", "hvm"},
    [VM_PV] = {"xenpv", "linux"},
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void mebibytes(struct xmlwrite *w, const char *element, uint64_t amount)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, amount);
    xmlwrite_open(w, element);
    xmlwrite_attribute(w, "unit", "MiB");
    xmlwrite_text(w, number);
    xmlwrite_close(w);
}

static void max_memory(struct xmlwrite *w, uint64_t amount)
{
    xmlwrite_open(w, "maxMemory");
    xmlwrite_attribute(w, "unit", "MiB");
    xmlwrite_attribute(w, "slots", "1");
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, amount);
    xmlwrite_text(w, number);
    xmlwrite_close(w);
}

/* A domain that cannot balloon has its initial memory alone; hot-plugging needs Xen's slot. */
static void memory(struct xmlwrite *w, const struct domain_spec *vm, enum vm_dialect dialect)
{
    bool fixed = vm->maxmem_mib == 0 || (vm->virt_mode == VM_HVM && vm->has_pci_assigned);
    bool hotplug = !fixed && vm->memory_hotplug && dialect == VM_DIALECT_XEN;
    mebibytes(w, "memory", fixed || hotplug ? vm->memory_mib : vm->maxmem_mib);
    if (hotplug)
        max_memory(w, vm->maxmem_mib);
    mebibytes(w, "currentMemory", vm->memory_mib);
}

static void vcpu(struct xmlwrite *w, unsigned count)
{
    char number[16];
    snprintf(number, sizeof number, "%u", count);
    xmlwrite_open(w, "vcpu");
    xmlwrite_attribute(w, "placement", "static");
    xmlwrite_text(w, number);
    xmlwrite_close(w);
}

static void cpu_feature(struct xmlwrite *w, const char *name, const char *policy)
{
    xmlwrite_open(w, "feature");
    xmlwrite_attribute(w, "name", name);
    xmlwrite_attribute(w, "policy", policy);
    xmlwrite_close(w);
}

static void cpu(struct xmlwrite *w, const struct domain_spec *vm)
{
    xmlwrite_open(w, "cpu");
    xmlwrite_attribute(w, "mode", "host-passthrough");
    cpu_feature(w, "vmx", "disable");
    cpu_feature(w, "svm", "disable");
    if (vm->cpu_without_rdrand)
        cpu_feature(w, "rdrand", "disable");
    cpu_feature(w, "invtsc", "require");
    xmlwrite_close(w);
}

static void hvm_loader(struct xmlwrite *w, const struct domain_spec *vm)
{
    xmlwrite_open(w, "loader");
    xmlwrite_attribute(w, "type", vm->hvm.uefi ? "pflash" : "rom");
    xmlwrite_text(w, vm->hvm.uefi ? "/usr/share/edk2/xen/OVMF.fd" : "hvmloader");
    xmlwrite_close(w);
    xmlwrite_empty(w, "boot", "dev", "cdrom");
    xmlwrite_empty(w, "boot", "dev", "hd");
}

static void kernel(struct xmlwrite *w, const struct domain_spec *vm)
{
    xmlwrite_leaf(w, "kernel", vm->kernel);
    if (is_set(vm->initrd))
        xmlwrite_leaf(w, "initrd", vm->initrd);
}

static void os(struct xmlwrite *w, const struct domain_spec *vm)
{
    xmlwrite_open(w, "os");
    xmlwrite_open(w, "type");
    xmlwrite_attribute(w, "arch", "x86_64");
    xmlwrite_attribute(w, "machine", modes[vm->virt_mode].machine);
    xmlwrite_text(w, modes[vm->virt_mode].type);
    xmlwrite_close(w);
    if (vm->virt_mode == VM_HVM)
        hvm_loader(w, vm);
    else
        kernel(w, vm);
    if (vm->cmdline != NULL)
        xmlwrite_leaf(w, "cmdline", vm->cmdline);
    xmlwrite_close(w);
}

static void passthrough(struct xmlwrite *w)
{
    xmlwrite_open(w, "passthrough");
    xmlwrite_attribute(w, "state", "on");
    xmlwrite_attribute(w, "mode", "sync_pt");
    xmlwrite_close(w);
}

static void features(struct xmlwrite *w, const struct domain_spec *vm)
{
    static const char *const names[] = {"pae", "acpi", "apic", "viridian"};
    xmlwrite_open(w, "features");
    for (size_t i = 0; i < COUNT(names) && vm->virt_mode != VM_PV; i++)
        xmlwrite_leaf(w, names[i], "");
    bool e820 = vm->has_pci_assigned && vm->e820_host;
    /* Without a device at its start a domain takes none later, unless it is told that some may come. */
    bool later = vm->has_pci_assigned && vm->pci_count == 0 && vm->virt_mode != VM_PVH;
    if (e820 || later)
        xmlwrite_open(w, "xen");
    if (e820)
        xmlwrite_empty(w, "e820_host", "state", "on");
    if (later)
        passthrough(w);
    if (e820 || later)
        xmlwrite_close(w);
    xmlwrite_close(w);
}

static void hvm_clock(struct xmlwrite *w, const struct vm_hvm *hvm)
{
    xmlwrite_open(w, "clock");
    xmlwrite_attribute(w, "offset", "variable");
    xmlwrite_attribute(w, "adjustment", hvm->clock == VM_CLOCK_OFFSET ? hvm->clock_offset : "0");
    xmlwrite_attribute(w, "basis", hvm->clock == VM_CLOCK_LOCALTIME ? "localtime" : "utc");
    xmlwrite_close(w);
}

static void pv_clock(struct xmlwrite *w)
{
    xmlwrite_open(w, "clock");
    xmlwrite_attribute(w, "offset", "utc");
    xmlwrite_attribute(w, "adjustment", "reset");
    xmlwrite_open(w, "timer");
    xmlwrite_attribute(w, "name", "tsc");
    xmlwrite_attribute(w, "mode", "native");
    xmlwrite_close(w);
    xmlwrite_close(w);
}

static void machine_of_xen(struct xmlwrite *w, const struct domain_spec *vm)
{
    if (vm->virt_mode != VM_PV)
        cpu(w, vm);
    os(w, vm);
    features(w, vm);
    if (vm->virt_mode == VM_HVM)
        hvm_clock(w, &vm->hvm);
    else
        pv_clock(w);
}

/* Elsewhere every VM is a plain virtual machine; one with a kernel of dom0's boots it directly. */
static void machine_of_others(struct xmlwrite *w, const struct domain_spec *vm)
{
    xmlwrite_open(w, "os");
    xmlwrite_leaf(w, "type", "hvm");
    if (vm->virt_mode != VM_HVM && vm->cmdline != NULL && is_set(vm->kernel))
        kernel(w, vm);
    if (vm->virt_mode != VM_HVM && vm->cmdline != NULL)
        xmlwrite_leaf(w, "cmdline", vm->cmdline);
    xmlwrite_close(w);
    xmlwrite_open(w, "features");
    xmlwrite_leaf(w, "acpi", "");
    xmlwrite_leaf(w, "apic", "");
    xmlwrite_close(w);
}

/* Whatever the guest does in the end, its domain ends: what happens next is ours to decide. */
static void endings(struct xmlwrite *w)
{
    static const char *const names[] = {"on_poweroff", "on_reboot", "on_crash"};
    for (size_t i = 0; i < COUNT(names); i++)
        xmlwrite_leaf(w, names[i], "destroy");
}

static int dialect_of(const char *domain_type, enum vm_dialect *dialect, struct fault *why)
{
    static const char *const names[] = {
        [VM_DIALECT_XEN] = "xen", [VM_DIALECT_TEST] = "test", [VM_DIALECT_QEMU] = "qemu"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(names[i], domain_type) == 0) {
            *dialect = (enum vm_dialect)i;
            return 0;
        }
    }
    return fault_set(why, ERR_RANGE, "no XML is known for domains of type '%.20s'", domain_type);
}

int vm_xml_render(const struct domain_spec *vm, const char *domain_type, struct text *out, struct fault *why)
{
    enum vm_dialect dialect = VM_DIALECT_XEN;
    int r = dialect_of(domain_type, &dialect, why);
    if (r < 0)
        return r;
    AUTO(xmlwrite) *w = xmlwrite_new();
    xmlwrite_open(w, "domain");
    xmlwrite_attribute(w, "type", domain_type);
    xmlwrite_leaf(w, "name", vm->name);
    xmlwrite_leaf(w, "uuid", vm->uuid);
    memory(w, vm, dialect);
    vcpu(w, vm->vcpus);
    if (dialect == VM_DIALECT_XEN)
        machine_of_xen(w, vm);
    else
        machine_of_others(w, vm);
    endings(w);
    vm_xml_devices(w, vm, dialect);
    xmlwrite_close(w);
    return xmlwrite_finish(w, out, why);
}

int vm_xml_pci(const struct vm_pci *pci, struct text *out, struct fault *why)
{
    AUTO(xmlwrite) *w = xmlwrite_new();
    vm_xml_hostdev(w, pci);
    return xmlwrite_finish(w, out, why);
}

int vm_xml_block(const struct vm_disk *disk, const char *domain_type, struct text *out, struct fault *why)
{
    AUTO(xmlwrite) *w = xmlwrite_new();
    enum vm_dialect dialect = VM_DIALECT_XEN;
    int r = dialect_of(domain_type, &dialect, why);
    if (r < 0)
        return r;
    vm_xml_disk(w, disk, disk->target, dialect);
    return xmlwrite_finish(w, out, why);
}
