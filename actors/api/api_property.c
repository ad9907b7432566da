/* SPDX-License-Identifier: MIT
 * Properties of VMs and of the system (admin-api-methods 2); in api. */
#include "actors/api/api_inside.h"

/* The rows of admin.property.* have detail 1. */
static uint32_t holder(const struct asked *q)
{
    return q->method->detail != 0 ? QID_GLOBAL : vm_qid(q->dest);
}

static int find(const struct api *self, const struct asked *q, enum property *p, struct fault *why)
{
    return property_find(&self->known, holder(q), q->request.argument, p, why);
}

int api_do_property_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    enum property list[PROPERTIES];
    size_t count = property_list(&self->known, holder(q), list);
    (void)out, (void)why;
    for (size_t i = 0; i < count; i++)
        api_line(reply, property_name(list[i]));
    return 0;
}

static void add_type(struct text *reply, enum property p)
{
    text_add(reply, "type=");
    text_add(reply, property_wire_type(p));
    text_byte(reply, ' ');
}

static void add_head(struct text *reply, enum property p, const struct property_value *value)
{
    text_add(reply, value->is_default ? "default=True " : "default=False ");
    add_type(reply, p);
}

int api_do_property_get(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    struct property_value value;
    enum property p;
    int r = find(self, q, &p, why);
    (void)out;
    if (r < 0)
        return r;
    property_get(&self->known, holder(q), p, &value);
    add_head(reply, p, &value);
    text_append(reply, value.text);
    return 0;
}

/* One line: a line feed and the backslash that says so are escaped. */
static void add_escaped(struct text *reply, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\n')
            text_add(reply, "\\n");
        else if (s.at[i] == '\\')
            text_add(reply, "\\\\");
        else
            text_byte(reply, s.at[i]);
    }
}

int api_do_property_get_all(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                            struct fault *why)
{
    enum property list[PROPERTIES];
    size_t count = property_list(&self->known, holder(q), list);
    (void)out, (void)why;
    for (size_t i = 0; i < count; i++) {
        struct property_value value;
        property_get(&self->known, holder(q), list[i], &value);
        text_add(reply, property_name(list[i]));
        text_byte(reply, ' ');
        add_head(reply, list[i], &value);
        add_escaped(reply, value.text);
        text_byte(reply, '\n');
    }
    return 0;
}

int api_do_property_get_default(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                                struct fault *why)
{
    struct property_value value;
    enum property p;
    int r = find(self, q, &p, why);
    (void)out;
    if (r < 0)
        return r;
    property_default(&self->known, holder(q), p, &value);
    if (!value.is_set)
        return 0;
    add_type(reply, p);
    text_append(reply, value.text);
    return 0;
}

int api_do_property_help(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    enum property p;
    int r = find(self, q, &p, why);
    (void)out;
    if (r < 0)
        return r;
    text_add(reply, property_help(p));
    return 0;
}

int api_do_property_set(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    enum property p;
    int r = find(self, q, &p, why);
    (void)reply;
    if (r == 0)
        r = property_sanitise(p, q->request.payload, why);
    if (r < 0)
        return r;
    return api_operate(self, out, q, OPERATION_property_set, holder(q), q->request.argument,
                       q->request.payload);
}

int api_do_property_reset(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                          struct fault *why)
{
    enum property p;
    int r = find(self, q, &p, why);
    (void)reply;
    if (r < 0)
        return r;
    return api_operate(self, out, q, OPERATION_property_reset, holder(q), q->request.argument,
                       (struct span){NULL, 0});
}
