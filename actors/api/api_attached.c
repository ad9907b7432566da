/* SPDX-License-Identifier: MIT
 * The replica of what is attached: each bus's last word about each VM; in api. */
#include <string.h>

#include "actors/api/api_inside.h"

void api_attached_clear(struct facts_of *f)
{
    for (size_t i = 0; i < DEVICE_CLASSES; i++)
        text_free(&f->attached[i]);
}

void api_attached_take(struct api *self, const struct envelope *e, const struct attached *m)
{
    enum device_class class;
    struct facts_of *f = e->subject_kind == KIND_VM ? api_facts_for(self, e) : NULL;
    if (f == NULL || device_class_parse(span_of(m->device_class), &class) < 0)
        return;
    text_clear(&f->attached[class]);
    f->attached[class].limit = BODY_MAX;
    text_append(&f->attached[class], m->devices.elements);
    api_changed(self);
}

static bool is_among(const struct wire_list *vms, uint32_t qid)
{
    struct reader in = list_reader(vms);
    struct attached_vm vm;
    while (attached_vm_next(&in, &vm) == 1)
        if (vm.qid == qid)
            return true;
    return false;
}

void api_attached_take_only(struct api *self, const struct attached_only *m)
{
    enum device_class class;
    if (device_class_parse(span_of(m->device_class), &class) < 0)
        return;
    for (uint32_t qid = 0; qid <= QID_MAX; qid++)
        if (self->facts[qid] != NULL && self->facts[qid]->attached[class].len > 0 && !is_among(&m->vms, qid))
            text_clear(&self->facts[qid]->attached[class]);
    api_changed(self);
}

struct reader api_attached(const struct api *self, uint32_t qid, enum device_class class)
{
    const struct vm *vm = model_vm(self->model, qid);
    const struct facts_of *f = qid <= QID_MAX ? self->facts[qid] : NULL;
    bool said = f != NULL && vm != NULL && vm_generation(vm) == f->generation;
    struct wire_list none = {0};
    if (said && !world_is_halted(&self->world, qid) && f->attached[class].failed == 0)
        none.elements = text_span(&f->attached[class]);
    return list_reader(&none);
}

struct device attached_device(enum device_class class, const struct attached_item *item)
{
    return (struct device){class, span_of(item->backend), span_of(item->port), span_of(item->device_id)};
}
