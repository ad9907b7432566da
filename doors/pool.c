/* SPDX-License-Identifier: MIT
 * Pools: opening one by its driver's name, and the way of every verb to its driver; in storage. */
#include "doors/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_crypt.h"
#include "doors/pool_driver.h"
#include "doors/pool_names.h"

enum { SIDE_BY_SIDE = 1, ONE_BY_ONE = 0 };
enum { NO_TOOLS = 0, TOOLS = 1 };
enum { VOLUME = 1, CHANGES = 2 };

static const struct pool_driver_row rows[] = {
#define POOL_DRIVER(symbol, name, required, optional, together, tools)                                       \
    {name, required, optional, together, tools},
#include "doors/pool_driver.def"
};
static const struct pool_driver *const drivers[] = {
#define POOL_DRIVER(symbol, name, required, optional, together, tools) &pool_##symbol,
#include "doors/pool_driver.def"
};
static const struct {
    const char *name;
    unsigned flags;
} verbs[] = {
#define POOL_VERB(name, flags, help) {#name, flags},
#include "doors/pool_verb.def"
};

size_t pool_drivers(const struct pool_driver_row **ret)
{
    *ret = rows;
    return COUNT(rows);
}

const struct pool_driver_row *pool_row(const struct pool *p)
{
    return p->row;
}

const char *pool_verb_name(enum pool_verb verb)
{
    return verbs[verb].name;
}

bool pool_verb_changes(enum pool_verb verb)
{
    return (verbs[verb].flags & CHANGES) != 0;
}

void pool_outcome_free(struct pool_outcome *o)
{
    text_free(&o->list);
}

int pool_parameter(struct span lines, const char *key, char *to, size_t size, struct fault *why)
{
    struct span value;
    if (!volume_attribute(lines, key, &value) || value.len == 0)
        return fault_set(why, ERR_QUBES, "the pool needs the parameter %s", key);
    if (text_copy(to, size, value) < 0 || strlen(to) != value.len)
        return fault_set(why, ERR_QUBES, "the pool's %s is longer than %zu bytes", key, size - 1);
    return 0;
}

static int common_parameters(struct pool *p, struct span lines, struct fault *why)
{
    struct span value;
    uint64_t n = 1;
    p->revisions_to_keep = 1;
    if (volume_attribute(lines, "revisions_to_keep", &value)) {
        if (!span_is(value, "-1") && text_number(value, 0, INT64_MAX, &n) < 0)
            return fault_set(why, ERR_VALUE, "the pool's revisions_to_keep is neither -1 nor a number");
        p->revisions_to_keep = span_is(value, "-1") ? -1 : (int64_t)n;
    }
    if (volume_attribute(lines, "ephemeral_volatile", &value) &&
        volume_bool(value, &p->ephemeral_volatile) < 0)
        return fault_set(why, ERR_VALUE, "the pool's ephemeral_volatile is no truth value");
    return 0;
}

int pool_open(const char *name, struct span lines, const struct pool_calls *calls, struct pool **ret,
              struct fault *why)
{
    struct span driver = {NULL, 0};
    size_t i = 0;
    volume_attribute(lines, "driver", &driver);
    while (i < COUNT(rows) && !span_is(driver, rows[i].name))
        i++;
    if (i == COUNT(rows))
        return fault_set(why, ERR_QUBES, "No driver %.*s for pool %s", (int)driver.len, driver.at, name);
    if (calls == NULL)
        calls = &pool_calls_real;
    struct fault quiet = {ERR_NOMEM, "out of memory"};
    AUTO(pool) *p = drivers[i]->open(lines, calls, &quiet);
    if (p == NULL)
        return fault_set(why, quiet.code, "%s", quiet.text);
    p->driver = drivers[i];
    p->row = &rows[i];
    p->calls = calls;
    if (text_copy(p->name, sizeof p->name, span_of(name)) < 0)
        return fault_set(why, ERR_QUBES, "a pool's name has at most %zu bytes", sizeof p->name - 1);
    int r = common_parameters(p, lines, why);
    if (r < 0)
        return r;
    *ret = TAKE(p);
    return 0;
}

void pool_free(struct pool *p)
{
    if (p != NULL && p->driver != NULL)
        p->driver->free(p);
    else
        free(p);
}

int pool_go_on(const struct pool_hand *h, uint64_t done, uint64_t total)
{
    if (h->watch == NULL || h->watch->go_on == NULL || h->watch->go_on(h->watch->self, done, total))
        return 0;
    return fault_set(h->why, ERR_CANCELLED, "cancelled by the caller; the volume is as it was");
}

int pool_broken(const struct pool_hand *h, const char *what, const char *path)
{
    const char *hint = errno == ENOSPC || errno == EDQUOT ? "; make room in the pool and try again" : "";
    return fault_set(h->why, ERR_STORAGE, "%s %s: %s%s", what, path, strerror(errno), hint);
}

int pool_no_import(const struct pool_hand *h, const struct volume *v)
{
    return fault_set(h->why, ERR_STORAGE, "No import operation in progress on %s", v->vid);
}

int pool_nothing(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                 struct pool_outcome *ret)
{
    (void)p, (void)h, (void)e, (void)ret;
    return 0;
}

static int check(enum pool_verb verb, const struct pool_errand *e, struct fault *why)
{
    if ((verbs[verb].flags & VOLUME) == 0)
        return 0;
    if (e->volume == NULL || (verb == POOL_clone && e->source == NULL))
        return fault_set(why, ERR_STORAGE, "%s concerns a volume, and none is named", verbs[verb].name);
    if (!names_vid(e->volume->vid) || !names_vid(e->volume->source) ||
        (verb == POOL_clone && !names_vid(e->source->vid)))
        return fault_set(why, ERR_STORAGE, "volume id %s leads out of its pool", e->volume->vid);
    return 0;
}

static int as_driver(struct pool *p, enum pool_verb verb, const struct pool_hand *h,
                     const struct pool_errand *e, struct pool_outcome *out)
{
    return p->driver->verb[verb](p, h, e, out);
}

/* The device of an ephemeral volume: closed, made anew over the volume, and opened under a new key. */
static int start_encrypted(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                           const char *path)
{
    struct pool_outcome seen = {0};
    int r = crypt_close(h, path);
    if (r < 0 || (r = as_driver(p, POOL_start, h, e, &seen)) < 0)
        return r;
    if ((r = as_driver(p, POOL_look, h, e, &seen)) >= 0)
        r = crypt_open(h, seen.path, path);
    if (r < 0) {
        struct fault first = *h->why;
        as_driver(p, POOL_stop, h, e, &seen);
        *h->why = first;
    }
    pool_outcome_free(&seen);
    return r;
}

/* A mapping is closed whatever the volume says of itself: its setting may have changed since it was opened.
 */
static int with_mapping(struct pool *p, enum pool_verb verb, const struct pool_hand *h,
                        const struct pool_errand *e, struct pool_outcome *out)
{
    char path[CRYPT_PATH_MAX + 1];
    bool ephemeral = volume_ephemeral(e->volume, p->ephemeral_volatile);
    if (!crypt_path(path, e->volume, p->driver == &pool_lvm))
        return fault_set(h->why, ERR_STORAGE, "the name of %s is too long to be encrypted", e->volume->vid);
    if (verb == POOL_start && ephemeral)
        return start_encrypted(p, h, e, path);
    int r = verb == POOL_look ? 0 : crypt_close(h, path);
    if (r < 0 || (r = as_driver(p, verb, h, e, out)) < 0)
        return r;
    if (verb != POOL_look || !ephemeral)
        return r;
    if (out->own[0] == '\0')
        memcpy(out->own, out->path, sizeof out->own);
    return text_copy(out->path, sizeof out->path, span_of(path));
}

/* Only volumes that are thrown away can have a mapping; those of callback have it from the driver below. */
static bool may_be_mapped(const struct pool *p, enum pool_verb verb, const struct volume *v)
{
    bool concerned = verb == POOL_start || verb == POOL_stop || verb == POOL_remove || verb == POOL_look;
    bool fits = volume_kind(v) == VOLUME_VOLATILE && (v->rw || v->ephemeral == EPHEMERAL_YES);
    return concerned && fits && p->driver != &pool_callback;
}

int pool_do(struct pool *p, enum pool_verb verb, const struct pool_errand *e, struct pool_outcome *ret,
            struct fault *why)
{
    static const struct pool_errand none;
    struct pool_outcome out = {0};
    struct fault quiet;
    if (e == NULL)
        e = &none;
    if (why == NULL)
        why = &quiet;
    int r = check(verb, e, why);
    if (r < 0)
        return r;
    if (p->driver->verb[verb] == NULL)
        return fault_set(why, ERR_NOT_IMPLEMENTED, "driver %s cannot %s", p->row->name, verbs[verb].name);
    struct pool_hand hand = {p->calls, &e->watch, why};
    bool mapped = (verbs[verb].flags & VOLUME) != 0 && may_be_mapped(p, verb, e->volume);
    r = mapped ? with_mapping(p, verb, &hand, e, &out) : as_driver(p, verb, &hand, e, &out);
    if (r >= 0 && out.list.failed != 0)
        r = fault_set(why, ERR_STORAGE, "pool %s holds more than can be listed", p->name);
    if (r < 0 || ret == NULL) {
        pool_outcome_free(&out);
        return r;
    }
    pool_outcome_free(ret);
    *ret = out;
    return r;
}
