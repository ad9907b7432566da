/* SPDX-License-Identifier: MIT
 * Which terminal is the guest's first console (admin-api-methods 4). */
#include "actors/vm/vm.h"

#include <string.h>

static void begin(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = 0;
    if (!vm_runs(vm))
        r = fault_set(&why, ERR_VM_NOT_RUNNING, "domain not running: '%s'", vm->view.name);
    vm->step = 1;
    if (r == 0)
        r = vm_task_begin(vm, out, VM_CONSOLE_TASK, &why);
    if (r < 0)
        vm_errand_end(vm, out, r, &why);
}

void vm_console_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct vm_console_reply m = {{0}};
    if (result == NULL) {
        begin(vm, out);
        return;
    }
    if (result->r == 0 && vm->job.owed) {
        memcpy(m.tty, result->task->console, sizeof m.tty);
        vm->job.owed = false;
        REPLY(out, vm_console, &vm->job.request, &m);
    }
    vm_errand_end(vm, out, result->r, &result->why);
}
