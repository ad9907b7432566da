/* SPDX-License-Identifier: MIT
 * Device calls as clients of before 4.3 make them (admin-api-methods 9), where the house is told to serve
 * them: translated into assignments and ports. A PCI device's name is its address there, not its path; in
 * api. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "model/plan_device.h"

enum { OLD_NAME = 256, DEVICE_KEY_MOST = 512 };

static int served(const struct api *self, const struct asked *q, enum device_class *class, struct fault *why)
{
    if (!self->old_devices)
        return fault_set(why, ERR_PROTOCOL, "no such method; it ended with release 4.2");
    return api_device_class(self, q, class, why);
}

/* "0000:c6:00.0" is called c6_00.0; what is not in segment 0 has no name in this form. */
static bool name_of_item(enum device_class class, const struct device_item *d, char name[OLD_NAME])
{
    struct span sbdf;
    if (class != DEVICE_pci)
        return text_copy(name, OLD_NAME, span_of(d->port)) == 0;
    if (!ask_attribute(span_of(d->data), "sbdf", &sbdf) || !span_starts(sbdf, "0000:") || sbdf.len != 12)
        return false;
    (void)text_copy(name, OLD_NAME, (struct span){sbdf.at + 5, 7});
    name[2] = '_';
    return true;
}

/* What a port is called in this form; of a device that is not there, the port itself. */
static void name_of_port(enum device_class class, const struct wire_list *devices, struct span port,
                         char name[OLD_NAME])
{
    struct reader in = list_reader(devices);
    struct device_item d;
    while (device_item_next(&in, &d) == 1)
        if (span_is(port, d.port) && name_of_item(class, &d, name))
            return;
    if (text_copy(name, OLD_NAME, port) < 0)
        name[0] = '\0';
}

static bool find_named(enum device_class class, const struct wire_list *devices, struct span name,
                       struct device_item *found)
{
    struct reader in = list_reader(devices);
    char text[OLD_NAME];
    while (device_item_next(&in, found) == 1)
        if (span_is(name, found->port) || (name_of_item(class, found, text) && span_is(name, text)))
            return true;
    return false;
}

/* "class backend+port" for the registry, with the port that a name means today. */
static int write_key(struct text *key, const struct asked *q, enum device_class class,
                     const struct wire_list *devices, struct fault *why)
{
    struct span name, backend = span_split(q->request.argument, '+', &name);
    struct device_item d;
    if (name.at == NULL)
        return fault_set(why, ERR_PROTOCOL, "a device is named by BACKEND+NAME");
    text_add(key, device_class_name(class));
    text_byte(key, ' ');
    text_append(key, backend);
    text_byte(key, '+');
    text_append(key, find_named(class, devices, name, &d) ? span_of(d.port) : name);
    return key->failed;
}

static int operate(struct api *self, struct out *out, const struct asked *q, enum operation operation,
                   const struct wire_list *devices, struct span value, struct fault *why)
{
    AUTO_TEXT key = TEXT_WITH_LIMIT(REQUEST_MAX);
    enum device_class class = (enum device_class)q->method->detail;
    int r = write_key(&key, q, class, devices, why);
    return r < 0 ? r : api_operate(self, out, q, operation, vm_qid(q->dest), text_span(&key), value);
}

static int add_old_device(struct line_list *lines, enum device_class class, const char *name,
                          const struct device_item *d)
{
    struct text line = TEXT_WITH_LIMIT(BODY_PART_MAX);
    text_add(&line, name);
    if (class == DEVICE_pci)
        text_format(&line, " bus=%.2s device=%.2s function=%.1s libvirt_name=pci_0000_%.2s_%.2s_%.1s", name,
                    name + 3, name + 6, name, name + 3, name + 6);
    if (class == DEVICE_block)
        text_format(&line, " device_node=/dev/%s mode=%s size=%" PRIu64, name, d->read_only ? "r" : "w",
                    d->size);
    text_add(&line, " description=");
    for (const char *c = d->description; *c != '\0'; c++)
        text_byte(&line, (char)(*c < ' ' || *c > '~' ? '?' : *c));
    return line_list_add(lines, &line);
}

static int available(struct api *self, struct out *out, const struct asked *q,
                     const struct wire_list *devices, struct text *reply, struct fault *why)
{
    enum device_class class = (enum device_class)q->method->detail;
    struct reader in = list_reader(devices);
    struct line_list lines = {0};
    struct device_item d;
    char name[OLD_NAME];
    int r = 0;
    (void)self, (void)out, (void)why;
    while (r == 0 && device_item_next(&in, &d) == 1)
        if (name_of_item(class, &d, name) &&
            (q->request.argument.len == 0 || span_is(q->request.argument, name)))
            r = add_old_device(&lines, class, name, &d);
    return line_list_end(&lines, r, reply);
}

int api_old_available(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    return api_with_devices(self, out, q, (enum device_class)q->method->detail, vm_qid(q->dest),
                            SPAN_LITERAL(""), available, reply, why);
}

static int add_old_assignment(struct line_list *lines, const struct asked *q, const struct wire_list *devices,
                              const struct device *d, struct span options, bool persistent)
{
    struct text line = TEXT_WITH_LIMIT(REPLY_MOST);
    struct span name, value;
    char port[OLD_NAME];
    name_of_port(d->class, devices, d->port, port);
    text_append(&line, d->backend);
    text_byte(&line, '+');
    text_add(&line, port);
    bool fits = q->request.argument.len == 0 || span_equal(q->request.argument, text_span(&line));
    while (assignment_option(&options, &name, &value))
        text_format(&line, " %.*s=%.*s", (int)name.len, name.at, (int)value.len, value.at);
    text_add(&line, persistent ? " persistent=yes" : " persistent=no");
    if (fits)
        return line_list_add(lines, &line);
    text_free(&line);
    return 0;
}

/* Whether a VM has something assigned at the port of that device. */
static bool is_assigned(const struct api *self, uint32_t qid, const struct device *d)
{
    const struct item *at = model_items(self->model, qid, CHANGE_DEVICE);
    struct device other;
    for (; at != NULL; at = at->next)
        if (device_key_read((struct span){at->key, at->key_len}, &other) == 0 && other.class == d->class &&
            span_equal(other.backend, d->backend) && span_equal(other.port, d->port))
            return true;
    return false;
}

static bool is_attached(const struct api *self, uint32_t qid, const struct device *d)
{
    struct reader in = api_attached(self, qid, d->class);
    struct attached_item item;
    while (attached_item_next(&in, &item) == 1)
        if (span_is(d->port, item.port) && span_is(d->backend, item.backend))
            return true;
    return false;
}

static int list(struct api *self, struct out *out, const struct asked *q, const struct wire_list *devices,
                struct text *reply, struct fault *why)
{
    enum device_class class = (enum device_class)q->method->detail;
    const struct item *at = model_items(self->model, vm_qid(q->dest), CHANGE_DEVICE);
    struct reader in = api_attached(self, vm_qid(q->dest), class);
    struct line_list lines = {0};
    struct attached_item item;
    struct assignment a;
    int r = 0;
    (void)out, (void)why;
    for (; at != NULL && r == 0; at = at->next)
        if (assignment_read((struct span){at->key, at->key_len}, (struct span){at->value, at->value_len},
                            &a) == 0 &&
            a.device.class == class)
            r = add_old_assignment(&lines, q, devices, &a.device, a.options, a.mode == DEVICE_MODE_REQUIRED);
    while (r == 0 && attached_item_next(&in, &item) == 1) {
        struct device d = attached_device(class, &item);
        if (!is_assigned(self, vm_qid(q->dest), &d))
            r = add_old_assignment(&lines, q, devices, &d, item.options, false);
    }
    return line_list_end(&lines, r, reply);
}

int api_do_device_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    enum device_class class;
    int r = served(self, q, &class, why);
    return r < 0 ? r : api_with_devices(self, out, q, class, 0, SPAN_LITERAL(""), list, reply, why);
}

/* The device is attached now, and stays so: no further events (devices 3.3). */
static int keep(struct api *self, struct out *out, const struct asked *q, struct fault *why)
{
    (void)why;
    return api_operate(self, out, q, OPERATION_device_persist, vm_qid(q->dest), q->request.argument,
                       q->request.payload);
}

/* devices 3.1, steps 4 to 7, of a VM that runs. */
static int attach_now(struct api *self, struct out *out, const struct asked *q,
                      const struct device_item *found, struct span options, bool persistent,
                      struct fault *why)
{
    AUTO_TEXT name = TEXT_WITH_LIMIT(2048);
    struct span rest, backend = span_split(q->request.argument, '+', &rest);
    struct device d = {(enum device_class)q->method->detail, backend, span_of(found->port),
                       span_of(found->device_id)};
    struct call like = {.after = keep, .memory = TEXT_WITH_LIMIT(REQUEST_MAX + DEVICE_KEY_MOST)};
    if (is_assigned(self, vm_qid(q->dest), &d) || is_attached(self, vm_qid(q->dest), &d))
        return device_fault(why, ERR_DEVICE_ATTACHED, &d, "is already attached to", vm_name(q->dest));
    device_port_text(&name, &d);
    if (!persistent)
        return api_ask_attach(self, out, q, &d, &name, options, NULL);
    text_format(&like.memory, "%s ", device_class_name(d.class));
    text_append(&like.memory, backend);
    text_format(&like.memory, "+%s", found->port);
    text_byte(&like.memory, '\0');
    text_add(&like.memory, "True");
    if (options.len > 0)
        text_byte(&like.memory, '\n');
    text_append(&like.memory, options);
    int r = api_ask_attach(self, out, q, &d, &name, options, &like);
    text_free(&like.memory);
    return r;
}

/* The first checks of both; whether the VM runs. */
static int attach_check(const struct api *self, const struct asked *q, const struct wire_list *devices,
                        bool persistent, struct device_item *found, struct fault *why)
{
    enum device_class class = (enum device_class)q->method->detail;
    struct span name, backend = span_split(q->request.argument, '+', &name);
    bool halted = vm_qid(q->dest) != 0 && world_is_halted(&self->world, vm_qid(q->dest));
    if (halted && !persistent)
        return fault_set(why, ERR_VM_NOT_RUNNING,
                         "'%s' does not run; only a persistent device can be attached", vm_name(q->dest));
    bool is_pci = class == DEVICE_pci, may_have = !is_pci || span_is(backend, "dom0");
    bool there = may_have && find_named(class, devices, name, found);
    if (!there && (!halted || (is_pci && may_have)))
        return fault_plain(why,
                           fault_set(why, ERR_QUBES, "Invalid %s device: %.*s",
                                     is_pci ? "PCI" : device_class_name(class),
                                     name.len > 100 ? 100 : (int)name.len, name.at != NULL ? name.at : ""));
    if (!halted && vm_qid(q->dest) == 0)
        return api_dom0_gets_none(self, class, why);
    return !halted;
}

/* To a halted VM a persistent device is assigned; one that runs gets it now. */
static int attach(struct api *self, struct out *out, const struct asked *q, const struct wire_list *devices,
                  struct text *reply, struct fault *why)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(REQUEST_MAX);
    struct device_item found;
    bool persistent = false;
    (void)reply;
    int r = device_old_options(q->request.payload, &lines, &persistent, why);
    if (r == 0)
        r = attach_check(self, q, devices, persistent, &found, why);
    if (r < 0)
        return r;
    if (r == 1)
        return attach_now(self, out, q, &found, text_span(&lines), persistent, why);
    return operate(self, out, q, OPERATION_device_keep, devices, q->request.payload, why);
}

static int with_all(struct api *self, struct out *out, const struct asked *q, device_then *then,
                    struct text *reply, struct fault *why)
{
    return api_with_devices(self, out, q, (enum device_class)q->method->detail, 0, SPAN_LITERAL(""), then,
                            reply, why);
}

int api_old_attach(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    enum device_class class;
    struct span name, backend = span_split(q->request.argument, '+', &name);
    const struct vm *exposes = model_named(self->model, backend);
    int r = served(self, q, &class, why);
    if (r < 0 || class == DEVICE_pci)
        return r < 0 ? r : with_all(self, out, q, attach, reply, why);
    return api_with_devices(self, out, q, class, exposes != NULL ? vm_qid(exposes) : QID_MAX,
                            SPAN_LITERAL(""), attach, reply, why);
}

static int find_attached(const struct api *self, const struct asked *q, const struct wire_list *devices,
                         struct attached_item *item)
{
    enum device_class class = (enum device_class)q->method->detail;
    struct span name, backend = span_split(q->request.argument, '+', &name);
    struct reader in = api_attached(self, vm_qid(q->dest), class);
    char port[OLD_NAME];
    while (attached_item_next(&in, item) == 1) {
        name_of_port(class, devices, span_of(item->port), port);
        if (span_is(backend, item->backend) && (span_is(name, port) || span_is(name, item->port)))
            return 1;
    }
    return 0;
}

static int detach(struct api *self, struct out *out, const struct asked *q, const struct wire_list *devices,
                  struct text *reply, struct fault *why)
{
    struct attached_item item;
    (void)reply;
    if (find_attached(self, q, devices, &item)) {
        struct device d = attached_device((enum device_class)q->method->detail, &item);
        if (!is_assigned(self, vm_qid(q->dest), &d))
            return api_ask_detach(self, out, q, &d);
    }
    return operate(self, out, q, OPERATION_device_drop, devices, (struct span){NULL, 0}, why);
}

int api_old_detach(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    enum device_class class;
    int r = served(self, q, &class, why);
    return r < 0 ? r : with_all(self, out, q, detach, reply, why);
}

static int persist(struct api *self, struct out *out, const struct asked *q, const struct wire_list *devices,
                   struct text *reply, struct fault *why)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct attached_item item = {.backend = ""};
    bool attached = find_attached(self, q, devices, &item);
    (void)reply;
    if (!span_is(q->request.payload, "True") && !span_is(q->request.payload, "False"))
        return fault_set(why, ERR_PROTOCOL, "persistent is True or False");
    if (!attached && !world_is_halted(&self->world, vm_qid(q->dest)))
        return fault_set(why, ERR_PROTOCOL, "no such device is attached to '%s'", vm_name(q->dest));
    text_append(&value, q->request.payload);
    if (item.options.len > 0)
        text_byte(&value, '\n');
    text_append(&value, item.options);
    if (value.failed < 0)
        return value.failed;
    return operate(self, out, q, OPERATION_device_persist, devices, text_span(&value), why);
}

int api_do_device_persist(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                          struct fault *why)
{
    enum device_class class;
    int r = served(self, q, &class, why);
    return r < 0 ? r : with_all(self, out, q, persist, reply, why);
}
