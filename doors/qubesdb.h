/* SPDX-License-Identifier: MIT
 * QubesDB, the small database that dom0 and one guest share: a client of the local socket of that guest's
 * qubesdb-daemon. The daemon repeats what a guest wrote, so its words are trusted in nothing: each length
 * is bounded, each call ends by its deadline, and after an answer that does not fit the question the
 * connection is useless. Not for two threads at once. Spec: net 6, lifecycle 9. */
#ifndef DOORS_QUBESDB_H
#define DOORS_QUBESDB_H

#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

enum {
    QUBESDB_PATH_MAX = 63,   /* bytes; a path begins with '/' */
    QUBESDB_DATA_MAX = 3072, /* bytes of a value */
    QUBESDB_HEADER = 72,     /* u8 type, char path[64], 3 bytes unused, u32 length in host order */
    QUBESDB_FRAME_MAX = QUBESDB_HEADER + QUBESDB_DATA_MAX
};

enum qubesdb_type {
#define QUBESDB(name, who, meaning) QUBESDB_##name,
#include "doors/qubesdb_message.def"
    QUBESDB_TYPES
};

/* One message as it was read. `data` points into what it was read from. */
struct qubesdb_message {
    enum qubesdb_type type;
    char path[QUBESDB_PATH_MAX + 1]; /* printable ASCII */
    struct span data;
};

/* Bytes on their way to being messages; zeroed is empty. The reader writes behind `bytes + have`,
 * at most to the end of the array, and adds to `have`. */
struct qubesdb_stream {
    size_t have, taken;
    char bytes[QUBESDB_FRAME_MAX];
};

/* 1 with *m (valid until the next call), 0: more bytes are needed, -ERR_BAD: not this protocol. Pure. */
int qubesdb_frame_take(struct qubesdb_stream *s, struct qubesdb_message *m);
/* The message as bytes: its length, or -ERR_RANGE for a path or data that is too long. Pure. */
int qubesdb_frame_write(char to[QUBESDB_FRAME_MAX], enum qubesdb_type type, struct span path,
                        struct span data);

struct qubesdb;

/* A client on a connected socket, which it owns from then on (also on failure). 0 or -ERR_NOMEM. */
int qubesdb_new(int fd, struct qubesdb **ret);
void qubesdb_free(struct qubesdb *q);
DEFINE_AUTO(qubesdb)

/* All that follow block until `deadline` (CLOCK_MONOTONIC, nanoseconds) at most: 0, or -ERR_TIMEOUT,
 * -ERR_CLOSED, -ERR_BAD (a lie), -ERR_RANGE (a path or value of ours), -ERR_STATE (refused) with *why. */

/* Appends the value; -ERR_UNKNOWN when there is no such entry. */
int qubesdb_read(struct qubesdb *q, const char *path, uint64_t deadline, struct text *value,
                 struct fault *why);
/* Calls `each` for every entry whose path begins with `prefix`; `name` is the rest of the path. A negative
 * result of `each` ends it and is returned: this is how an endless answer is bounded. */
typedef int qubesdb_each(void *arg, struct span name, struct span value, struct fault *why);
int qubesdb_multiread(struct qubesdb *q, const char *prefix, uint64_t deadline, qubesdb_each *each, void *arg,
                      struct fault *why);
int qubesdb_write(struct qubesdb *q, const char *path, struct span value, uint64_t deadline,
                  struct fault *why);
/* An entry that is not there is removed as well. */
int qubesdb_rm(struct qubesdb *q, const char *path, uint64_t deadline, struct fault *why);
int qubesdb_watch(struct qubesdb *q, const char *path, uint64_t deadline, struct fault *why);
int qubesdb_unwatch(struct qubesdb *q, const char *path, uint64_t deadline, struct fault *why);

#endif
