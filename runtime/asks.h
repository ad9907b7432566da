/* SPDX-License-Identifier: MIT
 * The questions that an actor waits on: from its number on the bus to the core's own tag. */
#ifndef RUNTIME_ASKS_H
#define RUNTIME_ASKS_H

#include <stdbool.h>
#include <stdint.h>

/* Questions that one actor may have open; the next is refused with -ERR_BUSY. */
enum { ASKS_MAX = 8192 };

struct asks;
/* Numbers begin behind `last`: one that no earlier incarnation has used, so that a late answer to
 * that one's question meets none of ours. NULL: no memory. */
struct asks *asks_new(uint64_t last);
void asks_free(struct asks *a);

/* A fresh number for `tag`, or 0: too many, or no memory. */
uint64_t asks_add(struct asks *a, uint64_t tag);
/* True with *tag when `number` is open; it stays open if `keep`. */
bool asks_find(struct asks *a, uint64_t number, bool keep, uint64_t *tag);
/* Takes any open one; false when there is none. */
bool asks_take_any(struct asks *a, uint64_t *tag);

#endif
