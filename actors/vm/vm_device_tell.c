/* SPDX-License-Identifier: MIT
 * vm/<qid> tells each bus what the hypervisor shows as the VM's: a start waits until api has heard of it, so
 * that whoever has its answer finds its devices attached; nobody else waits. */
#include "actors/vm/vm_device_inside.h"
#include "actors/vm/vm_start.h"

#include <string.h>

#include "base/log.h"
#include "base/own.h"

/* How long a start waits for a bus, which may have to list its devices first. */
enum { HEARD_SECONDS = 12 };
#define TELL_AFTER (1 * SECONDS)

/* The buses that hear it, in this order. */
static const enum device_class hears[VM_TELLINGS] = {DEVICE_pci, DEVICE_block};

void vm_device_untell(struct vm *vm)
{
    for (size_t i = 0; i < VM_TELLINGS; i++)
        text_free(&vm->devices.telling[i]);
}

/* ---- the life is over ---- */

void vm_device_has_none(struct vm *vm, struct out *out, struct address bus)
{
    struct context context = vm_context(vm, out, 0);
    ASK(out, bus_has, bus, &context, 0, (&(struct bus_has){.over = 1}));
}

void vm_device_over(struct vm *vm, struct out *out)
{
    vm->devices.boots = 0;
    vm->devices.tell_wanted = vm->devices.tell_owed = false;
    out_timer(out, TIMER_TELL, 0);
    vm_device_has_none(vm, out, vm_device_bus(DEVICE_pci));
    vm->devices.block_told = vm->devices.block_wanted = false;
    vm_wishes_none(vm);
    vm->devices.blocks = 0;
    vm->devices.recall_owed = false;
    vm_live_none(vm);
}

void vm_device_gone(struct vm *vm, struct out *out)
{
    static const enum device_class tells[] = {DEVICE_block, DEVICE_usb, DEVICE_mic};
    struct context context = vm_context(vm, out, 0);
    for (size_t i = 0; i < COUNT(tells); i++)
        (void)EVENT(out, bus_over, vm_device_bus(tells[i]), &context, NO_MESSAGE(bus_over));
}

/* ---- what there is to tell ---- */

static void write_pci(const struct vm_task *t, struct text *body)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_has m = {.over = 0};
    for (size_t i = 0; i < t->has_count; i++) {
        struct bus_address address = {.sbdf = ""};
        memcpy(address.sbdf, t->has[i], sizeof address.sbdf);
        bus_address_add(&m.devices, &packed, &address);
    }
    bus_has_encode(body, &m);
}

static void write_blocks(struct vm *vm, const struct vm_block_list *live, struct text *body)
{
    struct bus_has m;
    vm_live_none(vm);
    for (size_t i = 0; i < live->count; i++)
        vm_live_add(vm, &live->block[i]);
    vm_live_show(vm, &m);
    bus_has_encode(body, &m);
}

/* A bus of disks that has nothing to hear is not woken. */
static void write_all(struct vm *vm, const struct vm_task *t)
{
    struct vm_devices *d = &vm->devices;
    vm_device_untell(vm);
    for (size_t i = 0; i < VM_TELLINGS; i++)
        d->telling[i] = TEXT_WITH_LIMIT(BODY_PART_MAX);
    write_pci(t, &d->telling[0]);
    bool wanted = t->live.count > 0 || d->block_wanted || d->block_told || d->recall_owed;
    write_blocks(vm, &t->live, &d->telling[1]);
    if (!wanted)
        text_free(&d->telling[1]);
    d->block_told = t->live.count > 0;
    d->block_wanted = d->recall_owed = false;
}

/* Now that it is told, the next process need not. */
static void told(struct vm *vm, struct out *out)
{
    if (!vm->devices.tell_owed || out->now < vm->devices.tell_at)
        return;
    vm->devices.tell_owed = false;
    vm_note_again(vm, out);
}

/* Sends the next one that is not sent. False: there is none. */
static bool tell_one(struct vm *vm, struct out *out, unsigned seconds, uint64_t tag)
{
    struct context context = vm_context(vm, out, seconds);
    size_t i = 0;
    while (i < VM_TELLINGS && vm->devices.telling[i].len == 0)
        i++;
    if (i == VM_TELLINGS)
        return false;
    (void)post_ask(out, MESSAGE_bus_has, vm_device_bus(hears[i]), &context, tag, &vm->devices.telling[i]);
    text_free(&vm->devices.telling[i]);
    return true;
}

/* What cannot be said now is said soon. */
static void tell_later(struct vm *vm, struct out *out, const struct fault *why)
{
    log_line(LOG_WARN, "what devices %s has is not known: %s", vm->view.name, why->text);
    vm->devices.tell_wanted = true;
    vm->again_at = out->now + TELL_AFTER;
    out_timer(out, TIMER_AGAIN, vm->again_at);
}

/* ---- by itself ---- */

static void tell_fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    tell_later(vm, out, why);
    vm_errand_end(vm, out, r, why);
}

void vm_devices_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        vm->devices.tell_wanted = false;
        vm_task_step(vm, out, VM_DEVICES_TASK, 1, tell_fails);
        return;
    }
    if (result->r < 0 || result->task == NULL) {
        tell_fails(vm, out, result->r, &result->why);
        return;
    }
    write_all(vm, result->task);
    while (tell_one(vm, out, 0, 0))
        ;
    told(vm, out);
    vm_errand_end(vm, out, 0, NULL);
}

/* ---- in a start ---- */

/* No start fails of that. */
static void untold(struct vm *vm, struct out *out, const struct fault *why)
{
    tell_later(vm, out, why);
    vm_start_agents(vm, out);
}

static void look(struct vm *vm, struct out *out)
{
    struct fault why;
    vm->devices.tell_wanted = false;
    vm->step = START_SHOW;
    if (vm_task_begin(vm, out, VM_DEVICES_TASK, &why) < 0)
        untold(vm, out, &why);
}

static void tell(struct vm *vm, struct out *out)
{
    vm->step = START_TELL;
    vm_progress(vm, out, &vm->job, HEARD_SECONDS);
    if (tell_one(vm, out, HEARD_SECONDS, vm_ask_tag(vm)))
        return;
    vm->asked = 0;
    vm_start_agents(vm, out);
}

/* Which devices a start had that another process began, this one does not know. */
void vm_start_tell(struct vm *vm, struct out *out)
{
    vm->devices.tries = 0;
    if (vm->finishes || vm->devices.boots > 0 || vm->devices.blocks > 0)
        look(vm, out);
    else
        vm_start_agents(vm, out);
}

void vm_start_shown(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result->r < 0 || result->task == NULL) {
        untold(vm, out, &result->why);
        return;
    }
    write_all(vm, result->task);
    tell(vm, out);
}

void vm_start_told(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result->r == 0)
        tell(vm, out);
    else if (!vm_device_again(vm, out, result, look))
        untold(vm, out, &result->why);
}
