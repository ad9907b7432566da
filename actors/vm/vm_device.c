/* SPDX-License-Identifier: MIT
 * Devices that come to a VM that runs, and leave it (devbus-pci 7, 10; devbus-block 5 to 8; devices 8): what
 * attaching and detaching share. The bus looks, binds and confirms; libvirt's part is done here. Every step
 * may be repeated: after a crash the same operation goes on where it was. */
#include "actors/vm/vm_device_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "model/device_wire.h"

enum { AGAIN_MOST = 20 };
#define AGAIN_AFTER (250 * MILLISECONDS)
/* As long as a call of a process that is dead may still be done. */
#define SETTLES_AFTER (5 * SECONDS)

/* ---- what is asked ---- */

void vm_plug_free(struct vm_plug *plug)
{
    if (plug != NULL) {
        free(plug->options);
        free(plug->lines);
    }
    free(plug);
}

static char *text_of(struct span from)
{
    char *to = calloc(1, from.len + 1);
    if (to != NULL && from.len > 0)
        memcpy(to, from.at, from.len);
    return to;
}

static struct vm_plug *plug_new(struct span device, const char *class, const char *backend, const char *port)
{
    struct vm_plug *p = calloc(1, sizeof *p);
    if (p == NULL || text_copy(p->device, sizeof p->device, device) < 0) {
        free(p);
        return NULL;
    }
    (void)device_class_parse(span_of(class), &p->class);
    p->is_block = p->class == DEVICE_block;
    (void)text_copy(p->device_class, sizeof p->device_class, span_of(class));
    (void)text_copy(p->backend, sizeof p->backend, span_of(backend));
    (void)text_copy(p->port, sizeof p->port, span_of(port));
    return p;
}

/* Freed, and NULL, when there was no memory for what it is to have. */
static struct vm_plug *complete(struct vm_plug *p)
{
    if (p->options != NULL && p->lines != NULL)
        return p;
    vm_plug_free(p);
    return NULL;
}

struct vm_plug *vm_plug_of_attach(const struct vm_attach *m)
{
    struct vm_plug *p = plug_new(m->device, m->device_class, m->backend, m->port);
    if (p == NULL)
        return NULL;
    p->options = text_of(m->options);
    p->lines = text_of(m->lines);
    memcpy(p->device_id, m->device_id, sizeof p->device_id);
    p->permissive = m->permissive != 0;
    p->no_strict_reset = m->no_strict_reset != 0;
    p->script = m->script != 0;
    return complete(p);
}

struct vm_plug *vm_plug_of_detach(const struct vm_detach *m)
{
    return plug_new(m->device, m->device_class, m->backend, m->port);
}

struct vm_plug *vm_plug_of_offer(const struct view_device *v)
{
    AUTO_TEXT device = TEXT_WITH_LIMIT(2048), shown = TEXT_WITH_LIMIT(BODY_PART_MAX);
    text_format(&device, "%s:%s:%s", v->backend, v->port, v->device_id);
    options_text(&shown, v->options);
    struct vm_plug *p =
        shown.failed < 0 ? NULL : plug_new(text_span(&device), v->device_class, v->backend, v->port);
    if (p == NULL)
        return NULL;
    p->options = text_of(text_span(&shown));
    p->lines = text_of(v->options);
    memcpy(p->device_id, v->device_id, sizeof p->device_id);
    p->script = v->script != 0;
    p->is_own = true;
    return complete(p);
}

struct vm_plug *vm_plug_of_lose(const struct vm_lose *m)
{
    AUTO_TEXT device = TEXT_WITH_LIMIT(512);
    text_format(&device, "%s:%s", m->backend, m->port);
    struct vm_plug *p = plug_new(text_span(&device), m->device_class, m->backend, m->port);
    if (p != NULL)
        p->is_own = true;
    return p;
}

void vm_plug_block(const struct vm_plug *plug, struct vm_block *b)
{
    *b = (struct vm_block){.script = plug->script};
    memcpy(b->backend, plug->backend, sizeof b->backend);
    memcpy(b->port, plug->port, sizeof b->port);
    if (plug->lines != NULL)
        vm_block_options(b, span_of(plug->lines));
}

struct address vm_device_bus(enum device_class class)
{
    static const enum kind kinds[DEVICE_CLASSES] = {
        [DEVICE_pci] = KIND_DEVBUS_PCI,
        [DEVICE_block] = KIND_DEVBUS_BLOCK,
        [DEVICE_usb] = KIND_DEVBUS_USB,
        [DEVICE_mic] = KIND_DEVBUS_MIC,
    };
    return (struct address){kinds[class], 0};
}

bool vm_device_is_by_bus(enum device_class class)
{
    return class == DEVICE_usb || class == DEVICE_mic;
}

const char *vm_device_event(const struct vm *vm, const char *prefix, char name[VM_EVENT_NAME])
{
    snprintf(name, VM_EVENT_NAME, "%s%s", prefix, vm->job.plug->device_class);
    return name;
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
    bool waits = vm->errand == ERRAND_START || vm->errand == ERRAND_ATTACH || vm->errand == ERRAND_DETACH ||
                 vm->errand == ERRAND_WISHES;
    vm->devices.again = NULL;
    if (ask != NULL && waits && vm->asked == 0)
        ask(vm, out);
}

/* ---- crashes ---- */

void vm_device_remember(struct vm *vm, struct out *out)
{
    struct vm_devices *d = &vm->devices;
    bool plugging = vm->note.step == STEP_PLUGGING;
    vm_wishes_recall(vm);
    d->tell_owed = plugging || vm->note.tells;
    d->tell_at = out->now + SETTLES_AFTER;
    if (plugging)
        d->wishes_at = d->tell_at;
    if (d->tell_owed)
        out_timer(out, TIMER_TELL, d->tell_at);
    if (!plugging && vm->note.step != STEP_PLUGGED)
        return;
    d->left = vm->note.step;
    d->left_op = vm->note.op;
    d->left_own = vm->note.own;
    d->left_said = vm_has_said(vm);
}

uint32_t vm_device_own(const struct vm_plug *plug)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    if (plug == NULL || !plug->is_own)
        return 0;
    for (const char *c = plug->device; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619U;
    return hash != 0 ? hash : 1;
}

bool vm_device_was_left_at(const struct vm *vm, enum vm_step step)
{
    const struct op_id *op = &vm->job.request.context.op, *left = &vm->devices.left_op;
    uint32_t own = vm_device_own(vm->job.plug); /* it has no number */
    return vm->devices.left == step && own == vm->devices.left_own && op->high == left->high &&
           op->low == left->low;
}

bool vm_device_is_untold(const struct vm *vm, const struct vm_plug *plug)
{
    const struct vm_devices *d = &vm->devices;
    bool told = d->left == STEP_PLUGGED && d->left_said;
    return d->left != STEP_NONE && !told && vm_device_own(plug) == d->left_own;
}

bool vm_device_is_resumed(const struct vm *vm)
{
    return vm_device_was_left_at(vm, STEP_PLUGGING) || vm_device_was_left_at(vm, STEP_PLUGGED);
}

void vm_device_want_tell(struct vm *vm)
{
    vm->devices.tell_wanted = true;
    vm->devices.block_wanted = vm->devices.block_wanted || vm->job.plug->is_block;
}

void vm_device_end(struct vm *vm)
{
    free(vm->devices.wish);
    vm_device_untell(vm);
    text_free(&vm->devices.live);
    vm_plug_free(vm->job.plug);
    for (unsigned i = 0; i < vm->queued; i++)
        vm_plug_free(vm->queue[i].plug);
}

/* ---- what both share ---- */

void vm_device_ends(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    if (r < 0 && vm->job.plug->is_own)
        log_line(LOG_WARN, "%s, which comes or goes by itself: %s", vm->job.plug->device,
                 why != NULL ? why->text : err_text((enum err) - r));
    vm->devices.left = STEP_NONE;
    vm->devices.undoing = false;
    vm->job.plug->is_wish = false;
    vm_note_lives(vm, out);
    vm_errand_end(vm, out, r, why);
}

/* Says it once, however often this operation begins. */
static void announce(struct vm *vm, struct out *out, const struct vm_event *event)
{
    bool said = vm_device_was_left_at(vm, STEP_PLUGGED) ||
                (vm_device_was_left_at(vm, STEP_PLUGGING) && vm->devices.left_said);
    vm_note_step(vm, out, STEP_PLUGGING);
    if (vm->job.plug->is_own)
        return;
    if (!said) {
        (void)vm_say(vm, out, event, 1);
        return;
    }
    vm->note.seq--; /* as it was before that message */
    vm_note_again(vm, out);
}

void vm_device_conclude(struct vm *vm, struct out *out, const struct vm_event *event)
{
    bool said = vm_device_was_left_at(vm, STEP_PLUGGED) && vm->devices.left_said;
    bool is_own = vm->job.plug->is_own;
    vm_note_step(vm, out, STEP_PLUGGED);
    if (!said)
        (void)vm_say(vm, out, event, 1);
    vm->job.plug->is_wish = false;
    if (is_own) /* nobody will ask for that once more */
        vm_note_step(vm, out, STEP_LIVING);
    vm->devices.left = STEP_NONE;
    vm->devices.undoing = false;
    vm_errand_end(vm, out, 0, NULL);
}

static int must_live(const struct vm *vm, struct fault *why)
{
    if (vm_runs(vm))
        return 0;
    return fault_set(why, ERR_VM_NOT_RUNNING, "%s is not running", vm->view.name);
}

void vm_device_confirm(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_BUS_SECONDS);
    const struct vm_plug *p = vm->job.plug;
    struct bus_confirm m = {.present = vm->errand == ERRAND_ATTACH,
                            .domid = vm->seen.domid < 0 ? 0 : (uint32_t)vm->seen.domid,
                            .options = span_of(p->lines != NULL ? p->lines : "")};
    memcpy(m.sbdf, p->sbdf, sizeof m.sbdf);
    memcpy(m.name, vm->view.name, sizeof m.name);
    memcpy(m.backend, p->backend, sizeof m.backend);
    memcpy(m.port, p->port, sizeof m.port);
    memcpy(m.device_id, p->device_id, sizeof m.device_id);
    vm_progress(vm, out, &vm->job, VM_BUS_SECONDS);
    ASK(out, bus_confirm, vm_device_bus(p->class), &context, vm_ask_tag(vm), &m);
}

bool vm_device_begins(struct vm *vm, struct out *out, struct vm_event event, const char *did)
{
    struct fault why;
    int r = must_live(vm, &why);
    vm->devices.tries = 0;
    if (r < 0) {
        vm_errand_end(vm, out, r, &why);
        return false;
    }
    /* How a disk came is seen in the domain: it goes that way once more, where nothing is left to do. */
    bool must_look = vm->job.plug->is_block && vm->errand == ERRAND_ATTACH && !vm->devices.left_said;
    if (vm_device_was_left_at(vm, STEP_PLUGGED) && !must_look) {
        event.name = did;
        vm_device_conclude(vm, out, &event);
        return false;
    }
    announce(vm, out, &event);
    return true;
}
