/* SPDX-License-Identifier: MIT
 * A look at the domain, when host has said something of it or somebody asks: the errand. In vm/<qid>. */
#include "actors/vm/vm_boot.h"

static void look_fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    vm->look_wanted = true;
    vm->again_at = out->now + SECONDS;
    out_timer(out, TIMER_AGAIN, vm->again_at);
    vm_currents_answer(vm, out, r, why);
    vm_errand_end(vm, out, r, why);
}

static void look_begin(struct vm *vm, struct out *out)
{
    vm->look_wanted = false;
    vm_task_step(vm, out, VM_LOOK_TASK, 1, look_fails);
}

void vm_look_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        look_begin(vm, out);
        return;
    }
    if (result->r < 0) {
        look_fails(vm, out, result->r, &result->why);
        return;
    }
    if (vm_runs(vm))
        vm_sees(vm, out, &result->task->seen);
    else
        vm->seen = result->task->seen;
    vm_currents_answer(vm, out, 0, NULL);
    if (vm_runs(vm) && vm->seen.active) {
        vm_forget_hung(vm, out);
        vm_errand_end(vm, out, 0, NULL);
    } else if (vm->boot.waits) {
        vm_boot_lost(vm, out);
    } else {
        vm_reconcile(vm, out);
    }
}
