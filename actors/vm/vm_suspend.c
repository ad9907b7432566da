/* SPDX-License-Identifier: MIT
 * Suspend to RAM and resume (spec lifecycle 5). Where the hypervisor cannot, a suspend is a pause; a resume
 * of what is not suspended is an unpause. The guest is called before and after; that it does not answer is
 * logged, and changes nothing. */
#include "actors/vm/vm.h"

enum { SUSPEND_TELLS = 1, SUSPEND_CALLS, RESUME_CALLS = 1, RESUME_TELLS };
enum { SERVICE_SECONDS = 60 };

static const struct vm_call suspend_pre = {"qubes.SuspendPre", "root", SERVICE_SECONDS, 0};
static const struct vm_call suspend_post = {"qubes.SuspendPost", "root", SERVICE_SECONDS, SERVICE_SECONDS};

static void suspend_call(struct vm *vm, struct out *out)
{
    vm_task_step(vm, out, VM_PM_SUSPEND_TASK, SUSPEND_CALLS, vm_errand_end);
}

static void suspend_begin(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = 0;
    if (!vm_runs(vm))
        r = fault_set(&why, ERR_VM_NOT_RUNNING, "domain not running: '%s'", vm->view.name);
    else if (vm->seen.state == VIRT_PAUSED && vm->view.qrexec != 0)
        r = fault_set(&why, ERR_VM_NOT_RUNNING,
                      "%s is paused and cannot be told of its suspension: unpause it first", vm->view.name);
    vm->step = SUSPEND_TELLS;
    if (r < 0)
        vm_errand_end(vm, out, r, &why);
    else if (!vm_service(vm, out, &suspend_pre))
        suspend_call(vm, out);
}

/* What was looked at after a call counts as much as any look. */
static void take(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result->task != NULL && result->task->is_seen && result->task->seen.active)
        vm_takes_seen(vm, out, &result->task->seen);
    vm->look_wanted = vm->look_wanted || result->r < 0;
}

void vm_suspend_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        suspend_begin(vm, out);
        return;
    }
    if (vm->step == SUSPEND_TELLS) {
        vm_service_logged(vm, &suspend_pre, result);
        suspend_call(vm, out);
        return;
    }
    if (result->r == -ERR_UNSUPPORTED) {
        vm_errand_become(vm, out, ERRAND_PAUSE);
        return;
    }
    take(vm, out, result);
    vm_errand_end(vm, out, result->r, &result->why);
}

static void resume_begin(struct vm *vm, struct out *out)
{
    if (!vm_runs(vm) || vm->seen.state != VIRT_PMSUSPENDED) {
        vm_errand_become(vm, out, ERRAND_UNPAUSE);
        return;
    }
    vm_task_step(vm, out, VM_PM_WAKEUP_TASK, RESUME_CALLS, vm_errand_end);
}

static void resumed(struct vm *vm, struct out *out)
{
    vm_wishes_after_sleep(vm, out);
    vm_host_forgets(vm, out);
    (void)VM_SAY(vm, out, {.name = "domain-resumed"});
    vm_errand_end(vm, out, 0, NULL);
}

void vm_resume_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        resume_begin(vm, out);
        return;
    }
    if (vm->step == RESUME_TELLS) {
        vm_service_logged(vm, &suspend_post, result);
        resumed(vm, out);
        return;
    }
    take(vm, out, result);
    vm->step = RESUME_TELLS;
    if (result->r < 0)
        vm_errand_end(vm, out, result->r, &result->why);
    else if (!vm_service(vm, out, &suspend_post))
        resumed(vm, out);
}
