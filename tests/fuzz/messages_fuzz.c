/* SPDX-License-Identifier: MIT
 * Fuzzes every row's decoder, made from the rows: the first byte names the row, the second says reply or
 * not. What is accepted is encoded again, decodes to the same bytes, and prints. */
#include "proto/messages.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "proto/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The shortest form of what was read: a second round must not change it any more. */
#define TRY(name)                                                                                            \
    static int try_##name(struct span body, struct text *out)                                                \
    {                                                                                                        \
        static struct name m;                                                                                \
        int r = name##_decode(&m, body);                                                                     \
        if (r == 0)                                                                                          \
            name##_encode(out, &m);                                                                          \
        assert(r == 0 || r == -ERR_BAD || r == -ERR_RANGE || r == -ERR_TOO_BIG);                             \
        assert(out->failed == 0);                                                                            \
        return r;                                                                                            \
    }
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply) TRY(name) TRY(name##_reply)
#include "proto/mailboxes.def"

static const struct row {
    uint16_t type;
    uint8_t class;
    int (*decode[2])(struct span body, struct text *out);
} rows[] = {
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    {id, CLASS_##class, {try_##name, try_##name##_reply}},
#include "proto/mailboxes.def"
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct row *row = &rows[data[0] % COUNT(rows)];
    int answer = data[1] & 1;
    AUTO_TEXT once = TEXT_WITH_LIMIT(1 << 22);
    AUTO_TEXT twice = TEXT_WITH_LIMIT(1 << 22);
    AUTO_TEXT shown = TEXT_WITH_LIMIT(1 << 24);
    struct envelope e = {.type = row->type,
                         .class = answer ? CLASS_REPLY : row->class,
                         .body = {(const char *)data + 2, size - 2}};
    bool accepted = row->decode[answer](e.body, &once) == 0;
    if (!answer || row->type != MESSAGE_error)
        assert((print_body(&shown, &e) == 0) == accepted);
    if (!accepted)
        return 0;
    assert(row->decode[answer](text_span(&once), &twice) == 0);
    assert(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0);
    return 0;
}
