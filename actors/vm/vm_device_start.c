/* SPDX-License-Identifier: MIT
 * The devices of a start (lifecycle 3, steps 5 and 6; devbus-pci 11; devbus-block 6): every assigned one that
 * is there is made ready, required ones must be there, and the domain boots with those. */
#include <stdlib.h>
#include <string.h>

#include "actors/vm/vm_device_inside.h"
#include "model/device.h"
#include "model/device_interface.h"
#include "proto/devbus_values.h"

static void fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    vm_start_fails(vm, out, r, why, false);
}

static void ask_list(struct vm *vm, struct out *out)
{
    vm_progress(vm, out, &vm->job, VM_BUS_SECONDS);
    vm_device_ask_list(vm, out);
}

void vm_device_start(struct vm *vm, struct out *out)
{
    struct vm_devices *d = &vm->devices;
    free(d->wish);
    d->wish = NULL;
    d->wishes = d->next = d->boots = d->blocks = 0;
    d->tries = 0;
    d->checking = d->has_screen = false;
    vm_live_none(vm);
    vm_device_questions(vm);
    if (d->questions == 0)
        vm_start_with_devices(vm, out);
    else
        ask_list(vm, out);
}

static struct device identity(enum device_class class, const char *backend, const char *port, const char *id)
{
    return (struct device){class, span_of(backend), span_of(port), span_of(id)};
}

/* Whether that assignment means this device, which the asked backend exposes. */
static bool is_meant(const struct view_device *v, const struct vm_question *q, const struct device_item *item)
{
    struct device pattern = identity(q->class, v->backend, v->port, v->device_id);
    struct device real =
        identity(q->class, q->class != DEVICE_pci ? v->backend : "dom0", item->port, item->device_id);
    return vm_device_is_about(v, q) && device_matches(&pattern, &real);
}

static bool has_screen(const struct device_item *item)
{
    struct span codes = span_of(item->interfaces), code;
    while (interface_next(&codes, &code) == 1)
        if (device_category(code) == CATEGORY_Display)
            return true;
    return false;
}

/* Two assignments may mean one device: the required one decides. */
static void add_wish(struct vm_devices *d, const struct view_device *v, const struct device_item *item)
{
    struct vm_wish *w = NULL;
    bool is_block = vm_device_is_block(v);
    for (size_t i = 0; i < d->wishes; i++)
        if (strcmp(d->wish[i].port, item->port) == 0 && d->wish[i].is_block == is_block &&
            (!is_block || strcmp(d->wish[i].backend, v->backend) == 0))
            w = &d->wish[i];
    if (w == NULL && d->wishes == VM_PCI_MAX)
        return;
    if (w == NULL)
        w = &d->wish[d->wishes++];
    else if (w->required || v->required == 0)
        return;
    *w = (struct vm_wish){.is_block = is_block,
                          .required = v->required != 0,
                          .permissive = v->permissive != 0,
                          .no_strict_reset = v->no_strict_reset != 0,
                          .script = v->script != 0};
    memcpy(w->backend, v->backend, sizeof w->backend);
    memcpy(w->port, item->port, sizeof w->port);
    memcpy(w->device_id, item->device_id, sizeof w->device_id);
    (void)text_copy(w->options, sizeof w->options, v->options);
}

/* What sits at that port instead, if anything does: whoever assigned it wants to know. */
static int not_there(const struct view_device *v, const struct vm_question *q, const struct wire_list *all,
                     struct fault *why)
{
    const char *class = device_class_name(q->class);
    struct reader in = list_reader(all);
    struct device_item item;
    while (device_item_next(&in, &item) == 1)
        if (strcmp(item.port, v->port) == 0 && (q->class != DEVICE_pci || strcmp(v->backend, "dom0") == 0))
            return fault_set(why, ERR_QUBES,
                             "Start failed: at %s port %.31s:%.60s sits %.80s now, not the required %.80s",
                             class, v->backend, v->port, item.device_id, v->device_id);
    return fault_set(why, ERR_QUBES, "Start failed: the required %s device %.31s:%.100s:%.100s is not there",
                     class, v->backend, v->port, v->device_id);
}

static int resolve(struct vm *vm, const struct wire_list *all, struct fault *why)
{
    struct vm_devices *d = &vm->devices;
    const struct vm_question *q = &d->question[d->asked];
    struct reader views = list_reader(&vm->view.devices);
    struct view_device v;
    if (d->wish == NULL)
        d->wish = calloc(VM_PCI_MAX, sizeof *d->wish);
    if (d->wish == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for the devices of a start");
    while (view_device_next(&views, &v) == 1) {
        struct reader in = list_reader(all);
        struct device_item item;
        size_t found = 0;
        bool counts = vm_device_is_about(&v, q) && (q->class == DEVICE_pci || v.required != 0);
        while (counts && device_item_next(&in, &item) == 1) {
            if (!is_meant(&v, q, &item))
                continue;
            d->has_screen = d->has_screen || has_screen(&item);
            if (!vm_device_is_by_bus(q->class)) /* that one comes when the VM runs */
                add_wish(d, &v, &item);
            found++;
        }
        if (counts && found == 0 && v.required != 0)
            return not_there(&v, q, all, why);
    }
    return 0;
}

static void ask_prepare(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, VM_BUS_SECONDS);
    const struct vm_wish *w = &vm->devices.wish[vm->devices.next];
    struct bus_prepare m = {.purpose = w->required ? BUS_TO_START : BUS_TO_BE_READY,
                            .no_strict_reset = w->no_strict_reset,
                            .again = 1,
                            .only_checks = vm->devices.checking};
    memcpy(m.name, vm->view.name, sizeof m.name);
    memcpy(m.port, w->port, sizeof m.port);
    memcpy(m.device_id, w->device_id, sizeof m.device_id);
    memcpy(m.backend, w->backend, sizeof m.backend);
    m.options = span_of(w->options);
    vm_progress(vm, out, &vm->job, VM_BUS_SECONDS);
    ASK(out, bus_prepare, vm_device_bus(w->is_block ? DEVICE_block : DEVICE_pci), &context, vm_ask_tag(vm),
        &m);
}

/* One that is alone is checked when it is taken; taking a disk touches nothing of dom0's. */
static void check_first(struct vm_devices *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->wishes; i++)
        count += !d->wish[i].is_block;
    d->checking = count > 1;
}

static void skip_unchecked(struct vm_devices *d)
{
    while (d->checking && d->next < d->wishes && d->wish[d->next].is_block)
        d->next++;
    if (d->checking && d->next == d->wishes) {
        d->checking = false;
        d->next = 0;
    }
}

static void next(struct vm *vm, struct out *out)
{
    skip_unchecked(&vm->devices);
    if (vm->devices.next < vm->devices.wishes)
        ask_prepare(vm, out);
    else
        vm_start_with_devices(vm, out);
}

static void begin(struct vm *vm, struct out *out)
{
    check_first(&vm->devices);
    next(vm, out);
}

static void listed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct bus_list_reply m;
    struct fault why;
    int r = bus_list_reply_decode(&m, result->e->body);
    if (r < 0)
        (void)fault_set(&why, ERR_BAD, "the list of devices does not decode");
    else
        r = resolve(vm, &m.devices, &why);
    if (r < 0)
        fails(vm, out, r, &why);
    else if (++vm->devices.asked < vm->devices.questions)
        ask_list(vm, out);
    else
        begin(vm, out);
}

static void boot_with(struct vm *vm, const struct vm_wish *w, const char *sbdf)
{
    struct vm_devices *d = &vm->devices;
    if (w->is_block && d->blocks < VM_BLOCKS_MAX) {
        struct vm_block *b = &d->block[d->blocks++];
        *b = (struct vm_block){.script = w->script};
        memcpy(b->backend, w->backend, sizeof b->backend);
        memcpy(b->port, w->port, sizeof b->port);
        vm_block_options(b, span_of(w->options));
    } else if (!w->is_block) {
        d->boot[d->boots++] = vm_device_address(sbdf, w->permissive, w->no_strict_reset, vm->view.s0ix != 0);
    }
}

static void prepared(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct vm_devices *d = &vm->devices;
    const struct vm_wish *w = &d->wish[d->next];
    struct bus_prepare_reply m;
    struct fault why;
    if (bus_prepare_reply_decode(&m, result->e->body) < 0) {
        fails(vm, out, fault_set(&why, ERR_BAD, "the bus's answer does not decode"), &why);
        return;
    }
    if (w->required && !d->checking)
        boot_with(vm, w, m.sbdf);
    d->next++;
    next(vm, out);
}

void vm_device_start_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    bool listing = vm->devices.asked < vm->devices.questions;
    if (vm_device_again(vm, out, result, listing ? ask_list : ask_prepare))
        return;
    if (result->r < 0)
        fails(vm, out, result->r, &result->why);
    else if (listing)
        listed(vm, out, result);
    else
        prepared(vm, out, result);
}
