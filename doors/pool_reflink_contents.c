/* SPDX-License-Identifier: MIT
 * What a volume of files holds: its way back, in, out and into others; in storage. Spec: storage 6. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_reflink_inside.h"

static int find_revision(const struct reflink_files *f, struct span wanted, struct reflink_revision *ret)
{
    struct reflink_revisions all = {0};
    uint64_t number = 0;
    int r = reflink_revisions(f, &all);
    bool found = r >= 0 && all.count > 0 && wanted.at == NULL;
    if (found)
        *ret = all.at[all.count - 1];
    else if (wanted.at != NULL && text_number(wanted, 0, UINT64_MAX, &number) == 0)
        for (size_t i = 0; i < all.count && !found; i++)
            if ((found = all.at[i].number == number))
                *ret = all.at[i];
    free(all.at);
    if (r >= 0 && !found)
        return fault_set(f->h->why, ERR_REVISION_NOT_FOUND, "volume %s has no such revision", f->v->vid);
    return r;
}

int reflink_do_revert(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                      struct pool_outcome *ret)
{
    struct reflink_revision revision = {0};
    char path[POOL_PATH_MAX + 1];
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if ((r = f.v->save_on_stop ? disk_stat(h, f.dirty, NULL) : 0) < 0)
        return r;
    if (r == 1)
        return fault_set(h->why, ERR_STORAGE, "Cannot revert: %s is not cleanly stopped", f.v->vid);
    if ((r = find_revision(&f, e->revision, &revision)) < 0)
        return r;
    if (!reflink_revision_path(path, f.base, &revision))
        return fault_set(h->why, ERR_STORAGE, "the path of a revision of %s is too long", f.v->vid);
    if ((r = reflink_add_revision(&f)) < 0 || (r = disk_remove(h, f.precache)) < 0 ||
        (r = disk_rename(h, path, f.clean)) < 0)
        return r;
    reflink_make_precache(&f);
    return 0;
}

int reflink_do_resize(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                      struct pool_outcome *ret)
{
    struct reflink_seen seen;
    REFLINK_FILES(f, p, h, e);
    if (!f.v->rw)
        return fault_set(h->why, ERR_STORAGE, "Cannot resize: %s is read-only", f.v->vid);
    if ((r = reflink_see(&f, &seen)) < 0)
        return r;
    ret->size = e->size;
    if (seen.dirty) {
        r = disk_resize(h, f.dirty, e->size);
        return r < 0 ? r : reflink_resize_loops(h, f.dirty);
    }
    if (volume_kind(f.v) != VOLUME_ORIGIN)
        return 0; /* the next start makes it of that size */
    if ((r = disk_remove(h, f.precache)) < 0 ||
        (r = disk_copy(h, f.clean, f.clean, (struct disk_copy){.resize = true, .size = e->size})) < 0)
        return r;
    reflink_make_precache(&f);
    return 0;
}

static int needs_saved(const struct reflink_files *f, const char *what)
{
    if (f->v->save_on_stop)
        return 0;
    return fault_set(f->h->why, ERR_NOT_IMPLEMENTED, "volume %s is not saved: it has nothing to %s",
                     f->v->vid, what);
}

int reflink_do_export(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                      struct pool_outcome *ret)
{
    struct stat st;
    REFLINK_FILES(f, p, h, e);
    if ((r = needs_saved(&f, "export")) < 0 || (r = disk_stat(h, f.clean, &st)) < 0)
        return r;
    if (r == 0 && volume_in_place(f.v))
        return fault_set(h->why, ERR_STORAGE, "Volume %s must be stopped before importing its data",
                         f.v->vid);
    if (r == 0)
        return fault_set(h->why, ERR_STORAGE, "Missing image file '%s' for volume %s", f.clean, f.v->vid);
    ret->size = (uint64_t)st.st_size;
    return text_copy(ret->path, sizeof ret->path, span_of(f.clean));
}

int reflink_do_import_begin(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                            struct pool_outcome *ret)
{
    REFLINK_FILES(f, p, h, e);
    if ((r = needs_saved(&f, "import into")) < 0 || (r = disk_create(h, f.import, e->size, 0600)) < 0)
        return r;
    ret->size = e->size;
    return text_copy(ret->path, sizeof ret->path, span_of(f.import));
}

static int open_import(const struct reflink_files *f)
{
    int fd = f->h->call->open(f->import, O_WRONLY | O_NOFOLLOW, 0);
    if (fd < 0 && errno == ENOENT)
        return pool_no_import(f->h, f->v);
    return fd < 0 ? pool_broken(f->h, "open", f->import) : fd;
}

int reflink_do_import_data(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                           struct pool_outcome *ret)
{
    struct stat st;
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    int fd = open_import(&f);
    if (fd < 0)
        return fd;
    if (h->call->fstat(fd, &st) < 0)
        r = pool_broken(h, "look at", f.import);
    else if (e->offset > (uint64_t)st.st_size || e->data.len > (uint64_t)st.st_size - e->offset)
        r = fault_set(h->why, ERR_STORAGE, "too much data (expected %" PRIu64 " bytes)",
                      (uint64_t)st.st_size);
    else
        r = disk_write(h, fd, e->data, e->offset, f.import);
    h->call->close(fd);
    return r;
}

int reflink_do_import_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                          struct pool_outcome *ret)
{
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if (!e->success)
        return disk_remove(h, f.import);
    if ((r = disk_stat(h, f.import, NULL)) == 0)
        return pool_no_import(h, f.v);
    return r < 0 ? r : reflink_commit(&f, f.import);
}

/* How filling the import file went decides whether it is committed. */
static int end_import(const struct reflink_files *f, int r)
{
    if (r >= 0)
        r = reflink_commit(f, f->import);
    if (r < 0) {
        struct fault first = *f->h->why;
        disk_remove(f->h, f->import);
        *f->h->why = first;
    }
    return r;
}

int reflink_do_import_fd(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if (!f.v->save_on_stop)
        return 0;                              /* nothing of it would be kept */
    if ((r = reflink_drop_incomplete(&f)) < 0) /* of an import whose process was killed */
        return r;
    return end_import(&f, disk_copy_fd(h, e->fd, f.import, e->size));
}

int reflink_do_clone(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    struct pool_errand of_source = {.volume = e->source};
    struct pool_outcome source = {0};
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if (!f.v->save_on_stop)
        return 0;
    if ((r = reflink_do_export(p, h, &of_source, &source)) < 0 || (r = reflink_drop_incomplete(&f)) < 0)
        return r;
    return end_import(&f, disk_copy(h, source.path, f.import, (struct disk_copy){0}));
}
