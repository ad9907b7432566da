/* SPDX-License-Identifier: MIT
 * Bodies longer than one part; see parts.h. */
#include "runtime/parts.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/own.h"

/* Senders that may be in the middle of a long message to us at one time. */
enum { PARTS_SENDERS = 8 };

struct begun {
    struct address source;
    uint64_t correlation;
    uint16_t type, next, parts; /* next 0: free */
    struct text body;
};

struct parts {
    struct begun begun[PARTS_SENDERS];
    struct text done; /* the body last handed out */
};

struct parts *parts_new(void)
{
    struct parts *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    for (size_t i = 0; i < COUNT(p->begun); i++)
        p->begun[i].body = TEXT_WITH_LIMIT(BODY_MAX);
    return p;
}

void parts_free(struct parts *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < COUNT(p->begun); i++)
        text_free(&p->begun[i].body);
    text_free(&p->done);
    free(p);
}

static struct begun *find(struct parts *p, struct address source)
{
    for (size_t i = 0; i < COUNT(p->begun); i++)
        if (p->begun[i].next != 0 && address_equal(p->begun[i].source, source))
            return &p->begun[i];
    return NULL;
}

/* A place for a new message: the sender's own half-sent one gives way, then a free one. */
static struct begun *begin(struct parts *p, const struct envelope *e)
{
    struct begun *b = find(p, envelope_source(e));
    for (size_t i = 0; b == NULL && i < COUNT(p->begun); i++)
        if (p->begun[i].next == 0)
            b = &p->begun[i];
    if (b == NULL)
        return NULL;
    text_free(&b->body);
    *b = (struct begun){envelope_source(e), e->correlation, e->type, 1, e->parts, TEXT_WITH_LIMIT(BODY_MAX)};
    return b;
}

static bool follows(const struct begun *b, const struct envelope *e)
{
    return e->part == b->next && e->parts == b->parts && e->type == b->type &&
           e->correlation == b->correlation;
}

static int drop(struct begun *b, int r)
{
    text_free(&b->body);
    b->next = 0;
    return r;
}

int parts_take(struct parts *p, const struct envelope *e, struct envelope *whole)
{
    if (e->parts == 1) {
        *whole = *e;
        return 1;
    }
    struct begun *b = e->part == 1 ? begin(p, e) : find(p, envelope_source(e));
    if (b == NULL)
        return e->part == 1 ? -ERR_BUSY : -ERR_BAD;
    if (!follows(b, e))
        return drop(b, -ERR_BAD);
    text_append(&b->body, e->body);
    if (b->body.failed < 0)
        return drop(b, b->body.failed);
    if (b->next++ < b->parts)
        return 0;
    text_free(&p->done);
    p->done = b->body;
    b->body = TEXT_WITH_LIMIT(BODY_MAX);
    b->next = 0;
    *whole = *e;
    whole->part = whole->parts = 1;
    whole->body = text_span(&p->done);
    return 1;
}

int parts_send(const struct envelope *e, int (*send)(void *arg, const struct envelope *part), void *arg)
{
    size_t parts = e->body.len == 0 ? 1 : (e->body.len + BODY_PART_MAX - 1) / BODY_PART_MAX;
    if (e->body.len > BODY_MAX)
        return -ERR_TOO_BIG;
    int r = 0;
    for (size_t n = 0; n < parts && r >= 0; n++) {
        struct envelope part = *e;
        size_t from = n * BODY_PART_MAX, len = e->body.len - from;
        part.part = (uint16_t)(n + 1);
        part.parts = (uint16_t)parts;
        part.body.len = len < BODY_PART_MAX ? len : BODY_PART_MAX;
        part.body.at = from == 0 ? e->body.at : e->body.at + from; /* an empty body may be at NULL */
        r = send(arg, &part);
    }
    return r;
}
