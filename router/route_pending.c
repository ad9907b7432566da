/* SPDX-License-Identifier: MIT
 * Open questions: each gets exactly one answer, the asked one's or the router's. */
#include "router/route_state.h"

#include <stdlib.h>

#include "proto/messages.h"

/* A question without a deadline of its own gets this one, and none may ask for more. */
#define DEADLINE_MOST (UINT64_C(900) * 1000000000)

static uint64_t deadline_of(const struct route *r, uint64_t asked)
{
    uint64_t most = r->now + DEADLINE_MOST;
    return asked == 0 || asked > most ? most : asked;
}

static void look_again_at(struct route *r, uint64_t when)
{
    if (r->next_late == 0 || when < r->next_late)
        r->next_late = when;
}

int pending_add(struct route *r, struct box *asker, const struct envelope *e)
{
    struct pending_key key = {asker->key.kind, asker->key.instance, e->correlation};
    struct pending *p = pending_of(r, box_address(asker), e->correlation);
    if (p != NULL)
        return e->part > 1 && p->type == e->type && address_equal(p->to, envelope_to(e)) ? 0 : -ERR_REFUSED;
    if (e->part != 1)
        return -ERR_REFUSED;
    if (asker->asking >= ROUTE_PENDING)
        return -ERR_BUSY;
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return -ERR_NOMEM;
    *p = (struct pending){key, envelope_to(e), envelope_op(e), deadline_of(r, e->deadline), e->type, false,
                          {0}};
    HASH_ADD(hh, r->pending, key, sizeof p->key, p);
    if (p->hh.tbl == NULL) {
        free(p);
        return -ERR_NOMEM;
    }
    asker->asking++;
    look_again_at(r, p->deadline);
    return 0;
}

struct pending *pending_of(const struct route *r, struct address asker, uint64_t correlation)
{
    struct pending_key key = {asker.kind, asker.instance, correlation};
    struct pending *p;
    HASH_FIND(hh, r->pending, &key, sizeof key, p);
    return p;
}

/* A late answer to an earlier incarnation of the asker may carry a number that is in use again:
 * type and operation must be the question's too. */
struct pending *pending_find(struct route *r, const struct envelope *e, struct address source)
{
    struct pending *p = pending_of(r, envelope_to(e), e->correlation);
    if (p == NULL || !address_equal(p->to, source) || p->op.high != e->op_high || p->op.low != e->op_low)
        return NULL;
    return e->type == p->type || e->type == MESSAGE_error ? p : NULL;
}

void pending_extend(struct route *r, struct pending *p, uint64_t deadline)
{
    p->deadline = deadline_of(r, deadline > p->deadline ? deadline : p->deadline);
    look_again_at(r, p->deadline);
}

void pending_remove(struct route *r, struct pending *p)
{
    struct box *asker = box_find(r, (struct address){(uint8_t)p->key.kind, p->key.instance});
    if (asker != NULL && asker->asking > 0)
        asker->asking--;
    HASH_DEL(r->pending, p);
    free(p);
}

void pending_answer(struct route *r, const struct envelope *e, struct address asker, enum err why)
{
    struct box *box = box_find(r, asker);
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    struct error m = {.code = why};
    if (box == NULL)
        return;
    error_encode(&body, &m);
    struct envelope answer = *e;
    answer.type = MESSAGE_error;
    answer.class = CLASS_REPLY;
    answer.source_kind = KIND_ROUTER;
    answer.source_instance = 0;
    answer.to_kind = asker.kind;
    answer.to_instance = asker.instance;
    answer.part = answer.parts = 1;
    answer.body = text_span(&body);
    envelope_write(&bytes, &answer);
    trace_message(r, &answer, text_span(&bytes));
    if (bytes.failed < 0 || box_put_owed(r, box, CLASS_REPLY, text_span(&bytes)) < 0)
        r->counts.dropped++;
}

void pending_give_up(struct route *r, struct pending *p, enum err why)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .correlation = p->key.correlation,
                         .op_high = p->op.high,
                         .op_low = p->op.low};
    struct address asker = {(uint8_t)p->key.kind, p->key.instance};
    r->counts.gone += why == ERR_GONE;
    r->counts.late += why == ERR_LATE;
    r->counts.busy += why == ERR_BUSY;
    pending_remove(r, p);
    pending_answer(r, &e, asker, why);
}

void pending_ended(struct route *r, struct address to, enum err why)
{
    struct pending *p, *next;
    HASH_ITER(hh, r->pending, p, next)
    {
        if (p->key.kind == to.kind && p->key.instance == to.instance)
            pending_remove(r, p);
        else if (address_equal(p->to, to) && !p->waits)
            pending_give_up(r, p, why);
        else
            p->waits = false;
    }
}

/* Nobody waits for it any more: one that has not begun need not begin. A wake that led to
 * nothing may be tried again. */
static void too_late(struct route *r, struct pending *p)
{
    struct box *to = box_find(r, p->to);
    if (to != NULL) {
        box_withdraw(to, (struct address){(uint8_t)p->key.kind, p->key.instance}, p->key.correlation);
        to->woken = to->woken && to->state != BOX_ABSENT;
    }
    pending_give_up(r, p, ERR_LATE);
}

static uint64_t late_due(struct route *r, uint64_t now)
{
    struct pending *p, *next;
    if (r->next_late == 0 || r->next_late > now)
        return r->next_late;
    r->next_late = 0;
    HASH_ITER(hh, r->pending, p, next)
    {
        if (p->deadline <= now)
            too_late(r, p);
        else
            look_again_at(r, p->deadline);
    }
    return r->next_late;
}

uint64_t route_due(struct route *r, uint64_t now)
{
    r->now = now;
    uint64_t late = late_due(r, now), wake = wakes_due(r);
    return late == 0 || (wake != 0 && wake < late) ? wake : late;
}
