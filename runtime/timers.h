/* SPDX-License-Identifier: MIT
 * The timers of one actor: numbers that the core chose, each with one time. */
#ifndef RUNTIME_TIMERS_H
#define RUNTIME_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMERS_MAX = 8192 };

struct timers {
    struct timer {
        uint64_t number, at;
    } * list;
    uint32_t count, room;
};

/* Sets, moves or (at 0) ends the timer. -ERR_NOMEM or -ERR_BUSY when there is no room. */
int timers_set(struct timers *t, uint64_t number, uint64_t at);
/* The earliest time, or 0. */
uint64_t timers_next(const struct timers *t);
/* Takes one that is due; false when there is none. */
bool timers_due(struct timers *t, uint64_t now, uint64_t *number);
void timers_free(struct timers *t);

#endif
