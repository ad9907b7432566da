/* SPDX-License-Identifier: MIT
 * How a VM ends (spec lifecycle 4 to 6): kill, shutdown, the undoing of a start, and what follows when the
 * domain is gone: exactly one stopped and one shutdown event for each domain that was created. */
#include "actors/vm/vm.h"

#include <string.h>

#include "actors/vm/vm_net.h"
#include "base/log.h"
#include "proto/registry_values.h"

enum { CLEAN_SAY, CLEAN_STORAGE, CLEAN_RELEASE, CLEAN_CLOSE, CLEAN_UNDEFINE, CLEAN_LAST };
enum { CLEAN_SECONDS = 5, AGAIN_SECONDS = 1 };

/* ---- who waits for the end ---- */

int vm_wait(struct vm *vm, const struct vm_request *job)
{
    if (vm->waiting == VM_WAITERS)
        return -ERR_BUSY;
    vm->waiters[vm->waiting++] = *job;
    return 0;
}

void vm_waiters_answer(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    unsigned count = vm->waiting;
    vm->waiting = 0;
    vm->kill_wanted = false;
    out_timer(out, TIMER_WAITERS, 0);
    for (unsigned i = 0; i < count; i++)
        vm_answer(vm, out, &vm->waiters[i], r, why);
}

static void too_late(struct vm *vm, struct out *out, struct vm_request *job)
{
    struct fault why;
    int r = fault_set(&why, ERR_VM_SHUTDOWN_TIMEOUT,
                      "%s did not shut down within %u seconds; kill it if it must end", vm->view.name,
                      vm->view.shutdown_timeout);
    (void)VM_SAY(vm, out, {.name = "domain-shutdown-failed", .key = {"reason"}, .value = {why.text}});
    vm_answer(vm, out, job, r, &why);
}

void vm_waiters_late(struct vm *vm, struct out *out)
{
    uint64_t next = 0;
    unsigned left = 0;
    for (unsigned i = 0; i < vm->waiting; i++) {
        struct vm_request *job = &vm->waiters[i];
        if (job->until != 0 && job->until <= out->now) {
            too_late(vm, out, job);
            continue;
        }
        if (job->until != 0 && (next == 0 || job->until < next))
            next = job->until;
        vm->waiters[left++] = *job;
    }
    vm->waiting = left;
    out_timer(out, TIMER_WAITERS, next);
}

/* ---- the domain is gone ---- */

void vm_life_over(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    vm_device_over(vm, out);
    (void)EVENT(out, domain_over, ((struct address){KIND_LAUNCHER, 0}), &context, NO_MESSAGE(domain_over));
}

void vm_gone(struct vm *vm, struct out *out, bool pair)
{
    vm->life = VM_STOPPING;
    vm->seen = (struct domain_seen){.domid = VIRT_NO_DOMID, .state = VIRT_SHUTOFF};
    vm->start_time = 0;
    vm->paused_said = false;
    vm->resumed_until = vm->paused_until = 0;
    vm->created = vm->bare = vm->qrexec_up = vm->balanced = false;
    vm->stubdom = (struct vm_stubdom){0};
    vm->host_mark = VM_UNMARKED;
    vm_life_over(vm, out);
    vm->owes_stopped = vm->owes_shutdown = pair;
    vm->owes_clean = true;
    if (pair)
        vm_note_step(vm, out, STEP_STOPPED);
    vm_forget_hung(vm, out); /* with its domain the calls about it have ended */
    vm_errand_become(vm, out, ERRAND_CLEAN);
}

/* Nobody hears us now: what is owed is tried again soon, or when the router is back. */
static void clean_later(struct vm *vm, struct out *out)
{
    vm->again_at = out->now + AGAIN_SECONDS * SECONDS;
    out_timer(out, TIMER_AGAIN, vm->again_at);
    vm_errand_end(vm, out, vm->failure.code == ERR_NONE ? -ERR_GONE : -(int)vm->failure.code, &vm->failure);
}

static void clean_close(struct vm *vm, struct out *out);

/* What may still make its domain holds the VM as if it lived: removed now, that would belong to nobody. */
static void clean_release(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLEAN_SECONDS);
    if (vm->unwanted) {
        clean_close(vm, out);
        return;
    }
    vm->step = CLEAN_RELEASE;
    ASK(out, release, ((struct address){KIND_REGISTRY, 0}), &context, vm_ask_tag(vm),
        (&(struct release){.after = RELEASE_AFTER_DOMAIN}));
}

/* What the volumes came to is committed or thrown away; a pool that refuses says so, and holds nobody up.
 * While the domain may still be made, nothing is taken away under it. */
static void clean_storage(struct vm *vm, struct out *out)
{
    vm->step = CLEAN_STORAGE;
    if (vm->has_stored && !vm->unwanted && vm_storage_next(vm, out, "stop"))
        return;
    vm->has_stored = vm->has_stored && vm->unwanted;
    clean_release(vm, out);
}

static void clean_say(struct vm *vm, struct out *out)
{
    vm_facts(vm, out);
    if (vm->owes_stopped && vm_say_stopped(vm, out) < 0) {
        clean_later(vm, out);
        return;
    }
    if (vm->owes_stopped)
        vm_net_tell(vm, out, false);
    vm->owes_stopped = false;
    vm_storage_begin(vm);
    clean_storage(vm, out);
}

static void clean_close(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLEAN_SECONDS);
    if (vm->owes_shutdown && vm_say_shutdown(vm, out) < 0) {
        clean_later(vm, out);
        return;
    }
    vm->owes_shutdown = false;
    vm_device_gone(vm, out);
    vm->step = CLEAN_CLOSE;
    ASK(out, guest_close, ((struct address){KIND_GUEST, vm->qid}), &context, vm_ask_tag(vm),
        NO_MESSAGE(guest_close));
}

static void clean_end(struct vm *vm, struct out *out)
{
    struct fault failure = vm->failure;
    vm->owes_clean = false;
    vm->failure = (struct fault){0};
    vm->life = VM_HALTED;
    vm_note_step(vm, out, STEP_NONE);
    vm_waiters_answer(vm, out, 0, NULL);
    vm_errand_end(vm, out, -(int)failure.code, &failure);
}

/* With nothing left of its life a disposable may go: registry decides, and answers when that is done. */
static void clean_last(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLEAN_SECONDS);
    bool failed = vm->failure.code != ERR_NONE || vm->owes_last;
    vm->owes_last = vm->unwanted; /* it is said when the claim is released */
    if (vm->unwanted || strcmp(vm->view.class, "DispVM") != 0) {
        clean_end(vm, out);
        return;
    }
    vm->step = CLEAN_LAST;
    ASK(out, release, ((struct address){KIND_REGISTRY, 0}), &context, vm_ask_tag(vm),
        (&(struct release){.after = failed ? RELEASE_AFTER_FAILURE : RELEASE_AFTER_LIFE}));
}

/* A domain that stays defined hurts nobody: the next start defines it again, and a removal undefines it. But
 * nobody asks before a disposable goes: it waits for libvirt, and those who wait for its end do not. */
static void clean_undefined(struct vm *vm, struct out *out, int r)
{
    if (r == 0 || strcmp(vm->view.class, "DispVM") != 0) {
        clean_last(vm, out);
        return;
    }
    vm_waiters_answer(vm, out, 0, NULL);
    clean_later(vm, out);
}

static void clean_undefine(struct vm *vm, struct out *out)
{
    struct fault why;
    vm->step = CLEAN_UNDEFINE;
    int r = vm->scarce ? -ERR_BUSY : vm_task_begin(vm, out, VM_UNDEFINE_TASK, &why);
    if (r < 0)
        clean_undefined(vm, out, r);
}

/* While the claim stands the VM cannot be removed: registry has to hear it. */
static void released(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct release_reply m = {0};
    bool removed = result->r == -ERR_REFUSED || result->r == -ERR_VM_NOT_FOUND;
    bool unheard = result->r < 0 && !removed;
    if (result->r == 0 && result->e != NULL && release_reply_decode(&m, result->e->body) == 0)
        removed = m.removed != 0;
    if (removed && vm->step == CLEAN_LAST)
        vm->bygone = true; /* nobody speaks of it any more: its number is free for the next one */
    if (unheard)
        clean_later(vm, out);
    else if (vm->step == CLEAN_RELEASE)
        clean_close(vm, out);
    else
        clean_end(vm, out);
}

void vm_clean_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    switch (vm->step) {
    case CLEAN_SAY:
        clean_say(vm, out);
        break;
    case CLEAN_STORAGE:
        if (result->r < 0)
            log_line(LOG_WARN, "a volume was not stopped: %s", result->why.text);
        clean_storage(vm, out);
        break;
    case CLEAN_RELEASE:
    case CLEAN_LAST:
        released(vm, out, result);
        break;
    case CLEAN_CLOSE:
        clean_undefine(vm, out);
        break;
    case CLEAN_UNDEFINE:
        clean_undefined(vm, out, result->r);
        break;
    }
}

/* ---- destroying ---- */

/* libvirt has not said what became of the domain: look until it does. */
static void leave_open(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    vm->life = VM_UNKNOWN;
    vm_facts(vm, out);
    vm_waiters_answer(vm, out, r, why);
    vm_errand_end(vm, out, r, why);
}

static bool is_there(const struct vm_result *result)
{
    return result->task != NULL && result->task->is_seen && result->task->seen.active;
}

/* It is there in spite of us, and as the look behind the call found it; another kill may have more luck. */
static void stays(struct vm *vm, struct out *out, const struct vm_result *result, const struct fault *why)
{
    vm->life = VM_LIVING;
    if (is_there(result))
        vm_sees(vm, out, &result->task->seen);
    vm_facts(vm, out);
    vm_waiters_answer(vm, out, -(int)why->code, why);
    vm_errand_end(vm, out, -(int)why->code, why);
}

static bool is_gone(const struct vm_result *result)
{
    return result->task != NULL && result->task->is_seen && !result->task->seen.active;
}

static void destroy(struct vm *vm, struct out *out,
                    void (*fails)(struct vm *, struct out *, const struct vm_result *))
{
    struct vm_result result = {0};
    vm->step = 1;
    result.r = vm_task_begin(vm, out, VM_DESTROY_TASK, &result.why);
    if (result.r < 0)
        fails(vm, out, &result);
}

static void undo_fails(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why = vm->failure.code != ERR_NONE ? vm->failure : result->why;
    vm->failure = (struct fault){0};
    bool never_ran = is_there(result) && result->task->seen.state == VIRT_PAUSED;
    if (never_ran) { /* nobody could use it: its note says undoing, and a look later goes on with that */
        vm->again_at = out->now + AGAIN_SECONDS * SECONDS;
        out_timer(out, TIMER_AGAIN, vm->again_at);
    }
    if (is_there(result) && !never_ran)
        stays(vm, out, result, &why);
    else
        leave_open(vm, out, -(int)why.code, &why);
}

void vm_undo_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        destroy(vm, out, undo_fails);
        return;
    }
    if (!is_gone(result)) {
        undo_fails(vm, out, result);
        return;
    }
    bool may_come = !vm->created && vm_is_uncertain(result->r);
    vm->unwanted = vm->unwanted && result->r != 0;
    if (may_come && !vm->unwanted)
        vm_hang_left(vm, out);
    vm_gone(vm, out, vm->created || result->r == 0);
}

static void kill_fails(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (vm_is_uncertain(result->r))
        leave_open(vm, out, result->r, &result->why);
    else
        stays(vm, out, result, &result->why);
}

void vm_kill_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL)
        destroy(vm, out, kill_fails);
    else if (is_gone(result))
        vm_gone(vm, out, true);
    else
        kill_fails(vm, out, result);
}

/* Those that wait for another process while the VM runs. */
static bool is_interruptible(enum vm_errand errand)
{
    return errand == ERRAND_NET || errand == ERRAND_SUSPEND || errand == ERRAND_RESUME ||
           errand == ERRAND_HOST || errand == ERRAND_RESIZE;
}

void vm_kill(struct vm *vm, struct out *out)
{
    struct fault why;
    vm->kill_wanted = true;
    if (vm->errand == ERRAND_START && vm->asked != 0) {
        int r = fault_set(&why, ERR_CANCELLED, "the VM was killed while it was starting");
        vm->asked = 0;
        vm_start_fails(vm, out, r, &why, false);
    } else if (is_interruptible(vm->errand) && vm->asked != 0) {
        int r = fault_set(&why, ERR_CANCELLED, "the VM was killed meanwhile");
        vm_errand_end(vm, out, r, &why);
    }
    vm_next(vm, out);
}
