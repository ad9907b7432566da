/* SPDX-License-Identifier: MIT
 * Devices that VMs have assigned, in their views; in registry's core. */
#include "actors/registry/registry.h"

#include <string.h>

#include "actors/registry/registry_view.h"
#include "model/ask.h"
#include "model/device_offer.h"
#include "proto/record_values.h"

enum { VIEW_DEVICES = 64 };

static bool is_served(const struct registry *r, enum device_class class)
{
    return device_class_is_served(class, r->device_classes);
}

/* Whatever is required must be in the domain that boots, but what no libvirt plugs comes when it runs
 * (devices 14.3). */
static enum view_automatic comes_by_itself(const struct assignment *a)
{
    bool boots = a->device.class == DEVICE_pci || a->device.class == DEVICE_block;
    if (a->mode == DEVICE_MODE_ASK)
        return VIEW_AFTER_ASKING;
    bool comes = a->mode == DEVICE_MODE_AUTO || (a->mode == DEVICE_MODE_REQUIRED && !boots);
    return comes ? VIEW_BY_ITSELF : VIEW_NOT_BY_ITSELF;
}

int view_device_of(const struct registry *r, const struct assignment *a, struct view_device *d)
{
    const struct vm *backend = model_named(r->model, a->device.backend);
    *d = (struct view_device){.required = a->mode == DEVICE_MODE_REQUIRED,
                              .automatic = comes_by_itself(a),
                              .permissive = assignment_option_given(a->options, "permissive"),
                              .no_strict_reset = assignment_option_given(a->options, "no-strict-reset")};
    if (text_copy(d->backend, sizeof d->backend, a->device.backend) < 0 ||
        text_copy(d->port, sizeof d->port, a->device.port) < 0 ||
        text_copy(d->device_id, sizeof d->device_id, a->device.id) < 0 ||
        text_copy(d->device_class, sizeof d->device_class, span_of(device_class_name(a->device.class))) < 0)
        return -ERR_RANGE;
    if (a->device.class == DEVICE_pci)
        return 0;
    if (backend == NULL || a->options.len > 1024)
        return -ERR_RANGE;
    d->backend_qid = vm_qid(backend);
    d->backend_generation = vm_generation(backend);
    d->script = device_has_script(&r->known, d->backend_qid);
    d->options = a->options;
    return 0;
}

void view_devices(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory)
{
    const struct item *at = model_items(r->model, qid, CHANGE_DEVICE);
    struct span s0ix;
    struct assignment a;
    struct view_device d;
    for (; at != NULL && view->devices.count < VIEW_DEVICES; at = at->next)
        if (assignment_read((struct span){at->key, at->key_len}, (struct span){at->value, at->value_len},
                            &a) == 0 &&
            is_served(r, a.device.class) && view_device_of(r, &a, &d) == 0)
            view_device_add(&view->devices, &memory->devices, &d);
    view->s0ix =
        ask_feature(&r->known, 0, CHAIN_OWN, SPAN_LITERAL("suspend-s0ix"), &s0ix) == 1 && s0ix.len > 0;
}

/* A backend says who has a device, or what it is called: whether there is such a domain. A bus that hears
 * that there is none believes nothing that comes under that name. */
void on_vm_named(struct registry *r, struct out *out, const struct envelope *e, const struct vm_named *m)
{
    struct request request = request_of(e);
    if (!r->loaded) { /* nobody is known yet */
        reply_error(out, &request, -ERR_BUSY, NULL);
        return;
    }
    const struct vm *vm = model_named(r->model, span_of(m->name));
    struct vm_named_reply reply = {.found = vm != NULL};
    if (vm != NULL) {
        reply.qid = vm_qid(vm);
        reply.generation = vm_generation(vm);
    }
    (void)REPLY(out, vm_named, &request, &reply);
}
