/* SPDX-License-Identifier: MIT
 * What a volume of datasets holds: its way back, in, out and into others; in storage. Spec: storage 9. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_disk.h"
#include "doors/pool_zfs_inside.h"

static int roll_back(struct zfs_work *w, const char *state)
{
    struct fault first;
    int r = zfs_rollback(w, state);
    if (r >= 0 && (r = zfs_mark_clean(w, w->v->vid)) >= 0) {
        const struct zfs_row *clean = zfs_newest(w, w->v->vid, ZFS_CLEAN);
        char name[ZFS_NAME_MAX + 1] = "";
        if (clean != NULL)
            memcpy(name, clean->name, sizeof name);
        (void)zfs_forget(w, state); /* it is done: a snapshot more is no failure */
        (void)zfs_forget_clean(w, name);
        return 0;
    }
    first = *w->h->why; /* newer snapshots may be gone, the clean one with them */
    if (zfs_refresh(w) >= 0)
        zfs_settle(w);
    *w->h->why = first;
    return r;
}

static const struct zfs_row *revision_of(const struct zfs_work *w, struct span id)
{
    if (id.at == NULL)
        return zfs_newest(w, w->v->vid, ZFS_REVISION);
    for (size_t i = 0; i < w->count; i++)
        if (zfs_is_state(&w->at[i], w->v->vid, ZFS_REVISION) && span_is(id, strchr(w->at[i].name, '@') + 1))
            return &w->at[i];
    return NULL;
}

int zfs_do_revert(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    char state[ZFS_NAME_MAX + 1];
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    if ((r = zfs_refuse_dirty(&w)) < 0 || (r = zfs_refuse_import(&w)) < 0)
        return r;
    const struct zfs_row *revision = revision_of(&w, e->revision);
    if (revision == NULL)
        return fault_set(h->why, ERR_REVISION_NOT_FOUND, "volume %s has no such revision", w.v->vid);
    memcpy(state, revision->name, sizeof state);
    return roll_back(&w, state);
}

int zfs_do_resize(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    ret->size = e->size;
    return zfs_find(&w, w.v->vid) != NULL ? zfs_resize(&w, w.v->vid, e->size) : 0;
}

static int needs_saved(const struct volume *v, const struct pool_hand *h, const char *what)
{
    if (v->save_on_stop)
        return 0;
    return fault_set(h->why, ERR_NOT_IMPLEMENTED, "volume %s is not saved: it has nothing to %s", v->vid,
                     what);
}

int zfs_do_export(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    char name[ZFS_NAME_MAX + 1];
    ZFS_WORK(w, p, h, e->volume);
    if ((r = needs_saved(w.v, h, "export")) < 0 || (r = zfs_settle(&w)) < 0 ||
        (r = zfs_fresh(&w, w.exported, name)) < 0 ||
        (r = zfs_clone_committed(&w, w.v->vid, volume_in_place(w.v), name, true)) < 0 ||
        (r = zfs_wait(&w, name)) < 0)
        return r;
    const struct zfs_row *row = zfs_find(&w, name);
    ret->size = row != NULL ? row->size : 0;
    snprintf(ret->path, sizeof ret->path, "/dev/zvol/%s", name);
    return 0;
}

int zfs_do_export_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                      struct pool_outcome *ret)
{
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    const char *name = e->path != NULL && strncmp(e->path, "/dev/zvol/", 10) == 0 ? e->path + 10 : "";
    size_t len = strlen(w.exported);
    if (strncmp(name, w.exported, len) != 0 || name[len] != '/')
        return fault_set(h->why, ERR_STORAGE, "%s is no export of %s", name, w.v->vid);
    return zfs_drop(&w, name);
}

/* What lies under .importing, if one does. */
static const struct zfs_row *import_of(const struct zfs_work *w)
{
    size_t len = strlen(w->importing);
    for (size_t i = 0; i < w->count; i++)
        if (w->at[i].volume && strncmp(w->at[i].name, w->importing, len) == 0 && w->at[i].name[len] == '/')
            return &w->at[i];
    return NULL;
}

static int import_begin(struct zfs_work *w, const char *parent, uint64_t size, char name[ZFS_NAME_MAX + 1])
{
    int r;
    if ((r = needs_saved(w->v, w->h, "import into")) < 0 || (r = zfs_refuse_dirty(w)) < 0 ||
        (r = zfs_refuse_import(w)) < 0 || (r = zfs_settle(w)) < 0 || (r = zfs_fresh(w, parent, name)) < 0 ||
        (r = zfs_create(w, name, size, false)) < 0)
        return r;
    return zfs_wait(w, name);
}

int zfs_do_import_begin(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    char name[ZFS_NAME_MAX + 1];
    ZFS_WORK(w, p, h, e->volume);
    if ((r = import_begin(&w, w.importing, e->size, name)) < 0)
        return r;
    ret->size = e->size;
    snprintf(ret->path, sizeof ret->path, "/dev/zvol/%s", name);
    return 0;
}

int zfs_do_import_data(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    char path[POOL_PATH_MAX + 1];
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    const struct zfs_row *row = import_of(&w);
    if (row == NULL)
        return pool_no_import(h, w.v);
    snprintf(path, sizeof path, "/dev/zvol/%s", row->name);
    return disk_write_device(h, path, row->size, e->data, e->offset);
}

int zfs_do_import_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                      struct pool_outcome *ret)
{
    char name[ZFS_NAME_MAX + 1], path[POOL_PATH_MAX + 1];
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    const struct zfs_row *row = import_of(&w);
    if (row == NULL)
        return pool_no_import(h, w.v);
    if (!e->success)
        return zfs_drop(&w, w.importing);
    memcpy(name, row->name, sizeof name);
    snprintf(path, sizeof path, "/dev/zvol/%s", name);
    if ((r = zfs_refuse_dirty(&w)) < 0 || (r = disk_sync_file(h, path)) < 0)
        return r;
    return zfs_replace(&w, name, "after-import-data");
}

static int pour(struct zfs_work *w, const struct pool_errand *e, const char *name)
{
    char path[POOL_PATH_MAX + 1];
    snprintf(path, sizeof path, "/dev/zvol/%s", name);
    int r = disk_pour_device(w->h, e->fd, path, e->size);
    return r < 0 ? r : disk_sync_file(w->h, path);
}

/* A copy that failed must not come to be the volume later: it goes, or what goes is a state that is none. */
static int end_copy(struct zfs_work *w, int r)
{
    if (r >= 0)
        return r;
    struct fault first = *w->h->why;
    if (zfs_refresh(w) >= 0 && zfs_settle(w) >= 0)
        zfs_drop(w, w->tmp);
    *w->h->why = first;
    return r;
}

int zfs_do_import_fd(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    char name[ZFS_NAME_MAX + 1];
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop)
        return 0; /* nothing of it would be kept */
    if ((r = import_begin(&w, w.tmp, e->size, name)) >= 0 && (r = pour(&w, e, name)) >= 0)
        r = zfs_replace(&w, name, "after-import-volume");
    return end_copy(&w, r);
}

int zfs_do_clone(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                 struct pool_outcome *ret)
{
    char name[ZFS_NAME_MAX + 1];
    ZFS_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop)
        return 0;
    if ((r = needs_saved(e->source, h, "clone")) < 0 || (r = zfs_refuse_dirty(&w)) < 0 ||
        (r = zfs_refuse_import(&w)) < 0 || (r = zfs_settle(&w)) < 0 || (r = zfs_fresh(&w, w.tmp, name)) < 0)
        return r;
    r = zfs_clone_committed(&w, e->source->vid, volume_in_place(e->source), name, false);
    return end_copy(&w, r < 0 ? r : zfs_replace(&w, name, "after-import-volume"));
}
