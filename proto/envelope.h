/* SPDX-License-Identifier: MIT
 * What is around every message on the bus: a msgpack array of fixed-width fields, at fixed
 * offsets for the router, and the body as one bin. Rows: proto/envelope.def. */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "proto/who.h"

enum { ENVELOPE_VERSION = 1 };
/* The longest body of one part; what is longer travels as numbered parts. */
enum { BODY_PART_MAX = 65536 };
/* The longest body that a receiver puts together from parts. */
enum { BODY_MAX = 8 << 20 };
/* The longest envelope with its body: what every socket on the bus accepts. */
enum { ENVELOPE_MAX = 256 + BODY_PART_MAX };

enum class { CLASS_REQUEST = 1, CLASS_REPLY, CLASS_PROGRESS, CLASS_CANCEL, CLASS_EVENT, CLASSES };

struct envelope {
#define FIELD(name, bits, meaning) uint##bits##_t name;
#include "proto/envelope.def"
    struct span body; /* in the bytes that were read; not owned */
};

struct subject {
    uint8_t kind;
    uint32_t instance, generation;
};

struct op_id {
    uint64_t high, low;
};

struct address envelope_source(const struct envelope *e);
struct address envelope_to(const struct envelope *e);
struct op_id envelope_op(const struct envelope *e);
const char *message_class_name(unsigned class);

/* 0 with *e, whose body points into `bytes`; -ERR_BAD for any deviation from the fixed form,
 * -ERR_TOO_BIG for a longer body. */
int envelope_read(struct span bytes, struct envelope *e);

/* Appends the envelope and its body. */
void envelope_write(struct text *out, const struct envelope *e);

/* Overwrites fields in place in bytes that envelope_read accepted. */
void envelope_stamp_source(char *bytes, struct address source);
void envelope_stamp_number(char *bytes, uint64_t number);

#endif
