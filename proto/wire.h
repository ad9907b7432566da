/* SPDX-License-Identifier: MIT
 * msgpack bytes. Written by msgpack-c into a bounded text; read by our own cursor, which
 * walks the bytes in place: no heap, no tree, no length believed that the bytes do not cover. */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Arrays within arrays: a message, its list, a record in it, that record's list, and room. */
enum { WIRE_DEPTH = 8 };

/* A cursor over bytes that somebody else owns. After the first failure every read returns
 * that failure and yields nothing. */
struct reader {
    const uint8_t *at, *end;
    int failed; /* 0 or -ERR_BAD, -ERR_RANGE, -ERR_TOO_BIG */
    int depth;
};

/* A list inside a message: `count` elements, one after the other, each decoded once before a
 * handler sees the list. Valid as long as the message's bytes. For sending: elements that the
 * row's add function packed. */
struct wire_list {
    struct span elements;
    uint32_t count;
};

struct reader reader_of(struct span bytes);

/* An array of exactly `count` elements follows. */
int read_array(struct reader *in, uint32_t count);
/* An array of lo to hi elements follows; each takes at least one byte of what is left. */
int read_array_between(struct reader *in, uint32_t lo, uint32_t hi, uint32_t *count);
int read_unsigned(struct reader *in, uint64_t lo, uint64_t hi, uint64_t *value);
/* Text of lo to hi bytes without NUL, copied and terminated; `to` holds hi + 1. */
int read_text(struct reader *in, char *to, uint32_t lo, uint32_t hi);
/* str or bin of at most hi bytes, in place. */
int read_bytes(struct reader *in, uint32_t hi, struct span *value);
/* Closes one array level; the caller has read all its elements. */
void read_leave(struct reader *in);
/* 0 when nothing is left over, else -ERR_BAD. */
int read_end(struct reader *in);

/* Appended to `out`, which remembers a failure (base/text.h). */
void write_array(struct text *out, uint32_t count);
void write_unsigned(struct text *out, uint64_t value);
void write_text(struct text *out, const char *value);
void write_bytes(struct text *out, struct span value);
void write_list(struct text *out, const struct wire_list *list);

#endif
