/* SPDX-License-Identifier: MIT
 * An actor's one worker thread: tasks that may block, one after the other. A task that is
 * overdue can be abandoned once: it keeps the thread that hangs in it, and a second thread takes
 * over; while one is parked no further task can be abandoned. */
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
int worker_start(perform_task *perform, const struct worker_doors *doors, struct worker **ret,
                 struct fault *why);

/* Readable when worker_take has something. */
int worker_fd(const struct worker *w);

/* Queues a task; ownership moves. */
void worker_give(struct worker *w, struct task *task);

/* The next task that ended, or NULL; the caller owns it. *was_parked: it had been abandoned. */
struct task *worker_take(struct worker *w, bool *was_parked);

/* The task in the hands of the thread, to compare pointers with; NULL when it is idle. */
const struct task *worker_current(struct worker *w);

/* Parks the thread with its current task and starts another. -ERR_BUSY if one is parked already. */
int worker_park(struct worker *w);
bool worker_is_parked(struct worker *w);

#endif
