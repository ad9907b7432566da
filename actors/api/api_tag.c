/* SPDX-License-Identifier: MIT
 * Tags (admin-api-methods 3); in api. */
#include <stdlib.h>

#include "actors/api/api_inside.h"

int api_do_tag_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    uint32_t qid = vm_qid(q->dest);
    size_t count = ask_tags_sorted(&self->known, qid, NULL, 0);
    AUTO_MEMORY const char **list = count > 0 ? calloc(count, sizeof *list) : NULL;
    (void)out;
    if (count > 0 && list == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a list of tags");
    (void)ask_tags_sorted(&self->known, qid, list, count);
    for (size_t i = 0; i < count; i++)
        api_line(reply, list[i]);
    return 0;
}

int api_do_tag_get(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    int r = tag_check(q->request.argument, why);
    (void)out;
    if (r < 0)
        return r;
    text_add(reply, ask_tag(&self->known, vm_qid(q->dest), q->request.argument) ? "1" : "0");
    return 0;
}

int api_do_tag_change(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    int r = tag_check(q->request.argument, why);
    (void)reply;
    if (r < 0)
        return r;
    if (span_starts(q->request.argument, "created-by-") && vm_class(q->source) != CLASS_AdminVM)
        return fault_set(why, ERR_PERMISSION, "only dom0 changes who has created a VM");
    return api_operate(self, out, q, (enum operation)q->method->detail, vm_qid(q->dest), q->request.argument,
                       (struct span){NULL, 0});
}
