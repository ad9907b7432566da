/* SPDX-License-Identifier: MIT
 * Words of the form key='value': writing, and reading what clients wrote; see device_wire.h. */
#include "model/device_wire.h"

#include <string.h>

#include "base/own.h"
#include "model/names.h"

bool wire_is_value(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < ' ' || value.at[i] > '~')
            return false;
    return true;
}

bool wire_is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++)
        if (strchr(" \"'=`", key.at[i]) != NULL)
            return false;
    return wire_is_value(key);
}

static void add_escaped(struct text *to, struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\'')
            text_byte(to, '\\');
        text_byte(to, value.at[i]);
    }
}

int wire_put(struct text *to, const char *prefix, struct span key, struct span value, struct fault *why)
{
    if (!wire_is_key(key))
        return fault_plain(why, fault_set(why, ERR_PROTOCOL,
                                          "the property name '%.*s' holds characters that cannot be told",
                                          key.len > 100 ? 100 : (int)key.len, key.at));
    if (!wire_is_value(value))
        return fault_plain(why, fault_set(why, ERR_PROTOCOL,
                                          "the value of '%.*s' holds characters that cannot be told",
                                          key.len > 100 ? 100 : (int)key.len, key.at));
    text_byte(to, ' ');
    text_add(to, prefix);
    text_append(to, key);
    text_add(to, "='");
    add_escaped(to, value);
    text_byte(to, '\'');
    return 0;
}

/* The first `='` of s: true with what is before and behind it. */
static bool cut(struct span s, struct span *before, struct span *behind)
{
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.at[i] == '=' && s.at[i + 1] == '\'') {
            *before = (struct span){s.at, i};
            *behind = (struct span){s.at + i + 2, s.len - i - 2};
            return true;
        }
    }
    return false;
}

/* The last `' ` of s, which ends a value and begins the next key. */
static bool cut_last(struct span s, struct span *before, struct span *behind)
{
    for (size_t i = s.len; i >= 2; i--) {
        if (s.at[i - 2] == '\'' && s.at[i - 1] == ' ') {
            *before = (struct span){s.at, i - 2};
            *behind = (struct span){s.at + i, s.len - i};
            return true;
        }
    }
    return false;
}

static struct span unescape(struct span value, char **room)
{
    struct span out = {*room, 0};
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\\' && i + 1 < value.len && value.at[i + 1] == '\'')
            i++;
        (*room)[out.len++] = value.at[i];
    }
    *room += out.len;
    return out;
}

static bool same_key(const struct wire_pair *p, struct span key, bool is_option)
{
    return p->is_option == is_option && span_equal(p->key, key);
}

static int keep(struct wire_pair *pair, size_t *count, struct span key, struct span value, char **room,
                struct fault *why)
{
    if (!wire_is_key(key))
        return fault_set(why, ERR_PROTOCOL, "a property's name has no quotes, spaces or '='");
    value = unescape(value, room);
    if (!wire_is_value(value))
        return fault_set(why, ERR_PROTOCOL, "a property's value is printable ASCII");
    bool is_option = span_starts(key, "_");
    if (is_option)
        key = (struct span){key.at + 1, key.len - 1};
    for (size_t i = 0; i < *count; i++) {
        if (same_key(&pair[i], key, is_option)) {
            pair[i].value = value;
            return 0;
        }
    }
    if (*count == WIRE_PAIRS_MAX)
        return fault_set(why, ERR_PROTOCOL, "at most %d properties are taken", WIRE_PAIRS_MAX);
    pair[(*count)++] = (struct wire_pair){key, value, is_option};
    return 0;
}

int wire_parse(struct span text, char *room, struct wire_pair pair[WIRE_PAIRS_MAX], size_t *count,
               struct fault *why)
{
    struct span rest = SPAN_LITERAL(""), key, piece, value, behind;
    size_t n = 0;
    int r = 0;
    if (!span_is_ascii(text))
        return fault_set(why, ERR_PROTOCOL, "properties are written in ASCII");
    text = span_trim(text);
    if (text.len > 0 && !cut(text, &key, &rest)) {
        key = text;
        rest = (struct span){text.at + text.len, 0};
    }
    while (text.len > 0 && r == 0 && cut(rest, &piece, &behind)) {
        struct span next;
        if (!cut_last(piece, &value, &next))
            return fault_set(why, ERR_PROTOCOL, "between two properties stand a quote and a space");
        r = keep(pair, &n, span_trim(key), value, &room, why);
        key = next;
        rest = behind;
    }
    if (text.len > 0 && r == 0) {
        value = (struct span){rest.at, rest.len > 0 ? rest.len - 1 : 0};
        r = keep(pair, &n, span_trim(key), value, &room, why);
    }
    if (r == 0)
        *count = n;
    return r;
}

static int check_same(const char *what, struct span given, struct span expected, struct fault *why)
{
    if (span_equal(given, expected))
        return 0;
    return fault_set(why, ERR_PROTOCOL, "the payload's %s is not the one that the argument names", what);
}

/* An id that the argument leaves open is the payload's. */
static int take_id(const struct device *expected, struct span given, struct device_payload *out,
                   struct fault *why)
{
    if (!device_is_any(expected->id))
        return check_same("device_id", given, expected->id, why);
    struct device as_given = *expected;
    as_given.id = out->id = given.len > 0 ? given : SPAN_LITERAL("*");
    return device_check(&as_given, why);
}

static int take_property(const struct device *expected, const struct wire_pair *p, struct device_payload *out,
                         struct fault *why)
{
    if (span_is(p->key, "backend_domain"))
        return check_same("backend_domain", p->value, expected->backend, why);
    if (span_is(p->key, "port_id"))
        return check_same("port_id", p->value, expected->port, why);
    if (span_is(p->key, "devclass"))
        return check_same("devclass", p->value, span_of(device_class_name(expected->class)), why);
    if (span_is(p->key, "device_id"))
        return take_id(expected, p->value, out, why);
    if (span_is(p->key, "frontend_domain")) {
        out->frontend = p->value;
        return 0;
    }
    if (span_is(p->key, "mode") && device_mode_parse(p->value, &out->mode) < 0)
        return fault_plain(why, fault_set(why, ERR_PROTOCOL, "'%.*s' is no mode of an assignment",
                                          p->value.len > 100 ? 100 : (int)p->value.len, p->value.at));
    if (span_is(p->key, "mode") || span_is(p->key, "device") || span_is(p->key, "port") ||
        span_is(p->key, "options"))
        return 0;
    return fault_plain(why, fault_set(why, ERR_PROTOCOL,
                                      "an assignment has no property '%.*s'; options begin with '_'",
                                      p->key.len > 100 ? 100 : (int)p->key.len, p->key.at));
}

/* qubes.xml keeps no option without a name, and reads one called identity as the device's id. */
static int check_option(const struct wire_pair *p, struct fault *why)
{
    if (p->key.len > 0 && !span_is(p->key, "identity"))
        return 0;
    return fault_set(why, ERR_PROTOCOL, "an option needs a name, and one other than identity");
}

int device_payload_parse(const struct device *expected, struct span payload, char *room,
                         struct device_payload *out, struct fault *why)
{
    *out = (struct device_payload){.mode = DEVICE_MODE_MANUAL, .id = expected->id};
    int r = wire_parse(payload, room, out->pair, &out->pairs, why);
    for (size_t i = 0; r == 0 && i < out->pairs; i++)
        r = out->pair[i].is_option ? check_option(&out->pair[i], why)
                                   : take_property(expected, &out->pair[i], out, why);
    return r;
}
