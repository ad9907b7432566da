/* SPDX-License-Identifier: MIT
 * What a logical volume holds: its way back, in, out and into others; in storage. Spec: storage 7. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_disk.h"
#include "doors/pool_lvm_inside.h"

/* The old state stays the newest revision until the new one has the name: an interruption leaves one of the
 * two. */
int lvm_do_revert(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    char name[LV_NAME_MAX + 1], aside[LV_NAME_MAX + 1] = "";
    uint64_t seconds = 0;
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if ((r = lvm_refuse_dirty(&w)) < 0 || (r = lvm_refuse_import(&w)) < 0)
        return r;
    const struct lv *revision = lvm_newest(&w, w.main, &seconds);
    if (e->revision.at != NULL) {
        snprintf(name, sizeof name, "%.*s-%.*s", LV_NAME_MAX - 24, w.main, (int)(e->revision.len & 0xff),
                 e->revision.at);
        revision = names_lv_revision(w.main, name, &seconds) ? lvm_find(&w, name) : NULL;
    }
    if (revision == NULL)
        return fault_set(h->why, ERR_REVISION_NOT_FOUND, "volume %s has no such revision", w.v->vid);
    memcpy(name, revision->name, sizeof name);
    r = lvm_make(&w, w.half, name, 0);
    if (r >= 0 && lvm_find(&w, w.main) != NULL)
        r = lvm_keep_aside(&w, aside);
    if (r >= 0)
        r = lvm_rename(&w, w.half, w.main);
    if (r < 0 || (r = lvm_settle(&w, w.main)) < 0)
        return lvm_give_up(&w, r);
    return aside[0] != '\0' ? lvm_drop(&w, aside) : 0;
}

int lvm_do_resize(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    const struct lv *lv = lvm_find(&w, w.snap);
    if (!w.v->rw)
        return fault_set(h->why, ERR_STORAGE, "Cannot resize: %s is read-only", w.v->vid);
    if (lv == NULL)
        lv = lvm_find(&w, w.import);
    if (lv == NULL)
        lv = lvm_find(&w, lvm_current(&w, w.main));
    ret->size = e->size;
    if (lv == NULL)
        return 0; /* the next start makes it of that size */
    char name[LV_NAME_MAX + 1];
    memcpy(name, lv->name, sizeof name);
    return lvm_resize(&w, name, e->size);
}

static int needs_saved(const struct lvm_work *w, const char *what)
{
    if (w->v->save_on_stop)
        return 0;
    return fault_set(w->h->why, ERR_NOT_IMPLEMENTED, "volume %s is not saved: it has nothing to %s",
                     w->v->vid, what);
}

int lvm_do_export(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    char name[LV_NAME_MAX + 1];
    LVM_WORK(w, p, h, e->volume);
    snprintf(name, sizeof name, "%s", lvm_current(&w, w.main));
    const struct lv *lv = lvm_find(&w, name);
    if ((r = needs_saved(&w, "export")) < 0)
        return r;
    if (lv == NULL)
        return fault_set(h->why, ERR_STORAGE, "volume %s missing", w.v->vid);
    ret->size = lv->size;
    snprintf(ret->path, sizeof ret->path, "/dev/%s/%s", w.p->group, name);
    return lvm_activate(&w, name);
}

static int import_begin(struct lvm_work *w, uint64_t size)
{
    int r;
    if ((r = needs_saved(w, "import into")) < 0 || (r = lvm_refuse_dirty(w)) < 0 ||
        (r = lvm_refuse_import(w)) < 0)
        return r;
    return lvm_create(w, w->import, size);
}

static void import_path(const struct lvm_work *w, char path[POOL_PATH_MAX + 1])
{
    snprintf(path, POOL_PATH_MAX + 1, "/dev/%s/%s", w->p->group, w->import);
}

int lvm_do_import_begin(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    ret->size = e->size;
    import_path(&w, ret->path);
    return import_begin(&w, e->size);
}

int lvm_do_import_data(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    char path[POOL_PATH_MAX + 1];
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    const struct lv *lv = lvm_find(&w, w.import);
    if (lv == NULL)
        return pool_no_import(h, w.v);
    import_path(&w, path);
    return disk_write_device(h, path, lv->size, e->data, e->offset);
}

static int commit_import(struct lvm_work *w)
{
    char path[POOL_PATH_MAX + 1];
    import_path(w, path);
    int r = disk_sync_file(w->h, path);
    return r < 0 ? r : lvm_commit(w, w->import, false);
}

int lvm_do_import_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                      struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if (lvm_find(&w, w.import) == NULL)
        return pool_no_import(h, w.v);
    return e->success ? commit_import(&w) : lvm_remove(&w, w.import);
}

static int pour(struct lvm_work *w, const struct pool_errand *e)
{
    char path[POOL_PATH_MAX + 1];
    import_path(w, path);
    return disk_pour_device(w->h, e->fd, path, e->size);
}

int lvm_do_import_fd(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop)
        return 0; /* nothing of it would be kept */
    if ((r = import_begin(&w, e->size)) < 0)
        return r;
    if ((r = pour(&w, e)) >= 0)
        r = commit_import(&w);
    return lvm_give_up(&w, r);
}

int lvm_do_clone(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                 struct pool_outcome *ret)
{
    char from[LV_NAME_MAX + 1];
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop || !e->source->save_on_stop)
        return 0; /* nothing of it is kept */
    if ((r = lvm_refuse_dirty(&w)) < 0 || (r = lvm_refuse_import(&w)) < 0)
        return r;
    size_t group = strlen(w.p->group);
    bool ours = strncmp(e->source->vid, w.p->group, group) == 0 && e->source->vid[group] == '/';
    snprintf(from, sizeof from, "%.*s", LV_NAME_MAX, ours ? lvm_current(&w, e->source->vid + group + 1) : "");
    if (lvm_find(&w, from) == NULL)
        return fault_set(h->why, ERR_STORAGE, "volume %s missing", e->source->vid);
    return lvm_give_up(&w, lvm_commit(&w, from, true));
}
