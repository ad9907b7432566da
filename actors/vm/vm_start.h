/* SPDX-License-Identifier: MIT
 * What the files of a start say to each other: its steps, and those that daemons of the guest take. */
#ifndef ACTORS_VM_VM_START_H
#define ACTORS_VM_VM_START_H

#include "actors/vm/vm.h"

enum vm_start_step {
#define START_STEP(name, text, meaning) START_##name,
#include "actors/vm/vm_start_step.def"
    START_STEPS
};

#define WITH_GUID .key = {"start_guid"}, .value = {"True"}

/* Goes on with a result that is success, of the step that vm->step says. */
typedef void vm_start_go_on(struct vm *vm, struct out *out, const struct vm_result *result);

/* ---- vm_start_daemon.c ---- */
/* The domain is there, paused: its QubesDB. Then vm_start_resume. */
void vm_start_qubesdb(struct vm *vm, struct out *out);
vm_start_go_on vm_start_qubesdb_serves, vm_start_guest_hears;
/* It runs: the daemon that waits for its agent, with which the start ends. `again`: an earlier incarnation
 * may have asked for it. */
void vm_start_agents(struct vm *vm, struct out *out, bool again);
vm_start_go_on vm_start_qrexec_serves;

/* ---- vm_start.c ---- */
void vm_start_resume(struct vm *vm, struct out *out);

#endif
