/* SPDX-License-Identifier: MIT
 * vm/<qid>: which errand comes next, and when there is none any more. */
#include "actors/vm/vm.h"

#include "actors/vm/vm_boot.h"

#include <string.h>

/* How long a halted VM keeps its process. */
enum { REST_SECONDS = 2 };

static void take(struct vm *vm, unsigned i, struct vm_request *job)
{
    *job = vm->queue[i];
    vm->queued--;
    memmove(vm->queue + i, vm->queue + i + 1, (vm->queued - i) * sizeof *job);
}

void vm_all_fail(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    struct vm_request job;
    while (vm->queued > 0) {
        take(vm, 0, &job);
        vm_answer(vm, out, &job, r, why);
    }
    vm_waiters_answer(vm, out, r, why);
    vm_currents_answer(vm, out, r, why);
}

/* While a call hangs in libvirt no other is risked; what needs none is answered all the same. */
static bool is_blocked(const struct vm *vm, const struct vm_request *job)
{
    bool needs_call = vm_runs(vm) ? job->errand != ERRAND_START : job->errand == ERRAND_START;
    return needs_call && (vm->scarce || !vm_task_may(vm, VM_DEFINE_TASK));
}

static int refuse_blocked(const struct vm *vm, struct fault *why)
{
    if (vm->scarce)
        return fault_set(why, ERR_BUSY,
                         "too many calls of other VMs hang in libvirt: kill those, or try again later");
    return fault_set(why, ERR_BUSY, "an earlier call to libvirt still hangs: kill %s, or try again later",
                     vm->view.name);
}

/* A netvm that sleeps counts as one that runs: its clients do not wait for its waking (lifecycle 3, step 8).
 */
static bool is_for_a_sleeper(const struct vm *vm, const struct vm_request *job)
{
    return job->request.source.kind == KIND_VM && vm_sleeps(vm);
}

/* What can only be answered when the start is complete. */
static bool must_wait(const struct vm *vm, const struct vm_request *job)
{
    if (!vm->boot.waits)
        return false;
    return job->errand == ERRAND_START ? !is_for_a_sleeper(vm, job)
                                       : job->errand == ERRAND_RESIZE && vm->life == VM_STARTING;
}

/* The first that may be done now; vm->queued: none may. */
static unsigned first_of_queue(const struct vm *vm)
{
    unsigned i = 0;
    while (i < vm->queued && must_wait(vm, &vm->queue[i]))
        i++;
    return i;
}

static void run_queue(struct vm *vm, struct out *out)
{
    struct vm_request job;
    struct fault why;
    take(vm, first_of_queue(vm), &job);
    if (!is_blocked(vm, &job)) {
        vm_errand_begin(vm, out, job.errand, &job);
        return;
    }
    int r = refuse_blocked(vm, &why);
    vm_answer(vm, out, &job, r, &why);
}

/* A VM that has no domain yet has no interface: whatever becomes of its netvm is at once agreed to. */
static void agree_early(struct vm *vm, struct out *out)
{
    struct vm_request job;
    for (unsigned i = 0; i < vm->queued;) {
        if (vm->queue[i].errand != ERRAND_NET) {
            i++;
            continue;
        }
        take(vm, i, &job);
        vm_answer(vm, out, &job, 0, NULL);
    }
}

static void kill_now(struct vm *vm, struct out *out)
{
    struct fault why;
    if (vm->boot.waits) {
        int r = fault_set(&why, ERR_CANCELLED, "the VM was killed while it was starting");
        vm_boot_fails(vm, out, r, &why);
        return;
    }
    if (vm->life == VM_LIVING) {
        vm_errand_begin(vm, out, ERRAND_KILL, NULL);
        return;
    }
    int r = fault_set(&why, ERR_VM_NOT_STARTED, "%s is not started", vm->view.name);
    vm_waiters_answer(vm, out, r, &why);
}

static void rest(struct vm *vm, struct out *out)
{
    bool idle = vm->life == VM_HALTED && vm->hung == 0 && !vm->hung_before;
    if (vm->life == VM_HALTED)
        vm_device_rests(vm, out);
    /* Another use of the timer may have put off the look that forgets what hung before. */
    if (vm->hung_before && vm->hung_until > out->now && vm->again_at <= out->now)
        out_timer(out, TIMER_AGAIN, vm->hung_until);
    out_timer(out, TIMER_REST, idle ? out->now + REST_SECONDS * SECONDS : 0);
}

static void ready(struct vm *vm, struct out *out)
{
    if (!vm->is_ready)
        out_ready(out);
    vm->is_ready = true;
}

/* Begins one errand or answers one request. False: there is nothing to do now. */
static bool do_one(struct vm *vm, struct out *out)
{
    bool may_try = out->now >= vm->again_at;
    bool asked = vm->queued > 0 || vm->waiting > 0 || vm->looking > 0;
    bool settles = out->now < vm->settles_until;
    bool waits = vm->life == VM_UNKNOWN ? !may_try && (settles || !asked) : vm->owes_clean && !may_try;
    if (waits)
        return false;
    if (vm->life == VM_UNKNOWN)
        vm_errand_begin(vm, out, ERRAND_BEGIN, NULL);
    else if (vm->owes_clean)
        vm_errand_begin(vm, out, ERRAND_CLEAN, NULL);
    else if (vm->kill_wanted)
        kill_now(vm, out);
    else if (vm_boot_can_go_on(vm))
        vm_boot_go_on(vm, out);
    else if ((vm->look_wanted && may_try && vm_task_may(vm, VM_LOOK_TASK)) || vm->looking > 0)
        vm_errand_begin(vm, out, ERRAND_LOOK, NULL);
    else if (vm->devices.tell_wanted && may_try && vm_runs(vm) && vm_task_may(vm, VM_DEVICES_TASK))
        vm_errand_begin(vm, out, ERRAND_DEVICES, NULL);
    else if (first_of_queue(vm) < vm->queued)
        run_queue(vm, out);
    else if (vm_wishes_are_due(vm, out->now))
        vm_errand_begin(vm, out, ERRAND_WISHES, NULL);
    else
        return false;
    return true;
}

/* Whatever waits here is for a VM that is no more. */
static void end_bygone(struct vm *vm, struct out *out)
{
    vm_all_fail(vm, out, -ERR_GONE, NULL);
    vm_boot_drop(vm, out, -ERR_GONE, NULL);
    out_note(out, (struct span){NULL, 0});
    out_timer(out, TIMER_AGAIN, 0);
    out_retire(out);
}

void vm_next(struct vm *vm, struct out *out)
{
    bool again = vm->greeted;
    if (vm->bygone && vm->errand == ERRAND_NONE) {
        end_bygone(vm, out);
        return;
    }
    if (vm_start_is_early(vm))
        agree_early(vm, out);
    while (again && vm->errand == ERRAND_NONE)
        again = do_one(vm, out);
    if (vm->greeted && (vm->errand == ERRAND_NONE || vm->life != VM_UNKNOWN))
        ready(vm, out);
    if (vm->errand == ERRAND_NONE)
        rest(vm, out);
}
