/* SPDX-License-Identifier: MIT
 * VMs come and go (admin-api-methods 4.1, 4.2); in api. */
#include "actors/api/api_inside.h"

static int create(struct api *self, struct out *out, const struct asked *q, enum operation operation)
{
    AUTO_TEXT key = TEXT_WITH_LIMIT(REQUEST_MAX);
    text_add(&key, class_name((enum vm_class)q->method->detail));
    text_byte(&key, '+');
    text_append(&key, q->request.argument);
    if (key.failed < 0)
        return key.failed;
    return api_operate(self, out, q, operation, QID_GLOBAL, text_span(&key), q->request.payload);
}

int api_do_vm_create(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    (void)reply, (void)why;
    return create(self, out, q, OPERATION_vm_create);
}

int api_do_vm_create_in_pool(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                             struct fault *why)
{
    (void)reply, (void)why;
    return create(self, out, q, OPERATION_vm_create_in_pool);
}

int api_do_vm_remove(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    (void)reply, (void)why;
    return api_operate(self, out, q, OPERATION_vm_remove, vm_qid(q->dest), (struct span){NULL, 0},
                       (struct span){NULL, 0});
}

/* The result is "<name> <uuid>" of what was made or taken. */
static int disposable_made(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                           struct fault *why)
{
    struct operate_reply m;
    (void)self;
    if (a->r < 0)
        return a->r;
    int r = operate_reply_decode(&m, a->e->body);
    if (r < 0)
        return r;
    struct span uuid, name = span_split(span_of(m.result), ' ', &uuid);
    if (name.len == 0 || uuid.len == 0)
        return fault_set(why, ERR_STATE, "the disposable was made and its name was not told; list the VMs");
    if (c->wants_uuid)
        text_add(reply, "uuid:");
    text_append(reply, c->wants_uuid ? uuid : name);
    return 0;
}

int api_do_disposable_create(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                             struct fault *why)
{
    struct span argument = q->request.argument, payload = q->request.payload;
    struct call like = {.done = disposable_made, .wants_uuid = span_is(payload, "uuid")};
    (void)reply;
    bool preloads = span_is(argument, "preload");
    if (argument.len > 0 && !preloads)
        return fault_set(why, ERR_PERMISSION, "the argument is empty, or preload to have the list filled");
    if (payload.len > 0 && !like.wants_uuid)
        return fault_set(why, ERR_PROTOCOL, "the payload is empty, or uuid to be answered that");
    if (preloads)
        return api_operate(self, out, q, OPERATION_preload_start, vm_qid(q->dest), (struct span){NULL, 0},
                           (struct span){NULL, 0});
    return api_operate_like(self, out, q, &like, OPERATION_disposable_create, vm_qid(q->dest),
                            (struct span){NULL, 0}, (struct span){NULL, 0});
}
