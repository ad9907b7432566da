/* SPDX-License-Identifier: MIT
 * Calls of the hypervisor as tasks for the worker thread. */
#ifndef ACTORS_VM_VM_TASK_H
#define ACTORS_VM_VM_TASK_H

#include "actors/vm/vm_block.h"
#include "actors/vm/vm_spec.h"
#include "doors/domain.h"
#include "runtime/core.h"

enum vm_task_what {
#define TASK(name, seconds, always, text) VM_##name##_TASK,
#include "actors/vm/vm_task.def"
    VM_TASKS
};

enum { VM_PCI_MAX = 64, VM_SBDF_TEXT = 13 };

struct vm_task {
    struct task task; /* first */
    char uuid[VIRT_UUID_MAX + 1];
    /* The domain after the call, whatever became of that. is_seen: the look succeeded. */
    bool is_seen;
    bool is_xen; /* and where: only there a guest cannot do without its daemons */
    struct domain_seen seen;
    char console[256];             /* CONSOLE: the terminal's path, "" where the domain has none */
    struct vm_pci pci[VM_PCI_MAX]; /* DEFINE: what it boots with; PLUG, UNPLUG: the first one */
    size_t pci_count;
    bool has_screen;                    /* DEFINE: one of those that are assigned shows one */
    char has[VM_PCI_MAX][VM_SBDF_TEXT]; /* DEVICES: PCI functions that the live domain shows */
    size_t has_count;
    bool is_open;              /* PLUG: no look has shown that the domain does not have it */
    bool is_block, has_kernel; /* PLUG, UNPLUG: this disk of a backend; as it came, after PLUG */
    struct vm_block block;
    struct vm_block boot[VM_BLOCKS_MAX]; /* DEFINE: disks of backends that it boots with */
    size_t boots;
    struct vm_block_list live; /* DEVICES: disks of backends that the live domain shows */
    uint64_t wall;             /* seconds since the epoch, when it was done */
    size_t view_len;           /* DEFINE, NET_ATTACH: the view that is rendered, as on the bus */
    char view[];
};

/* What one worker thread holds: a connection, opened by its first task and again after a loss.
 * `open` is domain_open_libvirt for the process, another for tests and the simulator. */
struct vm_doors {
    int (*open)(void *arg, struct domain_door **ret, struct fault *why);
    void *arg;
    struct domain_door *door;
    const char *kernels;   /* the directory of kernels */
    const char *templates; /* the directory of overrides of the domain's XML; NULL: there are none */
    bool told_no_plug;     /* that this driver plugs nothing was said */
    bool without_rdrand;   /* the processor's RDRAND is not to be shown to guests */
};

/* vm_device_perform.c: the calls about devices. 0 or -ERR_. */
int vm_perform_devices(struct vm_doors *doors, struct vm_task *t, struct fault *why);
int vm_perform_plug(struct vm_doors *doors, struct vm_task *t, struct fault *why);
int vm_perform_unplug(struct vm_doors *doors, struct vm_task *t, struct fault *why);

/* runtime's perform_task: `arg` is a struct vm_doors. May block. */
void vm_perform(void *arg, struct task *task);

/* ---- the core's side: vm_task.c ---- */
struct vm;
/* Hands the worker a task for this VM. -ERR_BUSY while an earlier call hangs and this one is not
 * among those that may be made all the same. */
int vm_task_begin(struct vm *vm, struct out *out, enum vm_task_what what, struct fault *why);
/* The same as that step of the errand, which `fails` ends where the task cannot begin. */
typedef void vm_fails(struct vm *vm, struct out *out, int r, const struct fault *why);
void vm_task_step(struct vm *vm, struct out *out, enum vm_task_what what, unsigned step, vm_fails *fails);
/* Tells registry how many of our calls hang. */
void vm_hang_tell(struct vm *vm, struct out *out);
/* Whether the call may be made now. */
bool vm_task_may(const struct vm *vm, enum vm_task_what what);
/* A task has passed its deadline, and stays with a thread of its own; it has come back. */
void vm_task_overdue(struct vm *vm, struct out *out, enum vm_task_what what, struct fault *why);
void vm_task_cleared(struct vm *vm, struct out *out, enum vm_task_what what);
/* After these errors nobody knows whether it happened. */
bool vm_is_uncertain(int r);

#endif
