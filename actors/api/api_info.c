/* SPDX-License-Identifier: MIT
 * What the qrexec policy and our own tools ask for (admin-api-methods 11.1); in api. */
#include <stdlib.h>

#include "actors/api/api_inside.h"

int api_do_version(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    (void)self, (void)out, (void)q, (void)why;
    text_add(reply, BULKHEAD_VERSION);
    return 0;
}

static void add_string(struct text *t, const char *s)
{
    if (s == NULL) {
        text_add(t, "null");
        return;
    }
    text_byte(t, '"');
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            text_byte(t, '\\');
        if (c < ' ' || c > 126)
            text_format(t, "\\u%04x", c);
        else
            text_byte(t, *s);
    }
    text_byte(t, '"');
}

static void add_key(struct text *t, const char *key)
{
    text_add(t, ", ");
    add_string(t, key);
    text_add(t, ": ");
}

static void add_pair(struct text *t, const char *key, const char *value)
{
    add_key(t, key);
    add_string(t, value);
}

static void add_tags(struct text *t, const struct api *self, uint32_t qid)
{
    const struct item *item = model_items(self->model, qid, CHANGE_TAG);
    add_key(t, "tags");
    text_byte(t, '[');
    for (const char *between = ""; item != NULL; item = item->next, between = ", ") {
        text_add(t, between);
        add_string(t, item->key);
    }
    text_byte(t, ']');
}

static void add_vm(struct text *t, const struct api *self, const struct vm *vm)
{
    struct system_info info;
    ask_system_info(&self->known, vm_qid(vm), &info);
    add_string(t, vm_name(vm));
    text_add(t, ": {\"internal\": ");
    add_string(t, info.internal);
    add_tags(t, self, vm_qid(vm));
    add_pair(t, "type", info.class);
    add_key(t, "template_for_dispvms");
    text_add(t, info.template_for_dispvms ? "true" : "false");
    add_pair(t, "default_dispvm", info.default_dispvm);
    add_pair(t, "icon", info.icon);
    add_pair(t, "label", info.colour);
    add_pair(t, "guivm", info.guivm);
    add_pair(t, "relayvm", info.relayvm);
    add_pair(t, "transport_rpc", info.transport_rpc);
    add_pair(t, "power_state", info.power_state);
    add_pair(t, "uuid", info.uuid);
    text_byte(t, '}');
}

static void compute(struct api *self)
{
    struct text *t = &self->system_info;
    size_t count = model_vm_count(self->model);
    text_add(t, "{\"domains\": {");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_add(t, ", ");
        add_vm(t, self, model_vm_at(self->model, i));
    }
    text_add(t, "}}");
}

/* Kept until something changes: qrexec asks for it at every call between qubes. */
int api_do_system_info(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    (void)out, (void)q, (void)why;
    if (self->system_info.len == 0)
        compute(self);
    text_append(reply, text_span(&self->system_info));
    return self->system_info.failed;
}
