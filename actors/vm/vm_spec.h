/* SPDX-License-Identifier: MIT
 * The domain that vm/<qid> wants libvirt to make, as the XML renderer takes it: resolved values, no defaults
 * to look up, no model. Texts are borrowed: the owner of the spec keeps them; NULL or "" is "not
 * set" wherever a field may be unset. Spec: libvirt-xml 2 to 4. */
#ifndef ACTORS_VM_VM_SPEC_H
#define ACTORS_VM_VM_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vm_virt_mode { VM_PVH, VM_HVM, VM_PV };
enum vm_clock { VM_CLOCK_UTC, VM_CLOCK_LOCALTIME, VM_CLOCK_OFFSET };

/* An own volume, or a block device of a required assignment. */
struct vm_disk {
    const char *source;         /* path of the device as its backend sees it                  */
    const char *target;         /* "xvda"; NULL: the next free one of its list (spec 4.1, 4.2) */
    const char *devtype;        /* NULL: "disk"; "cdrom"                                       */
    const char *backend_domain; /* NULL: dom0                                                  */
    bool read_only;
    bool has_script; /* names /etc/xen/scripts/qubes-block */
};

/* A PCI function of a required assignment. */
struct vm_pci {
    uint16_t segment;
    uint8_t bus, slot, function;
    bool no_strict_reset, permissive, no_power_management_filtering;
};

struct vm_net {
    const char *netvm; /* NULL: no network, the other fields play no part */
    const char *mac, *ip, *ip6;
    const char *dns[2], *gateway, *netmask; /* hvm's stub domain is told these */
};

/* What only hvm has. */
struct vm_hvm {
    bool uefi, linux_stubdom, full_stubdom; /* full: with audio or qrexec in it */
    uint64_t stubdom_mem_mib;               /* 0: not set                       */
    const char *sound_model, *video_model;  /* NULL: none                       */
    const char *gui_domain;                 /* NULL: dom0 or none               */
    const char *qemu_extra_args;
    int64_t audio_domid; /* 0 for dom0, -1 for none or not running */
    enum vm_clock clock;
    const char *clock_offset; /* VM_CLOCK_OFFSET: digits, maybe with a sign */
};

struct domain_spec {
    const char *name, *uuid; /* uuid: 36 byte text */
    enum vm_virt_mode virt_mode;
    uint64_t memory_mib, maxmem_mib; /* maxmem 0: no balancing */
    bool memory_hotplug;
    unsigned vcpus;
    bool debug;
    bool cpu_without_rdrand; /* the host's processor is (6,58) or (6,62) */

    const char *kernel, *initrd; /* paths; initrd NULL: none                             */
    const char *cmdline;         /* complete (spec 3), may be ""; NULL: kernel property empty */

    bool has_pci_assigned; /* in any mode: decides memory and e820_host */
    bool e820_host;        /* own feature pci-e820-host absent or true  */

    const struct vm_disk *volumes; /* own, in order: each names its target or takes xvde and on */
    size_t volume_count;
    const struct vm_disk *blocks; /* required assignments, in order: xvdi and on */
    size_t block_count;
    struct vm_net net;
    const struct vm_pci *pci; /* required assignments, in order */
    size_t pci_count;
    struct vm_hvm hvm;
};

#endif
