/* SPDX-License-Identifier: MIT
 * Assigning devices is an operation of the registry; attaching them is decided here up to where a bus must
 * act (admin-api-methods 8.4, 8.5); in api. */
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "model/device_interface.h"
#include "model/device_offer.h"
#include "model/plan_device.h"

/* The operations' key: the class, a space, the argument. */
static int operate_on_device(struct api *self, struct out *out, const struct asked *q,
                             enum operation operation, struct fault *why)
{
    AUTO_TEXT key = TEXT_WITH_LIMIT(REQUEST_MAX);
    enum device_class class;
    int r = api_device_class(self, q, &class, why);
    if (r < 0)
        return r;
    text_add(&key, device_class_name(class));
    text_byte(&key, ' ');
    text_append(&key, q->request.argument);
    if (key.failed < 0)
        return key.failed;
    return api_operate(self, out, q, operation, vm_qid(q->dest), text_span(&key), q->request.payload);
}

int api_do_device_assign(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    (void)reply;
    return operate_on_device(self, out, q, OPERATION_device_assign, why);
}

int api_do_device_unassign(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                           struct fault *why)
{
    (void)reply;
    return operate_on_device(self, out, q, OPERATION_device_unassign, why);
}

int api_do_device_mode(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    (void)reply;
    return operate_on_device(self, out, q, OPERATION_device_mode, why);
}

int api_wish_read(struct api *self, const struct asked *q, struct wish *w, struct fault *why)
{
    size_t len = q->request.argument.len;
    int r = api_device_class(self, q, &w->class, why);
    if (r == 0 && !vm_is_local(q->dest))
        r = fault_set(why, ERR_QUBES, "'%s' is on another host, which this one gives no devices",
                      vm_name(q->dest));
    if (r < 0)
        return r;
    w->room = malloc(len + q->request.payload.len + 1);
    if (w->room == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a request");
    r = device_argument_read(self->model, w->class, q->request.argument, w->room, &w->device, why);
    w->is_exact = r == 0 && !device_is_any(w->device.port) && !device_is_any(w->device.id);
    if (r == 0)
        r = device_payload_parse(&w->device, q->request.payload, w->room + len, &w->said, why);
    if (r == 0)
        r = device_frontend_check(self->model, &w->device, w->said.frontend, why);
    if (r == 0)
        w->device.id = w->said.id;
    return r;
}

unsigned api_wish_find(const struct wish *w, const struct wire_list *devices, struct device_item *found)
{
    struct reader in = list_reader(devices);
    struct device_item item;
    unsigned count = 0;
    while (device_item_next(&in, &item) == 1) {
        struct device real = {w->class, w->device.backend, span_of(item.port), span_of(item.device_id)};
        if (!device_matches(&w->device, &real))
            continue;
        *found = item;
        count++;
    }
    return count;
}

static int check_denied(const struct api *self, const struct asked *q, const struct wish *w,
                        const struct device_item *found, struct fault *why)
{
    struct property_value denied;
    struct span which;
    if (w->said.mode != DEVICE_MODE_MANUAL)
        return 0;
    property_get(&self->known, vm_qid(q->dest), PROPERTY_devices_denied, &denied);
    if (denied.text.len == 0)
        return 0;
    if (found == NULL)
        return fault_set(why, ERR_PERMISSION,
                         "'%s' denies kinds of devices, and of what kind this one is nobody knows",
                         vm_name(q->dest));
    if (interface_denied(denied.text, span_of(found->interfaces), &which))
        return fault_set(why, ERR_PERMISSION, "'%s' denies devices with the interface %.*s", vm_name(q->dest),
                         (int)which.len, which.at);
    return 0;
}

static int check_free(const struct api *self, const struct asked *q, const struct wish *w,
                      const struct device_item *found, struct fault *why)
{
    struct reader in = api_attached(self, vm_qid(q->dest), w->class);
    struct device meant = {w->class, w->device.backend, span_of(found->port), span_of(found->device_id)};
    struct attached_item item;
    while (attached_item_next(&in, &item) == 1) {
        struct device has = attached_device(w->class, &item);
        if (device_equal(&has, &meant))
            return device_fault(why, ERR_DEVICE_ATTACHED, &meant, "is already attached to", vm_name(q->dest));
    }
    return 0;
}

int api_dom0_gets_none(const struct api *self, enum device_class class, struct fault *why)
{
    int r = device_attach_check(&self->known, class, 0, why);
    return r < 0 ? r : fault_set(why, ERR_QUBES, "dom0 is given no devices");
}

/* What the device's class refuses beyond that, the VM's process does: it says first that it was asked. */
static int decide(const struct api *self, const struct asked *q, const struct wish *w,
                  const struct wire_list *devices, struct device_item *found, struct fault *why)
{
    unsigned count = api_wish_find(w, devices, found);
    int r = check_denied(self, q, w, w->is_exact && count == 1 ? found : NULL, why);
    if (r == 0 && world_is_halted(&self->world, vm_qid(q->dest)) && vm_qid(q->dest) != 0)
        r = fault_set(why, ERR_VM_NOT_RUNNING, "'%s' does not run; assign the device instead of attaching it",
                      vm_name(q->dest));
    if (r == 0 && count != 1)
        r = fault_set(why, ERR_PROTOCOL, "%s",
                      count == 0 ? "there is no such device; see what its backend has available"
                                 : "more than one device is meant; name its port and id");
    if (r == 0)
        r = check_free(self, q, w, found, why);
    if (r == 0 && vm_qid(q->dest) == 0)
        r = api_dom0_gets_none(self, w->class, why);
    return r;
}

bool api_wish_option(const struct wish *w, const char *name)
{
    for (size_t i = 0; i < w->said.pairs; i++)
        if (w->said.pair[i].is_option && span_is(w->said.pair[i].key, name))
            return w->said.pair[i].value.len > 0; /* any text counts, even "False" */
    return false;
}

/* What binding and libvirt may take, each under its own deadline. */
#define PLUG_WITHIN (180 * SECONDS)

static int plugged(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                   struct fault *why)
{
    (void)self, (void)c, (void)reply, (void)why;
    return a->r;
}

static int ask_its_process(struct api *self, struct out *out, const struct asked *q, uint16_t type,
                           struct text *body, struct call *like)
{
    struct call plain = {.done = plugged};
    if (like == NULL)
        like = &plain;
    like->to = (struct address){KIND_VM, vm_qid(q->dest)};
    like->type = type;
    like->context = api_context(self, q, out->now + PLUG_WITHIN);
    like->qid = vm_qid(q->dest);
    like->generation = vm_generation(q->dest);
    like->context.subject = (struct subject){KIND_VM, vm_qid(q->dest), vm_generation(q->dest)};
    return api_ask(self, out, q, like, body);
}

int api_ask_attach(struct api *self, struct out *out, const struct asked *q, const struct device *device,
                   const struct text *name, struct span options, struct call *like)
{
    AUTO_TEXT shown = TEXT_WITH_LIMIT(REQUEST_MAX), body = TEXT_WITH_LIMIT((size_t)2 * BODY_PART_MAX);
    const struct vm *backend = model_named(self->model, device->backend);
    struct vm_attach m = {.permissive = assignment_option_given(options, "permissive"),
                          .no_strict_reset = assignment_option_given(options, "no-strict-reset")};
    options_text(&shown, options);
    if (name->failed < 0 || shown.failed < 0 || text_copy(m.port, sizeof m.port, device->port) < 0 ||
        text_copy(m.device_id, sizeof m.device_id, device->id) < 0 ||
        text_copy(m.backend, sizeof m.backend, device->backend) < 0)
        return -ERR_TOO_BIG;
    (void)text_copy(m.device_class, sizeof m.device_class, span_of(device_class_name(device->class)));
    m.script = backend != NULL && device_has_script(&self->known, vm_qid(backend));
    m.lines = options;
    m.device = text_span(name);
    m.options = text_span(&shown);
    vm_attach_encode(&body, &m);
    return ask_its_process(self, out, q, MESSAGE_vm_attach, &body, like);
}

static int ask_attach(struct api *self, struct out *out, const struct asked *q, const struct wish *w,
                      const struct device_item *found)
{
    AUTO_TEXT name = TEXT_WITH_LIMIT(2048), options = TEXT_WITH_LIMIT(REQUEST_MAX);
    struct device real = {w->class, w->device.backend, span_of(found->port), span_of(found->device_id)};
    device_text(&name, &real);
    for (size_t i = 0; i < w->said.pairs; i++)
        if (w->said.pair[i].is_option)
            assignment_option_write(&options, w->said.pair[i].key, w->said.pair[i].value);
    return options.failed < 0 ? -ERR_TOO_BIG
                              : api_ask_attach(self, out, q, &real, &name, text_span(&options), NULL);
}

static int attach(struct api *self, struct out *out, const struct asked *q, const struct wire_list *devices,
                  struct text *reply, struct fault *why)
{
    struct wish w = {0};
    int r = api_wish_read(self, q, &w, why);
    struct device_item found;
    (void)reply;
    if (r == 0)
        r = decide(self, q, &w, devices, &found, why);
    if (r == 0)
        r = ask_attach(self, out, q, &w, &found);
    free(w.room);
    return r;
}

int api_do_device_attach(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    struct wish w = {0};
    if (self->old_devices)
        return api_old_attach(self, out, q, reply, why);
    int r = api_wish_read(self, q, &w, why);
    const struct vm *backend = r == 0 ? model_named(self->model, w.device.backend) : NULL;
    if (r == 0)
        r = api_with_devices(self, out, q, w.class, backend != NULL ? vm_qid(backend) : QID_MAX,
                             device_is_any(w.device.port) ? SPAN_LITERAL("") : w.device.port, attach, reply,
                             why);
    free(w.room);
    return r;
}

/* Whether a required assignment of a VM that is not halted means this device. */
static bool is_required(const struct api *self, uint32_t qid, const struct device *device)
{
    const struct item *at = model_items(self->model, qid, CHANGE_DEVICE);
    struct assignment a;
    for (; at != NULL; at = at->next)
        if (assignment_read((struct span){at->key, at->key_len}, (struct span){at->value, at->value_len},
                            &a) == 0 &&
            a.mode == DEVICE_MODE_REQUIRED && device_matches(&a.device, device))
            return true;
    return false;
}

int api_ask_detach(struct api *self, struct out *out, const struct asked *q, const struct device *has)
{
    AUTO_TEXT name = TEXT_WITH_LIMIT(2048), body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct vm_detach m = {.port = ""};
    device_port_text(&name, has);
    if (name.failed < 0 || text_copy(m.port, sizeof m.port, has->port) < 0 ||
        text_copy(m.backend, sizeof m.backend, has->backend) < 0)
        return -ERR_TOO_BIG;
    (void)text_copy(m.device_class, sizeof m.device_class, span_of(device_class_name(has->class)));
    m.device = text_span(&name);
    vm_detach_encode(&body, &m);
    return ask_its_process(self, out, q, MESSAGE_vm_detach, &body, NULL);
}

/* Of the argument only the port counts: devices 7.2. */
static int detach(struct api *self, struct out *out, const struct asked *q, const struct wish *w,
                  struct fault *why)
{
    struct reader in = api_attached(self, vm_qid(q->dest), w->class);
    struct attached_item item;
    while (attached_item_next(&in, &item) == 1) {
        struct device has = attached_device(w->class, &item);
        if (!span_equal(has.port, w->device.port))
            continue;
        if (is_required(self, vm_qid(q->dest), &has))
            return fault_set(why, ERR_VM_NOT_HALTED,
                             "'%s' requires the device and is not halted; unassign it first",
                             vm_name(q->dest));
        return api_ask_detach(self, out, q, &has);
    }
    return device_fault(why, ERR_DEVICE_NOT_ASSIGNED, &w->device, "is not attached to", vm_name(q->dest));
}

int api_do_device_detach(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    struct wish w = {0};
    if (self->old_devices)
        return api_old_detach(self, out, q, reply, why);
    int r = api_wish_read(self, q, &w, why);
    if (r == 0)
        r = detach(self, out, q, &w, why);
    free(w.room);
    return r;
}
