/* SPDX-License-Identifier: MIT
 * What /proc says of a process: whether it waits for the processor, and how much it had. */
#ifndef SUPERVISOR_LOOK_H
#define SUPERVISOR_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct look {
    char state;    /* of the main thread: R, S, D, T, ... */
    bool wants;    /* a thread of its loop or its bus is runnable, or waits for a disk */
    uint64_t used; /* nanoseconds of processor time that these threads had so far */
};

/* Looks at every thread but workers (runtime/worker.h), whose blocking or computing says nothing of the loop.
 * Reads a few small files of /proc and never waits. 0, or -ERR_IO when /proc does not show the process; *out
 * is written on success only. */
int look_at(pid_t pid, struct look *out);

/* One line of /proc/PID/task/TID/stat, added to *sum. 1 if it is a worker's, which adds nothing; 0; -ERR_BAD.
 */
int look_add(struct look *sum, const char *line, bool is_main);

#endif
