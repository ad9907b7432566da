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
    while (box->state == BOX_LIVE && box->queue != NULL) {
        struct letter *first = box->queue;
        struct span bytes = {first->bytes, first->len};
        if (r->ops.deliver(r->ops.arg, box_address(box), box->incarnation, bytes) == -ERR_BUSY)
            return;
        box->sent++;
        drop(box, first);
    }
}

static bool is_full(const struct box *box, size_t more)
{
    bool shared = kind_most(box->key.kind) <= 2;
    return box->waiting >= (shared ? ROUTE_SINGLE_MESSAGES : ROUTE_BOX_MESSAGES) ||
           box->waiting_bytes + more > (shared ? ROUTE_SINGLE_BYTES : ROUTE_BOX_BYTES);
}

int box_put(struct route *r, struct box *box, uint8_t class, struct span bytes)
{
    if (is_full(box, bytes.len))
        return -ERR_BUSY;
    if (box->queue == NULL && box->state == BOX_LIVE &&
        r->ops.deliver(r->ops.arg, box_address(box), box->incarnation, bytes) == 0) {
        box->sent++;
        return 0;
    }
    struct letter *letter = malloc(sizeof *letter + bytes.len);
    if (letter == NULL)
        return -ERR_NOMEM;
    letter->len = bytes.len;
    letter->class = class;
    memcpy(letter->bytes, bytes.at, bytes.len);
    DL_APPEND(box->queue, letter);
    box->waiting++;
    box->waiting_bytes += bytes.len;
    return 0;
}

/* Answers belong to who asked and is gone; api's events come again from the ring. */
static bool is_of_no_use(const struct box *box, const struct letter *letter)
{
    return letter->class == CLASS_REPLY || letter->class == CLASS_PROGRESS ||
           (letter->class == CLASS_EVENT && box->key.kind == KIND_API);
}

void box_ended(struct route *r, struct box *box)
{
    struct letter *letter, *next;
    (void)r;
    DL_FOREACH_SAFE(box->queue, letter, next)
    {
        if (is_of_no_use(box, letter))
            drop(box, letter);
    }
    box->sent = 0;
}

void box_free(struct route *r, struct box *box)
{
    while (box->queue != NULL)
        drop(box, box->queue);
    HASH_DEL(r->boxes, box);
    free(box);
}
