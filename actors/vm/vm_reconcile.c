/* SPDX-License-Identifier: MIT
 * After a crash, or when libvirt had left it open: what the note speaks of, and what the hypervisor shows,
 * say together what is finished and what is undone. Then the VM is halted or it lives. */
#include "actors/vm/vm.h"

#include <string.h>

#include "actors/vm/vm_net.h"
#include "proto/registry_values.h"

/* How long a call that an earlier incarnation left hanging may still make its domain. */
enum { UNWANTED_SECONDS = 60, CLAIM_SECONDS = 5 };

typedef void act(struct vm *vm, struct out *out);

/* The guest's own process may have ended with ours. */
static void open_guest(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    struct guest_open m = {.domid = (uint32_t)vm->seen.domid, .bare = vm->bare};
    memcpy(m.name, vm->view.name, sizeof m.name);
    ASK(out, guest_open, ((struct address){KIND_GUEST, vm->qid}), &context, 0, &m);
}

void vm_adopt(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    bool same = vm->note.domid == (uint32_t)vm->seen.domid;
    vm_device_remember(vm, out);
    vm->life = VM_LIVING;
    vm->bare = same && vm->note.bare;
    vm->qrexec_up = same && vm->note.qrexec;
    vm->has_stored = true;
    vm->start_time = same ? vm->note.started : 0;
    vm->paused_said = vm->seen.state == VIRT_PAUSED;
    vm_note_step(vm, out, STEP_LIVING);
    vm_facts(vm, out);
    ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, 0,
        (&(struct claim){.purpose = CLAIM_TO_LIVE}));
    open_guest(vm, out);
    vm_net_lives(vm, out);
    vm_net_heal(vm);
    vm_stubdom_ask(vm, out);
    vm->devices.tell_wanted = true;
    vm_errand_end(vm, out, 0, NULL);
}

/* Volumes were kept as long as a start that was given up might still make its domain. */
static void rest(struct vm *vm, struct out *out)
{
    bool owes_volumes = vm->has_stored && !vm->unwanted; /* what they were kept for has not come */
    vm->life = VM_HALTED;
    vm_facts(vm, out);
    if (owes_volumes) {
        vm_gone(vm, out, false);
        return;
    }
    if (!vm->unwanted)
        vm_release_again(vm, out);
    vm_errand_end(vm, out, 0, NULL);
}

/* Subscribers have heard of the start, unless it went no further than the note. */
static void fails(struct vm *vm, struct out *out, bool there)
{
    struct fault why;
    int r = fault_set(&why, ERR_GONE, "the VM's process ended while it was starting the VM; try again");
    vm->life = VM_STARTING;
    vm_start_fails(vm, out, r, &why, there);
}

static void fail_untouched(struct vm *vm, struct out *out)
{
    if (vm_has_said(vm))
        fails(vm, out, false);
    else
        vm_gone(vm, out, false);
}

static void fail_and_adopt(struct vm *vm, struct out *out)
{
    if (vm_has_said(vm))
        (void)VM_SAY(vm, out,
                     {.name = "domain-start-failed",
                      .key = {"reason"},
                      .value = {"somebody else has started the domain"}});
    vm_adopt(vm, out);
}

static void fail_undefined(struct vm *vm, struct out *out)
{
    fails(vm, out, false);
}

/* Nothing is to be seen. libvirt's drivers do one thing at a time to a domain: asked to destroy it, they
 * answer when a creation that was still going on has ended. */
static void fail_creating(struct vm *vm, struct out *out)
{
    fails(vm, out, true);
}

/* Where it is gone: whoever ended it, that was a life. */
static void fail_created(struct vm *vm, struct out *out)
{
    vm->created = true;
    fails(vm, out, true);
}

/* The domain runs; what is left of its start is done now. Who asked for it asks again. */
static void finish(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    vm_device_remember(vm, out);
    vm->life = VM_STARTING;
    vm->bare = vm->note.bare;
    vm->start_time = vm->note.started;
    vm->paused_said = vm->seen.state == VIRT_PAUSED;
    if (vm->note.step == STEP_RESUMING && !vm_has_said(vm))
        (void)VM_SAY(vm, out, {.name = "domain-unpaused"});
    ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, 0,
        (&(struct claim){.purpose = CLAIM_TO_LIVE}));
    open_guest(vm, out);
    vm_start_finish(vm, out);
}

static void stopped(struct vm *vm, struct out *out)
{
    vm_gone(vm, out, true);
}

static void resumed_paused(struct vm *vm, struct out *out)
{
    (vm_has_said(vm) ? finish : fail_created)(vm, out);
}

/* The start may have been told complete before the note was written that says so. */
static void started_gone(struct vm *vm, struct out *out)
{
    (vm_has_said(vm) ? stopped : fail_created)(vm, out);
}

static void started(struct vm *vm, struct out *out)
{
    (vm_has_said(vm) ? vm_adopt : finish)(vm, out);
}

/* A device was coming or going when the process ended, maybe while the VM booted. */
static void plugging_gone(struct vm *vm, struct out *out)
{
    (vm->note.boots ? fail_created : stopped)(vm, out);
}

static void go_on_living(struct vm *vm, struct out *out)
{
    bool another = vm->note.domid != (uint32_t)vm->seen.domid;
    if (another) {
        vm_note_step(vm, out, STEP_STOPPED);
        (void)vm_say_pair(vm, out);
    }
    vm_adopt(vm, out);
}

static void plugging(struct vm *vm, struct out *out)
{
    (vm->note.boots ? finish : go_on_living)(vm, out);
}

static void say_failed_once(struct vm *vm, struct out *out)
{
    if (!vm_has_said(vm))
        (void)VM_SAY(vm, out,
                     {.name = "domain-start-failed",
                      .key = {"reason"},
                      .value = {"the VM's process ended while it was starting the VM; try again"}});
}

static void undo_gone(struct vm *vm, struct out *out)
{
    say_failed_once(vm, out);
    vm_gone(vm, out, vm->note.created);
}

static void undo(struct vm *vm, struct out *out)
{
    say_failed_once(vm, out);
    vm->created = true;
    vm_errand_become(vm, out, ERRAND_UNDO);
}

/* What the process before said last may have been lost with it: it is said again. */
static void stopped_gone(struct vm *vm, struct out *out)
{
    vm->life = VM_STOPPING;
    vm_life_over(vm, out);
    vm->owes_stopped = vm_said(vm) < 1;
    vm->owes_shutdown = vm_said(vm) < 2;
    vm->owes_clean = true;
    vm_errand_become(vm, out, ERRAND_CLEAN);
}

static void stopped_and_lives(struct vm *vm, struct out *out)
{
    uint64_t said = vm_said(vm);
    if (said < 1)
        (void)vm_say_stopped(vm, out);
    if (said < 2)
        (void)vm_say_shutdown(vm, out);
    vm_device_over(vm, out);
    vm_device_gone(vm, out);
    vm_adopt(vm, out);
}

enum { GONE, PAUSED, RUNS, SIGHTS };

/* Every cell is written. */
static act *const table[STEPS][SIGHTS] = {
    [STEP_NONE] = {rest, vm_adopt, vm_adopt},
    [STEP_CLAIMED] = {fail_untouched, fail_and_adopt, fail_and_adopt},
    [STEP_DEFINING] = {fail_undefined, fail_and_adopt, fail_and_adopt},
    [STEP_CREATING] = {fail_creating, fail_created, fail_created},
    [STEP_CREATED] = {fail_created, fail_created, fail_created},
    [STEP_RESUMING] = {fail_created, resumed_paused, finish},
    [STEP_RUNNING] = {fail_created, finish, finish},
    [STEP_STARTED] = {started_gone, started, started},
    [STEP_LIVING] = {stopped, go_on_living, go_on_living},
    [STEP_UNDOING] = {undo_gone, undo, undo},
    [STEP_PLUGGING] = {plugging_gone, plugging, plugging},
    [STEP_PLUGGED] = {plugging_gone, plugging, plugging},
    [STEP_STOPPED] = {stopped_gone, stopped_and_lives, stopped_and_lives},
};

/* A start that was given up has made its domain after all. */
static bool is_unwanted(const struct vm *vm)
{
    return vm->unwanted && vm->seen.active && vm->note.step == STEP_NONE;
}

/* After a restart nobody hears when a call has ended: only time tells. */
void vm_forget_hung(struct vm *vm, struct out *out)
{
    bool matters = vm->unwanted || vm->seen.active;
    bool clears = vm->hung_before && (!matters || out->now >= vm->hung_until);
    vm->hung_before = vm->hung_before && !clears;
    bool settled = vm->unwanted && !vm->hung_before && !vm->create_hangs && !vm->seen.active;
    vm->unwanted = vm->unwanted && !settled;
    if (clears)
        vm_hang_tell(vm, out); /* before the note forgets it: killed in between, the next tells it again */
    if (clears || settled)
        vm_note_again(vm, out);
}

/* Neither the creation nor the destruction was answered, and nothing is to be seen: libvirtd may be at it
 * still, as Xen's driver is for as long as scripts prepare the disks. */
void vm_hang_left(struct vm *vm, struct out *out)
{
    vm->unwanted = vm->hung_before = true;
    vm->hung_until = out->now + UNWANTED_SECONDS * SECONDS;
    out_timer(out, TIMER_AGAIN, vm->hung_until);
    vm_hang_tell(vm, out);
}

/* A look that finds nothing says little while the domain may still be made. */
static bool is_too_early(const struct vm *vm, struct out *out)
{
    bool making = vm->note.step == STEP_DEFINING || vm->note.step == STEP_CREATING;
    return making && !vm->seen.active && out->now < vm->settles_until;
}

static void look_again(struct vm *vm, struct out *out)
{
    vm->again_at = out->now + SECONDS;
    out_timer(out, TIMER_AGAIN, vm->again_at);
    vm_currents_answer(vm, out, -ERR_BUSY, NULL);
    vm_errand_end(vm, out, 0, NULL);
}

void vm_reconcile(struct vm *vm, struct out *out)
{
    int sight = !vm->seen.active ? GONE : vm->seen.state == VIRT_PAUSED ? PAUSED : RUNS;
    if (vm->life == VM_UNKNOWN && is_too_early(vm, out)) {
        look_again(vm, out);
        return;
    }
    vm_forget_hung(vm, out);
    if (is_unwanted(vm)) {
        vm->life = VM_STOPPING;
        vm->created = true;
        vm_errand_become(vm, out, ERRAND_UNDO);
        return;
    }
    table[vm->note.step][sight](vm, out);
}

/* ---- the errands that look ---- */

enum { BEGIN_VIEW = 1, BEGIN_LOOK };

static void begin_fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    vm->again_at = out->now + SECONDS;
    out_timer(out, TIMER_AGAIN, vm->again_at);
    vm_facts(vm, out);
    vm_errand_end(vm, out, r, why);
    vm_all_fail(vm, out, r, why);
}

static void begin_look(struct vm *vm, struct out *out)
{
    vm_task_step(vm, out, VM_LOOK_TASK, BEGIN_LOOK, begin_fails);
}

bool vm_may_live(const struct vm *vm)
{
    return vm->unwanted || (vm->note.step != STEP_NONE && vm->note.step != STEP_STOPPED);
}

/* A life that is not known to have ended keeps its claim: registry may have begun anew, deaf to the
 * hypervisor, and must not remove the VM meanwhile. */
static void begin_view(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    vm->step = BEGIN_VIEW;
    ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, vm_ask_tag(vm),
        (&(struct claim){.purpose = vm_may_live(vm) ? CLAIM_TO_LIVE : CLAIM_TO_KNOW}));
}

static void viewed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct claim_reply m;
    int r = claim_reply_decode(&m, result->e->body);
    if (r == 0)
        r = vm_take_view(vm, out, &m.view);
    if (r < 0)
        begin_fails(vm, out, r, &result->why);
    else
        begin_look(vm, out);
}

static void looked(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (vm->hung_before && vm->hung_until == 0) {
        vm->hung_until = out->now + UNWANTED_SECONDS * SECONDS;
        out_timer(out, TIMER_AGAIN, vm->hung_until);
    }
    vm->seen = result->task->seen;
    vm->has_looked = true;
    vm_reconcile(vm, out);
}

/* Registry knows no such VM, or the router none of this generation. */
static bool is_removed(const struct vm_result *result)
{
    return result->r == -ERR_VM_NOT_FOUND || result->r == -ERR_REFUSED;
}

static void end_bygone(struct vm *vm, struct out *out)
{
    vm->bygone = true;
    vm_errand_end(vm, out, -ERR_GONE, NULL);
}

void vm_begin_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL && vm->has_view)
        begin_look(vm, out);
    else if (result == NULL)
        begin_view(vm, out);
    else if (vm->step == BEGIN_VIEW && is_removed(result))
        end_bygone(vm, out);
    else if (result->r < 0)
        begin_fails(vm, out, result->r, &result->why);
    else if (vm->step == BEGIN_VIEW)
        viewed(vm, out, result);
    else
        looked(vm, out, result);
}
