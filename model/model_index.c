/* SPDX-License-Identifier: MIT
 * VMs sorted by name or uuid: found by halving, kept by insertion. */
#include "model/model_inside.h"

#include <string.h>

#include "base/grow.h"

/* Where `key` is, or would have to go. */
static size_t place(const struct index *x, struct span key)
{
    size_t lo = 0, hi = x->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (span_order(span_of(x->key(x->at[mid])), key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct vm *index_find(const struct index *x, struct span key)
{
    if (key.len == 0)
        return NULL;
    size_t i = place(x, key);
    return i < x->count && span_order(span_of(x->key(x->at[i])), key) == 0 ? x->at[i] : NULL;
}

int index_reserve(struct index *x)
{
    return GROW(x->at, x->count, x->room, 16);
}

void index_add(struct index *x, struct vm *vm)
{
    size_t i = place(x, span_of(x->key(vm)));
    memmove(x->at + i + 1, x->at + i, (x->count - i) * sizeof(struct vm *));
    x->at[i] = vm;
    x->count++;
}

void index_drop(struct index *x, const struct vm *vm)
{
    const char *key = x->key(vm);
    if (key == NULL)
        return;
    size_t i = place(x, span_of(key));
    if (i >= x->count || x->at[i] != vm)
        return;
    x->count--;
    memmove(x->at + i, x->at + i + 1, (x->count - i) * sizeof(struct vm *));
}
