/* SPDX-License-Identifier: MIT
 * What VMs expose, have assigned and have attached (admin-api-methods 8); in api. */
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"

#include "base/grow.h"

/* How long a bus may take to say what there is. */
#define BUS_WITHIN (10 * SECONDS)

int line_list_add(struct line_list *l, struct text *line)
{
    int r = line->failed;
    if (r == 0)
        r = GROW(l->at, l->count, l->room, 16);
    if (r != 0) {
        text_free(line);
        return r;
    }
    l->at[l->count++] = TAKE(line->at);
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int line_list_end(struct line_list *l, int r, struct text *reply)
{
    if (r == 0 && l->count > 0)
        qsort(l->at, l->count, sizeof *l->at, by_bytes);
    for (size_t i = 0; i < l->count; i++) {
        if (r == 0)
            api_line(reply, l->at[i]);
        free(l->at[i]);
    }
    free(l->at);
    *l = (struct line_list){0};
    return r;
}

int api_device_class(const struct api *self, const struct asked *q, enum device_class *class,
                     struct fault *why)
{
    enum device_class of_row = (enum device_class)q->method->detail;
    if (!device_class_is_served(of_row, self->device_classes))
        return fault_set(why, ERR_PROTOCOL, "no such method: devices of class %s are not served here",
                         device_class_name(of_row));
    *class = of_row;
    return 0;
}

int api_do_deviceclass_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                            struct fault *why)
{
    static const enum device_class in_order[] = {DEVICE_block, DEVICE_pci, DEVICE_mic, DEVICE_usb};
    (void)out, (void)q, (void)why;
    for (size_t i = 0; i < COUNT(in_order); i++)
        if (device_class_is_served(in_order[i], self->device_classes))
            api_line(reply, device_class_name(in_order[i]));
    return 0;
}

/* Of whom nothing is to be had no bus is asked: it might be at rest itself. */
static bool may_expose(const struct api *self, enum device_class class, const struct vm *backend)
{
    return class == DEVICE_pci ||
           (backend != NULL && (vm_qid(backend) == 0 || !world_is_halted(&self->world, vm_qid(backend))));
}

/* The bus of a class, and who can expose its devices. */
static bool find_bus(enum device_class class, uint32_t backend, struct address *bus)
{
    static const enum kind kinds[DEVICE_CLASSES] = {
        [DEVICE_pci] = KIND_DEVBUS_PCI,
        [DEVICE_block] = KIND_DEVBUS_BLOCK,
        [DEVICE_usb] = KIND_DEVBUS_USB,
        [DEVICE_mic] = KIND_DEVBUS_MIC,
    };
    *bus = (struct address){kinds[class], 0};
    return class == DEVICE_block || class == DEVICE_usb || backend == 0;
}

int api_with_devices(struct api *self, struct out *out, const struct asked *q, enum device_class class,
                     uint32_t backend, struct span port, device_then *then, struct text *reply,
                     struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list none = {0};
    struct bus_list m = {.backend = backend};
    struct call like = {
        .then = then,
        .type = MESSAGE_bus_list,
        .context = api_context(self, q, out->now + BUS_WITHIN),
        .qid = vm_qid(q->dest),
        .generation = vm_generation(q->dest),
        .memory = TEXT_WITH_LIMIT(REQUEST_MAX + 1),
    };
    const struct vm *exposes = backend <= QID_MAX ? model_vm(self->model, backend) : NULL;
    if (exposes != NULL)
        like.context.subject = (struct subject){KIND_VM, backend, vm_generation(exposes)};
    if (!find_bus(class, backend, &like.to) || !may_expose(self, class, exposes) ||
        text_copy(m.port, sizeof m.port, port) < 0)
        return then(self, out, q, &none, reply, why); /* nobody has any, or no port has so long a name */
    text_append(&like.memory, q->request.argument);
    text_byte(&like.memory, '\0');
    text_append(&like.memory, q->request.payload);
    bus_list_encode(&body, &m);
    int r = api_ask(self, out, q, &like, &body);
    text_free(&like.memory);
    return r;
}

int api_asked_again(const struct api *self, const struct call *c, struct asked *q, struct fault *why)
{
    *q = (struct asked){.method = c->method, .conn = c->conn};
    q->source = model_vm(self->model, c->context.caller);
    q->dest = model_vm(self->model, c->qid);
    if (q->source == NULL || q->dest == NULL || vm_generation(q->dest) != c->generation)
        return fault_set(why, ERR_VM_NOT_FOUND, "the domain was removed meanwhile");
    q->request.argument = span_split(text_span(&c->memory), '\0', &q->request.payload);
    return 0;
}

int api_devices_came(struct api *self, struct out *out, const struct call *c, const struct answer *a,
                     struct text *reply, struct fault *why)
{
    struct bus_list_reply m;
    struct asked q;
    if (a->r < 0)
        return a->r;
    if (bus_list_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "the list of devices does not decode");
    int r = api_asked_again(self, c, &q, why);
    return r < 0 ? r : c->then(self, out, &q, &m.devices, reply, why);
}

static int list_available(struct api *self, struct out *out, const struct asked *q,
                          const struct wire_list *devices, struct text *reply, struct fault *why)
{
    struct reader in = list_reader(devices);
    struct line_list lines = {0};
    struct device_item d;
    int r = 0;
    (void)out, (void)why;
    while (r == 0 && device_item_next(&in, &d) == 1) {
        if (q->request.argument.len > 0 && !span_is(q->request.argument, d.port))
            continue;
        if (model_named(self->model, span_of(d.attachment)) == NULL)
            d.attachment[0] = '\0'; /* a backend's word about nobody */
        struct text line = TEXT_WITH_LIMIT(BODY_PART_MAX);
        struct device_facts f = {
            .device = {(enum device_class)q->method->detail, span_of(vm_name(q->dest)), span_of(d.port),
                       span_of(d.device_id)},
            .vendor = span_of(d.vendor),
            .product = span_of(d.product),
            .manufacturer = span_of(d.manufacturer),
            .name = span_of(d.name),
            .serial = span_of(d.serial),
            .attachment = span_of(d.attachment),
            .interfaces = span_of(d.interfaces),
            .parent_port = span_of(d.parent_port),
            .parent_class = span_of(d.parent_class),
            .data = span_of(d.data),
        };
        device_line(&line, &f);
        r = line_list_add(&lines, &line);
    }
    return line_list_end(&lines, r, reply);
}

int api_do_device_available(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                            struct fault *why)
{
    enum device_class class;
    int r = api_device_class(self, q, &class, why);
    if (r < 0)
        return r;
    if (self->old_devices)
        return api_old_available(self, out, q, reply, why);
    /* One block device may be had by a name that listings leave out. */
    struct span port = class == DEVICE_block ? SPAN_LITERAL("") : q->request.argument;
    return api_with_devices(self, out, q, class, vm_qid(q->dest), port, list_available, reply, why);
}

/* The listings' filter. Nothing in it is a wildcard. */
struct filter {
    struct span backend, port;
    bool given;
    size_t found;
};

static int read_filter(const struct asked *q, struct filter *f, struct fault *why)
{
    *f = (struct filter){.given = q->request.argument.len > 0};
    f->backend = span_split(q->request.argument, '+', &f->port);
    if (!f->given || f->port.at != NULL)
        return 0;
    return fault_set(why, ERR_PROTOCOL, "a device is named by BACKEND+PORT");
}

static int begin_listing(struct api *self, const struct asked *q, enum device_class *class, struct filter *f,
                         struct fault *why)
{
    int r = api_device_class(self, q, class, why);
    *f = (struct filter){.given = false};
    if (r < 0 || !vm_is_local(q->dest)) /* who has no devices has none, whatever is asked for */
        return r;
    return read_filter(q, f, why);
}

static bool passes(struct filter *f, const struct device *d)
{
    struct span backend = device_is_any(d->backend) ? SPAN_LITERAL("None") : d->backend;
    bool fits = !f->given || (span_equal(f->backend, backend) && span_equal(f->port, d->port));
    f->found += fits;
    return fits;
}

static int end_listing(struct line_list *lines, const struct filter *f, int r, struct text *reply,
                       struct fault *why)
{
    if (r == 0 && f->given && f->found > 1)
        r = fault_set(why, ERR_DEVICE_NOT_FOUND, "more than one device fits; list without an argument");
    return line_list_end(lines, r, reply);
}

static int add_assignment(struct line_list *lines, const struct assignment *a, const struct vm *holder,
                          struct fault *why)
{
    struct text line = TEXT_WITH_LIMIT(REPLY_MOST);
    int r = assignment_line(&line, a, span_of(vm_name(holder)), why);
    if (r == 0)
        return line_list_add(lines, &line);
    text_free(&line);
    return r;
}

int api_do_device_assigned(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                           struct fault *why)
{
    struct line_list lines = {0};
    struct assignment a;
    struct filter filter;
    enum device_class class;
    int r = begin_listing(self, q, &class, &filter, why);
    (void)out;
    if (r < 0)
        return r;
    const struct item *at =
        vm_is_local(q->dest) ? model_items(self->model, vm_qid(q->dest), CHANGE_DEVICE) : NULL;
    for (; at != NULL && r == 0; at = at->next)
        if (assignment_read((struct span){at->key, at->key_len}, (struct span){at->value, at->value_len},
                            &a) == 0 &&
            a.device.class == class && passes(&filter, &a.device))
            r = add_assignment(&lines, &a, q->dest, why);
    return end_listing(&lines, &filter, r, reply, why);
}

/* As it was assigned, where it was assigned exactly so; else as it was attached. */
static void as_assigned(const struct api *self, uint32_t qid, const struct device *device,
                        const struct attached_item *item, struct assignment *a)
{
    AUTO_TEXT key = TEXT_WITH_LIMIT(BODY_PART_MAX);
    device_key_write(&key, device);
    const struct item *stored = model_item(self->model, qid, CHANGE_DEVICE, text_span(&key));
    if (stored != NULL && assignment_read((struct span){stored->key, stored->key_len},
                                          (struct span){stored->value, stored->value_len}, a) == 0)
        return;
    *a = (struct assignment){.device = *device, .mode = DEVICE_MODE_MANUAL, .options = item->options};
}

int api_do_device_attached(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                           struct fault *why)
{
    struct line_list lines = {0};
    struct attached_item item;
    struct assignment a;
    struct filter filter;
    enum device_class class;
    int r = begin_listing(self, q, &class, &filter, why);
    (void)out;
    if (r < 0)
        return r;
    struct reader in = api_attached(self, vm_qid(q->dest), class);
    while (r == 0 && attached_item_next(&in, &item) == 1) {
        struct device device = attached_device(class, &item);
        as_assigned(self, vm_qid(q->dest), &device, &item, &a);
        if (passes(&filter, &device))
            r = add_assignment(&lines, &a, q->dest, why);
    }
    return end_listing(&lines, &filter, r, reply, why);
}
