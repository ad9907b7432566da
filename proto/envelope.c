/* SPDX-License-Identifier: MIT
 * The envelope's bytes; see envelope.h. */
#include "proto/envelope.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "proto/wire_pack.h"

/* Lead byte of each fixed width, as msgpack_pack_fix_uint<bits> writes it. */
enum { LEAD_8 = 0xcc, LEAD_16 = 0xcd, LEAD_32 = 0xce, LEAD_64 = 0xcf };

/* The fields as they lie in the bytes: a lead byte and the number. */
struct layout {
    uint8_t array[3];
#define FIELD(name, bits, meaning) uint8_t name[1 + (bits) / 8];
#include "proto/envelope.def"
    uint8_t body[];
};

enum {
    FIELDS = 0
#define FIELD(name, bits, meaning) +1
#include "proto/envelope.def"
};

static uint64_t get(const uint8_t *field, unsigned bits)
{
    uint64_t n = 0;
    for (unsigned i = 1; i <= bits / 8; i++)
        n = n << 8 | field[i];
    return n;
}

static void set(uint8_t *field, unsigned bits, uint64_t n)
{
    for (unsigned i = bits / 8; i >= 1; i--, n >>= 8)
        field[i] = (uint8_t)n;
}

struct address envelope_source(const struct envelope *e)
{
    return (struct address){e->source_kind, e->source_instance};
}

struct address envelope_to(const struct envelope *e)
{
    return (struct address){e->to_kind, e->to_instance};
}

struct op_id envelope_op(const struct envelope *e)
{
    return (struct op_id){e->op_high, e->op_low};
}

const char *message_class_name(unsigned class)
{
    static const char *const names[CLASSES] = {"?", "request", "reply", "progress", "cancel", "event"};
    return class < CLASSES ? names[class] : "?";
}

/* The bin at the end: exactly one, and nothing behind it. */
static int read_body(const uint8_t *at, size_t len, struct span *body)
{
    unsigned width = len == 0 ? 0 : at[0] == 0xc4 ? 1 : at[0] == 0xc5 ? 2 : at[0] == 0xc6 ? 4 : 0;
    if (width == 0 || len < 1 + width)
        return -ERR_BAD;
    uint64_t said = get(at, width * 8);
    if (said > BODY_PART_MAX)
        return -ERR_TOO_BIG;
    if (said != len - 1 - width)
        return -ERR_BAD;
    *body = (struct span){(const char *)at + 1 + width, (size_t)said};
    return 0;
}

int envelope_read(struct span bytes, struct envelope *e)
{
    static const uint8_t array[3] = {0xdc, 0, FIELDS + 1};
    if (bytes.len < sizeof(struct layout))
        return -ERR_BAD;
    const struct layout *in = (const struct layout *)bytes.at;
    if (memcmp(in->array, array, sizeof array) != 0)
        return -ERR_BAD;
#define FIELD(name, bits, meaning)                                                                           \
    if (in->name[0] != LEAD_##bits)                                                                          \
        return -ERR_BAD;                                                                                     \
    e->name = (uint##bits##_t)get(in->name, bits);
#include "proto/envelope.def"
    if (e->version != ENVELOPE_VERSION || e->class < CLASS_REQUEST || e->class >= CLASSES)
        return -ERR_BAD;
    if (e->parts == 0 || e->part == 0 || e->part > e->parts)
        return -ERR_BAD;
    return read_body(in->body, bytes.len - offsetof(struct layout, body), &e->body);
}

void envelope_write(struct text *out, const struct envelope *e)
{
    msgpack_packer p = wire_packer(out);
    msgpack_pack_array(&p, FIELDS + 1);
#define FIELD(name, bits, meaning) msgpack_pack_fix_uint##bits(&p, e->name);
#include "proto/envelope.def"
    msgpack_pack_bin(&p, e->body.len);
    if (e->body.len > 0)
        msgpack_pack_bin_body(&p, e->body.at, e->body.len);
}

void envelope_stamp_source(char *bytes, struct address source)
{
    struct layout *at = (struct layout *)bytes;
    set(at->source_kind, 8, source.kind);
    set(at->source_instance, 32, source.instance);
}

void envelope_stamp_number(char *bytes, uint64_t number)
{
    struct layout *at = (struct layout *)bytes;
    set(at->number, 64, number);
}
