/* SPDX-License-Identifier: MIT
 * The <devices> of a VM's XML, in the order that spec libvirt-xml 4 gives. */
#include "actors/vm/vm_xml_devices.h"

#include <inttypes.h>
#include <string.h>

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- disks ---- */

/* Names handed out one after the other: xvde to xvdy, xvdi to xvdz. */
struct names {
    char name[8], last;
};

/* NULL after the last one, which the writer takes for a mistake. */
static const char *next_name(struct names *names)
{
    return names->name[3] > names->last ? NULL : names->name;
}

/* Xen's own script makes a device of an image; QEMU opens it itself, and wants to know. */
static bool is_image(const struct vm_disk *d, enum vm_dialect dialect)
{
    return dialect == VM_DIALECT_QEMU && strncmp(d->source, "/dev/", 5) != 0;
}

void vm_xml_disk(struct xmlwrite *w, const struct vm_disk *d, const char *target, enum vm_dialect dialect)
{
    bool xen = dialect == VM_DIALECT_XEN, image = is_image(d, dialect);
    xmlwrite_open(w, "disk");
    xmlwrite_attribute(w, "type", image ? "file" : "block");
    xmlwrite_attribute(w, "device", is_set(d->devtype) ? d->devtype : "disk");
    if (xen)
        xmlwrite_empty(w, "driver", "name", "phy");
    xmlwrite_empty(w, "source", image ? "file" : "dev", d->source);
    xmlwrite_open(w, "target");
    xmlwrite_attribute(w, "dev", target);
    if (dialect == VM_DIALECT_QEMU)
        xmlwrite_attribute(w, "bus", "virtio");
    xmlwrite_close(w);
    if (d->read_only)
        xmlwrite_leaf(w, "readonly", "");
    if (dialect != VM_DIALECT_QEMU && is_set(d->backend_domain))
        xmlwrite_empty(w, "backenddomain", "name", d->backend_domain);
    if (xen && d->has_script)
        xmlwrite_empty(w, "script", "path", "/etc/xen/scripts/qubes-block");
    xmlwrite_close(w);
}

static void disk_or_next(struct xmlwrite *w, const struct vm_disk *d, struct names *names,
                         enum vm_dialect dialect)
{
    bool named = is_set(d->target);
    vm_xml_disk(w, d, named ? d->target : next_name(names), dialect);
    if (!named)
        names->name[3]++;
}

static void volumes(struct xmlwrite *w, const struct domain_spec *vm, enum vm_dialect dialect)
{
    struct names names = {"xvde", 'y'};
    for (size_t i = 0; i < vm->volume_count; i++)
        disk_or_next(w, &vm->volumes[i], &names, dialect);
}

static void blocks(struct xmlwrite *w, const struct domain_spec *vm, enum vm_dialect dialect)
{
    struct names names = {"xvdi", 'z'};
    for (size_t i = 0; i < vm->block_count; i++) {
        const struct vm_disk *d = &vm->blocks[i];
        bool cdrom = is_set(d->devtype) && strcmp(d->devtype, "cdrom") == 0;
        if (cdrom && !is_set(d->target) && vm->cmdline == NULL)
            vm_xml_disk(w, d, "xvdd", dialect); /* the kernel volume's place, free without a kernel */
        else
            disk_or_next(w, d, &names, dialect);
    }
}

/* ---- network, PCI ---- */

void vm_xml_interface(struct xmlwrite *w, const struct vm_net *net, enum vm_dialect dialect)
{
    if (!is_set(net->netvm))
        return;
    xmlwrite_open(w, "interface");
    xmlwrite_attribute(w, "type", "ethernet");
    xmlwrite_empty(w, "mac", "address", net->mac);
    if (dialect == VM_DIALECT_XEN) {
        xmlwrite_empty(w, "ip", "address", net->ip);
        if (is_set(net->ip6)) {
            xmlwrite_open(w, "ip");
            xmlwrite_attribute(w, "address", net->ip6);
            xmlwrite_attribute(w, "family", "ipv6");
            xmlwrite_close(w);
        }
        xmlwrite_empty(w, "backenddomain", "name", net->netvm);
        xmlwrite_empty(w, "script", "path", "vif-route-qubes");
    }
    xmlwrite_close(w);
}

void vm_xml_hostdev(struct xmlwrite *w, const struct vm_pci *pci)
{
    xmlwrite_open(w, "hostdev");
    xmlwrite_attribute(w, "type", "pci");
    xmlwrite_attribute(w, "managed", "yes");
    if (pci->no_strict_reset)
        xmlwrite_attribute(w, "nostrictreset", "yes");
    xmlwrite_open(w, "source");
    if (pci->permissive)
        xmlwrite_attribute(w, "writeFiltering", "no");
    if (pci->no_power_management_filtering)
        xmlwrite_attribute(w, "powerManagementFiltering", "no");
    xmlwrite_open(w, "address");
    xmlwrite_print(w, "domain", "0x%04x", pci->segment);
    xmlwrite_print(w, "bus", "0x%02x", pci->bus);
    xmlwrite_print(w, "slot", "0x%02x", pci->slot);
    xmlwrite_print(w, "function", "0x%x", pci->function);
    xmlwrite_close(w);
    xmlwrite_close(w);
    xmlwrite_close(w);
}

/* ---- what only hvm has ---- */

enum { EMULATOR_CMDLINE_MAX = 8 << 10 };

static void add_stubdom_net(struct text *line, const struct domain_spec *vm)
{
    const struct vm_net *net = &vm->net;
    if (!is_set(net->netvm))
        return;
    if (!is_set(net->ip) || !is_set(net->dns[0]) || !is_set(net->dns[1]) || !is_set(net->gateway) ||
        !is_set(net->netmask))
        line->failed = -ERR_RANGE;
    else if (vm->hvm.linux_stubdom)
        text_format(line, " -qubes-net:client_ip=%s,dns_0=%s,dns_1=%s,gw=%s,netmask=%s", net->ip, net->dns[0],
                    net->dns[1], net->gateway, net->netmask);
    else
        text_format(line, " -net lwip,client_ip=%s,server_ip=%s,dns=%s,gw=%s,netmask=%s", net->ip,
                    net->dns[1], net->dns[0], net->gateway, net->netmask);
}

static void emulator_cmdline(struct xmlwrite *w, const struct domain_spec *vm)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(EMULATOR_CMDLINE_MAX);
    struct span extra = span_trim(span_of(is_set(vm->hvm.qemu_extra_args) ? vm->hvm.qemu_extra_args : ""));
    text_format(&line, "-qubes-audio:audiovm_xid=%" PRId64, vm->hvm.audio_domid);
    if (extra.len > 0) {
        text_byte(&line, ' ');
        text_append(&line, extra);
    }
    if (vm->debug)
        text_add(&line, " -trace xen_platform_log");
    add_stubdom_net(&line, vm);
    xmlwrite_attribute(w, "cmdline", line.failed < 0 ? NULL : line.at);
}

static void emulator(struct xmlwrite *w, const struct domain_spec *vm)
{
    xmlwrite_open(w, "emulator");
    xmlwrite_attribute(w, "type", vm->hvm.linux_stubdom ? "stubdom-linux" : "stubdom");
    emulator_cmdline(w, vm);
    if (vm->hvm.stubdom_mem_mib > 0)
        xmlwrite_print(w, "memory", "%" PRIu64, vm->hvm.stubdom_mem_mib * 1024);
    if (vm->hvm.full_stubdom) {
        xmlwrite_attribute(w, "kernel", "/usr/libexec/xen/boot/qemu-stubdom-linux-full-kernel");
        xmlwrite_attribute(w, "ramdisk", "/usr/libexec/xen/boot/qemu-stubdom-linux-full-rootfs");
    }
    xmlwrite_close(w);
}

static void screen(struct xmlwrite *w, const struct domain_spec *vm)
{
    if (!is_set(vm->hvm.video_model))
        return;
    xmlwrite_open(w, "video");
    xmlwrite_empty(w, "model", "type", vm->hvm.video_model);
    xmlwrite_close(w);
    if (!vm->hvm.linux_stubdom)
        return;
    xmlwrite_open(w, "graphics");
    xmlwrite_attribute(w, "type", "qubes");
    if (is_set(vm->hvm.gui_domain))
        xmlwrite_attribute(w, "domain", vm->hvm.gui_domain);
    if (vm->debug)
        xmlwrite_attribute(w, "log_level", "2");
    xmlwrite_close(w);
}

static void hvm_extras(struct xmlwrite *w, const struct domain_spec *vm)
{
    emulator(w, vm);
    xmlwrite_open(w, "input");
    xmlwrite_attribute(w, "type", "tablet");
    xmlwrite_attribute(w, "bus", "usb");
    xmlwrite_close(w);
    if (is_set(vm->hvm.sound_model))
        xmlwrite_empty(w, "sound", "model", vm->hvm.sound_model);
    screen(w, vm);
}

static void console(struct xmlwrite *w, enum vm_dialect dialect)
{
    xmlwrite_open(w, "console");
    xmlwrite_attribute(w, "type", "pty");
    if (dialect == VM_DIALECT_XEN) {
        xmlwrite_open(w, "target");
        xmlwrite_attribute(w, "type", "xen");
        xmlwrite_attribute(w, "port", "0");
        xmlwrite_close(w);
    }
    xmlwrite_close(w);
}

void vm_xml_devices(struct xmlwrite *w, const struct domain_spec *vm, enum vm_dialect dialect)
{
    xmlwrite_open(w, "devices");
    volumes(w, vm, dialect);
    blocks(w, vm, dialect);
    vm_xml_interface(w, &vm->net, dialect);
    for (size_t i = 0; i < vm->pci_count; i++)
        vm_xml_hostdev(w, &vm->pci[i]);
    if (dialect == VM_DIALECT_XEN && vm->virt_mode == VM_HVM)
        hvm_extras(w, vm);
    console(w, dialect);
    xmlwrite_close(w);
}
