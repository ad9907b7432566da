/* SPDX-License-Identifier: MIT
 * From the view that registry sends to the domain's XML. */
#ifndef ACTORS_VM_VM_RENDER_H
#define ACTORS_VM_VM_RENDER_H

#include "actors/vm/vm_block.h"
#include "actors/vm/vm_spec.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/messages.h"

/* What the view cannot know: this machine, and this moment. */
struct vm_machine {
    const char *kernels;      /* the directory of kernels */
    bool has_initrd;          /* the view's kernel has one */
    bool without_rdrand;      /* a processor whose RDRAND is not to be shown */
    bool has_screen;          /* a device is assigned that shows one */
    const struct vm_pci *pci; /* that it boots with */
    size_t pci_count;
    const struct vm_block *blocks; /* and which disks of backends */
    size_t block_count;
    int64_t audio_domid; /* of the VM that plays the sound; -1: it does not run */
};

/* Appends the XML for a driver's domain type. 0 or -ERR_RANGE, -ERR_TOO_BIG, -ERR_NOMEM. Pure. */
int vm_render(const struct vm_view *view, const struct vm_machine *machine, const char *domain_type,
              struct text *out, struct fault *why);

/* Appends the <interface> element alone, as Xen takes it, for a running domain; nothing for a view without a
 * netvm. */
int vm_render_interface(const struct vm_view *view, struct text *out, struct fault *why);

#endif
