/* SPDX-License-Identifier: MIT
 * The disk of the simulated store: items, history rows and settings in memory. In tests and the simulator. */
#include "doors/db_sim_disk.h"

#include <assert.h>
#include <string.h>

static struct span put(char **at, struct span from)
{
    char *start = *at;
    if (from.len > 0)
        memcpy(start, from.at, from.len);
    *at += from.len;
    return (struct span){start, from.len};
}

static size_t bucket_of(struct span kind, uint32_t qid, struct span key)
{
    uint64_t hash = 14695981039346656037u ^ qid;
    for (size_t i = 0; i < kind.len; i++)
        hash = (hash ^ (unsigned char)kind.at[i]) * 1099511628211u;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.at[i]) * 1099511628211u;
    return (size_t)((hash ^ hash >> 32) % DB_DISK_BUCKETS);
}

static struct db_disk_item **find_item(struct db_disk *disk, const struct db_item *item)
{
    struct db_disk_item **at = &disk->bucket[bucket_of(item->kind, item->qid, item->key)];
    while (*at != NULL && !((*at)->qid == item->qid && span_equal((*at)->kind, item->kind) &&
                            span_equal((*at)->key, item->key)))
        at = &(*at)->chain;
    return at;
}

static struct db_disk_item *item_new(const struct db_item *item)
{
    struct db_disk_item *e = calloc(1, sizeof *e + item->kind.len + item->key.len);
    char *value = malloc(item->value.len + 1);
    if (e == NULL || value == NULL) {
        free(e);
        free(value);
        return NULL;
    }
    char *at = e->bytes, *value_at = value;
    e->qid = item->qid;
    e->kind = put(&at, item->kind);
    e->key = put(&at, item->key);
    e->value = put(&value_at, item->value);
    e->own_value = value;
    return e;
}

static void item_free(struct db_disk_item *e)
{
    if (e != NULL)
        free(e->own_value);
    free(e);
}

static void unlink_item(struct db_disk *disk, struct db_disk_item **at)
{
    struct db_disk_item *e = *at;
    assert(e != NULL);
    *at = e->chain;
    *(e->before != NULL ? &e->before->after : &disk->first) = e->after;
    *(e->after != NULL ? &e->after->before : &disk->last) = e->before;
    item_free(e);
}

/* `fresh` becomes the item, or gives its value to the one that is there and is freed. */
static void apply_set(struct db_disk *disk, struct db_disk_item *fresh, const struct db_item *item)
{
    struct db_disk_item **at = find_item(disk, item), *there = *at;
    if (there != NULL) {
        free(there->own_value);
        there->own_value = TAKE(fresh->own_value);
        there->value = fresh->value;
        item_free(fresh);
        return;
    }
    *at = fresh;
    fresh->before = disk->last;
    *(disk->last != NULL ? &disk->last->after : &disk->first) = fresh;
    disk->last = fresh;
}

static void apply_drop_all(struct db_disk *disk, uint32_t qid)
{
    for (struct db_disk_item *e = disk->first, *next; e != NULL; e = next) {
        next = e->after;
        if (e->qid == qid)
            unlink_item(disk, find_item(disk, &(struct db_item){.kind = e->kind, .qid = qid, .key = e->key}));
    }
}

void db_disk_apply(struct db_disk *disk, const struct db_item *items, struct db_disk_item **fresh,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].verb == DB_SET)
            apply_set(disk, TAKE(fresh[i]), &items[i]);
        else if (items[i].verb == DB_DROP_ALL_OF)
            apply_drop_all(disk, items[i].qid);
        else if (*find_item(disk, &items[i]) != NULL)
            unlink_item(disk, find_item(disk, &items[i]));
    }
}

struct db_disk_item **db_disk_items_new(const struct db_item *items, size_t count)
{
    struct db_disk_item **fresh = calloc(count + 1, sizeof *fresh);
    for (size_t i = 0; fresh != NULL && i < count; i++) {
        if (items[i].verb == DB_SET && (fresh[i] = item_new(&items[i])) == NULL) {
            while (i-- > 0)
                item_free(fresh[i]);
            free(fresh);
            return NULL;
        }
    }
    return fresh;
}

struct db_disk_row *db_disk_row_new(const struct db_history *row)
{
    const struct span *from[] = {&row->op,     &row->caller, &row->method, &row->subject,
                                 &row->before, &row->after,  &row->events, &row->result};
    size_t size = 0;
    for (size_t i = 0; i < COUNT(from); i++)
        size += from[i]->len;
    struct db_disk_row *r = calloc(1, sizeof *r + size);
    if (r == NULL)
        return NULL;
    r->row = *row;
    struct span *to[] = {&r->row.op,     &r->row.caller, &r->row.method, &r->row.subject,
                         &r->row.before, &r->row.after,  &r->row.events, &r->row.result};
    char *at = r->bytes;
    for (size_t i = 0; i < COUNT(from); i++)
        *to[i] = put(&at, *from[i]);
    return r;
}

const struct db_disk_row *db_disk_row_find(const struct db_disk *disk, struct span op)
{
    const struct db_disk_row *r = disk->oldest;
    while (r != NULL && !span_equal(r->row.op, op))
        r = r->after;
    return r;
}

void db_disk_items_free(struct db_disk_item **fresh, size_t count)
{
    for (size_t i = 0; fresh != NULL && i < count; i++)
        item_free(fresh[i]);
    free(fresh);
}

void db_disk_row_add(struct db_disk *disk, struct db_disk_row *row)
{
    *(disk->newest != NULL ? &disk->newest->after : &disk->oldest) = row;
    disk->newest = row;
}

uint64_t db_disk_version(const struct db_disk *disk)
{
    return disk->newest != NULL ? disk->newest->row.version : 0;
}

struct db_disk_setting **db_disk_setting_find(struct db_disk *disk, struct span key)
{
    struct db_disk_setting **at = &disk->settings;
    while (*at != NULL && !span_equal((*at)->key, key))
        at = &(*at)->after;
    return at;
}

bool db_disk_setting_put(struct db_disk *disk, struct span key, struct span value)
{
    struct db_disk_setting *fresh = calloc(1, sizeof *fresh + key.len + value.len);
    if (fresh == NULL)
        return false;
    char *at = fresh->bytes;
    fresh->key = put(&at, key);
    fresh->value = put(&at, value);
    struct db_disk_setting **place = db_disk_setting_find(disk, key), *old = *place;
    fresh->after = old != NULL ? old->after : NULL;
    *place = fresh;
    free(old);
    return true;
}

struct db_disk *db_disk_new(void)
{
    return calloc(1, sizeof(struct db_disk));
}

void db_disk_free(struct db_disk *disk)
{
    if (disk == NULL)
        return;
    for (struct db_disk_item *e = disk->first, *next; e != NULL; e = next) {
        next = e->after;
        item_free(e);
    }
    for (struct db_disk_row *r = disk->oldest, *next; r != NULL; r = next) {
        next = r->after;
        free(r);
    }
    for (struct db_disk_setting *s = disk->settings, *next; s != NULL; s = next) {
        next = s->after;
        free(s);
    }
    free(disk);
}
