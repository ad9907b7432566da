/* SPDX-License-Identifier: MIT
 * Assignments as they are stored, and the lines of Available, Assigned and Attached; see device_wire.h. */
#include "model/device_wire.h"

#include <string.h>

#include "base/own.h"

int assignment_read(struct span key, struct span value, struct assignment *out)
{
    struct assignment a = {.mode = DEVICE_MODE_REQUIRED};
    struct span rest = value;
    if (device_key_read(key, &a.device) < 0)
        return -ERR_BAD;
    while (rest.len > 0) {
        struct span from = rest, line = span_split(rest, '\n', &rest);
        if (span_starts(line, "option:")) {
            a.options = from;
            break;
        }
        if (span_starts(line, "frontend="))
            a.frontend = (struct span){line.at + 9, line.len - 9};
        if (span_starts(line, "mode=") &&
            device_mode_parse((struct span){line.at + 5, line.len - 5}, &a.mode) < 0)
            return -ERR_BAD;
    }
    *out = a;
    return 0;
}

void assignment_value_write(struct text *to, enum device_mode mode, struct span frontend, struct span options)
{
    text_add(to, "mode=");
    text_add(to, device_mode_name(mode));
    if (frontend.at != NULL) {
        text_add(to, "\nfrontend=");
        text_append(to, frontend);
    }
    if (options.len > 0) {
        text_byte(to, '\n');
        text_append(to, options);
    }
}

int assignment_option(struct span *lines, struct span *name, struct span *value)
{
    while (lines->len > 0) {
        struct span line = span_split(*lines, '\n', lines);
        if (!span_starts(line, "option:"))
            continue;
        *name = span_split((struct span){line.at + 7, line.len - 7}, '=', value);
        if (value->at == NULL)
            *value = SPAN_LITERAL("");
        return 1;
    }
    return 0;
}

bool assignment_option_named(struct span lines, const char *wanted, struct span *value)
{
    struct span name;
    while (assignment_option(&lines, &name, value))
        if (span_is(name, wanted))
            return true;
    return false;
}

bool assignment_option_given(struct span lines, const char *wanted)
{
    struct span value;
    return assignment_option_named(lines, wanted, &value) && value.len > 0;
}

void assignment_option_write(struct text *lines, struct span name, struct span value)
{
    if (lines->len > 0)
        text_byte(lines, '\n');
    text_add(lines, "option:");
    text_append(lines, name);
    text_byte(lines, '=');
    text_append(lines, value);
}

/* A text as Python's repr shows it. */
static void add_quoted(struct text *to, struct span s)
{
    bool has_single = s.len > 0 && memchr(s.at, '\'', s.len) != NULL;
    char quote = has_single && memchr(s.at, '"', s.len) == NULL ? '"' : '\'';
    text_byte(to, quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\' || s.at[i] == quote)
            text_byte(to, '\\');
        text_byte(to, s.at[i]);
    }
    text_byte(to, quote);
}

void options_text(struct text *to, struct span lines)
{
    const char *between = "{";
    struct span name, value;
    for (; assignment_option(&lines, &name, &value); between = ", ") {
        text_add(to, between);
        add_quoted(to, name);
        text_add(to, ": ");
        add_quoted(to, value);
    }
    text_add(to, between[0] == '{' ? "{}" : "}");
}

/* The four words that every line begins with. */
static int put_identity(struct text *to, const struct device *d, struct fault *why)
{
    int r = wire_put(to, "", span_of("device_id"), d->id, why);
    if (r == 0)
        r = wire_put(to, "", span_of("port_id"), d->port, why);
    if (r == 0)
        r = wire_put(to, "", span_of("devclass"), span_of(device_class_name(d->class)), why);
    return r < 0 ? r : wire_put(to, "", span_of("backend_domain"), d->backend, why);
}

int assignment_line(struct text *to, const struct assignment *a, struct span holder, struct fault *why)
{
    struct span options = a->options, name, value;
    struct span frontend = a->frontend.at != NULL ? a->frontend : holder;
    text_append(to, device_is_any(a->device.backend) ? SPAN_LITERAL("None") : a->device.backend);
    text_byte(to, '+');
    text_append(to, a->device.port);
    text_byte(to, ':');
    text_append(to, a->device.id);
    int r = put_identity(to, &a->device, why);
    if (r == 0)
        r = wire_put(to, "", span_of("mode"), span_of(device_mode_name(a->mode)), why);
    if (r == 0 && frontend.len > 0)
        r = wire_put(to, "", span_of("frontend_domain"), frontend, why);
    while (r == 0 && assignment_option(&options, &name, &value))
        r = wire_put(to, "_", name, value, why);
    return r;
}

/* What a device says of itself is shown as well as it can be: one odd byte does not hide the device. */
static void put_shown(struct text *to, const char *prefix, struct span key, struct span value)
{
    AUTO_TEXT shown = TEXT_WITH_LIMIT(4096);
    for (size_t i = 0; i < value.len; i++)
        text_byte(&shown, (char)(value.at[i] < ' ' || value.at[i] > '~' ? '?' : value.at[i]));
    (void)wire_put(to, prefix, key, text_span(&shown), NULL);
    if (shown.failed < 0 && to->failed == 0)
        to->failed = shown.failed;
}

static bool put_known(struct text *to, const char *key, struct span value)
{
    if (value.len == 0 || span_is(value, "unknown"))
        return false;
    put_shown(to, "", span_of(key), value);
    return true;
}

/* Where no name is known there stand two spaces, as clients are used to. */
static void put_names(struct text *to, const struct device_facts *f)
{
    bool any = put_known(to, "vendor", f->vendor);
    any |= put_known(to, "product", f->product);
    any |= put_known(to, "manufacturer", f->manufacturer);
    any |= put_known(to, "name", f->name);
    any |= put_known(to, "serial", f->serial);
    if (!any)
        text_byte(to, ' ');
}

void device_line(struct text *to, const struct device_facts *f)
{
    struct span data = f->data;
    text_append(to, f->device.port);
    text_byte(to, ':');
    text_append(to, f->device.id);
    put_shown(to, "", span_of("device_id"), f->device.id);
    put_shown(to, "", span_of("port_id"), f->device.port);
    put_shown(to, "", span_of("devclass"), span_of(device_class_name(f->device.class)));
    put_shown(to, "", span_of("backend_domain"), f->device.backend);
    put_names(to, f);
    (void)put_known(to, "attachment", f->attachment);
    (void)put_known(to, "interfaces", f->interfaces);
    (void)put_known(to, "parent_port_id", f->parent_port);
    (void)put_known(to, "parent_devclass", f->parent_class);
    while (data.len > 0) {
        struct span value, key = span_split(span_split(data, '\n', &data), '=', &value);
        put_shown(to, "_", key, value.at != NULL ? value : SPAN_LITERAL(""));
    }
}
