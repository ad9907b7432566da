/* SPDX-License-Identifier: MIT
 * What vm/<qid> keeps of devices: those that it starts with, and one that is coming or going. Whether a
 * device may come is its bus's to say; what libvirt must do is done here. Spec: devbus-pci 7 to 11. */
#ifndef ACTORS_VM_VM_DEVICE_H
#define ACTORS_VM_VM_DEVICE_H

#include "actors/vm/vm_note.h"
#include "actors/vm/vm_task.h"
#include "runtime/core.h"

struct vm;
typedef void vm_device_ask(struct vm *vm, struct out *out);

/* A device that somebody wants attached or detached; from malloc. */
struct vm_plug {
    char port[256], device_id[1024], sbdf[VM_SBDF_TEXT];
    bool permissive, no_strict_reset;
    char device[2049]; /* as events name it */
    char *options;     /* as events show them; from malloc */
};

/* A device that the VM starts with, or that is to be ready then. */
struct vm_wish {
    char port[256], device_id[1024];
    bool required, permissive, no_strict_reset;
};

struct vm_devices {
    struct vm_wish *wish; /* of the start: as the bus lists them; from malloc */
    size_t wishes, next;
    struct vm_pci boot[VM_PCI_MAX]; /* made ready for it */
    size_t boots;
    bool tell_wanted;     /* the bus is to hear what the VM has */
    vm_device_ask *again; /* what is asked once more when the timer rings */
    unsigned tries;
    bool undoing; /* of an attachment: libvirt's part is taken back */
    struct fault failure;
    /* What the incarnation before was doing with a device: whoever asks for the same goes on from there. */
    struct op_id left_op;
    enum vm_step left;
    bool left_said;
};

void vm_plug_free(struct vm_plug *plug);

#endif
