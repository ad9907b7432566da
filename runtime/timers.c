/* SPDX-License-Identifier: MIT
 * Timers in a short list; see timers.h. Actors have a handful, so that a list beats a heap. */
#include "runtime/timers.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/grow.h"

static int make_room(struct timers *t)
{
    return t->count == t->room && t->room >= TIMERS_MAX ? -ERR_BUSY : GROW(t->list, t->count, t->room, 16);
}

int timers_set(struct timers *t, uint64_t number, uint64_t at)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->list[i].number != number)
            continue;
        t->list[i].at = at;
        if (at == 0)
            t->list[i] = t->list[--t->count];
        return 0;
    }
    if (at == 0)
        return 0;
    int r = make_room(t);
    if (r == 0)
        t->list[t->count++] = (struct timer){number, at};
    return r;
}

uint64_t timers_next(const struct timers *t)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < t->count; i++)
        if (next == 0 || t->list[i].at < next)
            next = t->list[i].at;
    return next;
}

bool timers_due(struct timers *t, uint64_t now, uint64_t *number)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->list[i].at > now)
            continue;
        *number = t->list[i].number;
        t->list[i] = t->list[--t->count];
        return true;
    }
    return false;
}

void timers_free(struct timers *t)
{
    free(t->list);
    *t = (struct timers){0};
}
