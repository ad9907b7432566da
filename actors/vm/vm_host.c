/* SPDX-License-Identifier: MIT
 * What this VM does when the host goes to sleep and wakes (spec lifecycle 5.1). Registry leads all VMs
 * through the four phases; that this one was paused before, and is left so, is in its own note. */
#include "actors/vm/vm.h"

enum { SERVICE_SECONDS = 60 };

static const struct vm_call pre_all = {"qubes.SuspendPreAll", "root", SERVICE_SECONDS, 0};
static const struct vm_call post_all = {"qubes.SuspendPostAll", "root", SERVICE_SECONDS, 0};

static bool sleeps(const struct vm *vm)
{
    return vm->seen.state == VIRT_PAUSED || vm->seen.state == VIRT_PMSUSPENDED;
}

static void mark(struct vm *vm, struct out *out, enum vm_host_mark to)
{
    if (vm->host_mark == to)
        return;
    vm->host_mark = to;
    vm_note_again(vm, out);
}

void vm_host_forgets(struct vm *vm, struct out *out)
{
    if (vm->host_mark == VM_PUT_TO_SLEEP)
        mark(vm, out, VM_UNMARKED);
}

/* What an attempt before this one put to sleep has not slept before that. */
static void warn(struct vm *vm, struct out *out)
{
    if (!sleeps(vm))
        mark(vm, out, VM_UNMARKED);
    else if (vm->host_mark != VM_PUT_TO_SLEEP)
        mark(vm, out, VM_SLEPT_BEFORE);
    if (sleeps(vm) || !vm_service(vm, out, &pre_all))
        vm_errand_end(vm, out, 0, NULL);
}

static void go_to_sleep(struct vm *vm, struct out *out)
{
    if (vm->host_mark == VM_SLEPT_BEFORE || sleeps(vm)) {
        vm_errand_end(vm, out, 0, NULL);
        return;
    }
    mark(vm, out, VM_PUT_TO_SLEEP);
    vm_errand_become(vm, out, ERRAND_SUSPEND);
}

static void wake(struct vm *vm, struct out *out)
{
    if (vm->host_mark == VM_SLEPT_BEFORE || !sleeps(vm))
        vm_errand_end(vm, out, 0, NULL);
    else
        vm_errand_become(vm, out, ERRAND_RESUME);
}

static void tell(struct vm *vm, struct out *out)
{
    bool listed = vm->host_mark == VM_SLEPT_BEFORE;
    mark(vm, out, VM_UNMARKED);
    if (listed || sleeps(vm) || !vm_service(vm, out, &post_all))
        vm_errand_end(vm, out, 0, NULL);
}

static void begin(struct vm *vm, struct out *out)
{
    static void (*const phases[])(struct vm *, struct out *) = {
        [HOST_WARNS] = warn, [HOST_SLEEPS] = go_to_sleep, [HOST_WAKES] = wake, [HOST_TELLS] = tell};
    if (!vm_runs(vm))
        vm_errand_end(vm, out, 0, NULL); /* it has ended meanwhile */
    else
        phases[vm->job.phase](vm, out);
}

void vm_host_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        begin(vm, out);
        return;
    }
    vm_service_logged(vm, vm->job.phase == HOST_WARNS ? &pre_all : &post_all, result);
    vm_errand_end(vm, out, 0, NULL);
}
