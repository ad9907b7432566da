/* SPDX-License-Identifier: MIT
 * Listings (admin-api-methods 1, 6); in api. */
#include "actors/api/api_inside.h"

int api_do_vmclass_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    static const enum vm_class in_order[] = {CLASS_AdminVM,  CLASS_AppVM,        CLASS_DispVM,
                                             CLASS_RemoteVM, CLASS_StandaloneVM, CLASS_TemplateVM};
    (void)self, (void)out, (void)q, (void)why;
    for (size_t i = 0; i < COUNT(in_order); i++)
        api_line(reply, class_name(in_order[i]));
    return 0;
}

static void add_vm(struct text *t, const struct known *k, const struct vm *vm)
{
    text_add(t, vm_name(vm));
    text_add(t, " class=");
    text_add(t, class_name(vm_class(vm)));
    text_add(t, " state=");
    text_add(t, ask_power_state(k, vm_qid(vm)));
    text_add(t, " uuid=");
    text_add(t, vm_uuid(vm) != NULL ? vm_uuid(vm) : "");
    text_byte(t, '\n');
}

/* Kept until something changes: many clients ask for it again and again. */
static void add_all_vms(struct api *self, struct text *reply)
{
    size_t count = self->all_vms.len == 0 ? model_vm_count(self->model) : 0;
    for (size_t i = 0; i < count; i++)
        add_vm(&self->all_vms, &self->known, model_vm_at(self->model, i));
    text_append(reply, text_span(&self->all_vms));
    if (self->all_vms.failed < 0)
        reply->failed = self->all_vms.failed;
}

int api_do_vm_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    (void)out, (void)why;
    if (vm_class(q->source) != CLASS_AdminVM)
        return 0;
    if (vm_class(q->dest) == CLASS_AdminVM)
        add_all_vms(self, reply);
    else
        add_vm(reply, &self->known, q->dest);
    return 0;
}

static int add_keys(const struct api *self, uint32_t qid, enum change_kind kind, struct text *reply)
{
    const struct item *item = model_items(self->model, qid, kind);
    for (; item != NULL; item = item->next)
        api_line(reply, item->key);
    return 0;
}

int api_do_pool_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    (void)out, (void)q, (void)why;
    return add_keys(self, QID_GLOBAL, CHANGE_POOL, reply);
}

int api_do_volume_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    (void)out, (void)why;
    return add_keys(self, vm_qid(q->dest), CHANGE_VOLUME, reply);
}
