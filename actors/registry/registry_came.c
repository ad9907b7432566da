/* SPDX-License-Identifier: MIT
 * Devices that have come to a backend: which VMs have them assigned, in the order in which that is settled
 * (devices 14.1). The bus settles it, and names the one VM that gets a device; in registry's core. */
#include "actors/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/device_offer.h"
#include "proto/registry_values.h"

enum { WANTERS_MAX = 4096 /* as proto/registry.def */ };

/* The devices of one message, and the reply that is being made. */
struct came {
    const struct registry *r;
    uint32_t only;
    struct device real[DEVICE_OFFERS_MAX];
    struct came_device text[DEVICE_OFFERS_MAX]; /* what those spans point into */
    size_t count;
    size_t order[DEVICE_OFFERS_MAX], ordered;
    struct devices_came_reply *reply;
    struct text wanters, icons;
    bool asks; /* a person decides about one of them */
};

/* Also dom0, which has no generations. */
static const struct vm *backend_of(const struct registry *r, const struct subject *s)
{
    const struct vm *vm = r->loaded ? model_vm(r->model, s->instance) : NULL;
    bool is_that = vm != NULL && (s->instance == 0 || vm_generation(vm) == s->generation);
    return is_that ? vm : NULL;
}

static bool may_have(const struct came *c, const struct vm *vm)
{
    bool is_meant = c->only == DEVICES_FOR_WHOEVER || vm_qid(vm) == c->only;
    return is_meant && vm_is_qubes(vm) && c->r->claims[vm_qid(vm)].living;
}

/* ---- in which order ---- */

static void add_order(struct came *c, const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < c->ordered && c->order[at] != order[i])
            at++;
        if (at == c->ordered)
            c->order[c->ordered++] = order[i];
    }
}

/* The first VM's devices come first, by its assignments; then what only the next one wants. */
static void order_devices(struct came *c)
{
    size_t order[DEVICE_OFFERS_MAX];
    for (size_t i = 0; i < model_vm_count(c->r->model); i++) {
        const struct vm *vm = model_vm_at(c->r->model, i);
        if (may_have(c, vm))
            add_order(c, order, device_offer_order(&c->r->known, vm_qid(vm), c->real, c->count, order));
    }
}

/* ---- who ---- */

static void add_wanters(struct came *c, size_t device)
{
    struct assignment a;
    size_t before = c->reply->wanters.count;
    for (size_t i = 0; i < model_vm_count(c->r->model); i++) {
        const struct vm *vm = model_vm_at(c->r->model, i);
        if (!may_have(c, vm) || !device_offer_of(&c->r->known, vm_qid(vm), &c->real[device], &a) ||
            c->reply->wanters.count == WANTERS_MAX)
            continue;
        struct device_wanter w = {.device = (uint32_t)device,
                                  .qid = vm_qid(vm),
                                  .generation = vm_generation(vm),
                                  .asks = a.mode == DEVICE_MODE_ASK};
        (void)text_copy(w.name, sizeof w.name, span_of(vm_name(vm)));
        device_wanter_add(&c->reply->wanters, &c->wanters, &w);
        c->asks = c->asks || w.asks != 0 || c->reply->wanters.count > before + 1;
    }
}

/* What stands for each VM in the window that asks: of all, for which it shows is its own business. */
static void add_icons(struct came *c)
{
    struct property_value icon;
    struct vm_icon row;
    for (size_t i = 0; i < model_vm_count(c->r->model); i++) {
        const struct vm *vm = model_vm_at(c->r->model, i);
        bool is_disposable = vm_class(vm) == CLASS_DispVM;
        snprintf(row.name, sizeof row.name, "%s%s", is_disposable ? "@dispvm:" : "", vm_name(vm));
        property_get(&c->r->known, vm_qid(vm), PROPERTY_icon, &icon);
        if (text_copy(row.icon, sizeof row.icon, icon.text) == 0)
            vm_icon_add(&c->reply->icons, &c->icons, &row);
    }
}

static bool read_devices(struct came *c, const struct vm *backend, const struct devices_came *m)
{
    struct reader in = list_reader(&m->devices);
    struct device d = {.backend = span_of(vm_name(backend))};
    if (device_class_parse(span_of(m->device_class), &d.class) < 0)
        return false;
    while (c->count < DEVICE_OFFERS_MAX && came_device_next(&in, &c->text[c->count]) == 1) {
        d.port = span_of(c->text[c->count].port);
        d.id = span_of(c->text[c->count].device_id);
        c->real[c->count++] = d;
    }
    return true;
}

static void find_wanters(struct came *c, const struct vm *backend, const struct devices_came *m)
{
    if (backend == NULL || !read_devices(c, backend, m))
        return;
    order_devices(c);
    for (size_t i = 0; i < c->ordered; i++)
        add_wanters(c, c->order[i]);
    if (c->asks)
        add_icons(c);
}

void on_devices_came(struct registry *r, struct out *out, const struct envelope *e,
                     const struct devices_came *m)
{
    struct request request = request_of(e);
    struct devices_came_reply reply = {.wanters.count = 0};
    AUTO_MEMORY struct came *c = calloc(1, sizeof *c);
    if (c == NULL) {
        reply_error(out, &request, -ERR_NOMEM, NULL);
        return;
    }
    c->r = r;
    c->only = m->only;
    c->reply = &reply;
    c->wanters = c->icons = TEXT_WITH_LIMIT(BODY_MAX / 2);
    find_wanters(c, backend_of(r, &request.context.subject), m);
    if (!r->host_heard)
        reply_error(out, &request, -ERR_BUSY, NULL); /* who lives is not known */
    else if (c->wanters.failed < 0 || c->icons.failed < 0)
        reply_error(out, &request, -ERR_NOMEM, NULL);
    else
        (void)REPLY(out, devices_came, &request, &reply);
    text_free(&c->wanters);
    text_free(&c->icons);
}

/* ---- it is settled ---- */

/* A person takes minutes: that VM may have ended since, or not have it assigned any more. */
static bool make_offer(const struct registry *r, const struct subject *of, const struct device_chosen *m,
                       struct vm_offer *offer)
{
    struct context about = context_about_vm(m->qid, m->generation);
    const struct vm *backend = backend_of(r, of), *to = claims_subject(r, &about);
    struct device real = {.port = span_of(m->port), .id = span_of(m->device_id)};
    struct assignment a;
    if (backend == NULL || device_class_parse(span_of(m->device_class), &real.class) < 0)
        return false;
    real.backend = span_of(vm_name(backend));
    if (to == NULL || !r->claims[m->qid].living || !device_offer_of(&r->known, m->qid, &real, &a) ||
        view_device_of(r, &a, &offer->device) < 0)
        return false;
    memcpy(offer->device.port, m->port, sizeof offer->device.port);
    memcpy(offer->device.device_id, m->device_id, sizeof offer->device.device_id);
    return true;
}

void on_device_chosen(struct registry *r, struct out *out, const struct envelope *e,
                      const struct device_chosen *m)
{
    struct request request = request_of(e);
    struct context about = context_about_vm(m->qid, m->generation);
    struct vm_offer offer;
    bool offered = make_offer(r, &request.context.subject, m, &offer);
    if (!offered && !r->host_heard) {
        reply_error(out, &request, -ERR_BUSY, NULL); /* who lives is not known */
        return;
    }
    if (offered)
        (void)EVENT(out, vm_offer, ((struct address){KIND_VM, m->qid}), &about, &offer);
    (void)REPLY(out, device_chosen, &request, (&(struct device_chosen_reply){.offered = offered}));
}
