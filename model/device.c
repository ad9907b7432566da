/* SPDX-License-Identifier: MIT
 * Identities of devices: reading, writing, comparing; see device.h. */
#include "model/device.h"

#include <string.h>

#include "base/own.h"
#include "model/names.h"

#define UNKNOWN_INTERFACE "?******"
enum { INTERFACE_LEN = 7 };

static const struct class_row {
    const char *name;
    bool core, options;
} classes[DEVICE_CLASSES] = {
#define DEVICE_CLASS(name_, core_, options_, meaning) {#name_, core_, options_},
#include "model/device_class.def"
};

static const char *const modes[DEVICE_MODES] = {
#define DEVICE_MODE(name, text, meaning) text,
#include "model/device_mode.def"
};

const char *device_class_name(enum device_class class)
{
    return (unsigned)class < DEVICE_CLASSES ? classes[class].name : "";
}

int device_class_parse(struct span name, enum device_class *class)
{
    for (unsigned i = 0; i < DEVICE_CLASSES; i++) {
        if (span_is(name, classes[i].name)) {
            *class = (enum device_class)i;
            return 0;
        }
    }
    return -ERR_UNKNOWN;
}

bool device_class_is_core(enum device_class class)
{
    return (unsigned)class < DEVICE_CLASSES && classes[class].core;
}

int device_classes_parse(struct span names, unsigned *set, struct fault *why)
{
    enum device_class class;
    unsigned found = 0;
    while (names.len > 0) {
        struct span name = span_split(names, ',', &names);
        if (device_class_parse(name, &class) < 0)
            return fault_set(why, ERR_RANGE, "--more-devices: '%.*s' is no class of devices", (int)name.len,
                             name.at);
        found |= 1u << class;
    }
    *set = found;
    return 0;
}

bool device_class_is_served(enum device_class class, unsigned more)
{
    return device_class_is_core(class) || (more & 1u << class) != 0;
}

bool device_class_takes_options(enum device_class class)
{
    return (unsigned)class < DEVICE_CLASSES && classes[class].options;
}

const char *device_mode_name(enum device_mode mode)
{
    return (unsigned)mode < DEVICE_MODES ? modes[mode] : "";
}

int device_mode_parse(struct span word, enum device_mode *mode)
{
    for (unsigned i = 0; i < DEVICE_MODES; i++) {
        if (span_is(word, modes[i])) {
            *mode = (enum device_mode)i;
            return 0;
        }
    }
    return -ERR_DEVICE_MODE;
}

bool device_is_any(struct span part)
{
    return span_is(part, "*");
}

bool device_equal(const struct device *a, const struct device *b)
{
    return a->class == b->class && span_equal(a->backend, b->backend) && span_equal(a->port, b->port) &&
           span_equal(a->id, b->id);
}

/* A pattern without backend means nobody's device: the reference resolves none for it. */
bool device_matches(const struct device *pattern, const struct device *real)
{
    return pattern->class == real->class && span_equal(pattern->backend, real->backend) &&
           (device_is_any(pattern->port) || span_equal(pattern->port, real->port)) &&
           (device_is_any(pattern->id) || span_equal(pattern->id, real->id));
}

/* Any ("*") comes last, whatever the others are. */
static int descending(struct span a, struct span b)
{
    if (device_is_any(a) || device_is_any(b))
        return device_is_any(a) - device_is_any(b);
    return span_order(b, a);
}

int device_tried_order(const struct device *a, const struct device *b)
{
    int order = descending(a->backend, b->backend);
    if (order == 0 && a->class != b->class)
        order = span_order(span_of(device_class_name(b->class)), span_of(device_class_name(a->class)));
    if (order == 0)
        order = descending(a->port, b->port);
    return order != 0 ? order : descending(a->id, b->id);
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] > '~')
            return false;
    return true;
}

int device_check(const struct device *d, struct fault *why)
{
    if (d->port.len == 0 || d->port.len > DEVICE_PORT_MAX)
        return fault_set(why, ERR_PROTOCOL, "a device's port has 1 to %d characters", DEVICE_PORT_MAX);
    if (d->id.len == 0 || d->id.len > DEVICE_ID_MAX)
        return fault_set(why, ERR_PROTOCOL, "a device's id has 1 to %d characters", DEVICE_ID_MAX);
    if (!is_printable(d->port) || memchr(d->port.at, ' ', d->port.len) != NULL || !is_printable(d->id))
        return fault_set(why, ERR_PROTOCOL,
                         "a device's port and id are printable ASCII, the port without a space");
    return 0;
}

static bool fits(struct span s, const char *form)
{
    size_t i = 0;
    for (; i < s.len && form[i] != '\0'; i++) {
        bool is_hex = (s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'a' && s.at[i] <= 'f');
        bool is_joint = s.at[i] == '_' || s.at[i] == ':';
        if (form[i] == 'h' ? !is_hex : form[i] == '_' ? !is_joint : s.at[i] != form[i])
            return false;
    }
    return i == s.len && form[i] == '\0';
}

bool device_port_is_pci(struct span port)
{
    struct span behind, first = span_split(port, '-', &behind);
    bool is_path = behind.at != NULL, is_one = fits(first, "hh_hh.h") || fits(first, "hhhh_hh_hh.h");
    while (is_one && is_path) {
        struct span part = span_split(behind, '-', &behind);
        is_path = behind.at != NULL;
        is_one = fits(part, "hh_hh.h");
    }
    return is_one;
}

/* Seven underscores, from the left, each time. Same length: in place. */
static void expand_unknown(char *at, size_t len)
{
    size_t run = 0;
    for (size_t i = 0; i < len; i++) {
        run = at[i] == '_' ? run + 1 : 0;
        if (run == INTERFACE_LEN) {
            memcpy(at + i + 1 - INTERFACE_LEN, UNKNOWN_INTERFACE, INTERFACE_LEN);
            run = 0;
        }
    }
}

static struct span or_any(struct span part)
{
    return part.len == 0 || span_is(part, "_") ? SPAN_LITERAL("*") : part;
}

int device_argument_parse(enum device_class class, struct span argument, char *room, struct device *out,
                          struct fault *why)
{
    struct span rest, backend = span_split(argument, '+', &rest);
    if (rest.at == NULL || backend.len == 0)
        return fault_set(why, ERR_PROTOCOL, "a device is named by BACKEND+PORT or BACKEND+PORT+ID");
    size_t at = backend.len + 1, len = argument.len - at;
    memcpy(room, argument.at, argument.len);
    for (size_t i = at; i < argument.len; i++)
        if (room[i] == '+')
            room[i] = ':';
    struct device d = {.class = class, .backend = {room, backend.len}};
    struct span port = span_split((struct span){room + at, len}, ':', &d.id);
    if (d.id.len != 1)
        expand_unknown(room + at + port.len, len - port.len);
    d.backend = span_is(d.backend, "_") ? SPAN_LITERAL("*") : d.backend;
    d.port = span_is(port, "_") ? SPAN_LITERAL("*") : port;
    d.id = or_any(d.id);
    int r = device_check(&d, why);
    if (r == 0)
        *out = d;
    return r;
}

static void add_for_argument(struct text *to, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        struct span left = {s.at + i, s.len - i};
        if (span_starts(left, UNKNOWN_INTERFACE)) {
            text_add(to, "_______");
            i += INTERFACE_LEN - 1;
        } else {
            text_byte(to, (char)(s.at[i] == ':' ? '+' : s.at[i] == '*' ? '_' : s.at[i]));
        }
    }
}

void device_argument_write(struct text *to, const struct device *d)
{
    add_for_argument(to, d->backend);
    text_byte(to, '+');
    add_for_argument(to, d->port);
    text_byte(to, '+');
    add_for_argument(to, d->id);
}

void device_port_text(struct text *to, const struct device *d)
{
    text_append(to, d->backend);
    text_byte(to, ':');
    text_append(to, d->port);
}

void device_text(struct text *to, const struct device *d)
{
    device_port_text(to, d);
    text_byte(to, ':');
    text_append(to, d->id);
}

void device_key_write(struct text *to, const struct device *d)
{
    text_add(to, device_class_name(d->class));
    text_byte(to, ' ');
    text_append(to, d->backend);
    text_byte(to, ' ');
    text_append(to, d->port);
    text_byte(to, ' ');
    text_append(to, d->id);
}

int device_key_read(struct span key, struct device *out)
{
    struct device d;
    struct span rest, class = span_split(key, ' ', &rest);
    d.backend = span_split(rest, ' ', &rest);
    d.port = span_split(rest, ' ', &d.id);
    if (device_class_parse(class, &d.class) < 0 || d.backend.len == 0 || d.port.len == 0 || d.id.len == 0)
        return -ERR_BAD;
    *out = d;
    return 0;
}
