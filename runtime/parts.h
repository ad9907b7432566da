/* SPDX-License-Identifier: MIT
 * Bodies longer than one part: cut for sending, put together on arrival. A sender's parts of one
 * message arrive in order with none of its other messages between them. */
#ifndef RUNTIME_PARTS_H
#define RUNTIME_PARTS_H

#include "base/err.h"
#include "proto/envelope.h"

/* Puts together what one peer (the router's line carries many senders) has begun. */
struct parts;
struct parts *parts_new(void); /* NULL: no memory */
void parts_free(struct parts *p);

/* Takes one envelope in. 1: *whole is complete, its body valid until the next call; 0: more to
 * come; -ERR_BAD: not the part that had to follow; -ERR_TOO_BIG, -ERR_NOMEM. What was begun by
 * that sender is dropped on an error. */
int parts_take(struct parts *p, const struct envelope *e, struct envelope *whole);

/* Calls `send` for each part of e in order; stops at its first failure and returns that. */
int parts_send(const struct envelope *e, int (*send)(void *arg, const struct envelope *part), void *arg);

#endif
