/* SPDX-License-Identifier: MIT
 * The driver zfs: a volume is a dataset with snapshots. In storage. Spec: storage 9. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_names.h"
#include "doors/pool_zfs_inside.h"

#define FLAG "org.qubes-os:part-of-qvm-pool"

static struct pool *zfs_open(struct span lines, const struct pool_calls *calls, struct fault *why)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-/";
    bool forensics;
    struct span word;
    struct zfs *p = calloc(1, sizeof *p);
    (void)calls;
    if (p == NULL)
        return NULL;
    if (pool_parameter(lines, "container", p->container, sizeof p->container, why) == 0) {
        if (!names_vid(p->container) || p->container[strspn(p->container, plain)] != '\0')
            fault_set(why, ERR_QUBES, "container is a dataset: POOL or POOL/NAME, without blanks");
        else if (volume_attribute(lines, "snap_on_start_forensics", &word) &&
                 volume_bool(word, &forensics) < 0)
            fault_set(why, ERR_VALUE, "the pool's snap_on_start_forensics is no truth value");
        else
            return &p->pool;
    }
    free(p);
    return NULL;
}

static void zfs_free(struct pool *p)
{
    free(p);
}

/* ---- the pool ---- */

static int room(const struct zfs *p, const struct pool_hand *h, const char *what, uint64_t *ret)
{
    char root[ZFS_NAME_MAX + 1];
    AUTO_TEXT said = {0};
    snprintf(root, sizeof root, "%.*s", (int)strcspn(p->container, "/"), p->container);
    const char *argv[] = {"zpool", "list", "-Hp", "-o", what, root, NULL};
    int r = tool_run(h, argv, NULL, &said);
    if (r >= 0 && text_number(span_trim(text_span(&said)), 0, INT64_MAX, ret) < 0)
        r = fault_set(h->why, ERR_STORAGE, "zpool printed no %s of %s", what, root);
    return r;
}

/* 1 with whether it is marked as ours, 0 when there is no such dataset. */
static int is_marked(const struct zfs *p, const struct pool_hand *h, bool *ret)
{
    const char *argv[] = {"zfs", "list", "-H", "-o", FLAG, p->container, NULL};
    AUTO_TEXT said = {0};
    int r = tool_run(h, argv, NULL, &said);
    if (r < 0)
        return strstr(h->why->text, "does not exist") != NULL ? 0 : r;
    *ret = span_is(span_trim(text_span(&said)), "true");
    return 1;
}

static int zfs_do_setup(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    static const char ON[] = FLAG "=true";
    const struct zfs *p = (const struct zfs *)pool;
    const char *make[] = {"zfs", "create", "-o", "mountpoint=none", "-o", "volmode=dev",
                          "-o",  ON,       "-p", p->container,      NULL};
    const char *mark[] = {"zfs", "set", ON, p->container, NULL};
    bool marked = false;
    uint64_t size;
    (void)e, (void)ret;
    int r = room(p, h, "size", &size);
    if (r < 0 || (r = is_marked(p, h, &marked)) < 0 || marked)
        return r < 0 ? r : 0;
    return tool_run(h, r == 0 ? make : mark, NULL, NULL);
}

static int zfs_do_usage(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    const struct zfs *p = (const struct zfs *)pool;
    uint64_t size, left;
    (void)e;
    int r = room(p, h, "size", &size);
    if (r < 0 || (r = room(p, h, "free", &left)) < 0)
        return r;
    ret->known = true;
    ret->size = size;
    ret->usage = left < size ? size - left : 0;
    ret->list = TEXT_WITH_LIMIT(512);
    text_format(&ret->list, "data_size=%" PRIu64 "\ndata_usage=%" PRIu64 "\n", ret->size, ret->usage);
    return 0;
}

static int zfs_do_list(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    ZFS_WORK(w, pool, h, NULL);
    (void)e;
    size_t container = strlen(w.p->container);
    ret->list = TEXT_WITH_LIMIT((size_t)ZFS_ROWS_MOST * 300);
    for (size_t i = 0; i < w.count; i++)
        if (w.at[i].volume && w.at[i].name[container + 1] != '.') /* helpers lie in .tmp and so on */
            text_format(&ret->list, "vid=%s\n", w.at[i].name);
    return 0;
}

/* ---- life ---- */

static int zfs_do_create(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop)
        return 0;
    if (w.v->size == 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s needs a size", w.v->vid);
    if ((r = zfs_drop(&w, w.v->vid)) < 0 || (r = zfs_create(&w, w.v->vid, w.v->size, false)) < 0 ||
        (r = zfs_wait(&w, w.v->vid)) < 0 || (r = zfs_keep_revision(&w, w.v->vid, "after-create")) < 0)
        return r;
    return volume_in_place(w.v) ? 0 : zfs_mark_clean(&w, w.v->vid);
}

static int zfs_do_remove(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    char vm[ZFS_NAME_MAX + 1];
    struct fault first;
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    if ((r = zfs_drop_helpers(&w)) < 0 || (r = zfs_drop(&w, w.v->vid)) < 0)
        return r;
    snprintf(vm, sizeof vm, "%.*s", (int)(strrchr(w.v->vid, '/') - w.v->vid), w.v->vid);
    first = *h->why;
    if (strlen(vm) > strlen(w.p->container) && zfs_remove_empty(&w, vm) < 0)
        *h->why = first; /* the volume is gone */
    return 0;
}

static int zfs_do_verify(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    const char *base = w.v->snap_on_start ? w.v->source : w.v->vid;
    if (volume_kind(w.v) == VOLUME_VOLATILE || zfs_find(&w, base) != NULL ||
        (w.v->save_on_stop && zfs_candidate(&w) != NULL))
        return 0;
    return fault_set(h->why, ERR_STORAGE, "volume %s missing", base);
}

/* What a session of the day before left goes; one that a crash cut short stays. */
static int start_snapshot(struct zfs_work *w)
{
    char fresh[ZFS_NAME_MAX + 1];
    int r = 0;
    if (zfs_is_dirty(w))
        return 0;
    if ((r = zfs_fresh(w, w->tmp, fresh)) < 0 ||
        (r = zfs_clone_committed(w, w->v->source, w->v->source_in_place, fresh, true)) < 0 ||
        (r = zfs_drop(w, w->v->vid)) < 0 || (r = zfs_rename(w, fresh, w->v->vid)) < 0)
        return r;
    return zfs_set_dirty(w, true);
}

static int start_origin(struct zfs_work *w)
{
    int r = zfs_settle(w);
    if (r < 0 || zfs_is_dirty(w))
        return r;
    if (zfs_find(w, w->v->vid) == NULL)
        return fault_set(w->h->why, ERR_STORAGE, "volume %s missing", w->v->vid);
    if ((r = zfs_keep_revision(w, w->v->vid, "before-start")) < 0 || (r = zfs_prune(w)) < 0)
        return r;
    return zfs_set_dirty(w, true);
}

static int start_volatile(struct zfs_work *w)
{
    int r = zfs_drop(w, w->v->vid);
    return r < 0 ? r : zfs_create(w, w->v->vid, w->v->size, true);
}

static int zfs_do_start(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    if ((r = zfs_refuse_import(&w)) < 0)
        return r;
    r = w.v->save_on_stop ? start_origin(&w) : w.v->snap_on_start ? start_snapshot(&w) : start_volatile(&w);
    if (r < 0 || (r = zfs_set_readonly(&w)) < 0)
        return r;
    return zfs_wait(&w, w.v->vid);
}

static int zfs_do_stop(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop) {
        if ((r = zfs_drop_helpers(&w)) < 0)
            return r;
        if (w.v->snap_on_start && w.v->forensics)
            return zfs_is_dirty(&w) ? zfs_set_dirty(&w, false) : 0;
        return zfs_drop(&w, w.v->vid);
    }
    return zfs_is_dirty(&w) ? zfs_commit(&w) : zfs_settle(&w);
}

static int zfs_do_tidy(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    return (r = zfs_settle(&w)) < 0 ? r : zfs_drop_helpers(&w);
}

/* ---- what is there ---- */

static int zfs_do_look(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    const struct zfs_row *row = zfs_find(&w, w.v->vid),
                         *clean = w.v->snap_on_start ? zfs_newest(&w, w.v->source, ZFS_CLEAN) : NULL;
    snprintf(ret->path, sizeof ret->path, "/dev/zvol/%s", w.v->vid);
    ret->known = true;
    ret->has_data = row != NULL;
    ret->size = row != NULL ? row->size : w.v->size;
    ret->usage = row != NULL ? row->usage : 0;
    ret->dirty = ret->remains.dirty = w.v->save_on_stop && zfs_is_dirty(&w);
    ret->outdated = row != NULL && clean != NULL && strcmp(row->origin, clean->name) != 0;
    ret->remains.running = !w.v->save_on_stop && row != NULL && (row->dirty || !w.v->snap_on_start);
    ret->remains.import = zfs_holds(&w, w.importing);
    ret->remains.temporary = zfs_holds(&w, w.tmp) || zfs_holds(&w, w.exported);
    ret->remains.interrupted = w.v->save_on_stop && row == NULL && zfs_candidate(&w) != NULL;
    return 0;
}

static int by_age(const void *a, const void *b)
{
    const struct zfs_row *const *x = a, *const *y = b;
    return (*x)->txg < (*y)->txg ? -1 : (*x)->txg > (*y)->txg;
}

/* "qubes:before-start:1521065904.123456" */
static bool revision_time(const char *id, char time[NAMES_TIME])
{
    struct span rest, seconds;
    uint64_t number = 0;
    const char *last = strrchr(id, ':');
    seconds = span_split(span_of(last != NULL ? last + 1 : ""), '.', &rest);
    return text_number(seconds, 0, INT64_MAX, &number) == 0 && names_time(time, (time_t)number);
}

static int zfs_do_revisions(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                            struct pool_outcome *ret)
{
    char time[NAMES_TIME];
    size_t count = 0;
    ZFS_WORK(w, p, h, e->volume);
    AUTO_MEMORY const struct zfs_row **all = calloc(w.count + 1, sizeof *all);
    if (all == NULL)
        return fault_set(h->why, ERR_NOMEM, "no memory to list revisions");
    for (size_t i = 0; i < w.count; i++)
        if (zfs_is_state(&w.at[i], w.v->vid, ZFS_REVISION))
            all[count++] = &w.at[i];
    qsort(all, count, sizeof *all, by_age);
    ret->list = TEXT_WITH_LIMIT(1 << 20);
    for (size_t i = 0; i < count; i++) {
        const char *id = strchr(all[i]->name, '@') + 1;
        if (revision_time(id, time))
            text_format(&ret->list, "%s=%s\n", id, time);
    }
    return 0;
}

#define zfs_do_destroy pool_nothing /* what else lies in the container nobody here knows */
#define zfs_do_wake    NULL

const struct pool_driver pool_zfs = {
    .open = zfs_open,
    .free = zfs_free,
    .verb =
        {
#define POOL_VERB(name, flags, help) [POOL_##name] = zfs_do_##name,
#include "doors/pool_verb.def"
        },
};
