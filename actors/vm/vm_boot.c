/* SPDX-License-Identifier: MIT
 * A start that waits for its guest (its qrexec agent, or what a preloaded disposable is waited for) waits
 * aside: the domain runs, and whatever is asked of a VM that runs is done meanwhile. Its answer is taken up
 * between two errands. While the VM sleeps its guest cannot answer: then no time counts. Spec: lifecycle 2.2,
 * 3; in vm/<qid>. */
#include "actors/vm/vm_boot.h"

#include "base/own.h"

enum { SLEEPER_SECONDS = 20 };

bool vm_runs(const struct vm *vm)
{
    return vm->life == VM_LIVING || (vm->life == VM_STARTING && vm->boot.waits);
}

bool vm_sleeps(const struct vm *vm)
{
    return vm->seen.state == VIRT_PAUSED || vm->seen.state == VIRT_PMSUSPENDED;
}

/* Nobody knows how long it sleeps. Who asked for its start waits as long as for a guest, and then hears why:
 * the start goes on without him. */
static void ring(struct vm *vm, struct out *out)
{
    struct vm_boot *b = &vm->boot;
    struct fault why;
    if (out->now < b->patience) {
        vm_progress(vm, out, &b->job, 2 * SLEEPER_SECONDS);
        out_timer(out, TIMER_BOOT, out->now + SLEEPER_SECONDS * SECONDS);
        return;
    }
    int r = fault_set(&why, ERR_QUBES,
                      "%s was paused before it has started: that goes on when it is unpaused", vm->view.name);
    vm_answer(vm, out, &b->job, r, &why);
}

static void wait_for_waking(struct vm *vm, struct out *out)
{
    uint64_t seconds = vm->view.qrexec_timeout;
    vm->boot.patience = out->now + (seconds > SLEEPER_SECONDS ? seconds : SLEEPER_SECONDS) * SECONDS;
    ring(vm, out);
}

void vm_boot_wait(struct vm *vm, struct out *out)
{
    struct vm_boot *b = &vm->boot;
    b->waits = true;
    b->slept = vm_sleeps(vm);
    b->errand = vm->errand;
    b->step = vm->step;
    b->job = vm->job;
    b->asked = vm->asked;
    vm->errand = ERRAND_NONE;
    vm->asked = 0;
    vm->job = (struct vm_request){0};
    if (b->asked == 0)
        wait_for_waking(vm, out);
}

static void is_over(struct vm *vm, struct out *out)
{
    struct vm_boot *b = &vm->boot;
    b->waits = b->came = false;
    b->asked = 0;
    text_free(&b->body);
    out_timer(out, TIMER_BOOT, 0);
}

/* It is the errand again. */
static void take_up(struct vm *vm, struct out *out)
{
    vm->errand = vm->boot.errand;
    vm->step = vm->boot.step;
    vm->job = vm->boot.job;
    vm->asked = 0;
    is_over(vm, out);
}

bool vm_boot_hears(struct vm *vm, struct out *out, const struct answer *a)
{
    struct vm_boot *b = &vm->boot;
    if (!b->waits || a->tag == 0 || a->tag != b->asked)
        return false;
    if (a->progress) {
        if (a->e != NULL && a->e->deadline > out->now)
            vm_progress(vm, out, &b->job, (unsigned)((a->e->deadline - out->now) / SECONDS));
        return true;
    }
    b->asked = 0;
    b->came = true;
    b->r = a->r;
    b->why = a->r < 0 ? a->why : (struct fault){0};
    b->body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    if (a->r == 0 && a->e != NULL)
        text_append(&b->body, a->e->body);
    if (b->body.failed < 0)
        b->r = fault_set(&b->why, ERR_NOMEM, "no memory for the answer of a guest's daemon");
    return true;
}

bool vm_boot_can_go_on(const struct vm *vm)
{
    return vm->boot.waits && (vm->boot.came || (vm->boot.asked == 0 && !vm_sleeps(vm)));
}

void vm_boot_go_on(struct vm *vm, struct out *out)
{
    AUTO_TEXT body = vm->boot.body;
    struct envelope e = {.class = CLASS_REPLY, .body = text_span(&body)};
    struct vm_result result = {.r = vm->boot.r, .why = vm->boot.why, .e = &e};
    bool came = vm->boot.came;
    vm->boot.body = (struct text){0};
    take_up(vm, out);
    if (came)
        vm_errand_goes_on(vm, out, &result);
    else if (vm->errand == ERRAND_START)
        vm_start_ask_agent(vm, out);
    else
        vm_preload_ask_again(vm, out);
}

void vm_boot_fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    take_up(vm, out);
    vm_start_fails(vm, out, r, why, false);
}

void vm_boot_lost(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = fault_set(&why, ERR_HYPERVISOR, "the domain ended while it was starting");
    vm_boot_fails(vm, out, r, &why);
}

void vm_boot_drop(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    is_over(vm, out);
    vm_answer(vm, out, &vm->boot.job, r, why);
}

void vm_boot_timer(struct vm *vm, struct out *out)
{
    if (vm->boot.waits && vm->boot.asked == 0 && !vm->boot.came)
        ring(vm, out);
}
