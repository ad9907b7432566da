/* SPDX-License-Identifier: MIT
 * Open questions; see asks.h. */
#include "runtime/asks.h"

#include <stdlib.h>

#include "base/hash.h"

struct ask {
    uint64_t number, tag;
    UT_hash_handle hh;
};

struct asks {
    struct ask *open;
    uint64_t last;
};

struct asks *asks_new(uint64_t last)
{
    struct asks *a = calloc(1, sizeof *a);
    if (a != NULL)
        a->last = last;
    return a;
}

void asks_free(struct asks *a)
{
    uint64_t tag;
    if (a == NULL)
        return;
    while (asks_take_any(a, &tag))
        continue;
    free(a);
}

uint64_t asks_add(struct asks *a, uint64_t tag)
{
    struct ask *ask = HASH_COUNT(a->open) < ASKS_MAX ? calloc(1, sizeof *ask) : NULL;
    if (ask == NULL)
        return 0;
    ask->number = ++a->last;
    ask->tag = tag;
    HASH_ADD(hh, a->open, number, sizeof ask->number, ask);
    if (ask->hh.tbl == NULL) {
        free(ask);
        return 0;
    }
    return ask->number;
}

static void take(struct asks *a, struct ask *ask, uint64_t *tag)
{
    *tag = ask->tag;
    HASH_DEL(a->open, ask);
    free(ask);
}

bool asks_find(struct asks *a, uint64_t number, bool keep, uint64_t *tag)
{
    struct ask *ask;
    HASH_FIND(hh, a->open, &number, sizeof number, ask);
    if (ask == NULL)
        return false;
    if (keep)
        *tag = ask->tag;
    else
        take(a, ask, tag);
    return true;
}

bool asks_take_any(struct asks *a, uint64_t *tag)
{
    if (a->open == NULL)
        return false;
    take(a, a->open, tag);
    return true;
}
