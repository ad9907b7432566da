/* SPDX-License-Identifier: MIT
 * Attaching a device to a VM that runs (devbus-pci 7; devbus-block 5; devices 7.1). */
#include "actors/vm/vm_device_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/device_wire.h"
#include "proto/devbus_values.h"

enum { ATTACH_PREPARE = 1, ATTACH_PLUG, ATTACH_CONFIRM, ATTACH_UNDO };

static struct vm_event attach_event(const struct vm *vm, const char *name)
{
    const struct vm_plug *p = vm->job.plug;
    return (struct vm_event){.name = name, .key = {"device", "options"}, .value = {p->device, p->options}};
}

static void prepare(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_BUS_SECONDS);
    const struct vm_plug *p = vm->job.plug;
    struct bus_prepare m = {.purpose = BUS_TO_ATTACH, .no_strict_reset = p->no_strict_reset};
    m.again = vm_device_is_resumed(vm) || vm->devices.tries > 0;
    memcpy(m.name, vm->view.name, sizeof m.name);
    memcpy(m.port, p->port, sizeof m.port);
    memcpy(m.device_id, p->device_id, sizeof m.device_id);
    memcpy(m.backend, p->backend, sizeof m.backend);
    m.options = span_of(p->lines);
    vm_progress(vm, out, &vm->job, VM_BUS_SECONDS);
    ASK(out, bus_prepare, vm_device_bus(vm->job.plug->class), &context, vm_ask_tag(vm), &m);
}

static void release(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    const struct vm_plug *p = vm->job.plug;
    struct bus_release m = {.sbdf = ""};
    memcpy(m.sbdf, p->sbdf, sizeof m.sbdf);
    memcpy(m.backend, p->backend, sizeof m.backend);
    memcpy(m.port, p->port, sizeof m.port);
    if (m.sbdf[0] != '\0' || p->class != DEVICE_pci)
        (void)EVENT(out, bus_release, vm_device_bus(vm->job.plug->class), &context, &m);
}

/* Where nobody knows what libvirt has done, a look will tell the bus; it holds the device until then. */
static void attach_ends(struct vm *vm, struct out *out, int r, const struct fault *why, bool open)
{
    if (open && !vm_device_is_by_bus(vm->job.plug->class))
        vm_device_want_tell(vm);
    else
        release(vm, out);
    vm_device_ends(vm, out, r, why);
}

static void attach_fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    attach_ends(vm, out, r, why, vm_is_uncertain(r));
}

/* The call that hangs may be about this very device. */
static void attach_blocked(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    attach_ends(vm, out, r, why, true);
}

/* What no libvirt plugs. */
static void ask_plug(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_BUS_SECONDS);
    const struct vm_plug *p = vm->job.plug;
    struct bus_plug m = {.name = ""};
    memcpy(m.name, vm->view.name, sizeof m.name);
    memcpy(m.backend, p->backend, sizeof m.backend);
    memcpy(m.port, p->port, sizeof m.port);
    vm->step = ATTACH_PLUG;
    vm_progress(vm, out, &vm->job, VM_BUS_SECONDS);
    ASK(out, bus_plug, vm_device_bus(p->class), &context, vm_ask_tag(vm), &m);
}

/* The options as they hold, instead of those that were asked for. 0 or -ERR_NOMEM. */
static int take_lines(struct vm_plug *p, struct span lines)
{
    char *copy = strndup(lines.at != NULL ? lines.at : "", lines.len);
    if (copy == NULL)
        return -ERR_NOMEM;
    free(p->lines);
    p->lines = copy;
    return 0;
}

/* Told are the options as they were given, then what was chosen where they said nothing. 0 or -ERR_NOMEM. */
static int take_options(struct vm_plug *p, const char *target)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(BODY_PART_MAX), shown = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct span value;
    text_add(&lines, p->lines);
    if (target[0] != '\0' && !assignment_option_named(text_span(&lines), "frontend-dev", &value))
        assignment_option_write(&lines, SPAN_LITERAL("frontend-dev"), span_of(target));
    options_text(&shown, text_span(&lines));
    if (lines.failed < 0 || shown.failed < 0)
        return -ERR_NOMEM;
    free(p->options);
    p->options = TAKE(shown.at);
    return 0;
}

static void prepared(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct bus_prepare_reply m;
    struct fault why;
    int r = bus_prepare_reply_decode(&m, result->e->body);
    if (r == 0)
        memcpy(vm->job.plug->sbdf, m.sbdf, sizeof m.sbdf);
    if (r == 0 && vm->job.plug->is_block)
        r = take_lines(vm->job.plug, m.options);
    if (r < 0)
        (void)fault_set(&why, (enum err) - r, "the bus's answer cannot be used");
    if (vm->kill_wanted)
        r = fault_set(&why, ERR_CANCELLED, "the VM is being killed");
    if (r < 0)
        attach_fails(vm, out, r, &why);
    else if (vm_device_is_by_bus(vm->job.plug->class))
        ask_plug(vm, out);
    else
        vm_task_step(vm, out, VM_PLUG_TASK, ATTACH_PLUG, attach_blocked);
}

/* libvirt said yes, and the hypervisor's own store does not show it: nothing is left half done. */
static void undo(struct vm *vm, struct out *out, const struct vm_result *result)
{
    vm->devices.failure = result->why;
    vm->devices.failure.code = (enum err) - result->r;
    vm_task_step(vm, out, VM_UNPLUG_TASK, ATTACH_UNDO, attach_blocked);
}

static bool is_open(const struct vm_result *result)
{
    return vm_is_uncertain(result->r) || (result->task != NULL && result->task->is_open);
}

static void attach_failed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why = vm->devices.failure;
    if (vm->step == ATTACH_PREPARE && vm_device_again(vm, out, result, prepare))
        return;
    if (vm->step == ATTACH_PLUG && vm_device_is_by_bus(vm->job.plug->class) &&
        vm_device_again(vm, out, result, ask_plug))
        return;
    if (vm->step == ATTACH_CONFIRM && vm_device_again(vm, out, result, vm_device_confirm))
        return;
    if (vm->step == ATTACH_CONFIRM)
        undo(vm, out, result);
    else if (vm->step == ATTACH_UNDO)
        attach_fails(vm, out, -ERR_TIMEOUT, &why);
    else
        attach_ends(vm, out, result->r, &result->why, is_open(result));
}

static void attach_begin(struct vm *vm, struct out *out)
{
    struct fault why;
    char pre[VM_EVENT_NAME], did[VM_EVENT_NAME];
    if (!vm_device_begins(vm, out, attach_event(vm, vm_device_event(vm, "device-pre-attach:", pre)),
                          vm_device_event(vm, "device-attach:", did)))
        return;
    if (vm->job.plug->class == DEVICE_pci && strcmp(vm->view.virt_mode, "pvh") == 0) {
        int r = fault_set(&why, ERR_QUBES, "Can't attach PCI device to VM in pvh mode");
        vm_device_ends(vm, out, r, &why);
        return;
    }
    vm->step = ATTACH_PREPARE;
    prepare(vm, out);
}

/* It came as it came: with the name that was free. */
static void plugged(struct vm *vm, struct out *out, const struct vm_result *result)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(512);
    struct vm_plug *p = vm->job.plug;
    if (p->is_block && result->task != NULL) {
        (void)take_options(p, result->task->block.target);
        vm_block_lines(&result->task->block, &lines);
        (void)take_lines(p, text_span(&lines));
        vm_live_drop(vm, p->backend, p->port);
        vm_live_add(vm, &result->task->block);
    }
    vm->step = ATTACH_CONFIRM;
    vm_device_confirm(vm, out);
}

static void attach_goes_on(struct vm *vm, struct out *out, const struct vm_result *result)
{
    char name[VM_EVENT_NAME];
    struct vm_event event = attach_event(vm, vm_device_event(vm, "device-attach:", name));
    struct fault why = vm->devices.failure;
    switch (vm->step) {
    case ATTACH_PREPARE:
        prepared(vm, out, result);
        break;
    case ATTACH_PLUG:
        if (vm_device_is_by_bus(vm->job.plug->class))
            vm_device_conclude(vm, out, &event);
        else
            plugged(vm, out, result);
        break;
    case ATTACH_CONFIRM:
        vm_device_conclude(vm, out, &event);
        break;
    case ATTACH_UNDO:
        vm_live_drop(vm, vm->job.plug->backend, vm->job.plug->port);
        release(vm, out);
        vm_device_ends(vm, out, -(int)why.code, &why);
        break;
    }
}

void vm_attach_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL)
        attach_begin(vm, out);
    else if (result->r < 0)
        attach_failed(vm, out, result);
    else
        attach_goes_on(vm, out, result);
}
