/* SPDX-License-Identifier: MIT
 * Messages as JSON text for `bulkhead trace`, made from the rows; see messages.h. */
#include "proto/print.h"

#include "base/err.h"
#include "proto/messages.h"

/* How much of one text value a trace shows. */
enum { SHOWN = 256 };

void print_string(struct text *out, struct span s)
{
    text_byte(out, '"');
    for (size_t i = 0; i < s.len && i < SHOWN; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == '"' || c == '\\')
            text_format(out, "\\%c", c);
        else if (c < ' ' || c > '~')
            text_format(out, "\\u%04x", c);
        else
            text_byte(out, (char)c);
    }
    text_add(out, s.len > SHOWN ? "...\"" : "\"");
}

static void print_name(struct text *out, const char *name, const char **separator)
{
    text_format(out, "%s\"%s\":", *separator, name);
    *separator = ",";
}

static void print_number(struct text *out, uint64_t n)
{
    text_format(out, "%llu", (unsigned long long)n);
}

#define NAME(f)        print_name(out, #f, &separator);
#define U32(f, lo, hi) NAME(f) print_number(out, m->f);
#define U64(f, lo, hi) NAME(f) print_number(out, m->f);
#define STR(f, lo, hi) NAME(f) print_string(out, span_of(m->f));
#define BYTES(f, hi)   NAME(f) print_string(out, m->f);
#define ONE(f, rec)    NAME(f) rec##_print(out, &m->f);
#define NOTHING        (void)m;
#define LIST(f, rec, hi)                                                                                     \
    NAME(f)                                                                                                  \
    {                                                                                                        \
        struct reader in = list_reader(&m->f);                                                               \
        struct rec element;                                                                                  \
        text_byte(out, '[');                                                                                 \
        for (int i = 0; rec##_next(&in, &element); i++) {                                                    \
            text_add(out, i > 0 ? "," : "");                                                                 \
            rec##_print(out, &element);                                                                      \
        }                                                                                                    \
        text_byte(out, ']');                                                                                 \
    }
#define PRINT(name, fields)                                                                                  \
    void name##_print(struct text *out, const struct name *m)                                                \
    {                                                                                                        \
        const char *separator = "";                                                                          \
        (void)separator;                                                                                     \
        text_byte(out, '{');                                                                                 \
        fields text_byte(out, '}');                                                                          \
    }
#define REC(name, fields) PRINT(name, fields)
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    PRINT(name, fields)                                                                                      \
    PRINT(name##_reply, reply)
#include "proto/mailboxes.def"
#include "proto/no_fields.h"

#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    static int print_##name(struct text *out, struct span body, int answer)                                  \
    {                                                                                                        \
        struct name m;                                                                                       \
        struct name##_reply a;                                                                               \
        int r = answer ? name##_reply_decode(&a, body) : name##_decode(&m, body);                            \
        if (r < 0)                                                                                           \
            return r;                                                                                        \
        if (answer)                                                                                          \
            name##_reply_print(out, &a);                                                                     \
        else                                                                                                 \
            name##_print(out, &m);                                                                           \
        return 0;                                                                                            \
    }
#include "proto/mailboxes.def"

int print_body(struct text *out, const struct envelope *e)
{
    if (e->class == CLASS_PROGRESS || e->class == CLASS_CANCEL)
        return text_add(out, "{}"), 0;
    int answer = e->class == CLASS_REPLY && e->type != MESSAGE_error;
    switch (e->type) {
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    case id:                                                                                                 \
        return print_##name(out, e->body, answer);
#include "proto/mailboxes.def"
    default:
        return -ERR_UNKNOWN;
    }
}
