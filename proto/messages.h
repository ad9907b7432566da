/* SPDX-License-Identifier: MIT
 * Every message as a struct, its encoder, its validating decoder and its printer, made from the
 * rows of proto/<mailbox>.def and proto/record.def.
 *
 * For a row `vm_shutdown`: struct vm_shutdown and struct vm_shutdown_reply;
 *   vm_shutdown_encode(text, message)   appends; a field outside its bounds fails the text with -ERR_RANGE
 *   vm_shutdown_decode(message, body)   0, or -ERR_BAD, -ERR_RANGE; spans and lists point into body
 *   vm_shutdown_print(text, message)    appends {"force":0,"wait":1}
 * and the same for vm_shutdown_reply. For a record `fact_item` also
 *   fact_item_add(list, elements, record)   packs one more element of a list that is to be sent
 *   fact_item_next(reader, record)          1 with the next element, 0 at the end
 */
#ifndef PROTO_MESSAGES_H
#define PROTO_MESSAGES_H

#include <stdint.h>

#include "base/text.h"
#include "proto/envelope.h"
#include "proto/wire.h"

#define U32(f, lo, hi)   uint32_t f;
#define U64(f, lo, hi)   uint64_t f;
#define STR(f, lo, hi)   char f[(hi) + 1];
#define BYTES(f, hi)     struct span f;
#define LIST(f, rec, hi) struct wire_list f;
#define ONE(f, rec)      struct rec f;
#define NOTHING          char nothing;
#define REC(name, fields)                                                                                    \
    struct name {                                                                                            \
        fields                                                                                               \
    };
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    struct name {                                                                                            \
        fields                                                                                               \
    };                                                                                                       \
    struct name##_reply {                                                                                    \
        reply                                                                                                \
    };
#include "proto/mailboxes.def"
#include "proto/no_fields.h"

#define DECLARE_CODEC(name)                                                                                  \
    void name##_encode(struct text *out, const struct name *m);                                              \
    int name##_decode(struct name *m, struct span body);                                                     \
    void name##_print(struct text *out, const struct name *m);
#define REC(name, fields)                                                                                    \
    DECLARE_CODEC(name)                                                                                      \
    void name##_read(struct reader *in, struct name *m);                                                     \
    void name##_add(struct wire_list *list, struct text *elements, const struct name *m);                    \
    int name##_next(struct reader *in, struct name *m);
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    DECLARE_CODEC(name)                                                                                      \
    DECLARE_CODEC(name##_reply)
#include "proto/mailboxes.def"
#undef DECLARE_CODEC

/* The type of each message: MESSAGE_vm_start. */
enum message {
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply) MESSAGE_##name = (id),
#include "proto/mailboxes.def"
};

struct reader list_reader(const struct wire_list *list);

#endif
