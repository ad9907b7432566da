/* SPDX-License-Identifier: MIT
 * An actor's one worker thread: effects that may block, one after the other. An effect that is
 * overdue can be abandoned once: it keeps the thread that hangs in it, and a second thread takes
 * over; while one is parked no further effect can be abandoned. */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include <stdbool.h>

#include "runtime/core.h"

struct worker;

typedef void perform_effect(void *doors, struct effect *effect);

/* Starts the thread. `doors` is handed to perform; each thread gets doors of its own from
 * `open_doors` (a connection takes one call at a time), which `close_doors` ends. */
struct worker_doors {
    void *(*open)(void *arg);
    void (*close)(void *doors);
    void *arg;
};
int worker_start(perform_effect *perform, const struct worker_doors *doors, struct worker **ret,
                 struct fault *why);

/* Readable when worker_take has something. */
int worker_fd(const struct worker *w);

/* Queues an effect; ownership moves. */
void worker_give(struct worker *w, struct effect *effect);

/* The next effect that ended, or NULL; the caller owns it. *was_parked: it had been abandoned. */
struct effect *worker_take(struct worker *w, bool *was_parked);

/* The effect in the hands of the thread, to compare pointers with; NULL when it is idle. */
const struct effect *worker_current(struct worker *w);

/* Parks the thread with its current effect and starts another. -ERR_BUSY if one is parked already. */
int worker_park(struct worker *w);
bool worker_is_parked(struct worker *w);

#endif
