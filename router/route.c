/* SPDX-License-Identifier: MIT
 * The seven rules of the bus; see route.h. */
#include "router/route_state.h"

#include <stdlib.h>

#include "proto/messages.h"
#include "proto/rules.h"

struct route *route_new(const struct route_ops *ops, uint64_t epoch)
{
    struct route *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->ops = *ops;
    r->epoch = epoch;
    return r;
}

void route_free(struct route *r)
{
    struct pending *p, *next_pending;
    struct box *box, *next_box;
    if (r == NULL)
        return;
    HASH_ITER(hh, r->pending, p, next_pending)
    {
        pending_remove(r, p);
    }
    HASH_ITER(hh, r->boxes, box, next_box)
    {
        box_free(r, box);
    }
    tenants_free(r);
    events_free(r);
    free(r);
}

const struct route_counts *route_counts(const struct route *r)
{
    return &r->counts;
}

void route_expect(struct route *r, struct address who, uint32_t generation, uint64_t incarnation)
{
    struct box *box = box_make(r, who);
    if (box == NULL)
        return;
    if (box->state == BOX_LIVE)
        route_ended(r, who, box->incarnation, ENDING_RESTARTS, r->now);
    wake_forget(r, box);
    box->state = BOX_EXPECTED;
    box->quarantined = box->woken = box->accused = false;
    box->generation = generation;
    box->incarnation = incarnation;
    next_remember(r, box);
}

void route_live(struct route *r, struct address who, uint64_t incarnation, uint64_t now)
{
    struct box *box = box_find(r, who);
    if (box == NULL || box->incarnation != incarnation || box->state != BOX_EXPECTED)
        return;
    r->now = now;
    box->sent = 0;
    say_hello(r, box);
    box->state = BOX_LIVE;
    box_flush(r, box);
}

void route_ended(struct route *r, struct address who, uint64_t incarnation, enum ending how, uint64_t now)
{
    struct box *box = box_find(r, who);
    if (box == NULL || box->incarnation != incarnation)
        return;
    r->now = now;
    box->state = how == ENDING_RESTARTS ? BOX_EXPECTED : BOX_ABSENT;
    if (how == ENDING_QUARANTINED && box->next != 0)
        how = ENDING_RESTS; /* the next VM's process has not crashed */
    box->quarantined = how == ENDING_QUARANTINED;
    box->woken = false;
    r->trace.on = r->trace.on && !address_equal(r->trace.to, who);
    if (how == ENDING_QUARANTINED)
        box_forget(box);
    box_forget_strangers(r, box);
    box_ended(r, box);
    pending_ended(r, who, how == ENDING_QUARANTINED ? ERR_QUARANTINED : ERR_GONE);
    if (box->next != 0 && how == ENDING_RESTS) {
        next_begins(box);
    } else if (box->queue != NULL && how == ENDING_RESTS) {
        box->woken = true;
        r->ops.wake(r->ops.arg, who, box->generation);
    }
}

void route_writable(struct route *r, struct address who)
{
    struct box *box = box_find(r, who);
    if (box != NULL)
        box_flush(r, box);
}

bool route_depth(const struct route *r, struct address who, uint64_t *sent, uint64_t *waiting)
{
    const struct box *box = box_find(r, who);
    if (box == NULL)
        return false;
    *sent = box->sent;
    *waiting = box->waiting;
    return true;
}

static void accuse(struct route *r, struct box *source, const char *why)
{
    if (source->accused)
        return;
    source->accused = true;
    r->counts.accused++;
    r->ops.accuse(r->ops.arg, box_address(source), source->incarnation, why);
}

static void wake(struct route *r, struct box *source, struct box *box, uint32_t caller, enum waking allowed)
{
    if (allowed == WAKE_NOW)
        wake_now(r, box);
    else
        wake_in_turn(r, source, box, caller);
}

/* A mailbox for who sleeps. A process that is no VM's serves one VM's message after another's: it is of no
 * generation. */
static struct box *sleeper(struct route *r, const struct envelope *e)
{
    struct box *box = box_make(r, envelope_to(e));
    if (box == NULL)
        return NULL;
    box->quarantined = false;
    box->generation = box->key.kind == KIND_VM || box->key.kind == KIND_GUEST ? e->subject_generation : 0;
    return box;
}

/* The receiver's mailbox, woken if the row allows; NULL with the error that the asker gets. */
static struct box *receiver(struct route *r, struct box *source, const struct envelope *e, enum err *why)
{
    const struct message_rule *row = message_rule(e->type);
    struct box *box = box_find(r, envelope_to(e));
    bool for_next = box != NULL && next_is_meant(box, e);
    bool present = box != NULL && (box->state != BOX_ABSENT || box->woken);
    *why = ERR_GONE;
    if (box != NULL && box->quarantined && !for_next)
        return *why = ERR_QUARANTINED, NULL;
    if (present && (!for_next || box->next == e->subject_generation))
        return box;
    bool waits = box != NULL && box->waits;
    if (row->wake != WAKES || e->class == CLASS_CANCEL)
        return waits && !present ? box : NULL;
    enum waking allowed = wake_allowed(r, source);
    if (allowed == WAKE_REFUSED)
        return waits && !present ? box : (*why = ERR_BUSY, NULL);
    if (present)
        box->next = e->subject_generation;
    else if ((box = sleeper(r, e)) == NULL)
        return *why = ERR_NOMEM, NULL;
    wake(r, source, box, e->caller, allowed);
    return box;
}

static void refuse(struct route *r, struct box *source, const struct envelope *e, enum err why)
{
    r->counts.refused += why == ERR_REFUSED;
    r->counts.busy += why == ERR_BUSY;
    r->counts.gone += why == ERR_GONE;
    if (e->class == CLASS_REQUEST && e->part == 1)
        pending_answer(r, e, box_address(source), why);
}

static void route_request(struct route *r, struct box *source, const struct envelope *e, struct span bytes)
{
    enum err why;
    struct box *to = receiver(r, source, e, &why);
    if (to == NULL) {
        refuse(r, source, e, why);
        return;
    }
    int put = pending_add(r, source, e);
    if (put < 0) {
        refuse(r, source, e, (enum err) - put);
        return;
    }
    put = box_put(r, to, e->class, bytes);
    if (put == 0)
        return;
    /* A part may have gone before: what it began is not to be begun. */
    box_withdraw(to, box_address(source), e->correlation);
    pending_give_up(r, pending_of(r, box_address(source), e->correlation), (enum err) - put);
}

/* Events and cancels are owed no answer. A cancel goes where its question went. */
static void route_notice(struct route *r, struct box *source, const struct envelope *e, struct span bytes)
{
    enum err why;
    const struct pending *p = pending_of(r, box_address(source), e->correlation);
    if (e->class == CLASS_CANCEL && (p == NULL || !address_equal(p->to, envelope_to(e)))) {
        r->counts.dropped++; /* it has its answer already */
        return;
    }
    struct box *to = receiver(r, source, e, &why);
    int put = to == NULL ? -(int)why : box_put(r, to, e->class, bytes);
    if (put < 0)
        refuse(r, source, e, (enum err) - put);
}

static void route_answer(struct route *r, struct box *source, const struct envelope *e, struct span bytes)
{
    struct pending *p = pending_find(r, e, box_address(source));
    struct box *asker = box_find(r, envelope_to(e));
    if (p == NULL || asker == NULL) {
        r->counts.dropped++; /* late: the asker has its answer */
        return;
    }
    if (e->class == CLASS_PROGRESS)
        pending_extend(r, p, e->deadline);
    int put = box_put(r, asker, e->class, bytes);
    if (e->class == CLASS_REPLY && put < 0)
        pending_give_up(r, p, (enum err) - put); /* the answer that always finds room */
    else if (e->class == CLASS_REPLY && e->part == e->parts)
        pending_remove(r, p);
    else if (put < 0)
        r->counts.dropped++;
}

static void route_everyone(struct route *r, struct box *source, const struct envelope *e, struct span bytes)
{
    struct box *box, *next;
    HASH_ITER(hh, r->boxes, box, next)
    {
        if (box->key.kind == e->to_kind && box != source && box->state != BOX_ABSENT)
            (void)box_put(r, box, e->class, bytes);
    }
}

static void goodbye(struct route *r, struct box *source, const struct envelope *e)
{
    if (!next_all_wait(source) || e->number != source->sent)
        return; /* something is on its way to it: it will hear that, and stay */
    source->state = BOX_ABSENT;
    source->woken = source->next != 0;
    r->ops.close(r->ops.arg, box_address(source), source->incarnation);
}

static void hear_own(struct route *r, struct box *source, const struct envelope *e)
{
    switch (e->type) {
    case MESSAGE_exists:
        tenant_set(r, e, true);
        break;
    case MESSAGE_removed:
        tenant_set(r, e, false);
        break;
    case MESSAGE_events_seen:
        events_seen(r, source, e->number);
        break;
    case MESSAGE_trace:
        trace_set(r, e, box_address(source));
        break;
    case MESSAGE_retire:
        goodbye(r, source, e);
        break;
    default:
        break;
    }
}

/* Calls from qubes come through api/1: there nobody is dom0, and nobody sees what others say. Its
 * own question, the snapshot, is on nobody's behalf. */
static bool may_be_from_a_qube(const struct envelope *e, struct address source)
{
    if (!address_is(source, KIND_API, API_QUBES))
        return true;
    return e->type != MESSAGE_trace &&
           (e->class != CLASS_REQUEST || e->caller != 0 || e->type == MESSAGE_snapshot);
}

/* Its question was let through. */
static bool is_answer(const struct envelope *e)
{
    return e->class == CLASS_REPLY || e->class == CLASS_PROGRESS;
}

/* Rule 2: what the row does not allow is refused; speaking of another's VM ends the sender. */
static bool is_permitted(struct route *r, struct box *source, const struct envelope *e)
{
    if (envelope_permitted(e, box_address(source)) == 0 && may_be_from_a_qube(e, box_address(source)))
        return true;
    if (envelope_kinds_fit(e, box_address(source)) && !envelope_subject_fits(e, box_address(source)))
        accuse(r, source, "spoke of a VM that is not its own");
    refuse(r, source, e, ERR_REFUSED);
    return false;
}

/* What is permitted goes to the router itself, to its asker, to the ring of events, to all of a kind, or to
 * one. */
static void pass_on(struct route *r, struct box *source, struct envelope *e, char *bytes, size_t len)
{
    struct span all = {bytes, len};
    r->counts.routed++;
    if (e->to_kind == KIND_ROUTER) {
        hear_own(r, source, e);
        return;
    }
    trace_message(r, e, all);
    if (is_answer(e))
        route_answer(r, source, e, all);
    else if (e->class == CLASS_EVENT && e->to_kind == KIND_API)
        events_take(r, source, e, bytes, len);
    else if (e->to_instance == EVERY_INSTANCE)
        route_everyone(r, source, e, all);
    else if (e->class == CLASS_REQUEST)
        route_request(r, source, e, all);
    else
        route_notice(r, source, e, all);
}

void route_hear(struct route *r, struct address who, uint64_t incarnation, char *bytes, size_t len,
                uint64_t now)
{
    struct box *source = box_find(r, who);
    struct envelope e;
    r->now = now;
    if (source == NULL || source->incarnation != incarnation || source->state != BOX_LIVE || source->accused)
        return;
    int read = envelope_read((struct span){bytes, len}, &e);
    if (read < 0) {
        accuse(r, source, read == -ERR_TOO_BIG ? "sent a body over the limit" : "sent what is no envelope");
        return;
    }
    envelope_stamp_source(bytes, who);
    e.source_kind = who.kind;
    e.source_instance = who.instance;
    if (!is_permitted(r, source, &e))
        return;
    if (!is_answer(&e) && e.to_kind != KIND_ROUTER && !tenant_fits(r, &e))
        refuse(r, source, &e, ERR_REFUSED);
    else
        pass_on(r, source, &e, bytes, len);
}
