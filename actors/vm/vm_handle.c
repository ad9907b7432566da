/* SPDX-License-Identifier: MIT
 * vm/<qid>: what it hears, and which errand comes next. */
#include "actors/vm/vm.h"

#include <string.h>

#include "actors/vm/vm_actor.h"
#include "base/log.h"
#include "base/own.h"

/* How long a halted VM keeps its process, how much longer than a step its asker should wait, and how long
 * libvirtd may take to finish or drop what a killed process has asked of it. */
enum { REST_SECONDS = 2, MARGIN_SECONDS = 20, SETTLE_SECONDS = 5, TAG_FIRST = 1 };

typedef void errand_step(struct vm *vm, struct out *out, const struct vm_result *result);
static errand_step *const errands[ERRANDS] = {
    [ERRAND_BEGIN] = vm_begin_step,     [ERRAND_LOOK] = vm_look_step,
    [ERRAND_START] = vm_start_step,     [ERRAND_UNDO] = vm_undo_step,
    [ERRAND_CLEAN] = vm_clean_step,     [ERRAND_KILL] = vm_kill_step,
    [ERRAND_PAUSE] = vm_pause_step,     [ERRAND_SHUTDOWN] = vm_shutdown_step,
    [ERRAND_UNPAUSE] = vm_unpause_step, [ERRAND_SUSPEND] = vm_suspend_step,
    [ERRAND_RESUME] = vm_resume_step,   [ERRAND_CONSOLE] = vm_console_step,
    [ERRAND_REMOVE] = vm_remove_step,   [ERRAND_NET] = vm_net_step,
    [ERRAND_ATTACH] = vm_attach_step,   [ERRAND_DETACH] = vm_detach_step,
    [ERRAND_DEVICES] = vm_devices_step,
};

/* ---- what errands share ---- */

struct context vm_context(const struct vm *vm, struct out *out, unsigned seconds)
{
    struct context c = context_about_vm(vm->qid, vm->generation);
    const struct vm_request *asker = vm->job.owed ? &vm->job : vm->waiting > 0 ? &vm->waiters[0] : NULL;
    if (asker != NULL) {
        c.op = asker->request.context.op;
        c.caller = asker->request.context.caller;
    } else if (vm->note.step != STEP_NONE && vm->note.step != STEP_LIVING) {
        c.op = vm->note.op; /* what it finishes or undoes */
        c.caller = vm->note.caller;
    }
    c.deadline = seconds == 0 ? 0 : out->now + seconds * SECONDS;
    return c;
}

uint64_t vm_ask_tag(struct vm *vm)
{
    vm->asked = ++vm->tags + TAG_FIRST;
    return vm->asked;
}

void vm_answer(struct vm *vm, struct out *out, struct vm_request *job, int r, const struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    (void)vm;
    vm_plug_free(job->plug);
    job->plug = NULL;
    if (!job->owed)
        return;
    job->owed = false;
    if (r < 0) {
        reply_error(out, &job->request, r, why);
        return;
    }
    write_array(&body, 0);
    (void)post_reply(out, &job->request, &body);
}

void vm_progress(struct vm *vm, struct out *out, struct vm_request *job, unsigned seconds)
{
    uint64_t deadline = out->now + (seconds + MARGIN_SECONDS) * SECONDS;
    (void)vm;
    if (!job->owed || job->deadline >= deadline)
        return;
    job->deadline = deadline;
    reply_progress(out, &job->request, deadline);
}

/* A view that does not fit is not taken: the one before stays. */
int vm_take_view(struct vm *vm, struct out *out, const struct vm_view *view)
{
    struct text bytes = TEXT_WITH_LIMIT(BODY_MAX);
    struct vm_view taken;
    vm_view_encode(&bytes, view);
    int r = bytes.failed < 0 ? bytes.failed : vm_view_decode(&taken, text_span(&bytes));
    if (r < 0) {
        text_free(&bytes);
        return r;
    }
    if (!vm->has_view || strcmp(vm->view.name, taken.name) != 0)
        out_title(out, taken.name);
    text_free(&vm->view_bytes);
    vm->view_bytes = bytes;
    vm->view = taken;
    vm->has_view = true;
    vm->scarce = taken.calls_scarce != 0;
    return 0;
}

/* ---- which errand comes next ---- */

static void go(struct vm *vm, struct out *out, enum vm_errand errand, const struct vm_request *job)
{
    vm->errand = errand;
    vm->step = 0;
    vm->job = job != NULL ? *job : (struct vm_request){0};
    errands[errand](vm, out, NULL);
}

void vm_errand_become(struct vm *vm, struct out *out, enum vm_errand errand)
{
    vm->errand = errand;
    vm->step = 0;
    vm->asked = 0;
    errands[errand](vm, out, NULL);
}

void vm_errand_end(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    struct vm_request job = vm->job;
    vm->errand = ERRAND_NONE;
    vm->asked = 0;
    vm->job.owed = false;
    vm->job.plug = NULL;
    vm_answer(vm, out, &job, r, why);
}

static void take_first(struct vm *vm, struct vm_request *job)
{
    *job = vm->queue[0];
    vm->queued--;
    memmove(vm->queue, vm->queue + 1, vm->queued * sizeof *job);
}

void vm_all_fail(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    struct vm_request job;
    while (vm->queued > 0) {
        take_first(vm, &job);
        vm_answer(vm, out, &job, r, why);
    }
    vm_waiters_answer(vm, out, r, why);
    vm_currents_answer(vm, out, r, why);
}

/* While a call hangs in libvirt no other is risked; what needs none is answered all the same. */
static bool is_blocked(const struct vm *vm, const struct vm_request *job)
{
    bool needs_call = vm->life == VM_LIVING ? job->errand != ERRAND_START : job->errand == ERRAND_START;
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

static void run_queue(struct vm *vm, struct out *out)
{
    struct vm_request job;
    struct fault why;
    take_first(vm, &job);
    if (!is_blocked(vm, &job)) {
        go(vm, out, job.errand, &job);
        return;
    }
    int r = refuse_blocked(vm, &why);
    vm_answer(vm, out, &job, r, &why);
}

static void kill_now(struct vm *vm, struct out *out)
{
    struct fault why;
    if (vm->life == VM_LIVING) {
        go(vm, out, ERRAND_KILL, NULL);
        return;
    }
    int r = fault_set(&why, ERR_VM_NOT_STARTED, "%s is not started", vm->view.name);
    vm_waiters_answer(vm, out, r, &why);
}

static void rest(struct vm *vm, struct out *out)
{
    bool idle = vm->life == VM_HALTED && vm->hung == 0 && !vm->hung_before;
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
        go(vm, out, ERRAND_BEGIN, NULL);
    else if (vm->owes_clean)
        go(vm, out, ERRAND_CLEAN, NULL);
    else if (vm->kill_wanted)
        kill_now(vm, out);
    else if ((vm->look_wanted && may_try && vm_task_may(vm, VM_LOOK_TASK)) || vm->looking > 0)
        go(vm, out, ERRAND_LOOK, NULL);
    else if (vm->devices.tell_wanted && vm->life == VM_LIVING && vm_task_may(vm, VM_DEVICES_TASK))
        go(vm, out, ERRAND_DEVICES, NULL);
    else if (vm->queued > 0)
        run_queue(vm, out);
    else
        return false;
    return true;
}

/* Whatever waits here is for a VM that is no more, or for the next one of this qid, whose process begins
 * when this one has ended. */
static void end_bygone(struct vm *vm, struct out *out)
{
    vm_all_fail(vm, out, -ERR_GONE, NULL);
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
    while (again && vm->errand == ERRAND_NONE)
        again = do_one(vm, out);
    if (vm->greeted && (vm->errand == ERRAND_NONE || vm->life != VM_UNKNOWN))
        ready(vm, out);
    if (vm->errand == ERRAND_NONE)
        rest(vm, out);
}

/* ---- the mailbox ---- */

static void queue(struct vm *vm, struct out *out, const struct envelope *e, struct vm_request job)
{
    job.request = request_of(e);
    job.deadline = e->deadline;
    job.owed = true;
    if (vm->queued == VM_QUEUE) {
        vm_answer(vm, out, &job, -ERR_BUSY, NULL);
        return;
    }
    if (vm->errand != ERRAND_NONE)
        vm_progress(vm, out, &job, MARGIN_SECONDS);
    vm->queue[vm->queued++] = job;
    vm_next(vm, out);
}

static void on_vm_start(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_start *m)
{
    (void)m;
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_START});
}

static void on_vm_shutdown(struct vm *vm, struct out *out, const struct envelope *e,
                           const struct vm_shutdown *m)
{
    queue(vm, out, e,
          (struct vm_request){.errand = ERRAND_SHUTDOWN, .force = m->force != 0, .wait = m->wait != 0});
}

static void on_vm_kill(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_kill *m)
{
    struct vm_request job = {.request = request_of(e), .owed = true, .deadline = e->deadline};
    (void)m;
    if (vm->life == VM_HALTED && vm->errand != ERRAND_START) {
        struct fault why;
        int r = fault_set(&why, ERR_VM_NOT_STARTED, "%s is not started", vm->view.name);
        vm_answer(vm, out, &job, r, &why);
        return;
    }
    if (vm->errand != ERRAND_NONE)
        vm_progress(vm, out, &job, 2 * MARGIN_SECONDS);
    if (vm_wait(vm, &job) < 0)
        vm_answer(vm, out, &job, -ERR_BUSY, NULL);
    else
        vm_kill(vm, out);
}

static void on_vm_pause(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_pause *m)
{
    (void)m;
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_PAUSE});
}

static void on_vm_unpause(struct vm *vm, struct out *out, const struct envelope *e,
                          const struct vm_unpause *m)
{
    (void)m;
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_UNPAUSE});
}

static void on_vm_suspend(struct vm *vm, struct out *out, const struct envelope *e,
                          const struct vm_suspend *m)
{
    (void)m;
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_SUSPEND});
}

static void on_vm_resume(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_resume *m)
{
    (void)m;
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_RESUME});
}

static void on_vm_console(struct vm *vm, struct out *out, const struct envelope *e,
                          const struct vm_console *m)
{
    (void)m;
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_CONSOLE});
}

static void on_vm_remove(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_remove *m)
{
    (void)m;
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_REMOVE});
}

static void queue_plug(struct vm *vm, struct out *out, const struct envelope *e, enum vm_errand errand,
                       struct vm_plug *plug)
{
    struct request request = request_of(e);
    if (plug == NULL)
        reply_error(out, &request, -ERR_NOMEM, NULL);
    else
        queue(vm, out, e, (struct vm_request){.errand = errand, .plug = plug});
}

static void on_vm_attach(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_attach *m)
{
    queue_plug(vm, out, e, ERRAND_ATTACH, vm_plug_of_attach(m));
}

static void on_vm_detach(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_detach *m)
{
    queue_plug(vm, out, e, ERRAND_DETACH, vm_plug_of_detach(m));
}

static void on_observed(struct vm *vm, struct out *out, const struct envelope *e, const struct observed *m)
{
    (void)e;
    vm_hears(vm, out, m);
    vm_next(vm, out);
}

static void on_calls_scarce(struct vm *vm, struct out *out, const struct envelope *e,
                            const struct calls_scarce *m)
{
    (void)out, (void)e;
    vm->scarce = m->scarce != 0;
}

static void on_vm_look(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_look *m)
{
    (void)e, (void)m;
    vm->look_wanted = true;
    vm_next(vm, out);
}

static void on_view(struct vm *vm, struct out *out, const struct envelope *e, const struct view *m)
{
    (void)e;
    int r = vm->has_view && m->view.version < vm->view.version ? 0 : vm_take_view(vm, out, &m->view);
    if (r < 0)
        log_line(LOG_WARN, "a view is not taken: %s", err_text((enum err) - r));
}

/* A VM that rests has no interface: nothing is to be prepared, and nothing can be in its way. */
static void net(struct vm *vm, struct out *out, const struct envelope *e, struct vm_request job)
{
    job.errand = ERRAND_NET;
    if (e->class == CLASS_REQUEST)
        queue(vm, out, e, job);
    else if (vm->queued < VM_QUEUE)
        vm->queue[vm->queued++] = job; /* whoever hears of it next begins it */
}

static void on_prepare(struct vm *vm, struct out *out, const struct envelope *e, const struct prepare *m)
{
    net(vm, out, e, (struct vm_request){.detach = true, .put_off = m->paused != 0});
}

static void on_finish(struct vm *vm, struct out *out, const struct envelope *e, const struct finish *m)
{
    net(vm, out, e, (struct vm_request){.fill = true, .attach = m->becomes[0] != '\0'});
}

/* Nobody but the netvm says so. */
static void on_netvm_is(struct vm *vm, struct out *out, const struct envelope *e, const struct netvm_is *m)
{
    struct view_peer netvm;
    if (vm->life != VM_LIVING || !vm->has_view || !vm_has_netvm(vm, &netvm) ||
        netvm.qid != e->source_instance)
        return;
    if (m->up && vm->view.netvm_put_off)
        vm_net_due(vm, out);
    else
        net(vm, out, e, (struct vm_request){.detach = m->up == 0, .attach = m->up != 0});
}

void vm_release_again(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, MARGIN_SECONDS);
    bool last = vm->owes_last && strcmp(vm->view.class, "DispVM") == 0;
    ASK(out, release, ((struct address){KIND_REGISTRY, 0}), &context, 0,
        (&(struct release){.after = last ? 2 : 0}));
}

static void claim_again(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, MARGIN_SECONDS);
    vm_hang_tell(vm, out);
    if (vm->life == VM_LIVING || vm->life == VM_STARTING || vm->unwanted ||
        (vm->life == VM_UNKNOWN && vm_may_live(vm)))
        ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, 0, (&(struct claim){.purpose = 0}));
    else if (vm->life == VM_HALTED)
        vm_release_again(vm, out);
}

static void on_vm_tell(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_tell *m)
{
    (void)m;
    if (e->source_kind == KIND_DEVBUS_PCI) {
        vm->devices.tell_wanted = true;
        vm_next(vm, out);
        return;
    }
    vm_facts(vm, out);
    if (e->source_kind == KIND_REGISTRY) {
        vm_net_paused(vm, out);
        vm->scarce = false; /* it has just begun, and counts anew */
        claim_again(vm, out);
    }
}

static void answer_current(struct vm *vm, struct out *out, const struct request *request)
{
    bool active = vm->seen.active && (vm->life == VM_LIVING || vm->life == VM_STARTING);
    struct vm_current_reply m = {.mem_kib = active ? vm->seen.memory_kib : 0,
                                 .cputime_ns = active ? vm->seen.cputime_ns : 0};
    (void)text_copy(m.power_state, sizeof m.power_state, span_of(vm_power_state(vm)));
    REPLY(out, vm_current, request, &m);
}

void vm_currents_answer(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    unsigned count = vm->looking;
    vm->looking = 0;
    for (unsigned i = 0; i < count; i++) {
        if (r < 0)
            reply_error(out, &vm->currents[i], r, why);
        else
            answer_current(vm, out, &vm->currents[i]);
    }
}

/* Behind a call that may hang nobody waits for figures: then those of the last look do. */
static void on_vm_current(struct vm *vm, struct out *out, const struct envelope *e,
                          const struct vm_current *m)
{
    struct request request = request_of(e);
    bool busy = vm->errand != ERRAND_NONE && vm->errand != ERRAND_LOOK && vm->life != VM_UNKNOWN;
    (void)m;
    if (busy || vm->looking == VM_WAITERS || (vm->life != VM_UNKNOWN && !vm_task_may(vm, VM_LOOK_TASK))) {
        answer_current(vm, out, &request);
        return;
    }
    vm->currents[vm->looking++] = request;
    vm_next(vm, out);
}

#define MAILBOX "proto/vm.def"
#define SELF    struct vm
#include "runtime/dispatch.h"

/* ---- the core's functions ---- */

static int core_begin(void *self, struct out *out, const struct life *life)
{
    struct vm *vm = self;
    vm->qid = life->self.instance;
    vm->generation = life->generation;
    vm->seen.domid = VIRT_NO_DOMID;
    if (vm_note_read(life->note, &vm->note) < 0)
        log_line(LOG_WARN, "the note is not one of mine: the hypervisor alone says what is");
    vm->seq = vm->note.seq;
    vm->has_stored = vm->note.step != STEP_NONE;
    vm->hung_before = vm->note.abandoned;
    vm->unwanted = vm->owes_last = vm->note.unwanted;
    if (vm->note.step == STEP_DEFINING || vm->note.step == STEP_CREATING)
        vm->settles_until = out->now + SETTLE_SECONDS * SECONDS;
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
        claim_again(vm, out);
    } else {
        vm_hang_tell(vm, out); /* none, too: the incarnation before may have died before it could say so */
    }
    vm->greeted = true;
    vm->again_at = 0;
    vm_next(vm, out);
}

/* The router lets none pass but those about the VM that has this qid now: ours was removed. */
static bool is_of_another_generation(const struct vm *vm, const struct envelope *e)
{
    return e->subject_kind == KIND_VM && e->subject_instance == vm->qid &&
           e->subject_generation != vm->generation;
}

/* Asked again, it reaches the next VM's own process: so it is answered when this one is about to end, and
 * not while it is still cleaning up. */
static void hear_bygone(struct vm *vm, struct out *out, const struct envelope *e)
{
    struct vm_request job = {.request = request_of(e), .owed = true, .deadline = e->deadline};
    vm->bygone = true;
    if (e->class == CLASS_REQUEST && vm->errand != ERRAND_NONE && vm->queued < VM_QUEUE)
        vm->queue[vm->queued++] = job;
    else if (e->class == CLASS_REQUEST)
        reply_error(out, &job.request, -ERR_GONE, NULL);
    vm_next(vm, out);
}

static void core_hear(void *self, struct out *out, const struct envelope *e)
{
    struct vm *vm = self;
    if (e->class == CLASS_CANCEL)
        return; /* what has begun is finished: its caller is gone, not its sense */
    if (vm->bygone || is_of_another_generation(vm, e))
        hear_bygone(vm, out, e);
    else
        dispatch(vm, out, e, &vm->refused);
    vm_next(vm, out); /* whatever was heard put off its rest: the router kept it for that */
}

static void core_answered(void *self, struct out *out, const struct answer *a)
{
    struct vm *vm = self;
    struct vm_result result = {.r = a->r, .e = a->e};
    if (a->progress && a->tag != 0 && a->tag == vm->asked && a->e != NULL && a->e->deadline > out->now)
        vm_progress(vm, out, &vm->job, (unsigned)((a->e->deadline - out->now) / SECONDS));
    if (a->progress || a->tag == 0 || a->tag != vm->asked) {
        vm_next(vm, out); /* it may have come when this process was about to rest */
        return;
    }
    vm->asked = 0;
    if (a->r < 0)
        result.why = a->why;
    errands[vm->errand](vm, out, &result);
    vm_next(vm, out);
}

static void task_ended(struct vm *vm, struct out *out, const struct vm_task *task)
{
    if (task->is_seen)
        vm->is_xen = task->is_xen;
    struct vm_result result = {.r = task->task.r, .task = task};
    if (task->task.r < 0)
        result.why = task->task.why;
    errands[vm->errand](vm, out, &result);
}

static void core_done(void *self, struct out *out, const struct done *d)
{
    struct vm *vm = self;
    struct vm_result result = {.r = -ERR_TIMEOUT};
    bool was_peek = vm->peeking && !d->cleared; /* tasks end in their order, and that was the first */
    vm->peeking = vm->peeking && !was_peek;
    if (d->cleared) {
        vm_task_cleared(vm, out, (enum vm_task_what)d->what);
    } else if (d->overdue && was_peek) {
        vm_task_overdue(vm, out, (enum vm_task_what)d->what, &result.why);
    } else if (was_peek) {
        vm_start_peeked(vm, out, (const struct vm_task *)d->task);
    } else if (d->overdue) {
        vm_task_overdue(vm, out, (enum vm_task_what)d->what, &result.why);
        errands[vm->errand](vm, out, &result);
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
    if (timer == TIMER_DEVICE)
        vm_device_timer(vm, out);
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
    .end = core_end,
    .perform = vm_perform,
};
