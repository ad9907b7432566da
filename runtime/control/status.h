/* SPDX-License-Identifier: MIT
 * The status page: a file that the supervisor keeps mapped and `bulkhead ps` reads, so that it
 * answers while every other process hangs. Native byte order; reader and writer are one build. */
#ifndef RUNTIME_STATUS_H
#define RUNTIME_STATUS_H

#include <stdint.h>

enum {
    STATUS_MAGIC = 0x62756c6b,
    STATUS_VERSION = 1,
    STATUS_ENTRIES = 20100,
    STATUS_TITLE = 32,
    STATUS_STATE = 16
};

/* One child. `turn` is odd while the entry is being written: read it before and after. */
struct status_entry {
    uint32_t turn;
    uint32_t used;
    uint32_t kind, instance, uid;
    int32_t pid; /* 0: no process */
    char state[STATUS_STATE];
    char title[STATUS_TITLE]; /* its VM's name, where it has one */
    uint64_t layers;          /* of the jail, bits as in runtime/effects/layers.def */
    uint64_t incarnation, restarts;
    uint64_t started_at; /* CLOCK_BOOTTIME, nanoseconds */
    uint64_t depth;      /* messages sent to it and not heard yet */
};

struct status_page {
    uint32_t magic, version;
    int32_t supervisor_pid;
    uint32_t count; /* entries in use, from the first */
    uint64_t started_at;
    char supervisor_state[STATUS_STATE];
    struct status_entry entry[STATUS_ENTRIES];
};

#endif
