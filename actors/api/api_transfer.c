/* SPDX-License-Identifier: MIT
 * The store and the files beside it, for `bulkhead check`, `import` and `export`; in api. */
#include "actors/api/api_inside.h"

#include "proto/registry_values.h"

#define TRANSFER_WITHIN (60 * SECONDS)

static int transferred(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                       struct fault *why)
{
    struct transfer_reply m;
    (void)self, (void)c;
    if (a->r < 0)
        return a->r;
    if (transfer_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "registry's answer cannot be read");
    struct reader in = list_reader(&m.report);
    struct text_piece piece;
    while (text_piece_next(&in, &piece) == 1)
        text_append(reply, piece.bytes);
    return 0;
}

int api_do_transfer(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct span argument = q->request.argument;
    uint32_t what = (uint32_t)q->method->detail;
    struct transfer m = {.what = what,
                         .flags = what == TRANSFER_EXPORT && span_is(argument, "force") ? TRANSFER_FORCE : 0};
    struct call like = {
        .done = transferred,
        .to = {KIND_REGISTRY, 0},
        .type = MESSAGE_transfer,
        .context = api_context(self, q, out->now + TRANSFER_WITHIN),
    };
    (void)reply;
    if (m.what == TRANSFER_IMPORT && text_copy(m.path, sizeof m.path, argument) < 0)
        return fault_set(why, ERR_PROTOCOL,
                         "the name of a folder beside qubes.xml has at most 63 characters");
    if (m.what == TRANSFER_EXPORT && argument.len > 0 && m.flags == 0)
        return fault_set(why, ERR_PROTOCOL, "an export's argument is force, or none");
    transfer_encode(&body, &m);
    return api_ask(self, out, q, &like, &body);
}
