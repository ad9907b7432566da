/* SPDX-License-Identifier: MIT
 * From a message to its handler, made from one mailbox's rows: with MAILBOX and SELF defined,
 *   #define MAILBOX "proto/vm.def"
 *   #define SELF    struct vm
 *   #include "runtime/dispatch.h"
 * defines `dispatch(self, out, e)`. Each row `name` needs a handler
 *   static void on_name(SELF *self, struct out *out, const struct envelope *e, const struct name *m);
 * a row without one does not compile. A body that does not decode is answered with its error
 * and counted in *refused. No include guard: once per actor. */
#include "base/log.h"
#include "proto/messages.h"
#include "proto/rules.h"
#include "runtime/post.h"

static void dispatch_refuse(struct out *out, const struct envelope *e, int r, uint64_t *refused)
{
    char sender[ADDRESS_TEXT];
    (*refused)++;
    log_line(LOG_WARN, "message %#06x from %s refused: %s", e->type,
             address_print(envelope_source(e), sender), err_text(-r));
    if (e->class == CLASS_REQUEST) {
        struct request request = request_of(e);
        reply_error(out, &request, r, NULL);
    }
}

#define MSG(name, id, class, from, about, wake, fields, reply)                                               \
    static inline int dispatch_##name(SELF *self, struct out *out, const struct envelope *e)                 \
    {                                                                                                        \
        struct name m;                                                                                       \
        int r = name##_decode(&m, e->body);                                                                  \
        if (r == 0)                                                                                          \
            on_##name(self, out, e, &m);                                                                     \
        return r;                                                                                            \
    }
#include MAILBOX

static void dispatch(SELF *self, struct out *out, const struct envelope *e, uint64_t *refused)
{
    int r = -ERR_UNKNOWN;
    switch (e->type) {
#define MSG(name, id, class, from, about, wake, fields, reply)                                               \
    case id:                                                                                                 \
        r = dispatch_##name(self, out, e);                                                                   \
        break;
#include MAILBOX
    default:
        break;
    }
    if (r < 0)
        dispatch_refuse(out, e, r, refused);
}
