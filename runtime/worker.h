/* SPDX-License-Identifier: MIT
 * An actor's worker threads, one for most: tasks that may block, begun in their order. A task that is
 * overdue can be abandoned: it keeps the thread that hangs in it, and another takes over; as many can
 * be parked as there are threads at work. */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include <stdbool.h>

#include "runtime/core.h"

struct worker;

typedef void perform_task(void *doors, struct task *task);

/* Starts the thread. `doors` is handed to perform; each thread gets doors of its own from
 * `open_doors` (a connection takes one call at a time), which `close_doors` ends. */
struct worker_doors {
    void *(*open)(void *arg);
    void (*close)(void *doors);
    void *arg;
};
int worker_start(perform_task *perform, const struct worker_doors *doors, unsigned hands, struct worker **ret,
                 struct fault *why);

/* Readable when worker_take has something. */
int worker_fd(const struct worker *w);

/* Queues a task; ownership moves. */
void worker_give(struct worker *w, struct task *task);

/* The next task that ended, or NULL; the caller owns it. *was_parked: it had been abandoned. */
struct task *worker_take(struct worker *w, bool *was_parked);

/* Whether a thread works on this task, which is compared by its address only. */
bool worker_holds(struct worker *w, const struct task *task);

/* Parks the thread that works on this task and starts another. -ERR_BUSY if too many are parked already. */
int worker_park(struct worker *w, const struct task *task);

#endif
