/* SPDX-License-Identifier: MIT
 * A start of vm/<qid> that waits for its guest waits aside (vm_boot.c); what it says to the rest of the
 * start. */
#ifndef ACTORS_VM_VM_BOOT_H
#define ACTORS_VM_VM_BOOT_H

#include "actors/vm/vm.h"

/* The errand, a start's, has asked for its guest's sign of life: it waits aside for the answer. Or, while the
 * VM sleeps, for its waking. */
void vm_boot_wait(struct vm *vm, struct out *out);
/* False: the answer is not for it. */
bool vm_boot_hears(struct vm *vm, struct out *out, const struct answer *a);
/* It can go on; it does, as the errand that it was. */
bool vm_boot_can_go_on(const struct vm *vm);
void vm_boot_go_on(struct vm *vm, struct out *out);
/* It fails, and is undone. */
void vm_boot_fails(struct vm *vm, struct out *out, int r, const struct fault *why);
/* A look has found no domain. */
void vm_boot_lost(struct vm *vm, struct out *out);
/* Nothing is left to be undone: whoever asked for the start hears why. */
void vm_boot_drop(struct vm *vm, struct out *out, int r, const struct fault *why);
/* Who asked for a start of a VM that sleeps waits on, or hears why that is in vain. */
void vm_boot_timer(struct vm *vm, struct out *out);

/* ---- vm_start.c ---- */
/* Whether it has told the hypervisor nothing yet: there is no domain. */
bool vm_start_is_early(const struct vm *vm);
/* ---- vm_start_daemon.c, vm_preload.c ---- */
/* The daemon that waits for an agent is begun once more; the service, too. */
void vm_start_ask_agent(struct vm *vm, struct out *out);
void vm_preload_ask_again(struct vm *vm, struct out *out);

#endif
