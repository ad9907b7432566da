/* SPDX-License-Identifier: MIT
 * What clients of before 4.3 ask of devices, in terms of assignments: persistent is a required assignment of
 * any device at that port. Spec: devices 3, 4; admin-api-methods 9. */
#include "model/plan_device.h"

#include <string.h>

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

static struct span next_word(struct span *rest)
{
    size_t len = 0;
    *rest = span_trim(*rest);
    while (len < rest->len && rest->at[len] != ' ' && (rest->at[len] < '\t' || rest->at[len] > '\r'))
        len++;
    struct span word = {rest->at, len};
    *rest = (struct span){rest->at + len, rest->len - len};
    return word;
}

int device_old_options(struct span payload, struct text *lines, bool *persistent, struct fault *why)
{
    bool keep = false;
    while (span_trim(payload).len > 0) {
        struct span value, key = span_split(next_word(&payload), '=', &value);
        if (value.at == NULL)
            return fault_set(why, ERR_PROTOCOL, "an option is written KEY=VALUE");
        if (span_is(key, "persistent")) {
            int r = bool_parse(value, &keep, why);
            if (r < 0)
                return r;
            continue;
        }
        if (key.len == 0 || !span_is_plain(key, "._-") || !span_is_plain(value, "._-,+:"))
            return fault_set(why, ERR_PROTOCOL,
                             "an option's name is of letters, digits and ._-, its value also of ,+:");
        assignment_option_write(lines, key, value);
    }
    *persistent = keep;
    return lines->failed;
}

static bool is_at(const struct assignment *a, const struct device *device)
{
    return a->device.class == device->class && span_equal(a->device.backend, device->backend) &&
           span_equal(a->device.port, device->port);
}

/* The next of a VM's assignments at the port of `device`: NULL at the end. */
static const struct item *next_at(const struct item *from, const struct device *device, struct assignment *a)
{
    for (; from != NULL; from = from->next) {
        int r = assignment_read((struct span){from->key, from->key_len},
                                (struct span){from->value, from->value_len}, a);
        if (r == 0 && is_at(a, device))
            return from;
    }
    return NULL;
}

static const struct item *first_at(struct doing *d, uint32_t qid, const struct device *device,
                                   struct assignment *a)
{
    return next_at(model_items(d->k.model, qid, CHANGE_DEVICE), device, a);
}

int device_attach_check(const struct known *k, enum device_class class, uint32_t qid, struct fault *why)
{
    struct property_value mode;
    if (class != DEVICE_pci)
        return 0;
    if (qid == 0)
        return fault_set(why, ERR_QUBES, "Can't attach PCI device to dom0");
    property_get(k, qid, PROPERTY_virt_mode, &mode);
    if (span_is(mode.text, "pvh"))
        return fault_set(why, ERR_QUBES, "Can't attach PCI device to VM in pvh mode");
    return 0;
}

static int operand(struct doing *d, uint32_t qid, struct span key, struct device *device)
{
    int r = device_target(d, qid);
    if (r == 0)
        r = device_key_operand(d, key, device);
    if (r == 0 && !device_is_any(device->id))
        return fault_set(d->why, ERR_PROTOCOL, "in this form a device is named by BACKEND+PORT");
    return r;
}

static int check_halted(struct doing *d, uint32_t qid, const char *what)
{
    if (world_is_halted(d->k.world, qid))
        return 0;
    return fault_set(d->why, ERR_VM_NOT_HALTED, "shut '%s' down before a persistent device is %s",
                     vm_name(ask_vm(&d->k, qid)), what);
}

static int keep(struct doing *d, uint32_t qid, struct span key, struct span payload)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(DEVICE_PLANNED_MAX);
    struct assignment a = {.mode = DEVICE_MODE_REQUIRED, .frontend = SPAN_LITERAL("")}, other;
    bool persistent = false;
    int r = device_old_options(payload, &lines, &persistent, d->why);
    if (r == 0)
        r = operand(d, qid, key, &a.device);
    if (r == 0 && !persistent)
        r = fault_set(d->why, ERR_PROTOCOL, "only a persistent device is kept");
    if (r == 0)
        r = check_halted(d, qid, "attached");
    if (r == 0 && first_at(d, qid, &a.device, &other) != NULL)
        r = device_fault(d->why, ERR_DEVICE_ATTACHED, &a.device, "is already attached to",
                         vm_name(ask_vm(&d->k, qid)));
    if (r < 0)
        return r;
    a.options = plan_keep(d->p, text_span(&lines));
    struct span text = device_planned_text(d, device_port_text, &a.device);
    device_fire(d, "device-pre-attach:", qid, a.device.class, "device", text, &a.options);
    r = device_attach_check(&d->k, a.device.class, qid, d->why);
    if (r == 0)
        r = device_store(d, qid, &a);
    if (r == 0)
        device_fire(d, "device-attach:", qid, a.device.class, "device", text, &a.options);
    return r;
}

static void take_away_at(struct doing *d, uint32_t qid, const struct device *device)
{
    struct assignment a;
    const struct item *at = first_at(d, qid, device, &a);
    for (; at != NULL; at = next_at(at->next, device, &a))
        plan_gone(d->p, CHANGE_DEVICE, qid, (struct span){at->key, at->key_len});
}

static int drop(struct doing *d, uint32_t qid, struct span key)
{
    struct device device = {0};
    struct assignment a;
    int r = operand(d, qid, key, &device);
    if (r < 0)
        return r;
    if (first_at(d, qid, &device, &a) == NULL)
        return device_fault(d->why, ERR_DEVICE_NOT_ATTACHED, &device, "is not attached to",
                            vm_name(ask_vm(&d->k, qid)));
    r = check_halted(d, qid, "detached");
    if (r < 0)
        return r;
    struct span text = device_planned_text(d, device_port_text, &device);
    device_fire(d, "device-pre-detach:", qid, device.class, "device", text, NULL);
    take_away_at(d, qid, &device);
    device_fire(d, "device-detach:", qid, device.class, "device", text, NULL);
    return 0;
}

static bool are_options(struct span lines)
{
    while (lines.len > 0)
        if (!span_starts(span_split(lines, '\n', &lines), "option:"))
            return false;
    return true;
}

/* No events: devices 3.3. */
static int persist(struct doing *d, uint32_t qid, struct span key, struct span value)
{
    struct assignment a = {.mode = DEVICE_MODE_REQUIRED, .frontend = SPAN_LITERAL("")}, other;
    struct span word = span_split(value, '\n', &a.options);
    int r = operand(d, qid, key, &a.device);
    if (r < 0)
        return r;
    if ((!span_is(word, "True") && !span_is(word, "False")) || !are_options(a.options))
        return fault_set(d->why, ERR_PROTOCOL, "persistent is True or False");
    if (world_is_halted(d->k.world, qid))
        return fault_set(d->why, ERR_VM_NOT_STARTED, "'%s' is not started, so nothing is attached to it",
                         vm_name(ask_vm(&d->k, qid)));
    if (span_is(word, "False"))
        take_away_at(d, qid, &a.device);
    else if (first_at(d, qid, &a.device, &other) == NULL)
        return device_store(d, qid, &a);
    return 0;
}

int plan_device_keep(const struct known *k, uint32_t actor, uint32_t qid, struct span key,
                     struct span payload, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, keep(&d, qid, key, payload));
}

int plan_device_drop(const struct known *k, uint32_t actor, uint32_t qid, struct span key, struct plan *p,
                     struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, drop(&d, qid, key));
}

int plan_device_persist(const struct known *k, uint32_t actor, uint32_t qid, struct span key,
                        struct span value, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, persist(&d, qid, key, value));
}
