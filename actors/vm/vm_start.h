/* SPDX-License-Identifier: MIT
 * What the files of a start say to each other: its steps, and those that daemons of the guest take. */
#ifndef ACTORS_VM_VM_START_H
#define ACTORS_VM_VM_START_H

#include "actors/vm/vm_boot.h"

enum vm_start_step {
#define START_STEP(name, text, meaning) START_##name,
#include "actors/vm/vm_start_step.def"
    START_STEPS,
    START_KNOW = START_STEPS /* before the first: whether who asks may */
};

#define WITH_GUID .key = {"start_guid"}, .value = {"True"}

/* Goes on with a result that is success, of the step that vm->step says. */
typedef void vm_start_go_on(struct vm *vm, struct out *out, const struct vm_result *result);

/* ---- vm_start_entries.c ---- */
/* The domain is there, paused: what xenstore must hold of it. Then vm_start_spawned. */
void vm_start_entries(struct vm *vm, struct out *out);
/* Which domain its device model is; the step under way hears the answer. 0, or what it says is taken. */
void vm_start_ask_stubdom(struct vm *vm, struct out *out);
int vm_start_take_stubdom(struct vm *vm, const struct vm_result *result, struct fault *why);
/* Also of a result that is no success. */
vm_start_go_on vm_start_entries_made;

/* ---- vm_device_tell.c ---- */
/* It runs: its devices are told. Then vm_start_agents, also where that fails. */
void vm_start_tell(struct vm *vm, struct out *out);
/* Also of a result that is no success. */
vm_start_go_on vm_start_shown, vm_start_told;

/* ---- vm_start_daemon.c ---- */
/* Its QubesDB. Then vm_start_resume. */
void vm_start_qubesdb(struct vm *vm, struct out *out);
vm_start_go_on vm_start_qubesdb_serves, vm_start_guest_hears;
/* The daemons that wait for their agents, with which the start ends: its device model's, its own. */
void vm_start_agents(struct vm *vm, struct out *out);
vm_start_go_on vm_start_stubdom_serves, vm_start_qrexec_serves;

/* ---- vm_start_claim.c ---- */
/* Whoever has asked: refused, answered, or vm_start_claim, after a look at registry where that is needed. */
void vm_start_begin(struct vm *vm, struct out *out);
/* Also of a result that is no success. */
vm_start_go_on vm_start_asker_known;
void vm_start_claim(struct vm *vm, struct out *out);
vm_start_go_on vm_start_claimed;

/* ---- vm_start.c ---- */
/* Why it fails, said when all is cleaned up. */
void vm_start_gives_up(struct vm *vm, int r, const struct fault *why);
/* Its domain is complete: subscribers hear of it. */
void vm_start_spawned(struct vm *vm, struct out *out);
void vm_start_resume(struct vm *vm, struct out *out);

#endif
