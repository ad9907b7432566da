/* SPDX-License-Identifier: MIT
 * Detaching a device from a VM that runs (devbus-pci 10; devbus-block 7; devices 7.2). */
#include "actors/vm/vm_device_inside.h"

#include <string.h>

#include "base/log.h"

enum { DETACH_PART = 1, DETACH_GUEST, DETACH_UNPLUG, DETACH_CONFIRM };
enum { GUEST_SECONDS = 15 };

static struct vm_event detach_event(const struct vm *vm, const char *name)
{
    return (struct vm_event){.name = name, .key = {"port"}, .value = {vm->job.plug->device}};
}

static void part(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_BUS_SECONDS);
    struct bus_part m = {.domid = vm->seen.domid < 0 ? 0 : (uint32_t)vm->seen.domid};
    memcpy(m.port, vm->job.plug->port, sizeof m.port);
    vm_progress(vm, out, &vm->job, VM_BUS_SECONDS);
    ASK(out, bus_part, vm_device_bus(vm->job.plug->class), &context, vm_ask_tag(vm), &m);
}

static void unplug(struct vm *vm, struct out *out)
{
    vm_task_step(vm, out, VM_UNPLUG_TASK, DETACH_UNPLUG, vm_device_ends);
}

/* What no libvirt has plugged. */
static void ask_unplug(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_BUS_SECONDS);
    const struct vm_plug *p = vm->job.plug;
    struct bus_unplug m = {.again = vm_device_is_resumed(vm) || vm->devices.tries > 0};
    memcpy(m.name, vm->view.name, sizeof m.name);
    memcpy(m.backend, p->backend, sizeof m.backend);
    memcpy(m.port, p->port, sizeof m.port);
    vm->step = DETACH_UNPLUG;
    vm_progress(vm, out, &vm->job, VM_BUS_SECONDS);
    ASK(out, bus_unplug, vm_device_bus(p->class), &context, vm_ask_tag(vm), &m);
}

/* The guest lets go of it first, if it listens: some seconds, and then it goes all the same. */
static void ask_guest(struct vm *vm, struct out *out, const char *address)
{
    struct context context = vm_context(vm, out, GUEST_SECONDS);
    struct service m = {.service = "qubes.DetachPciDevice",
                        .user = "root",
                        .seconds = GUEST_SECONDS - 3,
                        .connect_seconds = GUEST_SECONDS - 5,
                        .input = span_of(address)};
    vm->step = DETACH_GUEST;
    vm_progress(vm, out, &vm->job, GUEST_SECONDS);
    ASK(out, service, ((struct address){KIND_LAUNCHER, 0}), &context, vm_ask_tag(vm), &m);
}

static void parted(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct bus_part_reply m;
    struct fault why = {0};
    int r = bus_part_reply_decode(&m, result->e->body);
    if (r < 0) {
        vm_device_ends(vm, out, r, &why);
        return;
    }
    memcpy(vm->job.plug->sbdf, m.sbdf, sizeof m.sbdf);
    bool answers = vm->life == VM_LIVING && vm->view.qrexec != 0; /* one that boots does not yet */
    bool listens = answers && m.guest[0] != '\0' && vm->seen.state == VIRT_RUNNING;
    if (listens)
        ask_guest(vm, out, m.guest);
    else
        unplug(vm, out);
}

static void detach_begin(struct vm *vm, struct out *out)
{
    char pre[VM_EVENT_NAME], did[VM_EVENT_NAME];
    if (!vm_device_begins(vm, out, detach_event(vm, vm_device_event(vm, "device-pre-detach:", pre)),
                          vm_device_event(vm, "device-detach:", did)))
        return;
    if (vm->job.plug->is_block) { /* its guest need not let go of a disk first */
        unplug(vm, out);
        return;
    }
    if (vm_device_is_by_bus(vm->job.plug->class)) {
        ask_unplug(vm, out);
        return;
    }
    vm->step = DETACH_PART;
    part(vm, out);
}

static void detach_failed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    bool is_by_bus = vm_device_is_by_bus(vm->job.plug->class);
    if (is_by_bus && vm_device_again(vm, out, result, ask_unplug))
        return;
    if (vm->step == DETACH_PART && vm_device_again(vm, out, result, part))
        return;
    if (vm->step == DETACH_CONFIRM && vm_device_again(vm, out, result, vm_device_confirm))
        return;
    if (vm->step == DETACH_GUEST) {
        log_line(LOG_WARN, "the guest did not say that it let go of %s: %s", vm->job.plug->sbdf,
                 result->why.text);
        unplug(vm, out);
        return;
    }
    if (!is_by_bus && (vm->step == DETACH_UNPLUG || vm->step == DETACH_CONFIRM))
        vm_device_want_tell(vm);
    vm_device_ends(vm, out, result->r, &result->why);
}

static void detach_goes_on(struct vm *vm, struct out *out, const struct vm_result *result)
{
    char name[VM_EVENT_NAME];
    struct vm_event event = detach_event(vm, vm_device_event(vm, "device-detach:", name));
    switch (vm->step) {
    case DETACH_PART:
        parted(vm, out, result);
        break;
    case DETACH_GUEST:
        unplug(vm, out);
        break;
    case DETACH_UNPLUG:
        if (vm_device_is_by_bus(vm->job.plug->class)) {
            vm_device_conclude(vm, out, &event);
            break;
        }
        if (vm->job.plug->is_block)
            vm_live_drop(vm, vm->job.plug->backend, vm->job.plug->port);
        vm->step = DETACH_CONFIRM;
        vm_device_confirm(vm, out);
        break;
    case DETACH_CONFIRM:
        vm_device_conclude(vm, out, &event);
        break;
    }
}

void vm_detach_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL)
        detach_begin(vm, out);
    else if (result->r < 0)
        detach_failed(vm, out, result);
    else
        detach_goes_on(vm, out, result);
}
