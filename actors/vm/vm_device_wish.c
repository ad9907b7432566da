/* SPDX-License-Identifier: MIT
 * Devices that come by themselves: which backends are asked what they expose, and what of it the VM has
 * assigned to be attached once it runs (devices 14.3). What nobody asked for waits in the queue like anything
 * else. */
#include "actors/vm/vm_device_inside.h"

#include <string.h>

#include "base/log.h"
#include "model/device.h"
#include "proto/record_values.h"

/* ---- whom to ask ---- */

bool vm_device_is_block(const struct view_device *v)
{
    return strcmp(v->device_class, "block") == 0;
}

enum device_class vm_device_class(const struct view_device *v)
{
    enum device_class class = DEVICE_pci;
    (void)device_class_parse(span_of(v->device_class), &class);
    return class;
}

/* PCI devices are dom0's, whatever an assignment says. */
bool vm_device_is_about(const struct view_device *v, const struct vm_question *q)
{
    return vm_device_class(v) == q->class && (q->class == DEVICE_pci || v->backend_qid == q->qid);
}

static void add_question(struct vm_devices *d, const struct view_device *v)
{
    for (size_t i = 0; i < d->questions; i++)
        if (vm_device_is_about(v, &d->question[i]))
            return;
    if (d->questions == VM_QUESTIONS_MAX)
        return;
    struct vm_question *q = &d->question[d->questions++];
    *q = (struct vm_question){.class = vm_device_class(v)};
    if (q->class == DEVICE_pci)
        return;
    q->qid = v->backend_qid;
    q->generation = v->backend_generation;
}

static bool has_backend(const struct view_device *v)
{
    return strcmp(v->backend, "*") != 0;
}

void vm_device_questions(struct vm *vm)
{
    struct reader in = list_reader(&vm->view.devices);
    struct view_device v;
    vm->devices.questions = vm->devices.asked = 0;
    while (view_device_next(&in, &v) == 1) {
        bool is_pci = vm_device_class(&v) == DEVICE_pci;
        if (is_pci || (v.required != 0 && has_backend(&v)))
            add_question(&vm->devices, &v);
    }
}

/* Whether that assignment is one that such a look is for. */
static bool is_looked_for(const struct view_device *v, unsigned wishes)
{
    enum device_class class = vm_device_class(v);
    bool comes = class != DEVICE_pci && v->automatic != VIEW_NOT_BY_ITSELF && has_backend(v);
    bool needs_yes = v->automatic == VIEW_AFTER_ASKING;
    return comes && ((wishes & WISHES_USB) == 0 || class == DEVICE_usb) &&
           ((wishes & WISHES_ASKED) == 0 || !needs_yes);
}

static void question_wishes(struct vm *vm)
{
    struct reader in = list_reader(&vm->view.devices);
    struct view_device v;
    vm->devices.questions = vm->devices.asked = 0;
    while (view_device_next(&in, &v) == 1)
        if (is_looked_for(&v, vm->devices.wishes_open))
            add_question(&vm->devices, &v);
}

void vm_device_ask_list(struct vm *vm, struct out *out)
{
    const struct vm_question *q = &vm->devices.question[vm->devices.asked];
    struct context context = vm_context(vm, out, VM_BUS_SECONDS);
    if (q->class != DEVICE_pci)
        context.subject = (struct subject){KIND_VM, q->qid, q->generation};
    ASK(out, bus_list, vm_device_bus(q->class), &context, vm_ask_tag(vm),
        (&(struct bus_list){.backend = q->class != DEVICE_pci ? q->qid : 0}));
}

/* ---- what nobody asked for ---- */

void vm_device_queue(struct vm *vm, enum vm_errand errand, struct vm_plug *plug)
{
    if (plug == NULL || vm->queued == VM_QUEUE) {
        log_line(LOG_WARN, "a device that comes or goes by itself is left as it is: too much is waiting");
        vm_plug_free(plug);
        return;
    }
    vm->queue[vm->queued++] = (struct vm_request){.errand = errand, .plug = plug};
}

/* The most specific of the assignments that mean this device; false: none does. */
static bool best_of(const struct vm *vm, const struct vm_question *q, const struct device_item *item,
                    struct view_device *best)
{
    struct reader in = list_reader(&vm->view.devices);
    struct view_device v;
    bool found = false;
    while (view_device_next(&in, &v) == 1) {
        struct device pattern = {q->class, span_of(v.backend), span_of(v.port), span_of(v.device_id)};
        struct device real = {q->class, span_of(v.backend), span_of(item->port), span_of(item->device_id)};
        struct device other = {q->class, span_of(best->backend), span_of(best->port),
                               span_of(best->device_id)};
        if (v.automatic == VIEW_NOT_BY_ITSELF || !vm_device_is_about(&v, q) ||
            !device_matches(&pattern, &real) || (found && device_tried_order(&pattern, &other) > 0))
            continue;
        *best = v;
        found = true;
    }
    return found;
}

/* Whoever is asked may think for long: the bus waits for it, and the offer comes as any other. */
static void want(struct vm *vm, struct out *out, const struct view_device *v)
{
    struct context context = vm_context(vm, out, 0);
    struct bus_wanted m = {.backend = ""};
    memcpy(m.backend, v->backend, sizeof m.backend);
    memcpy(m.port, v->port, sizeof m.port);
    memcpy(m.device_id, v->device_id, sizeof m.device_id);
    (void)EVENT(out, bus_wanted, vm_device_bus(vm_device_class(v)), &context, &m);
}

/* What has an owner has come already, and needs nothing but its word if that is owed. */
static void queue_wish(struct vm *vm, const struct view_device *v, const char *holder)
{
    struct vm_plug *plug = vm_plug_of_offer(v);
    bool its_own = strcmp(holder, vm->view.name) == 0;
    if (plug != NULL && holder[0] != '\0' && !(its_own && vm_device_is_untold(vm, plug))) {
        vm_plug_free(plug);
        return;
    }
    if (plug != NULL)
        plug->is_wish = true;
    vm_device_queue(vm, ERRAND_ATTACH, plug);
}

static void take_list(struct vm *vm, struct out *out, const struct wire_list *all)
{
    const struct vm_question *q = &vm->devices.question[vm->devices.asked];
    struct reader in = list_reader(all);
    struct device_item item;
    struct view_device best = {.backend = ""};
    while (device_item_next(&in, &item) == 1) {
        if (!best_of(vm, q, &item, &best))
            continue;
        memcpy(best.port, item.port, sizeof best.port);
        memcpy(best.device_id, item.device_id, sizeof best.device_id);
        if (best.automatic != VIEW_AFTER_ASKING)
            queue_wish(vm, &best, item.attachment);
        else if (item.attachment[0] == '\0' && (vm->devices.wishes_open & WISHES_ASKED) == 0)
            want(vm, out, &best);
    }
}

static void ask_next(struct vm *vm, struct out *out)
{
    if (vm->devices.asked < vm->devices.questions) {
        vm_device_ask_list(vm, out);
        return;
    }
    vm->devices.wishes_open |= WISHES_ASKED;
    vm_errand_end(vm, out, 0, NULL);
    vm_note_again(vm, out);
}

/* A backend that does not answer has nothing for us now. */
void vm_wishes_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct bus_list_reply m;
    if (result == NULL) {
        vm->devices.wishes_open = vm->devices.wishes_due;
        vm->devices.wishes_due = 0;
        vm->devices.tries = 0;
        question_wishes(vm);
        ask_next(vm, out);
        return;
    }
    if (result->r < 0 && vm_device_again(vm, out, result, vm_device_ask_list))
        return;
    if (result->r < 0)
        log_line(LOG_WARN, "nothing is attached to %s by itself: %s", vm->view.name, result->why.text);
    else if (bus_list_reply_decode(&m, result->e->body) == 0)
        take_list(vm, out, &m.devices);
    vm->devices.asked++;
    ask_next(vm, out);
}

/* ---- when ---- */

static bool has_any(const struct vm *vm, unsigned wishes)
{
    struct reader in = list_reader(&vm->view.devices);
    struct view_device v;
    bool any = false;
    while (!any && view_device_next(&in, &v) == 1)
        any = is_looked_for(&v, wishes);
    return any;
}

/* What both say is to be done, and what one of them says only if the other has nothing to say. */
static unsigned together(unsigned a, unsigned b)
{
    return a == 0 || b == 0 ? a | b : WISHES_DUE | (a & b);
}

void vm_wishes_after_start(struct vm *vm)
{
    vm->devices.wishes_due = has_any(vm, WISHES_DUE) ? WISHES_DUE : 0;
}

/* What libvirt has plugged outlives sleep; what runs through both guests may have ended there. */
void vm_wishes_after_sleep(struct vm *vm, struct out *out)
{
    if (!has_any(vm, WISHES_DUE | WISHES_USB))
        return;
    vm->devices.wishes_due = together(vm->devices.wishes_due, WISHES_DUE | WISHES_USB);
    vm_note_again(vm, out);
}

void vm_wishes_recall(struct vm *vm)
{
    bool same = vm->note.domid == (uint32_t)vm->seen.domid;
    vm->devices.wishes_due = same ? vm->note.wishes : 0;
}

void vm_wishes_none(struct vm *vm)
{
    vm->devices.wishes_due = vm->devices.wishes_open = 0;
}

static bool is_wish(const struct vm_request *job)
{
    return job->plug != NULL && job->plug->is_wish;
}

unsigned vm_wishes_left(const struct vm *vm)
{
    bool open = vm->errand == ERRAND_WISHES || is_wish(&vm->job);
    for (unsigned i = 0; i < vm->queued && !open; i++)
        open = is_wish(&vm->queue[i]);
    if (vm->life != VM_LIVING)
        return vm->life == VM_UNKNOWN ? vm->note.wishes : 0;
    return together(vm->devices.wishes_due, open ? vm->devices.wishes_open : 0);
}

bool vm_wishes_are_due(const struct vm *vm, uint64_t now)
{
    return vm->devices.wishes_due != 0 && vm->life == VM_LIVING && now >= vm->devices.wishes_at;
}
