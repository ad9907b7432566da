/* SPDX-License-Identifier: MIT
 * Storage pools (admin-api-methods 5); in api. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "base/own.h"
#include "model/pool.h"

#define LOOK_WITHIN (30 * SECONDS)
enum { PARAMETERS_MOST = 8, NAME_MOST = 64 };

static const struct driver_row {
    const char *name, *required, *optional;
} drivers[] = {
#define POOL_DRIVER(symbol, name, required, optional, together, tools) {name, required, optional},
#include "doors/pool_driver.def"
};

static int by_name(const void *a, const void *b)
{
    const struct driver_row *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

int api_do_driver_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    const struct driver_row *sorted[COUNT(drivers)];
    (void)self, (void)out, (void)q, (void)why;
    for (size_t i = 0; i < COUNT(drivers); i++)
        sorted[i] = &drivers[i];
    qsort(sorted, COUNT(drivers), sizeof sorted[0], by_name);
    for (size_t i = 0; i < COUNT(drivers); i++) {
        struct span rest, first = span_split(span_of(sorted[i]->optional), ' ', &rest);
        const struct span words[] = {first, span_of(sorted[i]->required), rest};
        text_add(reply, sorted[i]->name);
        for (size_t k = 0; k < COUNT(words); k++)
            if (words[k].len > 0)
                text_format(reply, " %.*s", (int)words[k].len, words[k].at);
        text_byte(reply, '\n');
    }
    return 0;
}

static int find(struct api *self, const struct asked *q, struct span *lines, struct fault *why)
{
    if (q->request.argument.len <= NAME_MOST && pool_known(&self->known, q->request.argument, lines))
        return 0;
    return fault_set(why, ERR_PERMISSION, "there is no such pool");
}

static int look(struct api *self, struct out *out, const struct asked *q, const char *verb, call_done *done,
                struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct pool_look m;
    struct span lines;
    int r = find(self, q, &lines, why);
    if (r < 0)
        return r;
    (void)text_copy(m.pool, sizeof m.pool, q->request.argument);
    (void)text_copy(m.verb, sizeof m.verb, span_of(verb));
    struct call like = {
        .done = done,
        .to = {KIND_STORAGE, pool_instance(q->request.argument)},
        .type = MESSAGE_pool_look,
        .context = api_context(self, q, out->now + LOOK_WITHIN),
    };
    memcpy(like.name, m.pool, sizeof m.pool);
    pool_look_encode(&body, &m);
    return api_ask(self, out, q, &like, &body);
}

/* ---- what a pool is ---- */

struct lines {
    struct span at[64];
    size_t count;
};

static int by_bytes(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return span_order(*x, *y);
}

static void add_lines(struct lines *l, struct span text)
{
    while (text.len > 0 && l->count < COUNT(l->at)) {
        struct span line = span_split(text, '\n', &text);
        if (line.len > 0 && !span_starts(line, "setup_check=")) /* only of interest to its setup */
            l->at[l->count++] = line;
    }
}

static void write_sorted(struct lines *l, struct text *reply)
{
    qsort(l->at, l->count, sizeof l->at[0], by_bytes);
    for (size_t i = 0; i < l->count; i++)
        text_format(reply, "%.*s\n", (int)l->at[i].len, l->at[i].at);
}

/* Another pool with a directory above this one's. */
static const char *included_in(const struct api *self, const char *pool, struct span lines)
{
    struct span mine = {"", 0};
    if (!ask_attribute(lines, "dir_path", &mine))
        return NULL;
    for (const struct item *at = model_items(self->model, QID_GLOBAL, CHANGE_POOL); at != NULL;
         at = at->next) {
        struct span other;
        if (strcmp(at->key, pool) == 0 ||
            !ask_attribute((struct span){at->value, at->value_len}, "dir_path", &other))
            continue;
        if (mine.len > other.len && mine.at[other.len] == '/' && memcmp(mine.at, other.at, other.len) == 0)
            return at->key;
    }
    return NULL;
}

static int info_came(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                     struct fault *why)
{
    AUTO_TEXT name = TEXT_WITH_LIMIT(128);
    struct pool_look_reply m;
    struct lines l = {.count = 0};
    struct span lines;
    int r = a->r < 0 ? a->r : pool_look_reply_decode(&m, a->e->body);
    if (r >= 0 && !pool_known(&self->known, span_of(c->name), &lines))
        r = fault_set(why, ERR_PERMISSION, "there is no such pool");
    if (r < 0)
        return r;
    text_format(&name, "name=%s", c->name);
    add_lines(&l, lines);
    add_lines(&l, text_span(&name));
    write_sorted(&l, reply);
    if ((m.seen & 1) != 0)
        text_format(reply, "size=%" PRIu64 "\nusage=%" PRIu64 "\n", m.size, m.usage);
    const char *above = included_in(self, c->name, lines);
    if (above != NULL)
        text_format(reply, "included_in=%s\n", above);
    return 0;
}

int api_do_pool_info(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    (void)reply;
    return look(self, out, q, "usage", info_came, why);
}

static int details_came(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                        struct fault *why)
{
    struct pool_look_reply m;
    struct lines l = {.count = 0};
    (void)self, (void)c, (void)why;
    int r = a->r < 0 ? a->r : pool_look_reply_decode(&m, a->e->body);
    if (r < 0)
        return r;
    add_lines(&l, m.list);
    write_sorted(&l, reply);
    return 0;
}

int api_do_pool_details(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    (void)reply;
    return look(self, out, q, "usage", details_came, why);
}

static int volumes_came(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                        struct fault *why)
{
    struct pool_look_reply m;
    (void)self, (void)c, (void)why;
    int r = a->r < 0 ? a->r : pool_look_reply_decode(&m, a->e->body);
    if (r < 0)
        return r;
    for (struct span line, rest = m.list; rest.len > 0;) {
        line = span_split(rest, '\n', &rest);
        if (span_starts(line, "vid="))
            text_format(reply, "%.*s\n", (int)line.len - 4, line.at + 4);
    }
    return 0;
}

/* The file driver knows a volume by its VM only. */
static void list_configured(const struct api *self, struct span pool, struct text *reply)
{
    for (const struct vm *vm = model_vm_from(self->model, 1); vm != NULL;
         vm = model_vm_from(self->model, vm_qid(vm) + 1)) {
        const struct item *at = model_items(self->model, vm_qid(vm), CHANGE_VOLUME);
        for (; at != NULL; at = at->next) {
            struct span lines = {at->value, at->value_len}, of = {"", 0}, vid = {"", 0};
            ask_attribute(lines, "pool", &of);
            ask_attribute(lines, "vid", &vid);
            if (span_equal(of, pool))
                text_format(reply, "%.*s\n", (int)vid.len, vid.at);
        }
    }
}

int api_do_pool_volumes(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    struct span lines, driver = {"", 0};
    if (find(self, q, &lines, why) == 0 && ask_attribute(lines, "driver", &driver) &&
        span_is(driver, "file")) {
        list_configured(self, q->request.argument, reply);
        return 0;
    }
    return look(self, out, q, "list", volumes_came, why);
}

/* ---- changes ---- */

int api_do_pool_change(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    struct span lines;
    int r = find(self, q, &lines, why);
    (void)reply;
    if (r < 0)
        return r;
    return api_operate(self, out, q, (enum operation)q->method->detail, QID_GLOBAL, q->request.argument,
                       q->request.payload);
}

static const struct driver_row *find_driver(struct span name)
{
    for (size_t i = 0; i < COUNT(drivers); i++)
        if (span_is(name, drivers[i].name))
            return &drivers[i];
    return NULL;
}

static bool has_word(const char *words, struct span word)
{
    for (struct span one, rest = span_of(words); rest.len > 0;) {
        one = span_split(rest, ' ', &rest);
        if (span_equal(one, word))
            return true;
    }
    return false;
}

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
        if ((unsigned char)payload.at[i] >= 0x80)
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

static bool is_no(struct span word)
{
    static const char *const no[] = {"no", "No", "false", "False", "0", "off", ""};
    for (size_t i = 0; i < COUNT(no); i++)
        if (span_is(word, no[i]))
            return true;
    return false;
}

/* All parameters with their defaults; whether its setup is checked only where that is said. */
static int make_lines(const struct driver_row *d, const struct pool_wish *w, struct text *lines,
                      struct fault *why)
{
    for (size_t i = 0; i < w->count; i++)
        if (!has_word(d->required, w->key[i]) && !has_word(d->optional, w->key[i]))
            return fault_set(why, ERR_PROTOCOL, "driver %s has no option of that name", d->name);
    for (struct span one, rest = span_of(d->required); rest.len > 0;) {
        one = span_split(rest, ' ', &rest);
        const struct span *value = given(w, one);
        if (value == NULL || value->len == 0)
            return fault_set(why, ERR_QUBES, "driver %s needs the option %.*s", d->name, (int)one.len,
                             one.at);
        text_format(lines, "%.*s=%.*s\n", (int)one.len, one.at, (int)value->len, value->at);
    }
    text_format(lines, "driver=%s", d->name);
    for (struct span one, rest = span_of(d->optional); rest.len > 0;) {
        one = span_split(rest, ' ', &rest);
        const struct span *value = given(w, one);
        struct span usual = span_is(one, "revisions_to_keep") ? SPAN_LITERAL("1") : SPAN_LITERAL("False");
        if (span_is(one, "setup_check") && value == NULL)
            continue;
        if (span_is(one, "setup_check")) {
            text_format(lines, "\nsetup_check=%s", is_no(*value) ? "False" : "True");
            continue;
        }
        text_format(lines, "\n%.*s=%.*s", (int)one.len, one.at, (int)(value != NULL ? value->len : usual.len),
                    value != NULL ? value->at : usual.at);
    }
    return lines->failed;
}

int api_do_pool_add(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(4096);
    struct pool_wish w = {.count = 0};
    const struct driver_row *driver = find_driver(q->request.argument);
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
