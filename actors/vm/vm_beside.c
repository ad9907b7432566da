/* SPDX-License-Identifier: MIT
 * What is asked of a VM while its start waits for the agent in its guest, and would come too late behind it:
 * a shutdown, and where its console is. Either is one call of the hypervisor, made beside the start, which
 * goes on waiting. Spec: lifecycle 4; in vm/<qid>. */
#include "actors/vm/vm.h"

#include <string.h>

enum { PATIENCE_SECONDS = 5 };

static bool may_be_beside(const struct vm *vm, const struct vm_request *job)
{
    bool shutdown = job->errand == ERRAND_SHUTDOWN && vm->seen.state != VIRT_PAUSED;
    return (shutdown || job->errand == ERRAND_CONSOLE) && vm->errand == ERRAND_START && !vm->peeking &&
           vm_start_waits(vm) && !vm->scarce && vm_task_may(vm, VM_SHUTDOWN_TASK);
}

/* Subscribers hear it as of the one who asked, not of the start. */
static void say(struct vm *vm, struct out *out, const struct vm_event *event)
{
    struct vm_request start = vm->job;
    vm->job = vm->beside;
    vm_say_beside(vm, out, event);
    vm->job = start;
}

static void ends(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    struct vm_request job = vm->beside;
    bool over = vm->life != VM_STARTING && vm->life != VM_LIVING;
    if (r < 0 && job.errand == ERRAND_SHUTDOWN && !over)
        say(vm, out,
            &(struct vm_event){.name = "domain-shutdown-failed", .key = {"reason"}, .value = {why->text}});
    vm->beside.owed = false;
    vm_answer(vm, out, &job, r, why);
}

static int begin_shutdown(struct vm *vm, struct out *out, struct fault *why)
{
    const char *force = vm->beside.force ? "True" : "False";
    say(vm, out, &(struct vm_event){.name = "domain-pre-shutdown", .key = {"force"}, .value = {force}});
    int r = vm->beside.force ? 0 : vm_shutdown_refused(vm, why);
    return r < 0 ? r : vm_task_begin(vm, out, VM_SHUTDOWN_TASK, why);
}

static void begin(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = vm->beside.errand == ERRAND_SHUTDOWN ? begin_shutdown(vm, out, &why)
                                                 : vm_task_begin(vm, out, VM_CONSOLE_TASK, &why);
    vm->peeking = r == 0;
    if (r < 0)
        ends(vm, out, r, &why);
}

void vm_beside(struct vm *vm, struct out *out)
{
    for (unsigned i = 0; i < vm->queued;) {
        if (!may_be_beside(vm, &vm->queue[i])) {
            i++;
            continue;
        }
        vm->beside = vm->queue[i];
        vm->queued--;
        memmove(vm->queue + i, vm->queue + i + 1, (vm->queued - i) * sizeof vm->queue[0]);
        begin(vm, out);
    }
}

/* The guest has been asked: who waits for its end does so with all the others. */
static void asked(struct vm *vm, struct out *out)
{
    unsigned seconds = vm->view.shutdown_timeout;
    bool waits = vm->beside.wait && vm->life != VM_HALTED;
    vm->beside.until = out->now + seconds * SECONDS;
    if (waits)
        vm_progress(vm, out, &vm->beside, seconds + PATIENCE_SECONDS);
    if (!waits || vm_wait(vm, &vm->beside) < 0) {
        ends(vm, out, waits ? -ERR_BUSY : 0, NULL);
        return;
    }
    vm->beside.owed = false;
    vm_waiters_late(vm, out);
}

static void console(struct vm *vm, struct out *out, const struct vm_task *task)
{
    struct vm_console_reply m = {{0}};
    memcpy(m.tty, task->console, sizeof m.tty);
    vm->beside.owed = false;
    REPLY(out, vm_console, &vm->beside.request, &m);
}

void vm_beside_ended(struct vm *vm, struct out *out, const struct vm_task *task, int r,
                     const struct fault *why)
{
    struct fault said = *why;
    if (vm->beside.errand == ERRAND_SHUTDOWN && r < 0)
        r = fault_set(&said, ERR_VM_SHUTDOWN_TIMEOUT, "%s could not be asked to shut down: %.300s",
                      vm->view.name, why->text);
    if (r < 0)
        ends(vm, out, r, &said);
    else if (vm->beside.errand == ERRAND_CONSOLE)
        console(vm, out, task);
    else
        asked(vm, out);
    if (task != NULL)
        vm_start_peeked(vm, out, task);
    vm_start_peek(vm, out); /* what host has said of the domain meanwhile was not looked at */
}
