/* SPDX-License-Identifier: MIT
 * vm/<qid>: the core's functions. */
#include "actors/vm/vm.h"

#include "actors/vm/vm_actor.h"
#include "actors/vm/vm_boot.h"
#include "actors/vm/vm_net.h"
#include "base/log.h"

/* How long libvirtd may take to finish or drop what a killed process has asked of it. */
enum { SETTLE_SECONDS = 5 };

/* Counted from the first death: each incarnation behind it has only looked. */
static void settle(struct vm *vm, struct out *out)
{
    uint64_t until = out->now + SETTLE_SECONDS * SECONDS, before = vm->note.settles;
    if (vm->note.step != STEP_DEFINING && vm->note.step != STEP_CREATING)
        return;
    vm->settles_until = before != 0 && before < until ? before : until;
    if (before != vm->settles_until) {
        vm->note.settles = vm->settles_until;
        vm_note_again(vm, out);
    }
}

static int core_begin(void *self, struct out *out, const struct life *life)
{
    struct vm *vm = self;
    vm->qid = life->self.instance;
    vm->generation = life->generation;
    vm->seen.domid = VIRT_NO_DOMID;
    if (vm_note_read(life->note, &vm->note) < 0)
        log_line(LOG_WARN, "the note is not one of mine: the hypervisor alone says what is");
    vm->seq = vm->note.seq;
    vm->has_stored = vm->note.step != STEP_NONE || vm->note.unwanted;
    vm->hung_before = vm->note.abandoned;
    vm->unwanted = vm->owes_last = vm->note.unwanted;
    vm->host_mark = vm->note.host <= VM_PUT_TO_SLEEP ? (enum vm_host_mark)vm->note.host : VM_UNMARKED;
    settle(vm, out);
    return 0;
}

static void core_hello(void *self, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct vm *vm = self;
    (void)epoch;
    if (last_correlation > vm->seq)
        vm->seq = last_correlation;
    if (vm->greeted) {
        vm_facts(vm, out);
        vm_claim_again(vm, out);
    } else {
        vm_hang_tell(vm, out); /* none, too: the incarnation before may have died before it could say so */
    }
    vm->greeted = true;
    vm->again_at = 0;
    vm_next(vm, out);
}

/* It came before the VM was removed: what is for the next one of this qid waits at the router. */
static void hear_bygone(struct out *out, const struct envelope *e)
{
    struct request request = request_of(e);
    if (e->class == CLASS_REQUEST)
        reply_error(out, &request, -ERR_GONE, NULL);
}

static void core_bygone(void *self, struct out *out)
{
    struct vm *vm = self;
    vm->bygone = true;
    vm_next(vm, out);
}

static void core_hear(void *self, struct out *out, const struct envelope *e)
{
    struct vm *vm = self;
    if (e->class == CLASS_CANCEL)
        return; /* what has begun is finished: its caller is gone, not its sense */
    if (vm->bygone)
        hear_bygone(out, e);
    else
        vm_dispatch(vm, out, e);
    vm_next(vm, out); /* whatever was heard put off its rest: the router kept it for that */
}

static void core_answered(void *self, struct out *out, const struct answer *a)
{
    struct vm *vm = self;
    struct vm_result result = {.r = a->r, .e = a->e};
    if (a->progress && a->tag != 0 && a->tag == vm->asked && a->e != NULL && a->e->deadline > out->now)
        vm_progress(vm, out, &vm->job, (unsigned)((a->e->deadline - out->now) / SECONDS));
    if (a->tag == VM_STUBDOM_TAG && !a->progress)
        vm_stubdom_said(vm, out, a);
    if (a->tag == VM_TAG_AGAIN)
        vm_claimed_again(vm, out, a);
    if (vm_boot_hears(vm, out, a)) {
        vm_next(vm, out);
        return;
    }
    if (a->progress || a->tag == 0 || a->tag != vm->asked) {
        vm_next(vm, out); /* it may have come when this process was about to rest */
        return;
    }
    vm->asked = 0;
    if (a->r < 0)
        result.why = a->why;
    vm_errand_goes_on(vm, out, &result);
    vm_next(vm, out);
}

static void task_ended(struct vm *vm, struct out *out, const struct vm_task *task)
{
    if (task->is_seen)
        vm->is_xen = task->is_xen;
    struct vm_result result = {.r = task->task.r, .task = task};
    if (task->task.r < 0)
        result.why = task->task.why;
    vm_errand_goes_on(vm, out, &result);
}

static void core_done(void *self, struct out *out, const struct done *d)
{
    struct vm *vm = self;
    struct vm_result result = {.r = -ERR_TIMEOUT};
    if (d->cleared) {
        vm_task_cleared(vm, out, (enum vm_task_what)d->what);
    } else if (d->overdue) {
        vm_task_overdue(vm, out, (enum vm_task_what)d->what, &result.why);
        vm_errand_goes_on(vm, out, &result);
    } else {
        task_ended(vm, out, (const struct vm_task *)d->task);
    }
    vm_next(vm, out);
}

static void core_timer(void *self, struct out *out, uint64_t timer)
{
    struct vm *vm = self;
    if (timer == TIMER_WAITERS)
        vm_waiters_late(vm, out);
    if (timer == TIMER_NET)
        vm_net_lost(vm, out);
    if (timer == TIMER_MEMORY)
        vm_memory_said(vm, out, VM_MEMORY_LATE);
    if (timer == TIMER_BOOT)
        vm_boot_timer(vm, out);
    if (timer == TIMER_DEVICE)
        vm_device_timer(vm, out);
    vm->devices.tell_wanted = vm->devices.tell_wanted || timer == TIMER_TELL;
    vm->devices.block_wanted = vm->devices.block_wanted || timer == TIMER_TELL;
    if (timer == TIMER_AGAIN) {
        vm->again_at = 0;
        vm->look_wanted = true;
    }
    if (timer == TIMER_REST && vm->errand == ERRAND_NONE && vm->life == VM_HALTED)
        out_retire(out);
    else
        vm_next(vm, out);
}

static void core_end(void *self)
{
    struct vm *vm = self;
    text_free(&vm->view_bytes);
    vm_device_end(vm);
    text_free(&vm->disk_bytes);
    text_free(&vm->boot.body);
}

const struct actor vm_actor = {
    .name = "vm",
    .kind = KIND_VM,
    .size = sizeof(struct vm),
    .begin = core_begin,
    .hello = core_hello,
    .hear = core_hear,
    .answered = core_answered,
    .done = core_done,
    .timer = core_timer,
    .bygone = core_bygone,
    .end = core_end,
    .perform = vm_perform,
};
