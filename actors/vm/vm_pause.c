/* SPDX-License-Identifier: MIT
 * Pause and unpause (spec lifecycle 5), and what it means when a VM that lives is seen otherwise than it was.
 * The events follow levels: subscribers believe it paused or not, and hear when that changes. */
#include "actors/vm/vm.h"

#include "actors/vm/vm_boot.h"
#include "actors/vm/vm_net.h"
#include "base/log.h"

/* How long after our own resume an older look may still say `paused`, and the other way round: where many VMs
 * start at once host is that late. Such a word is not believed, but looked at. */
enum { STALE_SECONDS = 60 };
enum { PAUSE_SHRINKS = 1, PAUSE_SUSPENDS };

/* How often what is dying is looked at. */
#define DYING_LOOKS (250 * MILLISECONDS)

static void say_paused(struct vm *vm, struct out *out)
{
    if (!vm->paused_said)
        (void)VM_SAY(vm, out, {.name = "domain-paused"});
    vm->paused_said = true;
    vm_net_lives(vm, out);
}

static void say_unpaused(struct vm *vm, struct out *out)
{
    (void)VM_SAY(vm, out, {.name = "domain-unpaused"});
    vm->paused_said = false;
    vm_net_lives(vm, out);
    if (vm->life == VM_LIVING && vm->view.netvm_put_off)
        vm_net_due(vm, out);
}

void vm_resumed_by_us(struct vm *vm, struct out *out)
{
    vm->resumed_until = out->now + STALE_SECONDS * SECONDS;
    vm->paused_until = 0;
    vm->paused_said = false;
}

/* What host still has to tell may be older: of a resume before this. */
static void paused_by_us(struct vm *vm, struct out *out)
{
    vm->paused_until = out->now + STALE_SECONDS * SECONDS;
    vm->resumed_until = 0;
}

static bool is_stale(const struct vm *vm, struct out *out)
{
    return out->now < vm->resumed_until;
}

/* The hypervisor still clears it away, and does not tell when it has: so it is looked at. */
static void look_while_dying(struct vm *vm, struct out *out)
{
    if (!vm->seen.active || vm->seen.state != VIRT_SHUTOFF)
        return;
    vm->again_at = out->now + DYING_LOOKS;
    out_timer(out, TIMER_AGAIN, vm->again_at);
}

/* What the state now means to subscribers. Our own unpause and start tell it themselves. */
static void follow(struct vm *vm, struct out *out, enum virt_state state)
{
    bool ours = vm->errand == ERRAND_UNPAUSE || vm->errand == ERRAND_START;
    if (state == VIRT_PAUSED && !ours)
        say_paused(vm, out);
    else if (state != VIRT_PAUSED && vm->paused_said && !ours && vm->errand != ERRAND_PAUSE)
        say_unpaused(vm, out);
}

void vm_takes_seen(struct vm *vm, struct out *out, const struct domain_seen *seen)
{
    bool changed =
        vm->seen.active != seen->active || vm->seen.domid != seen->domid || vm->seen.state != seen->state;
    vm->seen = *seen;
    vm->boot.slept = vm->boot.slept || (seen->active && vm_sleeps(vm));
    if (changed)
        vm_facts(vm, out);
}

/* Somebody has ended what was starting, and begun another life. */
static void give_way(struct vm *vm, struct out *out)
{
    struct fault why;
    if (!vm->boot.waits)
        return;
    int r = fault_set(&why, ERR_HYPERVISOR, "the domain ended while it was starting");
    (void)VM_SAY(vm, out, {.name = "domain-start-failed", .key = {"reason"}, .value = {why.text}});
    vm_boot_drop(vm, out, r, &why);
    vm->life = VM_LIVING;
}

void vm_sees(struct vm *vm, struct out *out, const struct domain_seen *seen)
{
    if (seen->active && vm->seen.active && seen->domid != vm->seen.domid) {
        give_way(vm, out);
        vm_note_step(vm, out, STEP_STOPPED); /* one life has ended and another has begun meanwhile */
        (void)vm_say_pair(vm, out);
        vm->seen = *seen;
        vm->start_time = 0;
        vm->paused_said = seen->state == VIRT_PAUSED;
        vm_note_step(vm, out, STEP_LIVING);
        vm_facts(vm, out);
        return;
    }
    vm_takes_seen(vm, out, seen);
    look_while_dying(vm, out);
    if (seen->active)
        follow(vm, out, seen->state);
}

static void hears_living(struct vm *vm, struct out *out, const struct observed *m)
{
    struct domain_seen seen = vm->seen;
    if (m->active == 0 || (int)m->domid != vm->seen.domid) {
        vm->look_wanted = true; /* it may be an old look: ours decides */
        return;
    }
    /* Host has looked behind a resume. If it is paused all the same, that may be older than ours. */
    if (m->event == VIRT_EVENT_RESUMED && m->state != VIRT_PAUSED)
        vm->resumed_until = 0;
    /* What is under way ends with a look that may be older than this word, which nobody may say again. */
    vm->look_wanted = vm->look_wanted || vm->errand != ERRAND_NONE;
    if (vm->errand == ERRAND_LOOK)
        return;
    if (m->state == VIRT_PAUSED && is_stale(vm, out)) {
        vm->look_wanted = true; /* an old look, or somebody has paused it again: ours decides */
        return;
    }
    if (m->state != VIRT_PAUSED && vm->seen.state == VIRT_PAUSED && out->now < vm->paused_until) {
        vm->look_wanted = true; /* an old look, or somebody has resumed it: ours decides */
        return;
    }
    seen.state = (enum virt_state)m->state;
    vm_takes_seen(vm, out, &seen);
    look_while_dying(vm, out);
    follow(vm, out, seen.state);
}

void vm_hears(struct vm *vm, struct out *out, const struct observed *m)
{
    bool unknown = vm->life == VM_UNKNOWN; /* a look that is under way may be older than this word */
    bool is_news = vm->life == VM_STARTING ? m->active == 0 && vm->created : unknown || m->active != 0;
    if (vm_runs(vm))
        hears_living(vm, out, m);
    else if (is_news)
        vm->look_wanted = true;
    if (unknown)
        vm->again_at = 0;
}

static void suspend(struct vm *vm, struct out *out)
{
    vm_task_step(vm, out, VM_SUSPEND_TASK, PAUSE_SUSPENDS, vm_errand_end);
}

static void shrunk(struct vm *vm, struct out *out, const struct vm_result *result)
{
    vm_memory_release(vm, out);
    if (result->r < 0)
        log_line(LOG_WARN, "%s waits with all its memory: %s", vm->view.name, result->why.text);
    suspend(vm, out);
}

static void pause_begin(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = 0;
    if (!vm_runs(vm))
        r = fault_set(&why, ERR_VM_NOT_RUNNING, "%s is not running", vm->view.name);
    if (r == 0) {
        (void)VM_SAY(vm, out, {.name = "domain-pre-paused"});
        if (vm->seen.state == VIRT_PAUSED) {
            vm_errand_end(vm, out, 0, NULL); /* as it should be already */
            return;
        }
        vm->step = PAUSE_SHRINKS;
        if (!vm_memory_shrink(vm, out))
            suspend(vm, out);
        return;
    }
    vm_errand_end(vm, out, r, &why);
}

/* The look behind a call; where it failed, what the call has made of the domain, if it was done. */
static void takes_done(struct vm *vm, struct out *out, const struct vm_result *result, enum virt_state made)
{
    bool is_seen = result->task != NULL && result->task->is_seen;
    struct domain_seen seen = is_seen ? result->task->seen : vm->seen;
    if (!is_seen && result->r == 0)
        seen.state = made;
    if (seen.active)
        vm_takes_seen(vm, out, &seen);
}

/* The event comes when host has heard the hypervisor's, which may be sooner than the call returns. */
void vm_pause_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        pause_begin(vm, out);
        return;
    }
    if (vm->step == PAUSE_SHRINKS) {
        shrunk(vm, out, result);
        return;
    }
    takes_done(vm, out, result, VIRT_PAUSED);
    if (result->r == 0)
        paused_by_us(vm, out);
    vm->look_wanted = vm->look_wanted || result->r < 0;
    vm_errand_end(vm, out, result->r, &result->why);
}

static void unpause_begin(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = 0;
    if (!vm_runs(vm) || vm->seen.state != VIRT_PAUSED)
        r = fault_set(&why, ERR_VM_NOT_PAUSED, "%s is not paused", vm->view.name);
    if (r == 0) {
        say_paused(vm, out); /* host may not have told it yet: never an unpaused without a paused */
        (void)VM_SAY(vm, out, {.name = "domain-pre-unpaused"});
        vm->step = 1;
        r = vm_task_begin(vm, out, VM_RESUME_TASK, &why);
    }
    if (r < 0)
        vm_errand_end(vm, out, r, &why);
}

void vm_unpause_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        unpause_begin(vm, out);
        return;
    }
    if (result->r == 0) {
        vm_resumed_by_us(vm, out);
        vm_host_forgets(vm, out);
        takes_done(vm, out, result, VIRT_RUNNING);
        say_unpaused(vm, out);
    }
    vm->look_wanted = vm->look_wanted || result->r < 0;
    vm_errand_end(vm, out, result->r, &result->why);
}
