/* SPDX-License-Identifier: MIT
 * bulkhead.Trace: copies of the messages of one operation, or of all, as the router saw them; in api. */
#include "actors/api/api_inside.h"

#include "base/char.h"

static void tell_router(struct out *out, struct op_id op, bool on)
{
    struct context c = {.op = op};
    struct address router = {KIND_ROUTER, 0};
    AUTO_TEXT body = TEXT_WITH_LIMIT(16);
    trace_encode(&body, NO_MESSAGE(trace));
    (void)post_event(out, MESSAGE_trace, router, &c, on ? 1 : 0, &body);
}

static int read_op(struct span s, struct op_id *op)
{
    *op = (struct op_id){0, 0};
    if (s.len != 0 && s.len != 32)
        return -ERR_PROTOCOL;
    for (size_t i = 0; i < s.len; i++) {
        uint64_t *half = i < 16 ? &op->high : &op->low;
        int digit = char_hex(s.at[i]);
        if (digit < 0)
            return -ERR_PROTOCOL;
        *half = *half << 4 | (uint64_t)digit;
    }
    return 0;
}

int api_do_trace(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                 struct fault *why)
{
    struct op_id op;
    (void)reply;
    if (read_op(q->request.argument, &op) < 0)
        return fault_set(why, ERR_PROTOCOL, "an operation is 32 hexadecimal digits, as the log prints it");
    if (self->trace_conn != 0)
        return fault_set(why, ERR_BUSY, "a trace runs already; end that one first");
    self->trace_conn = q->conn;
    self->ops->stream(self->ops_arg, q->conn);
    tell_router(out, op, true);
    return 1;
}

void api_trace_gone(struct api *self, struct out *out)
{
    self->trace_conn = 0;
    tell_router(out, (struct op_id){0, 0}, false);
}

void api_trace_take(struct api *self, struct out *out, const struct traced *m)
{
    static const char digits[] = "0123456789abcdef";
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(REPLY_MOST);
    if (self->trace_conn == 0)
        return;
    text_append(&bytes, (struct span){"1\0\0message\0bytes", 17});
    for (size_t i = 0; i < m->message.len; i++) {
        unsigned char c = (unsigned char)m->message.at[i];
        text_byte(&bytes, digits[c >> 4]);
        text_byte(&bytes, digits[c & 15]);
    }
    text_append(&bytes, (struct span){"\0", 2});
    if (bytes.failed == 0 && self->ops->send(self->ops_arg, self->trace_conn, text_span(&bytes)) < 0)
        api_trace_gone(self, out);
}
