/* SPDX-License-Identifier: MIT
 * The lists of preloaded disposables are filled as far as memory is free. The model's plans say when (the
 * events domain-preload-dispvm-start and -used). Spec: vm-model 8.7. */
#include "actors/registry/registry_preload.h"

#include "base/log.h"
#include "model/ask.h"
#include "model/preload.h"

#define WHEN_FULL  (1 * SECONDS)
#define WHEN_SHORT (30 * SECONDS)

/* ---- when a list is to be looked at ---- */

static void set_timer(struct registry *r, struct out *out)
{
    uint64_t first = 0;
    for (unsigned i = 0; i < REGISTRY_REFILLS; i++)
        if (r->refill[i].at != 0 && (first == 0 || r->refill[i].at < first))
            first = r->refill[i].at;
    out_timer(out, TIMER_REFILL, first);
}

/* With no place left another look is due soon anyhow: the last place then stands for all. */
void preload_look_at(struct registry *r, struct out *out, uint32_t qid, uint64_t after)
{
    struct registry_refill *place = NULL;
    for (unsigned i = 0; i < REGISTRY_REFILLS; i++) {
        struct registry_refill *at = &r->refill[i];
        if (at->at != 0 && at->qid == qid) {
            at->at = at->at < out->now + after ? at->at : out->now + after;
            set_timer(r, out);
            return;
        }
        place = place == NULL && at->at == 0 ? at : place;
    }
    if (place == NULL) {
        log_line(LOG_WARN, "too many lists of preloaded disposables wait to be filled; VM %u's does not",
                 qid);
        return;
    }
    *place = (struct registry_refill){qid, out->now + after};
    set_timer(r, out);
}

uint64_t preload_delay_of(const struct registry *r, uint32_t qid)
{
    int64_t ms = preload_delay(&r->known, qid);
    return (uint64_t)(ms < 0 ? -ms : ms) * MILLISECONDS;
}

/* ---- filling a list ---- */

static unsigned free_places(const struct registry *r)
{
    unsigned count = 0;
    for (unsigned i = 0; i < REGISTRY_PRELOADS; i++)
        count += r->preloading[i].tag == 0;
    return count;
}

/* What dom0 keeps back, in bytes. */
static uint64_t threshold(const struct registry *r)
{
    struct span value;
    uint64_t mib = 0;
    if (ask_feature(&r->known, 0, CHAIN_OWN, SPAN_LITERAL("preload-dispvm-threshold"), &value) != 1 ||
        text_number(value, 0, UINT64_MAX >> 20, &mib) < 0)
        return 0;
    return mib << 20;
}

/* How many of those that are wanted find memory. */
static size_t fit(struct registry *r, uint32_t qid, size_t wanted)
{
    struct property_value value;
    uint64_t kept = threshold(r), each;
    if (!r->memory_known)
        return wanted;
    property_get(&r->known, qid, PROPERTY_memory, &value);
    if (!value.is_set || text_number(value.text, 1, UINT64_MAX >> 20, &each) < 0)
        return wanted;
    uint64_t can = r->memory_free > kept ? (r->memory_free - kept) / (each << 20) : 0;
    return can < wanted ? (size_t)can : wanted;
}

static void refill(struct registry *r, struct out *out, uint32_t qid)
{
    size_t max = preload_max(&r->known, qid);
    unsigned places = free_places(r);
    unsigned dropped = preload_drop_some(r, out, qid, DROP_OUTDATED, max);
    size_t there = preload_count(preload_list(&r->known, qid));
    if (dropped > 0)
        preload_look_at(r, out, qid, WHEN_FULL); /* when they have left the list */
    if (dropped > 0 || there >= max)
        return;
    if (!preload_is_supported(&r->known, qid)) {
        log_line(LOG_WARN,
                 "VM %u does not offer the services that preloading waits for; nothing is preloaded", qid);
        return;
    }
    size_t wanted = max - there, can = fit(r, qid, wanted);
    if (can < wanted)
        preload_look_at(r, out, qid, WHEN_SHORT); /* others may end meanwhile */
    if (can > places)
        preload_look_at(r, out, qid, WHEN_FULL);
    for (size_t i = 0; i < can && i < places; i++)
        operate_own(r, out, OPERATION_preload_create, qid, "", NULL);
}

static bool any_due(const struct registry *r, uint64_t now)
{
    for (unsigned i = 0; i < REGISTRY_REFILLS; i++)
        if (r->refill[i].at != 0 && r->refill[i].at <= now)
            return true;
    return false;
}

/* With the answer the lists that are due are gone through. */
static bool asks_first(struct registry *r, struct out *out)
{
    if (r->ask_free_memory == NULL || r->memory_fresh || !any_due(r, out->now))
        return false;
    if (!r->memory_asked)
        r->ask_free_memory(r->ask_free_memory_arg);
    r->memory_asked = true;
    return true;
}

void preload_memory_is(struct registry *r, struct out *out, bool known, uint64_t bytes)
{
    r->memory_asked = false;
    r->memory_known = known;
    r->memory_free = bytes;
    r->memory_fresh = true;
    preload_timer(r, out);
    r->memory_fresh = false;
}

void preload_timer(struct registry *r, struct out *out)
{
    if (asks_first(r, out))
        return;
    for (unsigned i = 0; i < REGISTRY_REFILLS; i++) {
        uint32_t qid = r->refill[i].qid;
        if (r->refill[i].at == 0 || r->refill[i].at > out->now)
            continue;
        if (sleep_holds_preloads(r)) {
            r->refill[i].at = out->now + WHEN_FULL;
            continue;
        }
        r->refill[i].at = 0;
        if (model_vm(r->model, qid) != NULL)
            refill(r, out, qid);
    }
    set_timer(r, out);
}
