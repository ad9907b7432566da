/* SPDX-License-Identifier: MIT
 * How a plan grows: its memory, its events, its changes and the index over them. */
#include "model/plan_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/names.h"

enum { CHUNK_BYTES = 16 * 1024 };

struct plan_chunk {
    struct plan_chunk *before;
    size_t used, room;
    char at[];
};

void plan_free(struct plan *p)
{
    while (p->chunk != NULL) {
        struct plan_chunk *before = p->chunk->before;
        free(p->chunk);
        p->chunk = before;
    }
    free(p->event);
    free(p->change);
    free(p->slot);
    *p = (struct plan){0};
}

static struct plan_chunk *chunk_new(struct plan *p, size_t bytes)
{
    size_t room = bytes < CHUNK_BYTES ? CHUNK_BYTES : bytes;
    if (room > PLAN_BYTES_MAX - p->bytes) {
        p->failed = -ERR_TOO_BIG;
        return NULL;
    }
    struct plan_chunk *chunk = malloc(sizeof *chunk + room);
    if (chunk == NULL) {
        p->failed = -ERR_NOMEM;
        return NULL;
    }
    *chunk = (struct plan_chunk){.before = p->chunk, .room = room};
    p->chunk = chunk;
    p->bytes += room;
    return chunk;
}

char *plan_room(struct plan *p, size_t bytes)
{
    struct plan_chunk *chunk = p->chunk;
    if (p->failed < 0)
        return NULL;
    if (chunk == NULL || bytes > chunk->room - chunk->used)
        chunk = chunk_new(p, bytes);
    if (chunk == NULL)
        return NULL;
    char *at = chunk->at + chunk->used;
    chunk->used += bytes;
    return at;
}

struct span plan_keep(struct plan *p, struct span s)
{
    char *at = plan_room(p, s.len + 1);
    if (at == NULL)
        return SPAN_LITERAL("");
    if (s.len > 0)
        memcpy(at, s.at, s.len);
    at[s.len] = '\0';
    return (struct span){at, s.len};
}

struct span plan_format(struct plan *p, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *at = len >= 0 ? plan_room(p, (size_t)len + 1) : NULL;
    if (at != NULL)
        vsnprintf(at, (size_t)len + 1, format, again);
    va_end(again);
    va_end(args);
    return at != NULL ? (struct span){at, (size_t)len} : SPAN_LITERAL("");
}

/* One more element of `size` bytes: false when the plan is full. */
static bool grow(struct plan *p, void **array, size_t count, size_t *room, size_t most, size_t size)
{
    if (p->failed < 0 || count < *room)
        return p->failed >= 0;
    size_t more = *room == 0 ? 16 : *room * 2;
    void *at = count < most ? realloc(*array, more * size) : NULL;
    if (at == NULL) {
        p->failed = count < most ? -ERR_NOMEM : -ERR_TOO_BIG;
        return false;
    }
    *array = at;
    *room = more;
    return true;
}

void plan_event(struct plan *p, uint32_t subject, const char *prefix, struct span rest, unsigned pairs,
                const struct plan_pair *pair)
{
    void *array = p->event;
    bool room = grow(p, &array, p->events, &p->event_room, PLAN_EVENTS_MAX, sizeof *p->event);
    p->event = array;
    if (!room)
        return;
    struct plan_event *e = &p->event[p->events];
    *e = (struct plan_event){.subject = subject, .pair_count = pairs};
    e->name = plan_format(p, "%s%.*s", prefix, (int)rest.len, rest.at != NULL ? rest.at : "");
    for (unsigned i = 0; i < pairs; i++)
        e->pair[i] = (struct plan_pair){pair[i].key, plan_keep(p, pair[i].value)};
    if (p->failed >= 0)
        p->events++;
}

static uint32_t hash(enum change_kind kind, uint32_t qid, struct span key)
{
    uint32_t h = 2166136261u ^ (uint32_t)kind;
    h = (h ^ qid) * 16777619u;
    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.at[i]) * 16777619u;
    return h ^ h >> 15;
}

static bool is_about(const struct change *c, enum change_kind kind, uint32_t qid, struct span key)
{
    return c->kind == kind && c->qid == qid && span_equal(c->key, key);
}

/* The slot of an item: holding its last change + 1, or 0. `slots` is a power of two, never full. */
static uint32_t *slot_of(const struct plan *p, enum change_kind kind, uint32_t qid, struct span key)
{
    size_t i = hash(kind, qid, key) & (p->slots - 1);
    while (p->slot[i] != 0 && !is_about(&p->change[p->slot[i] - 1], kind, qid, key))
        i = (i + 1) & (p->slots - 1);
    return &p->slot[i];
}

const struct change *plan_lookup(const struct plan *p, enum change_kind kind, uint32_t qid, struct span key)
{
    if (p->changes == 0)
        return NULL;
    uint32_t last = *slot_of(p, kind, qid, key);
    return last != 0 ? &p->change[last - 1] : NULL;
}

static bool grow_slots(struct plan *p)
{
    if ((p->changes + 1) * 2 <= p->slots)
        return true;
    size_t slots = p->slots == 0 ? 64 : p->slots * 2;
    uint32_t *slot = calloc(slots, sizeof *slot);
    if (slot == NULL) {
        p->failed = -ERR_NOMEM;
        return false;
    }
    free(p->slot);
    p->slot = slot;
    p->slots = slots;
    for (size_t i = 0; i < p->changes; i++)
        *slot_of(p, p->change[i].kind, p->change[i].qid, p->change[i].key) = (uint32_t)i + 1;
    return true;
}

static void add_change(struct plan *p, struct change c)
{
    void *array = p->change;
    bool room = grow(p, &array, p->changes, &p->change_room, PLAN_CHANGES_MAX, sizeof *p->change);
    p->change = array;
    if (!room || !grow_slots(p))
        return;
    c.key = plan_keep(p, c.key);
    c.value = plan_keep(p, c.value);
    if (p->failed < 0)
        return;
    if (p->changes == 0)
        p->commit_at = p->events;
    p->change[p->changes] = c;
    *slot_of(p, c.kind, c.qid, c.key) = (uint32_t)p->changes + 1;
    p->changes++;
}

void plan_change(struct plan *p, enum change_kind kind, uint32_t qid, struct span key, struct span value)
{
    add_change(p, (struct change){.kind = kind, .qid = qid, .key = key, .value = value});
}

void plan_gone(struct plan *p, enum change_kind kind, uint32_t qid, struct span key)
{
    add_change(p, (struct change){.kind = kind, .qid = qid, .key = key, .gone = 1});
}

struct doing doing_begin(const struct known *k, uint32_t actor, struct plan *p, struct fault *why)
{
    struct doing d = {.k = *k, .actor = actor, .p = p, .why = why};
    plan_free(p);
    d.k.plan = p;
    return d;
}

int doing_end(struct doing *d, int r)
{
    struct plan *p = d->p;
    if (r >= 0)
        preload_tell_later(p);
    if (p->failed < 0) /* whatever else was found then, it was found among texts cut short */
        r = fault_set(d->why, (enum err) - p->failed, "there is no room to plan this; nothing changed");
    if (p->changes == 0 || (p->failed < 0 && p->commit_at > p->events))
        p->commit_at = p->events;
    p->disk_at = p->prepare & PREPARE_DISK ? p->disk_at : p->events;
    if (r >= 0)
        return 0;
    p->events = p->commit_at;
    p->changes = 0;
    p->job = NULL;
    p->prepare = 0;
    p->disk_at = p->events;
    return fault_plain(d->why, r);
}
