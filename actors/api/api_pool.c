/* SPDX-License-Identifier: MIT
 * Storage pools (admin-api-methods 5); in api. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_pool.h"
#include "base/own.h"
#include "model/pool.h"
#include "proto/storage_values.h"

#define LOOK_WITHIN (30 * SECONDS)
enum { NAME_MOST = 64 };

static const struct pool_options drivers[] = {
#define POOL_DRIVER(symbol, name, required, optional, together, tools) {name, required, optional},
#include "doors/pool_driver.def"
};

const struct pool_options *pool_options_of(struct span driver)
{
    for (size_t i = 0; i < COUNT(drivers); i++)
        if (span_is(driver, drivers[i].name))
            return &drivers[i];
    return NULL;
}

bool pool_options_have(const char *words, struct span word)
{
    for (struct span one, rest = span_of(words); rest.len > 0;) {
        one = span_split(rest, ' ', &rest);
        if (span_equal(one, word))
            return true;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct pool_options *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

int api_do_driver_list(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    const struct pool_options *sorted[COUNT(drivers)];
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
        if (line.len > 0)
            l->at[l->count++] = line;
    }
}

/* What its driver says of a pool: other attributes can be set of all, and count for none of these. */
static void add_options(struct lines *l, struct span text)
{
    struct span driver = {"", 0}, value;
    ask_attribute(text, "driver", &driver);
    const struct pool_options *d = pool_options_of(driver);
    while (text.len > 0 && l->count < COUNT(l->at)) {
        struct span line = span_split(text, '\n', &text), key = span_split(line, '=', &value);
        bool has = d == NULL || span_is(key, "driver") || pool_options_have(d->required, key) ||
                   pool_options_have(d->optional, key);
        if (line.len > 0 && has && !span_is(key, "setup_check")) /* only of interest to its setup */
            l->at[l->count++] = line;
    }
}

static void write_sorted(struct lines *l, struct text *reply)
{
    qsort(l->at, l->count, sizeof l->at[0], by_bytes);
    for (size_t i = 0; i < l->count; i++)
        text_format(reply, "%.*s\n", (int)l->at[i].len, l->at[i].at);
}

static bool lies_above(struct span other, struct span mine)
{
    return mine.len > other.len && mine.at[other.len] == '/' && memcmp(mine.at, other.at, other.len) == 0;
}

/* "group/pool" is this one's. */
static bool is_thin(struct span lines, const char *thin)
{
    struct span group, pool, of, name = span_split(span_of(thin), '/', &of);
    return ask_attribute(lines, "volume_group", &group) && ask_attribute(lines, "thin_pool", &pool) &&
           span_equal(group, name) && span_equal(pool, of);
}

/* Another pool with a directory above this one's; or that of the thin pool on which its directory lies. */
static const char *included_in(const struct api *self, const char *pool, struct span lines, const char *thin)
{
    struct span mine, other;
    const char *below = NULL;
    bool has_directory = ask_attribute(lines, "dir_path", &mine);
    for (const struct item *at = model_items(self->model, QID_GLOBAL, CHANGE_POOL); at != NULL;
         at = at->next) {
        struct span of = {at->value, at->value_len};
        if (strcmp(at->key, pool) == 0)
            continue;
        if (has_directory && ask_attribute(of, "dir_path", &other) && lies_above(other, mine))
            return at->key;
        if (below == NULL && is_thin(of, thin))
            below = at->key;
    }
    return below;
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
    add_options(&l, lines);
    add_lines(&l, text_span(&name));
    write_sorted(&l, reply);
    if ((m.seen & SEEN_FIGURES) != 0)
        text_format(reply, "size=%" PRIu64 "\nusage=%" PRIu64 "\n", m.size, m.usage);
    const char *above = included_in(self, c->name, lines, m.thin);
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

/* These drivers know a volume by its VM: one that has no file at rest is one of the pool's, too. */
static bool lists_configured(struct span driver)
{
    return span_is(driver, "file") || span_is(driver, "file-reflink");
}

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
        lists_configured(driver)) {
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
