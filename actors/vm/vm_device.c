/* SPDX-License-Identifier: MIT
 * Devices that come to a VM that runs, and leave it (devbus-pci 7, 10; devices 8). The bus looks, binds and
 * confirms; libvirt's part is done here. Every step may be repeated: after a crash the same operation goes on
 * where it was. */
#include "actors/vm/vm_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/vm/vm.h"
#include "base/log.h"

enum { ATTACH_PREPARE = 1, ATTACH_PLUG, ATTACH_CONFIRM, ATTACH_UNDO };
enum { DETACH_PART = 1, DETACH_GUEST, DETACH_UNPLUG, DETACH_CONFIRM };
enum { BUS_SECONDS = 50, GUEST_SECONDS = 15, AGAIN_MOST = 20 };
#define AGAIN_AFTER (250 * MILLISECONDS)
#define TELL_AFTER  (1 * SECONDS)
/* As long as a call of a process that is dead may still be done. */
#define SETTLES_AFTER (5 * SECONDS)
#define BUS           ((struct address){KIND_DEVBUS_PCI, 0})

/* ---- what is asked ---- */

void vm_plug_free(struct vm_plug *plug)
{
    if (plug != NULL)
        free(plug->options);
    free(plug);
}

static bool take_text(char *to, size_t size, struct span from)
{
    return text_copy(to, size, from) == 0;
}

struct vm_plug *vm_plug_of_attach(const struct vm_attach *m)
{
    struct vm_plug *p = calloc(1, sizeof *p);
    char *options = p == NULL ? NULL : calloc(1, m->options.len + 1);
    if (options == NULL || !take_text(p->device, sizeof p->device, m->device)) {
        free(options);
        free(p);
        return NULL;
    }
    if (m->options.len > 0)
        memcpy(options, m->options.at, m->options.len);
    p->options = options;
    memcpy(p->port, m->port, sizeof p->port);
    memcpy(p->device_id, m->device_id, sizeof p->device_id);
    p->permissive = m->permissive != 0;
    p->no_strict_reset = m->no_strict_reset != 0;
    return p;
}

struct vm_plug *vm_plug_of_detach(const struct vm_detach *m)
{
    struct vm_plug *p = calloc(1, sizeof *p);
    if (p == NULL || !take_text(p->device, sizeof p->device, m->device)) {
        free(p);
        return NULL;
    }
    memcpy(p->port, m->port, sizeof p->port);
    return p;
}

struct vm_pci vm_device_address(const char *sbdf, bool permissive, bool no_strict_reset, bool s0ix)
{
    unsigned segment = 0, bus = 0, slot = 0, function = 0;
    (void)sscanf(sbdf, "%4x:%2x:%2x.%1x", &segment, &bus, &slot, &function);
    return (struct vm_pci){.segment = (uint16_t)segment,
                           .bus = (uint8_t)bus,
                           .slot = (uint8_t)slot,
                           .function = (uint8_t)function,
                           .permissive = permissive,
                           .no_strict_reset = no_strict_reset,
                           .no_power_management_filtering = s0ix};
}

/* ---- a bus that has just died ---- */

bool vm_device_again(struct vm *vm, struct out *out, const struct vm_result *result, vm_device_ask *ask)
{
    if (result->r != -ERR_GONE || vm->devices.tries >= AGAIN_MOST)
        return false;
    vm->devices.tries++;
    vm->devices.again = ask;
    out_timer(out, TIMER_DEVICE, out->now + AGAIN_AFTER);
    return true;
}

void vm_device_timer(struct vm *vm, struct out *out)
{
    vm_device_ask *ask = vm->devices.again;
    bool waits = vm->errand == ERRAND_START || vm->errand == ERRAND_ATTACH || vm->errand == ERRAND_DETACH;
    vm->devices.again = NULL;
    if (ask != NULL && waits && vm->asked == 0)
        ask(vm, out);
}

/* ---- crashes ---- */

void vm_device_remember(struct vm *vm, struct out *out)
{
    struct vm_devices *d = &vm->devices;
    if (vm->note.step != STEP_PLUGGING && vm->note.step != STEP_PLUGGED)
        return;
    if (vm->note.step == STEP_PLUGGING)
        out_timer(out, TIMER_TELL, out->now + SETTLES_AFTER);
    d->left = vm->note.step;
    d->left_op = vm->note.op;
    d->left_said = vm_has_said(vm);
}

/* Whether this very operation had come that far before a crash. */
static bool was_left_at(const struct vm *vm, enum vm_step step)
{
    const struct op_id *op = &vm->job.request.context.op, *left = &vm->devices.left_op;
    return vm->devices.left == step && op->high == left->high && op->low == left->low;
}

static bool is_resumed(const struct vm *vm)
{
    return was_left_at(vm, STEP_PLUGGING) || was_left_at(vm, STEP_PLUGGED);
}

void vm_device_over(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    vm->devices.boots = 0;
    vm->devices.tell_wanted = false;
    out_timer(out, TIMER_TELL, 0);
    (void)EVENT(out, bus_has, BUS, &context, (&(struct bus_has){.over = 1}));
}

void vm_device_end(struct vm *vm)
{
    free(vm->devices.wish);
    vm_plug_free(vm->job.plug);
    for (unsigned i = 0; i < vm->queued; i++)
        vm_plug_free(vm->queue[i].plug);
}

/* ---- what both share ---- */

static void end(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    vm->devices.left = STEP_NONE;
    vm->devices.undoing = false;
    vm_note_step(vm, out, STEP_LIVING);
    vm_errand_end(vm, out, r, why);
}

/* Says it once, however often this operation begins. */
static void announce(struct vm *vm, struct out *out, const struct vm_event *event)
{
    bool said = was_left_at(vm, STEP_PLUGGING) && vm->devices.left_said;
    vm_note_step(vm, out, STEP_PLUGGING);
    if (!said) {
        (void)vm_say(vm, out, event, 1);
        return;
    }
    vm->note.seq--; /* as it was before that message */
    vm_note_again(vm, out);
}

/* It is so: subscribers hear it, and whoever asked. The note stays, for an answer that is lost with this
 * process. */
static void conclude(struct vm *vm, struct out *out, const struct vm_event *event)
{
    bool said = was_left_at(vm, STEP_PLUGGED) && vm->devices.left_said;
    vm_note_step(vm, out, STEP_PLUGGED);
    if (!said)
        (void)vm_say(vm, out, event, 1);
    vm->devices.left = STEP_NONE;
    vm->devices.undoing = false;
    vm_errand_end(vm, out, 0, NULL);
}

static int must_live(const struct vm *vm, struct fault *why)
{
    if (vm->life == VM_LIVING)
        return 0;
    return fault_set(why, ERR_VM_NOT_RUNNING, "%s is not running", vm->view.name);
}

static void confirm(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, BUS_SECONDS);
    struct bus_confirm m = {.present = vm->errand == ERRAND_ATTACH,
                            .domid = vm->seen.domid < 0 ? 0 : (uint32_t)vm->seen.domid};
    memcpy(m.sbdf, vm->job.plug->sbdf, sizeof m.sbdf);
    vm_progress(vm, out, &vm->job, BUS_SECONDS);
    ASK(out, bus_confirm, BUS, &context, vm_ask_tag(vm), &m);
}

/* ---- attaching ---- */

static struct vm_event attach_event(const struct vm *vm, const char *name)
{
    const struct vm_plug *p = vm->job.plug;
    return (struct vm_event){.name = name, .key = {"device", "options"}, .value = {p->device, p->options}};
}

static void prepare(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, BUS_SECONDS);
    const struct vm_plug *p = vm->job.plug;
    struct bus_prepare m = {.purpose = 0, .no_strict_reset = p->no_strict_reset};
    m.again = is_resumed(vm) || vm->devices.tries > 0;
    memcpy(m.name, vm->view.name, sizeof m.name);
    memcpy(m.port, p->port, sizeof m.port);
    memcpy(m.device_id, p->device_id, sizeof m.device_id);
    vm_progress(vm, out, &vm->job, BUS_SECONDS);
    ASK(out, bus_prepare, BUS, &context, vm_ask_tag(vm), &m);
}

static void release(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    struct bus_release m = {.sbdf = ""};
    memcpy(m.sbdf, vm->job.plug->sbdf, sizeof m.sbdf);
    if (m.sbdf[0] != '\0')
        (void)EVENT(out, bus_release, BUS, &context, &m);
}

/* Where nobody knows what libvirt has done, a look will tell the bus; it holds the device until then. */
static void attach_fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    if (vm_is_uncertain(r))
        vm->devices.tell_wanted = true;
    else
        release(vm, out);
    end(vm, out, r, why);
}

static void task(struct vm *vm, struct out *out, enum vm_task_what what, unsigned step)
{
    struct fault why;
    vm->step = step;
    int r = vm_task_begin(vm, out, what, &why);
    if (r < 0 && vm->errand == ERRAND_ATTACH)
        attach_fails(vm, out, r, &why);
    else if (r < 0)
        end(vm, out, r, &why);
}

static void prepared(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct bus_prepare_reply m;
    struct fault why;
    int r = bus_prepare_reply_decode(&m, result->e->body);
    if (r == 0)
        memcpy(vm->job.plug->sbdf, m.sbdf, sizeof m.sbdf);
    if (vm->kill_wanted)
        r = fault_set(&why, ERR_CANCELLED, "the VM is being killed");
    if (r < 0)
        attach_fails(vm, out, r, &why);
    else
        task(vm, out, VM_PLUG_TASK, ATTACH_PLUG);
}

/* libvirt said yes, and the hypervisor's own store does not show it: nothing is left half done. */
static void undo(struct vm *vm, struct out *out, const struct vm_result *result)
{
    vm->devices.failure = result->why;
    vm->devices.failure.code = (enum err) - result->r;
    task(vm, out, VM_UNPLUG_TASK, ATTACH_UNDO);
}

static void attach_failed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why = vm->devices.failure;
    if (vm->step == ATTACH_PREPARE && vm_device_again(vm, out, result, prepare))
        return;
    if (vm->step == ATTACH_CONFIRM && vm_device_again(vm, out, result, confirm))
        return;
    if (vm->step == ATTACH_CONFIRM)
        undo(vm, out, result);
    else if (vm->step == ATTACH_UNDO)
        attach_fails(vm, out, -ERR_TIMEOUT, &why);
    else
        attach_fails(vm, out, result->r, &result->why);
}

/* What attachment and detachment begin with, told by `event`. False: the errand has ended, also because an
 * earlier incarnation did all of it but say `did`. */
static bool plug_begins(struct vm *vm, struct out *out, struct vm_event event, const char *did)
{
    struct fault why;
    int r = must_live(vm, &why);
    vm->devices.tries = 0;
    if (r < 0) {
        vm_errand_end(vm, out, r, &why);
        return false;
    }
    if (was_left_at(vm, STEP_PLUGGED)) {
        event.name = did;
        conclude(vm, out, &event);
        return false;
    }
    announce(vm, out, &event);
    return true;
}

static void attach_begin(struct vm *vm, struct out *out)
{
    struct fault why;
    if (!plug_begins(vm, out, attach_event(vm, "device-pre-attach:pci"), "device-attach:pci"))
        return;
    if (strcmp(vm->view.virt_mode, "pvh") == 0) {
        int r = fault_set(&why, ERR_QUBES, "Can't attach PCI device to VM in pvh mode");
        end(vm, out, r, &why);
        return;
    }
    vm->step = ATTACH_PREPARE;
    prepare(vm, out);
}

static void attach_goes_on(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct vm_event event = attach_event(vm, "device-attach:pci");
    struct fault why = vm->devices.failure;
    switch (vm->step) {
    case ATTACH_PREPARE:
        prepared(vm, out, result);
        break;
    case ATTACH_PLUG:
        vm->step = ATTACH_CONFIRM;
        confirm(vm, out);
        break;
    case ATTACH_CONFIRM:
        conclude(vm, out, &event);
        break;
    case ATTACH_UNDO:
        release(vm, out);
        end(vm, out, -(int)why.code, &why);
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

/* ---- detaching ---- */

static struct vm_event detach_event(const struct vm *vm, const char *name)
{
    return (struct vm_event){.name = name, .key = {"port"}, .value = {vm->job.plug->device}};
}

static void part(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, BUS_SECONDS);
    struct bus_part m = {.domid = vm->seen.domid < 0 ? 0 : (uint32_t)vm->seen.domid};
    memcpy(m.port, vm->job.plug->port, sizeof m.port);
    vm_progress(vm, out, &vm->job, BUS_SECONDS);
    ASK(out, bus_part, BUS, &context, vm_ask_tag(vm), &m);
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
        end(vm, out, r, &why);
        return;
    }
    memcpy(vm->job.plug->sbdf, m.sbdf, sizeof m.sbdf);
    bool listens = vm->view.qrexec != 0 && m.guest[0] != '\0' && vm->seen.state == VIRT_RUNNING;
    if (listens)
        ask_guest(vm, out, m.guest);
    else
        task(vm, out, VM_UNPLUG_TASK, DETACH_UNPLUG);
}

static void detach_begin(struct vm *vm, struct out *out)
{
    if (!plug_begins(vm, out, detach_event(vm, "device-pre-detach:pci"), "device-detach:pci"))
        return;
    vm->step = DETACH_PART;
    part(vm, out);
}

static void detach_failed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (vm->step == DETACH_PART && vm_device_again(vm, out, result, part))
        return;
    if (vm->step == DETACH_CONFIRM && vm_device_again(vm, out, result, confirm))
        return;
    if (vm->step == DETACH_GUEST) {
        log_line(LOG_WARN, "the guest did not say that it let go of %s: %s", vm->job.plug->sbdf,
                 result->why.text);
        task(vm, out, VM_UNPLUG_TASK, DETACH_UNPLUG);
        return;
    }
    vm->devices.tell_wanted =
        vm->devices.tell_wanted || vm->step == DETACH_UNPLUG || vm->step == DETACH_CONFIRM;
    end(vm, out, result->r, &result->why);
}

static void detach_goes_on(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct vm_event event = detach_event(vm, "device-detach:pci");
    switch (vm->step) {
    case DETACH_PART:
        parted(vm, out, result);
        break;
    case DETACH_GUEST:
        task(vm, out, VM_UNPLUG_TASK, DETACH_UNPLUG);
        break;
    case DETACH_UNPLUG:
        vm->step = DETACH_CONFIRM;
        confirm(vm, out);
        break;
    case DETACH_CONFIRM:
        conclude(vm, out, &event);
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

/* ---- telling the bus ---- */

static void tell(struct vm *vm, struct out *out, const struct vm_task *t)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct context context = vm_context(vm, out, 0);
    struct bus_has m = {.over = 0};
    for (size_t i = 0; i < t->has_count; i++) {
        struct bus_address address = {.sbdf = ""};
        memcpy(address.sbdf, t->has[i], sizeof address.sbdf);
        bus_address_add(&m.devices, &packed, &address);
    }
    (void)EVENT(out, bus_has, BUS, &context, &m);
}

/* What cannot be seen now is not said, but soon. */
static void tell_later(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    log_line(LOG_WARN, "what devices %s has is not known: %s", vm->view.name, why->text);
    vm->devices.tell_wanted = true;
    vm->again_at = out->now + TELL_AFTER;
    out_timer(out, TIMER_AGAIN, vm->again_at);
    vm_errand_end(vm, out, r, why);
}

void vm_devices_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    if (result == NULL) {
        vm->devices.tell_wanted = false;
        vm->step = 1;
        int r = vm_task_begin(vm, out, VM_DEVICES_TASK, &why);
        if (r < 0)
            tell_later(vm, out, r, &why);
        return;
    }
    if (result->r < 0 || result->task == NULL) {
        tell_later(vm, out, result->r, &result->why);
        return;
    }
    tell(vm, out, result->task);
    vm_errand_end(vm, out, 0, NULL);
}
