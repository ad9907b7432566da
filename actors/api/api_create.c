/* SPDX-License-Identifier: MIT
 * VMs come and go (admin-api-methods 4.1, 4.2); in api. */
#include "actors/api/api_inside.h"

int api_do_vm_create(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    AUTO_TEXT key = TEXT_WITH_LIMIT(REQUEST_MAX);
    (void)reply, (void)why;
    text_add(&key, class_name((enum vm_class)q->method->detail));
    text_byte(&key, '+');
    text_append(&key, q->request.argument);
    if (key.failed < 0)
        return key.failed;
    return api_operate(self, out, q, OPERATION_vm_create, QID_GLOBAL, text_span(&key), q->request.payload);
}

int api_do_vm_remove(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    (void)reply, (void)why;
    return api_operate(self, out, q, OPERATION_vm_remove, vm_qid(q->dest), (struct span){NULL, 0},
                       (struct span){NULL, 0});
}
