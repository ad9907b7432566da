/* SPDX-License-Identifier: MIT
 * Labels (admin-api-methods 3); in api. */
#include "actors/api/api_inside.h"

int api_do_label_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    const struct item *item = model_items(self->model, QID_GLOBAL, CHANGE_LABEL);
    (void)out, (void)q, (void)why;
    for (; item != NULL; item = item->next)
        api_line(reply, item->key);
    return 0;
}

static int find(const struct api *self, const struct asked *q, struct label *label, struct fault *why)
{
    int r = label_name_check(q->request.argument, false, why);
    return r < 0 ? r : ask_label(&self->known, q->request.argument, label, why);
}

int api_do_label_get(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    struct label label;
    int r = find(self, q, &label, why);
    (void)out;
    if (r < 0)
        return r;
    text_add(reply, label.colour);
    return 0;
}

int api_do_label_index(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    struct label label;
    int r = find(self, q, &label, why);
    (void)out;
    if (r < 0)
        return r;
    text_format(reply, "%u", label.index);
    return 0;
}

int api_do_label_create(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    struct span colour = {NULL, 0};
    int r = label_name_check(q->request.argument, true, why);
    (void)reply;
    if (r == 0)
        r = label_colour_check(q->request.payload, &colour, why);
    if (r < 0)
        return r;
    return api_operate(self, out, q, OPERATION_label_create, QID_GLOBAL, q->request.argument, colour);
}

int api_do_label_remove(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    struct label label;
    int r = find(self, q, &label, why);
    (void)reply;
    if (r < 0)
        return r;
    return api_operate(self, out, q, OPERATION_label_remove, QID_GLOBAL, span_of(label.name),
                       (struct span){NULL, 0});
}
