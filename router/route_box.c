/* SPDX-License-Identifier: MIT
 * Mailboxes: one per process that is, was or is wanted; bounded, first in first out. */
#include "router/route_state.h"

#include <stdlib.h>
#include <string.h>

struct address box_address(const struct box *box)
{
    return (struct address){(uint8_t)box->key.kind, box->key.instance};
}

struct box *box_find(const struct route *r, struct address who)
{
    struct box_key key = {who.kind, who.instance};
    struct box *box;
    HASH_FIND(hh, r->boxes, &key, sizeof key, box);
    return box;
}

struct box *box_make(struct route *r, struct address who)
{
    struct box *box = box_find(r, who);
    if (box != NULL || (box = calloc(1, sizeof *box)) == NULL)
        return box;
    box->key = (struct box_key){who.kind, who.instance};
    HASH_ADD(hh, r->boxes, key, sizeof box->key, box);
    if (box->hh.tbl == NULL) {
        free(box);
        return NULL;
    }
    return box;
}

static void drop(struct box *box, struct letter *letter)
{
    DL_DELETE(box->queue, letter);
    box->waiting--;
    box->waiting_bytes -= letter->len;
    free(letter);
}

void box_flush(struct route *r, struct box *box)
{
    struct letter *letter, *next;
    DL_FOREACH_SAFE(box->queue, letter, next)
    {
        struct span bytes = {letter->bytes, letter->len};
        if (next_waits(box, letter))
            continue;
        if (box->state != BOX_LIVE ||
            r->ops.deliver(r->ops.arg, box_address(box), box->incarnation, bytes) < 0)
            return; /* until it is writable, or another incarnation is live */
        box->sent++;
        drop(box, letter);
    }
}

/* What was put into a queue was read before. */
static struct envelope envelope_of(struct span bytes)
{
    struct envelope e = {0};
    (void)envelope_read(bytes, &e);
    return e;
}

static uint32_t generation_of(const struct box *box, struct span bytes)
{
    if (box->key.kind != KIND_VM && box->key.kind != KIND_GUEST)
        return 0;
    struct envelope e = envelope_of(bytes);
    return next_generation_of(box, &e);
}

static bool is_full(const struct box *box, size_t more)
{
    bool shared = kind_most(box->key.kind) <= 2;
    if (box->waits)
        return box->waiting >= ROUTE_WAITING_MESSAGES || box->waiting_bytes + more > ROUTE_WAITING_BYTES;
    return box->waiting >= (shared ? ROUTE_SINGLE_MESSAGES : ROUTE_BOX_MESSAGES) ||
           box->waiting_bytes + more > (shared ? ROUTE_SINGLE_BYTES : ROUTE_BOX_BYTES);
}

int box_put(struct route *r, struct box *box, uint8_t class, struct span bytes)
{
    return is_full(box, bytes.len) ? -ERR_BUSY : box_put_owed(r, box, class, bytes);
}

int box_put_owed(struct route *r, struct box *box, uint8_t class, struct span bytes)
{
    uint32_t generation = generation_of(box, bytes);
    if (box->queue == NULL && box->state == BOX_LIVE && generation <= box->generation &&
        r->ops.deliver(r->ops.arg, box_address(box), box->incarnation, bytes) == 0) {
        box->sent++;
        return 0;
    }
    struct letter *letter = malloc(sizeof *letter + bytes.len);
    if (letter == NULL)
        return -ERR_NOMEM;
    letter->len = bytes.len;
    letter->class = class;
    letter->generation = generation;
    memcpy(letter->bytes, bytes.at, bytes.len);
    DL_APPEND(box->queue, letter);
    box->waiting++;
    box->waiting_bytes += bytes.len;
    if (box->next != 0)
        box_flush(r, box); /* what it stands behind may not be for this incarnation */
    return 0;
}

/* Answers belong to who asked and is gone; api's events come again from the ring. */
static bool is_of_no_use(const struct box *box, const struct letter *letter)
{
    return letter->class == CLASS_REPLY || letter->class == CLASS_PROGRESS ||
           (letter->class == CLASS_EVENT && box->key.kind == KIND_API);
}

static struct envelope read_letter(const struct letter *letter)
{
    return envelope_of((struct span){letter->bytes, letter->len});
}

/* A question that was not delivered at all stays open for the next incarnation; of one that was
 * cut in the middle the rest is of no use. */
static bool is_whole_question(struct route *r, const struct letter *letter)
{
    struct envelope e = read_letter(letter);
    struct pending *p = pending_of(r, envelope_source(&e), e.correlation);
    if (p == NULL)
        return false;
    p->waits = p->waits || e.part == 1;
    return p->waits;
}

void box_ended(struct route *r, struct box *box)
{
    struct letter *letter, *next;
    DL_FOREACH_SAFE(box->queue, letter, next)
    {
        if (is_of_no_use(box, letter) || (letter->class == CLASS_REQUEST && !is_whole_question(r, letter)))
            drop(box, letter);
    }
    box->sent = 0;
}

void box_withdraw(struct box *box, struct address asker, uint64_t correlation)
{
    struct letter *letter, *next;
    DL_FOREACH_SAFE(box->queue, letter, next)
    {
        struct envelope e = read_letter(letter);
        if ((letter->class == CLASS_REQUEST || letter->class == CLASS_CANCEL) &&
            e.correlation == correlation && address_equal(envelope_source(&e), asker))
            drop(box, letter);
    }
}

void box_forget_strangers(struct route *r, struct box *box)
{
    struct letter *letter, *next;
    DL_FOREACH_SAFE(box->queue, letter, next)
    {
        struct envelope e = read_letter(letter);
        if (letter->class != CLASS_REPLY && letter->class != CLASS_PROGRESS && !tenant_fits(r, &e))
            drop(box, letter);
    }
}

void box_forget(struct box *box)
{
    while (box->queue != NULL)
        drop(box, box->queue);
}

void box_free(struct route *r, struct box *box)
{
    box_forget(box);
    HASH_DEL(r->boxes, box);
    free(box);
}
