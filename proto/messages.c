/* SPDX-License-Identifier: MIT
 * Encoders, decoders and printers, made from the rows; see messages.h. */
#include "proto/messages.h"

#include <string.h>

#include "base/err.h"

struct reader list_reader(const struct wire_list *list)
{
    return reader_of(list->elements);
}

/* How many fields a row has: each field is one more. */
#define U32(f, lo, hi)   +1
#define U64(f, lo, hi)   +1
#define STR(f, lo, hi)   +1
#define BYTES(f, hi)     +1
#define LIST(f, rec, hi) +1
#define ONE(f, rec)      +1
#define NOTHING          +0
enum {
#define REC(name, fields) COUNT_##name = (0 fields),
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    COUNT_##name = (0 fields), COUNT_##name##_reply = (0 reply),
#include "proto/mailboxes.def"
};
#include "proto/no_fields.h"

/* Reading: decoding is validation. The test behind a lower bound goes through a variable so that
 * a bound of 0 on an unsigned value is no warning. */
static void read_u32(struct reader *in, uint32_t *value, uint64_t lo, uint64_t hi)
{
    uint64_t n;
    if (read_unsigned(in, lo, hi, &n) == 0)
        *value = (uint32_t)n;
}

typedef int next_record(struct reader *in);

/* A list is read to its end once, so that its reader later meets no surprise. */
static void read_list(struct reader *in, struct wire_list *list, uint32_t hi, next_record *next)
{
    uint32_t count;
    if (read_array_between(in, 0, hi, &count) < 0)
        return;
    const uint8_t *start = in->at;
    for (uint32_t i = 0; i < count && in->failed == 0; i++)
        next(in);
    read_leave(in);
    if (in->failed == 0)
        *list = (struct wire_list){{(const char *)start, (size_t)(in->at - start)}, count};
}

#define U32(f, lo, hi)   read_u32(in, &m->f, lo, hi);
#define U64(f, lo, hi)   (void)read_unsigned(in, lo, hi, &m->f);
#define STR(f, lo, hi)   (void)read_text(in, m->f, lo, hi);
#define BYTES(f, hi)     (void)read_bytes(in, hi, &m->f);
#define LIST(f, rec, hi) read_list(in, &m->f, hi, rec##_check);
#define ONE(f, rec)      rec##_read(in, &m->f);
#define NOTHING          (void)m;
#define DECODE(name, fields)                                                                                 \
    int name##_decode(struct name *m, struct span body)                                                      \
    {                                                                                                        \
        struct reader reader = reader_of(body);                                                              \
        struct reader *in = &reader;                                                                         \
        memset(m, 0, sizeof *m);                                                                             \
        if (read_array(in, COUNT_##name) < 0)                                                                \
            return in->failed;                                                                               \
        fields return read_end(in);                                                                          \
    }
#define REC(name, fields)                                                                                    \
    void name##_read(struct reader *in, struct name *m)                                                      \
    {                                                                                                        \
        memset(m, 0, sizeof *m);                                                                             \
        if (read_array(in, COUNT_##name) < 0)                                                                \
            return;                                                                                          \
        fields read_leave(in);                                                                               \
    }                                                                                                        \
    static inline int name##_check(struct reader *in)                                                        \
    {                                                                                                        \
        struct name scratch;                                                                                 \
        name##_read(in, &scratch);                                                                           \
        return in->failed;                                                                                   \
    }                                                                                                        \
    int name##_next(struct reader *in, struct name *m)                                                       \
    {                                                                                                        \
        if (in->failed < 0 || in->at == in->end)                                                             \
            return 0;                                                                                        \
        name##_read(in, m);                                                                                  \
        return in->failed == 0;                                                                              \
    }                                                                                                        \
    DECODE(name, fields)
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    DECODE(name, fields)                                                                                     \
    DECODE(name##_reply, reply)
#include "proto/mailboxes.def"
#include "proto/no_fields.h"

/* Writing. What a receiver would refuse is refused here, at its origin. */
static void write_u64_between(struct text *out, uint64_t value, uint64_t lo, uint64_t hi)
{
    if (value < lo || value > hi)
        out->failed = out->failed < 0 ? out->failed : -ERR_RANGE;
    write_unsigned(out, value);
}

static void write_str_between(struct text *out, const char *value, size_t lo)
{
    if (strlen(value) < lo)
        out->failed = out->failed < 0 ? out->failed : -ERR_RANGE;
    write_text(out, value);
}

static void write_bytes_up_to(struct text *out, struct span value, size_t hi)
{
    if (value.len > hi)
        out->failed = out->failed < 0 ? out->failed : -ERR_RANGE;
    write_bytes(out, value);
}

static void write_list_up_to(struct text *out, const struct wire_list *list, uint32_t hi)
{
    if (list->count > hi)
        out->failed = out->failed < 0 ? out->failed : -ERR_RANGE;
    write_list(out, list);
}

#define U32(f, lo, hi)   write_u64_between(out, m->f, lo, hi);
#define U64(f, lo, hi)   write_u64_between(out, m->f, lo, hi);
#define STR(f, lo, hi)   write_str_between(out, m->f, lo);
#define BYTES(f, hi)     write_bytes_up_to(out, m->f, hi);
#define LIST(f, rec, hi) write_list_up_to(out, &m->f, hi);
#define ONE(f, rec)      rec##_encode(out, &m->f);
#define NOTHING          (void)m;
#define ENCODE(name, fields)                                                                                 \
    void name##_encode(struct text *out, const struct name *m)                                               \
    {                                                                                                        \
        write_array(out, COUNT_##name);                                                                      \
        fields                                                                                               \
    }
#define REC(name, fields)                                                                                    \
    ENCODE(name, fields)                                                                                     \
    void name##_add(struct wire_list *list, struct text *elements, const struct name *m)                     \
    {                                                                                                        \
        name##_encode(elements, m);                                                                          \
        list->elements = text_span(elements);                                                                \
        list->count++;                                                                                       \
    }
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    ENCODE(name, fields)                                                                                     \
    ENCODE(name##_reply, reply)
#include "proto/mailboxes.def"
#include "proto/no_fields.h"
