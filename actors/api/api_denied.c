/* SPDX-License-Identifier: MIT
 * Interfaces of devices that a VM must not be given by hand (admin-api-methods 8.6); in api. */
#include "actors/api/api_inside.h"

enum { CODE = 7 };

int api_do_denied_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    struct property_value value;
    (void)out;
    if (!property_applies(PROPERTY_devices_denied, vm_class(q->dest)))
        return fault_set(why, ERR_NO_PROPERTY, "a %s has no list of denied devices",
                         class_name(vm_class(q->dest)));
    property_get(&self->known, vm_qid(q->dest), PROPERTY_devices_denied, &value);
    for (size_t i = 0; i + CODE <= value.text.len; i += CODE) {
        if (i > 0)
            text_byte(reply, '\n');
        text_append(reply, (struct span){value.text.at + i, CODE});
    }
    return 0;
}

int api_do_denied_change(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    (void)reply, (void)why;
    return api_operate(self, out, q, (enum operation)q->method->detail, vm_qid(q->dest),
                       (struct span){NULL, 0}, q->request.payload);
}
