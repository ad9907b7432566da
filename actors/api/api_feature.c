/* SPDX-License-Identifier: MIT
 * Features (admin-api-methods 3); in api. */
#include "actors/api/api_inside.h"

int api_do_feature_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    const struct item *item = model_items(self->model, vm_qid(q->dest), CHANGE_FEATURE);
    (void)out, (void)why;
    for (; item != NULL; item = item->next)
        api_line(reply, item->key);
    return 0;
}

int api_do_feature_get(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    struct span value;
    int r = ask_feature_or_fault(&self->known, vm_qid(q->dest), (enum feature_chain)q->method->detail,
                                 q->request.argument, &value, why);
    (void)out;
    if (r < 0)
        return r;
    text_append(reply, value);
    return 0;
}

/* admin-api-wire 6: bookkeeping of preloading and of deferred networks, nobody's to write. */
static int permit(struct span name, struct fault *why)
{
    static const char *const kept[] = {"deferred-netvm-original", "preload-dispvm",
                                       "preload-dispvm-completed", "preload-dispvm-in-progress"};
    for (size_t i = 0; i < COUNT(kept); i++)
        if (span_is(name, kept[i]))
            return fault_set(why, ERR_PERMISSION, "the feature %s is kept by the system itself", kept[i]);
    return 0;
}

int api_do_feature_set(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    int r = feature_name_check(q->request.argument, why);
    (void)reply;
    if (r == 0)
        r = feature_value_check(q->request.argument, q->request.payload, why);
    if (r == 0)
        r = permit(q->request.argument, why);
    if (r < 0)
        return r;
    return api_operate(self, out, q, OPERATION_feature_set, vm_qid(q->dest), q->request.argument,
                       q->request.payload);
}

int api_do_feature_remove(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                          struct fault *why)
{
    int r = permit(q->request.argument, why);
    (void)reply;
    if (r < 0)
        return r;
    return api_operate(self, out, q, OPERATION_feature_remove, vm_qid(q->dest), q->request.argument,
                       (struct span){NULL, 0});
}
