/* SPDX-License-Identifier: MIT
 * A device has its VM: registry is told, which tells that VM's process. Either may be dead just then, so it
 * is told again until the VM's process has come for the device, or does not want it. See devbus_ask.h; in the
 * core of a bus whose devices come and go. */
#include <string.h>

#include "actors/devbus/devbus_ask.h"
#include "actors/devbus/devbus_tags.h"
#include "base/log.h"
#include "base/own.h"

/* After an error; and when a VM's process, which does one thing at a time, has not come for it. */
#define SOON  (1 * SECONDS)
#define LATER (20 * SECONDS)
enum { TRIES = 6 };

static void tell(struct devbus_ask *a, struct out *out, struct devbus_offer *o)
{
    struct context about = context_about_vm(o->backend.instance, o->backend.generation);
    about.deadline = out->now + DEVBUS_REGISTRY_WITHIN;
    o->again_at = 0;
    o->tag = devbus_tag(TAGS_OFFER, &a->last_tag);
    (void)ASK(out, device_chosen, ((struct address){KIND_REGISTRY, 0}), &about, o->tag, &o->chosen);
}

static void drop(struct devbus_ask *a, struct devbus_offer *o)
{
    *o = a->offer[--a->offers];
}

void devbus_offer_make(struct devbus_ask *a, struct out *out, const struct devbus_offer *offer)
{
    struct devbus_offer once = *offer, *o = a->offers < DEVBUS_OFFERS_MAX ? &a->offer[a->offers++] : &once;
    *o = *offer;
    (void)text_copy(o->chosen.device_class, sizeof o->chosen.device_class,
                    span_of(a->listing->table->device_class));
    tell(a, out, o);
}

static void take(struct devbus_ask *a, struct out *out, struct devbus_offer *o, const struct answer *answer)
{
    struct device_chosen_reply m = {0};
    int r = answer->r < 0 ? answer->r : device_chosen_reply_decode(&m, answer->e->body);
    o->tag = 0;
    if (r == 0 && m.offered != 0 && ++o->tries < TRIES) {
        o->again_at = out->now + LATER;
        return;
    }
    if (r < 0 && ++o->tries < TRIES) {
        o->again_at = out->now + (SOON << o->tries);
        return;
    }
    log_line(LOG_NOTE, "%s device %s of %s is not attached to %s, which was to get it: %s",
             o->chosen.device_class, o->chosen.port, o->name, o->vm,
             r < 0            ? err_text((enum err) - r)
             : m.offered != 0 ? "its process does not come for it"
                              : "it does not run any more, or does not have it assigned");
    drop(a, o);
}

bool devbus_offer_is_open(const struct devbus_ask *a, uint32_t backend, const char *port)
{
    for (size_t i = 0; i < a->offers; i++)
        if (a->offer[i].backend.instance == backend && strcmp(a->offer[i].chosen.port, port) == 0)
            return true;
    return false;
}

void devbus_ask_arrived(struct devbus_ask *a, uint32_t qid, const char *backend, const char *port)
{
    for (size_t i = a->offers; i > 0; i--) {
        const struct devbus_offer *o = &a->offer[i - 1];
        if (o->chosen.qid == qid && strcmp(o->name, backend) == 0 && strcmp(o->chosen.port, port) == 0)
            drop(a, &a->offer[i - 1]);
    }
}

bool devbus_offer_answered(struct devbus_ask *a, struct out *out, const struct answer *answer)
{
    for (size_t i = 0; i < a->offers; i++) {
        if (a->offer[i].tag == 0 || a->offer[i].tag != answer->tag)
            continue;
        take(a, out, &a->offer[i], answer);
        devbus_ask_look(a, out);
        return true;
    }
    return false;
}

void devbus_offers_look(struct devbus_ask *a)
{
    for (size_t i = a->offers; i > 0; i--) {
        struct devbus_offer *o = &a->offer[i - 1];
        if (devbus_ask_find(a, o->name, o->chosen.port, o->chosen.device_id, o->vm) == NULL)
            drop(a, o);
    }
}

void devbus_offers_ring(struct devbus_ask *a, struct out *out)
{
    for (size_t i = 0; i < a->offers; i++)
        if (a->offer[i].again_at != 0 && a->offer[i].again_at <= out->now)
            tell(a, out, &a->offer[i]);
}

uint64_t devbus_offers_next(const struct devbus_ask *a)
{
    uint64_t next = 0;
    for (size_t i = 0; i < a->offers; i++) {
        uint64_t at = a->offer[i].again_at;
        if (at != 0 && (next == 0 || at < next))
            next = at;
    }
    return next;
}

void devbus_offers_over(struct devbus_ask *a, uint32_t qid)
{
    for (size_t i = a->offers; i > 0; i--)
        if (a->offer[i - 1].chosen.qid == qid)
            drop(a, &a->offer[i - 1]);
}
