/* SPDX-License-Identifier: MIT
 * Assigning devices, taking that back, and changing how they come. What a VM has assigned says nothing of
 * what is attached to it. Spec: devices 7.3 to 7.5; admin-api-methods 8.4. */
#include "model/plan_device.h"

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

int device_target(struct doing *d, uint32_t qid)
{
    const struct vm *vm = ask_vm(&d->k, qid);
    if (vm == NULL || vm_name(vm) == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    if (!vm_is_local(vm))
        return fault_set(d->why, ERR_QUBES, "'%s' is on another host, which this one gives no devices",
                         vm_name(vm));
    return 0;
}

static int check_backend(const struct model *m, struct span backend, struct fault *why)
{
    if (device_is_any(backend) || model_named(m, backend) != NULL)
        return 0;
    return fault_plain(why, fault_set(why, ERR_VM_NOT_FOUND, "no such domain: '%.*s'",
                                      backend.len > 100 ? 100 : (int)backend.len, backend.at));
}

int device_argument_read(const struct model *m, enum device_class class, struct span argument, char *room,
                         struct device *device, struct fault *why)
{
    struct device found;
    int r = device_argument_parse(class, argument, room, &found, why);
    if (r == 0 && span_starts(argument, "*"))
        r = fault_set(why, ERR_VM_NOT_FOUND, "no such domain: '*'; any backend is written as _");
    if (r == 0)
        r = check_backend(m, found.backend, why);
    if (r == 0)
        *device = found;
    return r;
}

int device_key_operand(struct doing *d, struct span key, struct device *device)
{
    struct span argument, class_name = span_split(key, ' ', &argument);
    enum device_class class;
    if (device_class_parse(class_name, &class) < 0)
        return fault_set(d->why, ERR_PROTOCOL, "no such class of devices");
    char *room = plan_room(d->p, argument.len + 1);
    if (room == NULL)
        return d->p->failed;
    return device_argument_read(d->k.model, class, argument, room, device, d->why);
}

struct span device_planned_text(struct doing *d, void (*write)(struct text *, const struct device *),
                                const struct device *device)
{
    AUTO_TEXT t = TEXT_WITH_LIMIT(DEVICE_PLANNED_MAX);
    write(&t, device);
    if (t.failed < 0 && d->p->failed == 0)
        d->p->failed = t.failed;
    return plan_keep(d->p, text_span(&t));
}

/* Errors that Python keeps as keys show their text as a literal. */
int device_fault(struct fault *why, enum err code, const struct device *device, const char *what,
                 const char *vm)
{
    AUTO_TEXT t = TEXT_WITH_LIMIT(2048);
    device_text(&t, device);
    return fault_plain(why, fault_set(why, code, "'%s device %.*s %s %s'", device_class_name(device->class),
                                      t.len > 300 ? 300 : (int)t.len, t.at != NULL ? t.at : "", what, vm));
}

void device_fire(struct doing *d, const char *prefix, uint32_t qid, enum device_class class, const char *key,
                 struct span text, const struct span *option_lines)
{
    struct plan_pair pair[2] = {{key, text}};
    unsigned pairs = 1;
    AUTO_TEXT options = TEXT_WITH_LIMIT(DEVICE_PLANNED_MAX);
    if (option_lines != NULL) {
        options_text(&options, *option_lines);
        pair[pairs++] = (struct plan_pair){"options", text_span(&options)};
    }
    if (options.failed < 0 && d->p->failed == 0)
        d->p->failed = options.failed;
    plan_event(d->p, qid, prefix, span_of(device_class_name(class)), pairs, pair);
}

int device_store(struct doing *d, uint32_t qid, const struct assignment *a)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(DEVICE_PLANNED_MAX);
    assignment_value_write(&value, a->mode, a->frontend, a->options);
    plan_change(d->p, CHANGE_DEVICE, qid, device_planned_text(d, device_key_write, &a->device),
                text_span(&value));
    return value.failed;
}

int device_stored(struct doing *d, uint32_t qid, const struct device *device, struct assignment *a)
{
    struct span value, key = device_planned_text(d, device_key_write, device);
    if (!known_item(&d->k, CHANGE_DEVICE, qid, key, &value))
        return 0;
    return assignment_read(key, plan_keep(d->p, value), a) == 0;
}

/* What the bus says to an assignment before it is made (devbus-usb-mic). */
static int ask_bus(struct doing *d, const struct assignment *a)
{
    if (a->options.len == 0 || device_class_takes_options(a->device.class))
        return 0;
    return fault_set(d->why, ERR_QUBES, "%s assignment does not support user options",
                     a->device.class == DEVICE_mic ? "Microphone" : "USB device");
}

static void gather_options(struct doing *d, const struct device_payload *said, struct assignment *a)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(DEVICE_PLANNED_MAX);
    for (size_t i = 0; i < said->pairs; i++)
        if (said->pair[i].is_option)
            assignment_option_write(&lines, said->pair[i].key, said->pair[i].value);
    if (lines.failed < 0 && d->p->failed == 0)
        d->p->failed = lines.failed;
    a->options = lines.len > 0 ? plan_keep(d->p, text_span(&lines)) : (struct span){NULL, 0};
}

int device_frontend_check(const struct model *m, const struct device *device, struct span frontend,
                          struct fault *why)
{
    if (frontend.at == NULL)
        return 0;
    if (device_is_any(device->backend))
        return fault_set(why, ERR_PROTOCOL, "without a backend nobody knows where frontend_domain would be");
    if (model_named(m, frontend) != NULL)
        return 0;
    return fault_set(why, ERR_PROTOCOL, "the payload's frontend_domain is no domain");
}

static int read_payload(struct doing *d, struct span payload, struct assignment *a)
{
    struct device_payload said;
    char *room = plan_room(d->p, payload.len + 1);
    if (room == NULL)
        return d->p->failed;
    int r = device_payload_parse(&a->device, payload, room, &said, d->why);
    if (r == 0)
        r = device_frontend_check(d->k.model, &a->device, said.frontend, d->why);
    if (r < 0)
        return r;
    a->device.id = said.id;
    a->mode = said.mode;
    a->frontend = said.frontend.at != NULL ? said.frontend : SPAN_LITERAL("");
    gather_options(d, &said, a);
    return 0;
}

/* One that is named by port and id is looked up first, and no bus looks up what cannot be a port of its. */
static int check_port(struct doing *d, const struct device *device)
{
    if (device->class != DEVICE_pci || device_is_any(device->port) || device_is_any(device->id) ||
        device_port_is_pci(device->port))
        return 0;
    return fault_set(d->why, ERR_PROTOCOL,
                     "a PCI device's port is written BB_DD.F, with a -BB_DD.F for each bridge");
}

static int assign(struct doing *d, uint32_t qid, struct span key, struct span payload)
{
    struct assignment a = {.mode = DEVICE_MODE_MANUAL}, other;
    int r = device_target(d, qid);
    if (r == 0)
        r = device_key_operand(d, key, &a.device);
    if (r == 0)
        r = check_port(d, &a.device);
    if (r == 0)
        r = read_payload(d, payload, &a);
    if (r < 0)
        return r;
    if (device_stored(d, qid, &a.device, &other))
        return device_fault(d->why, ERR_DEVICE_ASSIGNED, &a.device, "is already assigned to",
                            vm_name(ask_vm(&d->k, qid)));
    if (a.mode == DEVICE_MODE_MANUAL)
        return fault_set(d->why, ERR_VALUE,
                         "an assignment is required, auto-attach or ask-to-attach; what is "
                         "attached by hand is not assigned");
    struct span text = device_planned_text(d, device_text, &a.device);
    device_fire(d, "device-pre-assign:", qid, a.device.class, "device", text, &a.options);
    r = ask_bus(d, &a);
    if (r == 0)
        r = device_store(d, qid, &a);
    if (r == 0)
        device_fire(d, "device-assign:", qid, a.device.class, "device", text, &a.options);
    return r;
}

static int unassign(struct doing *d, uint32_t qid, struct span key)
{
    struct device device = {0};
    struct assignment a;
    int r = device_target(d, qid);
    if (r == 0)
        r = device_key_operand(d, key, &device);
    if (r < 0)
        return r;
    if (!device_stored(d, qid, &device, &a))
        return device_fault(d->why, ERR_DEVICE_NOT_ASSIGNED, &device, "is not assigned to",
                            vm_name(ask_vm(&d->k, qid)));
    plan_gone(d->p, CHANGE_DEVICE, qid, device_planned_text(d, device_key_write, &device));
    device_fire(d, "device-unassign:", qid, device.class, "device",
                device_planned_text(d, device_text, &device), NULL);
    return 0;
}

static int read_mode(struct doing *d, struct span word, enum device_mode *mode)
{
    if (device_mode_parse(word, mode) == 0 && *mode != DEVICE_MODE_MANUAL)
        return 0;
    return fault_set(d->why, ERR_DEVICE_MODE, "the mode is required, auto-attach or ask-to-attach");
}

static int not_assigned(struct doing *d, uint32_t qid, const struct device *device)
{
    struct span text = device_planned_text(d, device_text, device);
    return fault_plain(d->why,
                       fault_set(d->why, ERR_VALUE, "device %.*s is not assigned to %s",
                                 text.len > 300 ? 300 : (int)text.len, text.at, vm_name(ask_vm(&d->k, qid))));
}

static int set_mode(struct doing *d, uint32_t qid, struct span key, struct span word)
{
    struct device device = {0};
    struct assignment a;
    enum device_mode mode;
    int r = read_mode(d, word, &mode);
    if (r == 0)
        r = device_target(d, qid);
    if (r == 0)
        r = device_key_operand(d, key, &device);
    if (r < 0)
        return r;
    if (!device_stored(d, qid, &device, &a))
        return not_assigned(d, qid, &device);
    if (a.mode == mode)
        return 0;
    a.mode = mode;
    struct span text = device_planned_text(d, device_text, &device);
    device_fire(d, "device-pre-assign:", qid, device.class, "device", text, &a.options);
    r = ask_bus(d, &a);
    if (r == 0)
        r = device_store(d, qid, &a);
    if (r == 0)
        device_fire(d, "device-assignment-changed:", qid, device.class, "device", text, NULL);
    return r;
}

void do_devices_forget(struct doing *d, const struct vm *backend)
{
    struct assignment a;
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        const struct item *at = vm != backend ? model_items(d->k.model, vm->qid, CHANGE_DEVICE) : NULL;
        for (; at != NULL; at = at->next) {
            struct span key = {at->key, at->key_len};
            if (assignment_read(key, (struct span){at->value, at->value_len}, &a) == 0 &&
                span_is(a.device.backend, vm_name(backend)))
                plan_gone(d->p, CHANGE_DEVICE, vm->qid, key);
        }
    }
}

int plan_device_assign(const struct known *k, uint32_t actor, uint32_t qid, struct span key,
                       struct span payload, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, assign(&d, qid, key, payload));
}

int plan_device_unassign(const struct known *k, uint32_t actor, uint32_t qid, struct span key, struct plan *p,
                         struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, unassign(&d, qid, key));
}

int plan_device_mode(const struct known *k, uint32_t actor, uint32_t qid, struct span key, struct span mode,
                     struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, set_mode(&d, qid, key, mode));
}
