/* SPDX-License-Identifier: MIT
 * Events to api are numbered and kept until it has seen them, so that a restarted api gets what
 * it missed; and copies of messages for a trace. */
#include "router/route_state.h"

#include <stdlib.h>
#include <string.h>

#include "proto/messages.h"

/* How much of a message a trace shows: its envelope and the first bytes of its body. */
enum { TRACED_BYTES = 4096 };

static void forget_first(struct route *r)
{
    struct kept *first = r->ring;
    DL_DELETE(r->ring, first);
    r->ring_events--;
    r->ring_bytes -= first->len;
    free(first);
}

static void keep(struct route *r, uint32_t to_instance, const char *bytes, size_t len)
{
    while (r->ring != NULL && (r->ring_events >= ROUTE_RING_EVENTS || r->ring_bytes + len > ROUTE_RING_BYTES))
        forget_first(r);
    struct kept *k = malloc(sizeof *k + len);
    if (k == NULL)
        return; /* api sees the gap in the numbers and loads a snapshot */
    k->number = r->number;
    k->to_instance = to_instance;
    k->len = len;
    memcpy(k->bytes, bytes, len);
    DL_APPEND(r->ring, k);
    r->ring_events++;
    r->ring_bytes += len;
}

static bool is_for(uint32_t to_instance, uint32_t instance)
{
    return to_instance == EVERY_INSTANCE || to_instance == instance;
}

void events_take(struct route *r, struct box *source, const struct envelope *e, char *bytes, size_t len)
{
    envelope_stamp_number(bytes, ++r->number);
    keep(r, e->to_instance, bytes, len);
    if (e->part == e->parts && e->correlation > source->last_correlation)
        source->last_correlation = e->correlation;
    for (uint32_t instance = 0; instance < kind_most(KIND_API); instance++) {
        struct box *api = box_find(r, (struct address){KIND_API, instance});
        if (api == NULL || api->state != BOX_LIVE)
            continue;
        if (!is_for(e->to_instance, instance))
            continue;
        if (box_put(r, api, CLASS_EVENT, (struct span){bytes, len}) < 0)
            r->counts.dropped++;
    }
}

static bool all_have_seen(const struct route *r, const struct kept *k)
{
    for (uint32_t instance = 0; instance < kind_most(KIND_API); instance++) {
        const struct box *api = box_find(r, (struct address){KIND_API, instance});
        if (api != NULL && is_for(k->to_instance, instance) && api->seen < k->number)
            return false;
    }
    return true;
}

void events_seen(struct route *r, struct box *api, uint64_t number)
{
    if (number <= r->number && number > api->seen)
        api->seen = number;
    while (r->ring != NULL && all_have_seen(r, r->ring))
        forget_first(r);
}

void events_replay(struct route *r, struct box *api)
{
    struct kept *k;
    DL_FOREACH(r->ring, k)
    {
        if (k->number > api->seen && is_for(k->to_instance, api->key.instance) &&
            box_put(r, api, CLASS_EVENT, (struct span){k->bytes, k->len}) < 0)
            r->counts.dropped++;
    }
}

void events_free(struct route *r)
{
    while (r->ring != NULL)
        forget_first(r);
}

static void put_own(struct route *r, struct box *box, uint16_t type, struct op_id op, const struct text *body)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    struct envelope e = {
        .version = ENVELOPE_VERSION,
        .type = type,
        .class = CLASS_EVENT,
        .source_kind = KIND_ROUTER,
        .to_kind = (uint8_t)box->key.kind,
        .to_instance = box->key.instance,
        .op_high = op.high,
        .op_low = op.low,
        .part = 1,
        .parts = 1,
        .body = text_span(body),
    };
    envelope_write(&bytes, &e);
    (void)box_put(r, box, CLASS_EVENT, text_span(&bytes));
}

/* Before anything that already waits. */
void say_hello(struct route *r, struct box *box)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct hello m = {r->epoch, box->last_correlation};
    struct letter *waited = box->queue;
    uint32_t waiting = box->waiting;
    size_t bytes = box->waiting_bytes;
    box->queue = NULL;
    box->waiting = 0;
    box->waiting_bytes = 0;
    hello_encode(&body, &m);
    put_own(r, box, MESSAGE_hello, (struct op_id){0, 0}, &body);
    if (box->key.kind == KIND_API)
        events_replay(r, box);
    DL_CONCAT(box->queue, waited);
    box->waiting += waiting;
    box->waiting_bytes += bytes;
}

void trace_set(struct route *r, const struct envelope *e, struct address source)
{
    if (e->correlation == 0 && !address_equal(r->trace.to, source))
        return;
    r->trace.on = e->correlation != 0;
    r->trace.to = source;
    r->trace.op = envelope_op(e);
}

void trace_message(struct route *r, const struct envelope *e, struct span bytes)
{
    bool all = r->trace.op.high == 0 && r->trace.op.low == 0;
    if (!r->trace.on || (!all && (e->op_high != r->trace.op.high || e->op_low != r->trace.op.low)))
        return;
    struct box *api = box_find(r, r->trace.to);
    if (api == NULL || api->state != BOX_LIVE)
        return;
    AUTO_TEXT body = TEXT_WITH_LIMIT(2 * (size_t)TRACED_BYTES);
    struct traced m = {.message = {bytes.at, bytes.len < TRACED_BYTES ? bytes.len : TRACED_BYTES}};
    traced_encode(&body, &m);
    put_own(r, api, MESSAGE_traced, envelope_op(e), &body);
}
