/* SPDX-License-Identifier: MIT
 * The driver file: an image that is written in place, with a copy-on-write area beside it; the device mapper
 * shows snapshots of both. For file systems that share no blocks. In storage. Spec: storage 8. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "doors/pool_file_inside.h"

static struct pool *file_open(struct span lines, const struct pool_calls *calls, struct fault *why)
{
    struct pool *p = reflink_open(lines, calls, why);
    if (p != NULL)
        ((struct reflink *)p)->setup_check = false;
    return p;
}

/* ---- life ---- */

static int file_do_create(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                          struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    if (n.f.v->snap_on_start)
        return 0;
    if (n.f.v->size == 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s needs a size", n.f.v->vid);
    if ((r = disk_stat(h, n.f.clean, NULL)) > 0)
        return fault_set(h->why, ERR_STORAGE, "%s is there already; remove it first", n.f.clean);
    return r < 0 ? r : disk_create(h, n.f.clean, n.f.v->size, 0664);
}

static int file_do_remove(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                          struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    if ((r = file_drop_device(&n)) < 0 || (r = reflink_drop_incomplete(&n.f)) < 0 ||
        (r = disk_remove(h, n.old)) < 0 || (r = disk_remove(h, n.cow)) < 0 ||
        (r = disk_remove(h, n.f.clean)) < 0)
        return r;
    *strrchr(n.f.base, '/') = '\0';
    return disk_remove_directory(h, n.f.base);
}

static int file_do_verify(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                          struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    const char *image = n.f.v->snap_on_start ? n.f.source : n.f.clean;
    r = volume_kind(n.f.v) == VOLUME_VOLATILE ? 1 : disk_stat(h, image, NULL);
    if (r == 0)
        return fault_set(h->why, ERR_STORAGE, "Missing image file: %s", image);
    return r < 0 ? r : file_can_make_device(&n);
}

static int file_do_start(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    if (volume_kind(n.f.v) == VOLUME_VOLATILE)
        return (r = disk_remove(h, n.f.clean)) < 0 ? r : disk_create(h, n.f.clean, n.f.v->size, 0664);
    if (n.f.v->snap_on_start) {
        if ((r = file_drop_device(&n)) < 0 || (r = disk_remove(h, n.cow)) < 0 ||
            (r = file_make_cow(&n, n.source_cow, n.f.source)) < 0)
            return r;
        r = file_make_cow(&n, n.cow, n.f.source);
    } else
        r = file_make_cow(&n, n.cow, n.f.clean);
    return r < 0 ? r : file_make_device(&n);
}

static int file_do_stop(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    if (volume_kind(n.f.v) == VOLUME_VOLATILE)
        return disk_remove(h, n.f.clean);
    if ((r = file_drop_device(&n)) < 0)
        return r;
    if (n.f.v->snap_on_start || !n.f.v->rw)
        return disk_remove(h, n.cow);
    return (r = disk_stat(h, n.f.clean, NULL)) <= 0 ? r : file_commit(&n);
}

static int file_do_tidy(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    return reflink_drop_incomplete(&n.f);
}

static int file_do_look(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    char name[FILE_DEVICE_MAX];
    struct stat image, cow;
    FILE_FILES(n, p, h, e);
    enum volume_kind kind = volume_kind(n.f.v);
    int has_image = disk_stat(h, kind == VOLUME_SNAPSHOT ? n.f.source : n.f.clean, &image),
        has_cow = disk_stat(h, n.cow, &cow), dirty = kind == VOLUME_ORIGIN ? file_cow_has_data(&n) : 0;
    if (has_image < 0 || has_cow < 0 || dirty < 0)
        return has_image < 0 ? has_image : has_cow < 0 ? has_cow : dirty;
    int device = file_has_device(&n, name);
    if (device < 0 || (r = reflink_find_incomplete(&n.f, &ret->remains.temporary)) < 0 ||
        (r = disk_stat(h, n.f.import, NULL)) < 0)
        return device < 0 ? device : r;
    ret->remains.import = r == 1;
    ret->dirty = ret->remains.dirty = dirty == 1;
    ret->remains.running = kind == VOLUME_SNAPSHOT   ? has_cow == 1
                           : kind == VOLUME_VOLATILE ? has_image == 1
                                                     : device == 1;
    ret->has_data = has_image == 1;
    ret->known = true;
    ret->size = has_image == 1 ? (uint64_t)image.st_size : n.f.v->size;
    ret->usage = (kind != VOLUME_VOLATILE && has_cow == 1 ? (uint64_t)cow.st_blocks * 512 : 0) +
                 (kind != VOLUME_SNAPSHOT && has_image == 1 ? (uint64_t)image.st_blocks * 512 : 0);
    text_copy(ret->own, sizeof ret->own, span_of(kind == VOLUME_SNAPSHOT ? n.f.source : n.f.clean));
    if (name[0] != '\0')
        snprintf(ret->path, sizeof ret->path, "/dev/mapper/%s", name);
    else if (kind != VOLUME_SNAPSHOT)
        text_copy(ret->path, sizeof ret->path, span_of(n.f.clean));
    return 0;
}

static int file_do_revisions(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                             struct pool_outcome *ret)
{
    char time[NAMES_TIME];
    struct stat st;
    FILE_FILES(n, p, h, e);
    ret->list = TEXT_WITH_LIMIT(64);
    if ((r = disk_stat(h, n.old, &st)) > 0 && names_time(time, st.st_ctime))
        text_format(&ret->list, "old=%s\n", time);
    return r < 0 ? r : 0;
}

/* ---- contents ---- */

static int file_do_resize(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                          struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    if (!n.f.v->rw)
        return fault_set(h->why, ERR_STORAGE, "Cannot resize: %s is read-only", n.f.v->vid);
    if (n.f.v->snap_on_start)
        return fault_set(h->why, ERR_STORAGE, "Cannot resize: %s is a snapshot; resize its source",
                         n.f.v->vid);
    ret->size = e->size;
    if ((r = disk_stat(h, n.f.clean, NULL)) <= 0)
        return r;
    if ((r = disk_resize(h, n.f.clean, e->size)) < 0 || (r = reflink_resize_loops(h, n.f.clean)) < 0)
        return r;
    return file_stretch_device(&n, e->size);
}

static int file_do_export(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                          struct pool_outcome *ret)
{
    char name[FILE_DEVICE_MAX];
    struct stat st;
    FILE_FILES(n, p, h, e);
    if (n.f.v->snap_on_start)
        return fault_set(h->why, ERR_STORAGE, "volume %s is a snapshot: it has nothing to export",
                         n.f.v->vid);
    if ((r = file_has_device(&n, name)) > 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s is in use; stop its VM first", n.f.v->vid);
    if (r >= 0 && (r = file_cow_has_data(&n)) > 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s is dirty; start and stop its VM first", n.f.v->vid);
    if (r < 0 || (r = disk_stat(h, n.f.clean, &st)) < 0)
        return r;
    if (r == 0)
        return fault_set(h->why, ERR_STORAGE, "Missing image file: %s", n.f.clean);
    ret->size = (uint64_t)st.st_size;
    return text_copy(ret->path, sizeof ret->path, span_of(n.f.clean));
}

static int file_do_import_begin(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                                struct pool_outcome *ret)
{
    if (!e->volume->save_on_stop)
        return fault_set(h->why, ERR_STORAGE, "volume %s is not saved: it has nothing to import into",
                         e->volume->vid);
    return reflink_do_import_begin(p, h, e, ret);
}

static int take_import(const struct file_files *n)
{
    int r = disk_sync_file(n->f.h, n->f.import);
    return r < 0 ? r : disk_rename(n->f.h, n->f.import, n->f.clean);
}

static int file_do_import_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                              struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    if (!e->success)
        return disk_remove(h, n.f.import);
    if ((r = disk_stat(h, n.f.import, NULL)) == 0)
        return pool_no_import(h, n.f.v);
    return r < 0 ? r : take_import(&n);
}

static int file_do_import_fd(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                             struct pool_outcome *ret)
{
    FILE_FILES(n, p, h, e);
    (void)ret;
    if (!n.f.v->save_on_stop)
        return 0;
    r = reflink_drop_incomplete(&n.f); /* of an import whose process was killed */
    return r < 0 ? r : disk_copy_fd(h, e->fd, n.f.clean, e->size);
}

static int file_do_clone(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    struct pool_errand of_source = {.volume = e->source};
    struct pool_outcome source = {0};
    FILE_FILES(n, p, h, e);
    (void)ret;
    if (!n.f.v->save_on_stop)
        return 0;
    if ((r = file_do_export(p, h, &of_source, &source)) < 0 || (r = reflink_drop_incomplete(&n.f)) < 0)
        return r;
    return disk_copy(h, source.path, n.f.clean, (struct disk_copy){0});
}

#define file_do_setup       reflink_do_setup
#define file_do_destroy     pool_nothing /* the directory may hold what is not ours */
#define file_do_usage       reflink_do_usage
#define file_do_list        reflink_do_list
#define file_do_wake        NULL
#define file_do_revert      NULL
#define file_do_export_end  pool_nothing
#define file_do_import_data reflink_do_import_data

const struct pool_driver pool_file = {
    .open = file_open,
    .free = reflink_free,
    .verb =
        {
#define POOL_VERB(name, flags, help) [POOL_##name] = file_do_##name,
#include "doors/pool_verb.def"
        },
};
