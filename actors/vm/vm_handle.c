/* SPDX-License-Identifier: MIT
 * vm/<qid>: the mailbox. */
#include "actors/vm/vm.h"

#include <string.h>

#include "actors/vm/vm_net.h"
#include "actors/vm/vm_start.h"
#include "base/log.h"
#include "proto/registry_values.h"

static void queue(struct vm *vm, struct out *out, const struct envelope *e, struct vm_request job)
{
    job.request = request_of(e);
    job.deadline = e->deadline;
    job.owed = true;
    if (vm->queued == VM_QUEUE) {
        vm_answer(vm, out, &job, -ERR_BUSY, NULL);
        return;
    }
    if (vm->errand != ERRAND_NONE || vm->boot.waits)
        vm_progress(vm, out, &job, VM_MARGIN_SECONDS);
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
    bool is_asked_only = vm->errand == ERRAND_START && vm->step == START_KNOW; /* who asks may not, perhaps */
    if (vm->life == VM_HALTED && (vm->errand != ERRAND_START || is_asked_only)) {
        struct fault why;
        int r = fault_set(&why, ERR_VM_NOT_STARTED, "%s is not started", vm->view.name);
        vm_answer(vm, out, &job, r, &why);
        return;
    }
    if (vm->errand != ERRAND_NONE || vm->boot.waits)
        vm_progress(vm, out, &job, 2 * VM_MARGIN_SECONDS);
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

static void on_vm_host(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_host *m)
{
    queue(vm, out, e, (struct vm_request){.errand = ERRAND_HOST, .phase = (enum host_phase)m->phase});
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

static void on_volume_resized(struct vm *vm, struct out *out, const struct envelope *e,
                              const struct volume_resized *m)
{
    struct vm_request job = {.errand = ERRAND_RESIZE};
    memcpy(job.volume, m->volume, sizeof job.volume);
    queue(vm, out, e, job);
}

static void on_vm_offer(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_offer *m)
{
    (void)out, (void)e;
    if (vm->life == VM_LIVING)
        vm_device_queue(vm, ERRAND_ATTACH, vm_plug_of_offer(&m->device));
}

static void on_vm_lose(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_lose *m)
{
    (void)out, (void)e;
    if (vm_runs(vm))
        vm_device_queue(vm, ERRAND_DETACH, vm_plug_of_lose(m));
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
    vm_net_begun(vm, out, vm_runs(vm) && m->paused == 0);
    net(vm, out, e, (struct vm_request){.detach = true, .put_off = m->paused != 0});
}

static void on_finish(struct vm *vm, struct out *out, const struct envelope *e, const struct finish *m)
{
    vm_net_begun(vm, out, false);
    net(vm, out, e,
        (struct vm_request){.fill = true, .attach = m->becomes[0] != '\0', .deferred = m->deferred != 0});
}

/* Nobody but the netvm says so. */
static void on_netvm_is(struct vm *vm, struct out *out, const struct envelope *e, const struct netvm_is *m)
{
    struct view_peer netvm;
    if (!vm_runs(vm) || !vm->has_view || !vm_has_netvm(vm, &netvm) || netvm.qid != e->source_instance)
        return;
    if (m->up && vm->view.netvm_put_off)
        vm_net_due(vm, out);
    else
        net(vm, out, e, (struct vm_request){.detach = m->up == 0, .attach = m->up != 0});
}

void vm_release_again(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_MARGIN_SECONDS);
    bool last = vm->owes_last && strcmp(vm->view.class, "DispVM") == 0;
    ASK(out, release, ((struct address){KIND_REGISTRY, 0}), &context, 0,
        (&(struct release){.after = last ? RELEASE_AFTER_FAILURE : RELEASE_AFTER_DOMAIN}));
}

void vm_claim_again(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_MARGIN_SECONDS);
    vm_hang_tell(vm, out);
    if (vm->life == VM_LIVING || vm->life == VM_STARTING || vm->unwanted ||
        (vm->life == VM_UNKNOWN && vm_may_live(vm)))
        ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, VM_TAG_AGAIN,
            (&(struct claim){.purpose = CLAIM_TO_LIVE}));
    else if (vm->life == VM_HALTED)
        vm_release_again(vm, out);
}

/* What registry committed and had no time to tell is in that view. */
void vm_claimed_again(struct vm *vm, struct out *out, const struct answer *a)
{
    struct claim_reply m;
    if (a->progress || a->r < 0 || claim_reply_decode(&m, a->e->body) < 0)
        return;
    if (vm_runs(vm) && m.view.version >= vm->view.version && vm_take_view(vm, out, &m.view) == 0)
        vm_net_lost(vm, out);
}

static void on_vm_tell(struct vm *vm, struct out *out, const struct envelope *e, const struct vm_tell *m)
{
    (void)m;
    bool is_bus = e->source_kind == KIND_DEVBUS_PCI || e->source_kind == KIND_DEVBUS_BLOCK;
    if (is_bus && (vm->life == VM_STOPPING || vm->life == VM_HALTED)) {
        vm_device_has_none(vm, out, envelope_source(e));
        return;
    }
    if (is_bus && e->source_kind == KIND_DEVBUS_BLOCK)
        vm_device_recall(vm, out);
    if (is_bus) {
        vm->devices.tell_wanted = true;
        vm->devices.block_wanted = vm->devices.block_wanted || e->source_kind == KIND_DEVBUS_BLOCK;
        vm_next(vm, out);
        return;
    }
    vm_facts(vm, out);
    if (e->source_kind == KIND_REGISTRY) {
        vm_net_lives(vm, out);
        vm->scarce = false; /* it has just begun, and counts anew */
        vm_claim_again(vm, out);
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

void vm_dispatch(struct vm *vm, struct out *out, const struct envelope *e)
{
    dispatch(vm, out, e, &vm->refused);
}
