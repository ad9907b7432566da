/* SPDX-License-Identifier: MIT
 * admin.pool.Add: a new pool's options read, and written as the store keeps them (admin-api-methods 5.1); in
 * api. */
#include <inttypes.h>
#include <string.h>

#include "actors/api/api_pool.h"
#include "base/own.h"
#include "model/names.h"

enum { PARAMETERS_MOST = 8, NAME_MOST = 64, PATH_MOST = 512 };

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", s.at[i]) == NULL ||
            s.at[i] == '\0')
            return false;
    return true;
}

struct pool_wish {
    struct span name, key[PARAMETERS_MOST], value[PARAMETERS_MOST];
    size_t count;
};

static int take_line(struct pool_wish *w, struct span line, struct fault *why)
{
    struct span value, key = span_split(line, '=', &value);
    if (value.at == NULL)
        return fault_set(why, ERR_PROTOCOL, "a pool is described by lines key=value");
    bool twice = span_is(key, "name") && w->name.at != NULL;
    for (size_t i = 0; i < w->count; i++)
        twice = twice || span_equal(w->key[i], key);
    if (twice)
        return fault_set(why, ERR_PROTOCOL, "a key is given twice");
    if (span_is(key, "name")) {
        w->name = value;
        return 0;
    }
    if (w->count == PARAMETERS_MOST)
        return fault_set(why, ERR_PROTOCOL, "no driver has so many options");
    w->key[w->count] = key;
    w->value[w->count++] = value;
    return 0;
}

static int read_wish(struct span payload, struct pool_wish *w, struct fault *why)
{
    int r = 0;
    for (size_t i = 0; i < payload.len; i++)
        if ((unsigned char)payload.at[i] >= 0x80 || payload.at[i] == '\0')
            return fault_set(why, ERR_PROTOCOL, "a pool is described in ASCII");
    while (payload.len > 0 && r >= 0) {
        struct span line = span_split(payload, '\n', &payload);
        r = take_line(w, line, why);
    }
    if (r < 0)
        return r;
    if (w->name.at == NULL)
        return fault_set(why, ERR_PROTOCOL, "the pool's name is missing");
    if (!is_name(w->name) || w->name.len > NAME_MOST)
        return fault_set(why, ERR_PROTOCOL, "a pool is named with letters, digits, '.', '_' and '-'");
    return w->name.len > 0 ? 0 : fault_set(why, ERR_QUBES, "the pool's name is empty");
}

static const struct span *given(const struct pool_wish *w, struct span key)
{
    for (size_t i = 0; i < w->count; i++)
        if (span_equal(w->key[i], key))
            return &w->value[i];
    return NULL;
}

/* "True" or "False" for the words that say so; NULL for others, which the plan refuses. */
static const char *truth_of(struct span word)
{
    static const char *const yes[] = {"True", "1", "on"}, *const no[] = {"False", "0", "off", ""};
    for (size_t i = 0; i < COUNT(yes); i++)
        if (span_is(word, yes[i]))
            return "True";
    for (size_t i = 0; i < COUNT(no); i++)
        if (span_is(word, no[i]))
            return "False";
    return NULL;
}

/* The same for the switch of a pool's setup, which is said as properties are; others its driver refuses. */
static struct span checked(struct span word)
{
    bool yes = false;
    if (word.len > 0 && bool_parse(word, &yes, NULL) < 0)
        return word;
    return span_of(yes ? "True" : "False");
}

/* Without "//", "/./", "/../" and a slash at its end. */
static void add_directory(struct text *lines, struct span path)
{
    char made[PATH_MOST] = "/";
    size_t len = 0;
    if (path.len == 0 || path.at[0] != '/' || path.len >= sizeof made) {
        text_append(lines, path); /* its driver refuses it */
        return;
    }
    for (struct span part; path.len > 0;) {
        part = span_split(path, '/', &path);
        if (span_is(part, ".."))
            while (len > 0 && made[--len] != '/')
                ;
        else if (part.len > 0 && !span_is(part, ".")) {
            made[len++] = '/';
            memcpy(made + len, part.at, part.len);
            len += part.len;
        }
    }
    text_append(lines, (struct span){made, len > 0 ? len : 1});
}

/* "-1", "+2", " 03 " */
static void add_number(struct text *lines, struct span word)
{
    struct span digits = span_trim(word);
    bool minus = digits.len > 0 && digits.at[0] == '-';
    uint64_t number;
    if (digits.len > 0 && (minus || digits.at[0] == '+'))
        digits = (struct span){digits.at + 1, digits.len - 1};
    while (digits.len > 1 && digits.at[0] == '0')
        digits = (struct span){digits.at + 1, digits.len - 1};
    if (text_number(digits, 0, INT64_MAX, &number) < 0)
        text_append(lines, word); /* the plan refuses it */
    else
        text_format(lines, "%s%" PRIu64, minus && number > 0 ? "-" : "", number);
}

/* One way to write what can be written in several. */
static void add_option(struct text *lines, struct span key, struct span value)
{
    const char *truth = truth_of(value);
    text_format(lines, "%.*s=", (int)key.len, key.at);
    if (span_is(key, "dir_path"))
        add_directory(lines, value);
    else if (span_is(key, "revisions_to_keep"))
        add_number(lines, value);
    else if (truth != NULL && (span_is(key, "ephemeral_volatile") || span_is(key, "snap_on_start_forensics")))
        text_add(lines, truth);
    else
        text_append(lines, value);
}

/* All parameters with their defaults; whether its setup is checked only where that is said. */
static int make_lines(const struct pool_options *d, const struct pool_wish *w, struct text *lines,
                      struct fault *why)
{
    for (size_t i = 0; i < w->count; i++)
        if (!pool_options_have(d->required, w->key[i]) && !pool_options_have(d->optional, w->key[i]))
            return fault_set(why, ERR_PROTOCOL, "driver %s has no option of that name", d->name);
    for (struct span one, rest = span_of(d->required); rest.len > 0;) {
        one = span_split(rest, ' ', &rest);
        const struct span *value = given(w, one);
        if (value == NULL || value->len == 0)
            return fault_set(why, ERR_QUBES, "driver %s needs the option %.*s", d->name, (int)one.len,
                             one.at);
        add_option(lines, one, *value);
        text_byte(lines, '\n');
    }
    text_format(lines, "driver=%s", d->name);
    for (struct span one, rest = span_of(d->optional); rest.len > 0;) {
        one = span_split(rest, ' ', &rest);
        const struct span *value = given(w, one);
        struct span usual = span_is(one, "revisions_to_keep") ? SPAN_LITERAL("1") : SPAN_LITERAL("False");
        if (span_is(one, "setup_check") && value == NULL)
            continue;
        if (span_is(one, "setup_check")) {
            text_add(lines, "\nsetup_check=");
            text_append(lines, checked(*value));
            continue;
        }
        text_byte(lines, '\n');
        add_option(lines, one, value != NULL ? *value : usual);
    }
    return lines->failed;
}

int api_do_pool_add(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(4096);
    struct pool_wish w = {.count = 0};
    const struct pool_options *driver = pool_options_of(q->request.argument);
    (void)reply;
    if (driver == NULL)
        return fault_set(why, ERR_PERMISSION, "there is no such driver; ask admin.pool.ListDrivers");
    int r = read_wish(q->request.payload, &w, why);
    if (r >= 0)
        r = make_lines(driver, &w, &lines, why);
    if (r < 0)
        return r;
    return api_operate(self, out, q, OPERATION_pool_add, QID_GLOBAL, w.name, text_span(&lines));
}
