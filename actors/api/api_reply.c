/* SPDX-License-Identifier: MIT
 * Answers in the wire's form (admin-api-wire 3, 4); in api. */
#include "actors/api/api_inside.h"

void api_reply_begin(struct text *reply)
{
    text_clear(reply);
    reply->limit = REPLY_MOST;
    text_append(reply, (struct span){"0", 2});
}

void api_line(struct text *reply, const char *text)
{
    text_add(reply, text);
    text_byte(reply, '\n');
}

/* Reference clients put the message through printf-style formatting; fault_set has left no percent
 * sign in it, and nothing that is not printable. */
void api_send_fault(struct api *self, uint64_t conn, int r, const struct fault *why)
{
    AUTO_TEXT reply = TEXT_WITH_LIMIT(4096);
    enum err code = (enum err) - r;
    bool told = why != NULL && why->code == code && why->text[0] != '\0';
    if (conn == 0)
        return;
    text_append(&reply, (struct span){"2", 2});
    text_add(&reply, err_api_class(code));
    text_append(&reply, (struct span){"\0", 2});
    text_add(&reply, told ? why->text : err_text(code));
    text_byte(&reply, '\0');
    if (self->ops->send(self->ops_arg, conn, text_span(&reply)) == 0)
        self->ops->finish(self->ops_arg, conn);
}

void api_send_ok(struct api *self, uint64_t conn, struct text *reply)
{
    if (conn == 0)
        return;
    if (reply->failed < 0)
        api_send_fault(self, conn, reply->failed, NULL);
    else if (self->ops->send(self->ops_arg, conn, text_span(reply)) == 0)
        self->ops->finish(self->ops_arg, conn);
}
