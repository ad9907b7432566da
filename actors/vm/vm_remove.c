/* SPDX-License-Identifier: MIT
 * vm/<qid>: its VM is about to be removed (vm-model 8.3). It agrees when the VM rests and libvirt has
 * forgotten the domain: one that stayed defined would belong to nobody, and be in the way of the next VM of
 * that name. */
#include "actors/vm/vm.h"

enum { REMOVE_LOOK = 1, REMOVE_UNDEFINE };

/* A call that hangs may still define the domain. */
static int must_rest(const struct vm *vm, struct fault *why)
{
    if (vm->life != VM_HALTED || vm->unwanted)
        return fault_set(why, ERR_VM_NOT_HALTED, "shut '%s' down before it is removed", vm->view.name);
    if (!vm_task_may(vm, VM_UNDEFINE_TASK))
        return fault_set(why, ERR_BUSY, "an earlier call to libvirt about %s still hangs; try again later",
                         vm->view.name);
    return 0;
}

static void looked(struct vm *vm, struct out *out, const struct domain_seen *seen)
{
    struct fault why;
    int r = 0;
    if (seen->active)
        r = fault_set(&why, ERR_VM_NOT_HALTED, "shut '%s' down before it is removed", vm->view.name);
    else if (seen->exists && vm->scarce)
        r = fault_set(&why, ERR_BUSY, "too many calls of other VMs hang in libvirt: try again later");
    if (r == 0 && seen->exists)
        vm_task_step(vm, out, VM_UNDEFINE_TASK, REMOVE_UNDEFINE, vm_errand_end);
    else
        vm_errand_end(vm, out, r, &why);
}

void vm_remove_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    int r = result == NULL ? must_rest(vm, &why) : result->r;
    if (result == NULL && r == 0)
        vm_task_step(vm, out, VM_LOOK_TASK, REMOVE_LOOK, vm_errand_end);
    else if (r == 0 && vm->step == REMOVE_LOOK)
        looked(vm, out, &result->task->seen);
    else
        vm_errand_end(vm, out, r, result == NULL ? &why : &result->why);
}
