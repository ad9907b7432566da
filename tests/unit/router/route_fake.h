/* SPDX-License-Identifier: MIT
 * A router without sockets: what it delivers, wakes, accuses and closes is kept in lists. */
#ifndef TESTS_UNIT_ROUTER_ROUTE_FAKE_H
#define TESTS_UNIT_ROUTER_ROUTE_FAKE_H

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "proto/messages.h"
#include "router/route.h"

/* One thing that the router did. */
struct deed {
    struct address who;
    uint64_t incarnation;
    uint32_t generation;
    struct envelope e; /* of a delivery; its body is in `bytes` */
    char *bytes;
};

struct deeds {
    struct deed *list;
    size_t count;
};

struct fake {
    struct route *route;
    struct deeds delivered, woken, accused, closed;
    uint32_t full; /* kinds (bits) whose sockets take nothing */
    uint64_t now;
};

static struct deed *add_deed(struct deeds *to, struct address who)
{
    to->list = realloc(to->list, (to->count + 1) * sizeof *to->list);
    if (to->list == NULL)
        abort();
    to->list[to->count] = (struct deed){.who = who};
    return &to->list[to->count++];
}

static int fake_deliver(void *arg, struct address to, uint64_t incarnation, struct span bytes)
{
    struct fake *f = arg;
    if ((f->full & 1u << to.kind) != 0)
        return -ERR_BUSY;
    struct deed *d = add_deed(&f->delivered, to);
    d->incarnation = incarnation;
    d->bytes = malloc(bytes.len);
    if (d->bytes == NULL)
        abort();
    memcpy(d->bytes, bytes.at, bytes.len);
    if (envelope_read((struct span){d->bytes, bytes.len}, &d->e) < 0)
        abort();
    return 0;
}

static void fake_wake(void *arg, struct address who, uint32_t generation)
{
    struct fake *f = arg;
    add_deed(&f->woken, who)->generation = generation;
}

static void fake_accuse(void *arg, struct address who, uint64_t incarnation, const char *why)
{
    struct fake *f = arg;
    (void)why;
    add_deed(&f->accused, who)->incarnation = incarnation;
}

static void fake_close(void *arg, struct address who, uint64_t incarnation)
{
    struct fake *f = arg;
    add_deed(&f->closed, who)->incarnation = incarnation;
}

static void fake_open(struct fake *f)
{
    struct route_ops ops = {fake_deliver, fake_wake, fake_accuse, fake_close, f};
    *f = (struct fake){.now = UINT64_C(1000000000000)};
    f->route = route_new(&ops, 77);
    if (f->route == NULL)
        abort();
}

static void fake_forget(struct deeds *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->list[i].bytes);
    free(d->list);
    *d = (struct deeds){0};
}

static void fake_close_all(struct fake *f)
{
    route_free(f->route);
    fake_forget(&f->delivered);
    fake_forget(&f->woken);
    fake_forget(&f->accused);
    fake_forget(&f->closed);
}

/* The supervisor has started it and it has connected. */
static void fake_live(struct fake *f, struct address who, uint32_t generation, uint64_t incarnation)
{
    route_expect(f->route, who, generation, incarnation);
    route_live(f->route, who, incarnation, f->now);
}

static void fake_say_as(struct fake *f, struct address who, uint64_t incarnation, const struct envelope *e)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT((size_t)2 * ENVELOPE_MAX);
    envelope_write(&bytes, e);
    route_hear(f->route, who, incarnation, bytes.at, bytes.len, f->now);
}

#endif
