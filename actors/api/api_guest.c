/* SPDX-License-Identifier: MIT
 * What VMs say of themselves by qubes.* calls (admin-api-methods 12). It is handed, unread, to the process of
 * the guest that called: nothing else parses a guest's words. dom0's updates are its own word; in api. */
#include "actors/api/api_inside.h"

/* The guest's database is read, then registry commits. */
#define GUEST_WITHIN (30 * SECONDS)

static int heard(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                 struct fault *why)
{
    (void)self, (void)c, (void)reply, (void)why;
    return a->r;
}

static int ask_guest(struct api *self, struct out *out, const struct asked *q, uint16_t type,
                     struct text *body, struct fault *why)
{
    struct call like = {
        .done = heard,
        .to = {KIND_GUEST, vm_qid(q->source)},
        .type = type,
        .context = api_context(self, q, out->now + GUEST_WITHIN),
        .qid = vm_qid(q->source),
    };
    if (!vm_is_qubes(q->source))
        return fault_set(why, ERR_PROTOCOL, "%s has no guest that could say so", vm_name(q->source));
    like.context.subject = (struct subject){KIND_VM, vm_qid(q->source), vm_generation(q->source)};
    return api_ask(self, out, q, &like, body);
}

int api_do_guest_request(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct guest_request m = {.what = (uint32_t)q->method->detail};
    (void)reply;
    guest_request_encode(&body, &m);
    return ask_guest(self, out, q, MESSAGE_guest_request, &body, why);
}

/* dom0 has no guest's process; that its count is one is looked at here. */
static int host_updates(struct api *self, struct out *out, const struct asked *q, struct fault *why)
{
    uint64_t count;
    struct span digits = span_trim(q->request.payload);
    if (text_number(digits, 0, UINT64_MAX, &count) < 0)
        return fault_set(why, ERR_PROTOCOL, "Update count is not a digit");
    return api_operate(self, out, q, OPERATION_updates_notice, vm_qid(q->source), (struct span){"", 0},
                       digits);
}

int api_do_guest_updates(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct guest_updates m = {.payload = q->request.payload};
    (void)reply;
    if (vm_class(q->source) == CLASS_AdminVM)
        return host_updates(self, out, q, why);
    guest_updates_encode(&body, &m);
    return ask_guest(self, out, q, MESSAGE_guest_updates, &body, why);
}
