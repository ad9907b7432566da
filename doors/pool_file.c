/* SPDX-License-Identifier: MIT
 * The driver file: an image that is written in place, with a copy-on-write area beside it; the device mapper
 * shows snapshots of both. For file systems that share no blocks. In storage. Spec: storage 8. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_reflink_inside.h"
#include "doors/pool_tool.h"

enum { HEADER = 256 * 1024, NAME_MAX_BYTES = 160 };

/* Names of one volume: its image is f.clean, an import f.import, its source's image f.source. */
struct file_files {
    struct reflink_files f;
    int64_t keep;
    char cow[POOL_PATH_MAX + 1], old[POOL_PATH_MAX + 1], source_cow[POOL_PATH_MAX + 1];
};

#define FILES(n, p, h, e)                                                                                    \
    struct file_files n;                                                                                     \
    int r = names(&n, p, h, (e)->volume);                                                                    \
    if (r < 0)                                                                                               \
    return r

static int names(struct file_files *n, const struct pool *p, const struct pool_hand *h,
                 const struct volume *v)
{
    int r = reflink_files(&n->f, (const struct reflink *)p, h, v);
    if (r < 0)
        return r;
    if (volume_kind(v) == VOLUME_BOTH)
        return fault_set(h->why, ERR_NOT_IMPLEMENTED, "driver file cannot save a snapshot (volume %s)",
                         v->vid);
    n->keep = v->save_on_stop ? v->revisions_to_keep : 0;
    if (n->keep > 1)
        return fault_set(h->why, ERR_NOT_IMPLEMENTED, "driver file keeps at most one revision (volume %s)",
                         v->vid);
    snprintf(n->cow, sizeof n->cow, "%s-cow.img", n->f.base);
    snprintf(n->old, sizeof n->old, "%s-cow.img.old", n->f.base);
    snprintf(n->source_cow, sizeof n->source_cow, "%s/%s-cow.img", ((const struct reflink *)p)->dir,
             v->source);
    return 0;
}

static struct pool *file_open(struct span lines, const struct pool_calls *calls, struct fault *why)
{
    struct pool *p = reflink_open(lines, calls, why);
    if (p != NULL)
        ((struct reflink *)p)->setup_check = false;
    return p;
}

/* ---- devices ---- */

static int append_id(const struct file_files *n, const char *path, char *to)
{
    struct stat st;
    int r = disk_stat(n->f.h, path, &st);
    if (r == 0)
        return fault_set(n->f.h->why, ERR_STORAGE, "Missing image file: %s", path);
    size_t len = strlen(to);
    if (r > 0)
        snprintf(to + len, NAME_MAX_BYTES - len, "-%" PRIx64 ":%" PRIu64, (uint64_t)st.st_dev,
                 (uint64_t)st.st_ino);
    return r;
}

/* The device that its VM is given; "" when that is the file. */
static int device_name(const struct file_files *n, char to[NAME_MAX_BYTES])
{
    int r;
    to[0] = '\0';
    if (volume_kind(n->f.v) == VOLUME_VOLATILE || volume_in_place(n->f.v))
        return 0;
    snprintf(to, NAME_MAX_BYTES, "%s", n->f.v->snap_on_start ? "snapshot" : "origin");
    if (!n->f.v->snap_on_start)
        return append_id(n, n->f.clean, to);
    if ((r = append_id(n, n->f.source, to)) < 0 || (r = append_id(n, n->source_cow, to)) < 0)
        return r;
    return append_id(n, n->cow, to);
}

static int make_device(const struct file_files *n)
{
    char name[NAME_MAX_BYTES];
    bool snapshot = n->f.v->snap_on_start;
    int r = device_name(n, name);
    const char *argv[] = {"/usr/lib/qubes/create-snapshot",
                          name,
                          snapshot ? n->f.source : n->f.clean,
                          snapshot ? n->source_cow : n->cow,
                          snapshot ? n->cow : NULL,
                          NULL};
    return r < 0 || name[0] == '\0' ? r : tool_run(n->f.h, argv, NULL, NULL);
}

/* 1 and its name when it is there. */
static int has_device(const struct file_files *n, char name[NAME_MAX_BYTES])
{
    char path[NAME_MAX_BYTES + 16];
    struct fault quiet;
    struct pool_hand hand = *n->f.h;
    struct file_files asked = *n;
    hand.why = &quiet;
    asked.f.h = &hand;
    if (device_name(&asked, name) < 0 || name[0] == '\0')
        return 0; /* without its files it has no name */
    snprintf(path, sizeof path, "/dev/mapper/%s", name);
    return disk_stat(n->f.h, path, NULL);
}

static int drop_device(const struct file_files *n)
{
    char name[NAME_MAX_BYTES];
    const char *argv[] = {"/usr/lib/qubes/destroy-snapshot", name, NULL};
    int r = has_device(n, name);
    return r <= 0 ? r : tool_run(n->f.h, argv, NULL, NULL);
}

/* "0 64 snapshot-origin 7:0" with another length. */
static int stretch_device(const struct file_files *n, uint64_t size)
{
    char name[NAME_MAX_BYTES], table[128];
    AUTO_TEXT said = {0};
    struct span rest, kind;
    const char *ask[] = {"dmsetup", "table", name, NULL},
               *load[] = {"dmsetup", "load", name, "--table", table, NULL},
               *resume[] = {"dmsetup", "resume", name, NULL};
    int r = has_device(n, name);
    if (r <= 0 || (r = tool_run(n->f.h, ask, NULL, &said)) < 0)
        return r;
    span_split(span_trim(text_span(&said)), ' ', &rest); /* its start */
    span_split(rest, ' ', &rest);                        /* its length */
    kind = span_split(rest, ' ', &rest);
    if (!span_is(kind, "snapshot-origin") || rest.len == 0 || rest.len > 40)
        return fault_set(n->f.h->why, ERR_STORAGE, "the device of %s is no snapshot-origin", n->f.v->vid);
    snprintf(table, sizeof table, "0 %" PRIu64 " snapshot-origin %.*s", size / 512, (int)rest.len, rest.at);
    return (r = tool_run(n->f.h, load, NULL, NULL)) < 0 ? r : tool_run(n->f.h, resume, NULL, NULL);
}

/* ---- the copy-on-write area ---- */

static bool is_empty_header(const char *at, size_t len)
{
    static const unsigned char head[16] = {'S', 'n', 'A', 'p', 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0};
    size_t from = len >= sizeof head && memcmp(at, head, sizeof head) == 0 ? sizeof head : 0;
    for (; from < len; from++)
        if (at[from] != 0)
            return false;
    return true;
}

/* Whether it holds anything but the header of an empty one: 1, 0, or an error. */
static int cow_has_data(const struct file_files *n)
{
    int fd = n->f.h->call->open(n->cow, O_RDONLY, 0);
    if (fd < 0)
        return errno == ENOENT ? 0 : pool_broken(n->f.h, "open", n->cow);
    AUTO_MEMORY char *bytes = malloc(HEADER);
    int r = bytes == NULL ? fault_set(n->f.h->why, ERR_NOMEM, "no memory to look into %s", n->cow) : 0;
    if (r >= 0 && n->f.h->call->lseek(fd, HEADER, SEEK_DATA) >= 0)
        r = 1;
    else if (r >= 0) {
        ssize_t len = n->f.h->call->pread(fd, bytes, HEADER, 0);
        r = len < 0 ? pool_broken(n->f.h, "read", n->cow) : !is_empty_header(bytes, (size_t)len);
    }
    n->f.h->call->close(fd);
    return r;
}

static int make_cow(const struct file_files *n, const char *path, const char *image)
{
    struct stat st;
    int r = disk_stat(n->f.h, path, NULL);
    if (r != 0)
        return r < 0 ? r : 0;
    if ((r = disk_stat(n->f.h, image, &st)) == 0)
        return fault_set(n->f.h->why, ERR_STORAGE, "Missing image file: %s", image);
    return r < 0 ? r : disk_create(n->f.h, path, (uint64_t)st.st_size, 0664);
}

/* The data are in the image already; what was there before goes, or becomes the revision. */
static int commit(const struct file_files *n)
{
    int r = disk_stat(n->f.h, n->cow, NULL);
    if (r > 0 && n->keep == 1)
        r = disk_rename(n->f.h, n->cow, n->old);
    else if (r > 0)
        r = disk_remove(n->f.h, n->cow);
    return r < 0 ? r : make_cow(n, n->cow, n->f.clean);
}

/* ---- life ---- */

static int do_create(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    if (n.f.v->snap_on_start)
        return 0;
    if (n.f.v->size == 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s needs a size", n.f.v->vid);
    if ((r = disk_stat(h, n.f.clean, NULL)) > 0)
        return fault_set(h->why, ERR_STORAGE, "%s is there already; remove it first", n.f.clean);
    return r < 0 ? r : disk_create(h, n.f.clean, n.f.v->size, 0664);
}

static int do_remove(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    if ((r = drop_device(&n)) < 0 || (r = reflink_drop_incomplete(&n.f)) < 0 ||
        (r = disk_remove(h, n.old)) < 0 || (r = disk_remove(h, n.cow)) < 0 ||
        (r = disk_remove(h, n.f.clean)) < 0)
        return r;
    *strrchr(n.f.base, '/') = '\0';
    return disk_remove_directory(h, n.f.base);
}

static int do_verify(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    const char *image = n.f.v->snap_on_start ? n.f.source : n.f.clean;
    r = volume_kind(n.f.v) == VOLUME_VOLATILE ? 1 : disk_stat(h, image, NULL);
    return r == 0 ? fault_set(h->why, ERR_STORAGE, "Missing image file: %s", image) : r < 0 ? r : 0;
}

static int do_start(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                    struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    if (volume_kind(n.f.v) == VOLUME_VOLATILE)
        return (r = disk_remove(h, n.f.clean)) < 0 ? r : disk_create(h, n.f.clean, n.f.v->size, 0664);
    if (n.f.v->snap_on_start) {
        if ((r = drop_device(&n)) < 0 || (r = disk_remove(h, n.cow)) < 0 ||
            (r = make_cow(&n, n.source_cow, n.f.source)) < 0)
            return r;
        r = make_cow(&n, n.cow, n.f.source);
    } else
        r = make_cow(&n, n.cow, n.f.clean);
    return r < 0 ? r : make_device(&n);
}

static int do_stop(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    if (volume_kind(n.f.v) == VOLUME_VOLATILE)
        return disk_remove(h, n.f.clean);
    if ((r = drop_device(&n)) < 0)
        return r;
    if (n.f.v->snap_on_start || !n.f.v->rw)
        return disk_remove(h, n.cow);
    return (r = disk_stat(h, n.f.clean, NULL)) <= 0 ? r : commit(&n);
}

static int do_tidy(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    return reflink_drop_incomplete(&n.f);
}

static int do_look(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    char name[NAME_MAX_BYTES];
    struct stat image, cow;
    FILES(n, p, h, e);
    enum volume_kind kind = volume_kind(n.f.v);
    int has_image = disk_stat(h, kind == VOLUME_SNAPSHOT ? n.f.source : n.f.clean, &image),
        has_cow = disk_stat(h, n.cow, &cow), dirty = kind == VOLUME_ORIGIN ? cow_has_data(&n) : 0;
    if (has_image < 0 || has_cow < 0 || dirty < 0)
        return has_image < 0 ? has_image : has_cow < 0 ? has_cow : dirty;
    int device = has_device(&n, name);
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
    if (name[0] != '\0')
        snprintf(ret->path, sizeof ret->path, "/dev/mapper/%s", name);
    else if (kind != VOLUME_SNAPSHOT)
        text_copy(ret->path, sizeof ret->path, span_of(n.f.clean));
    return 0;
}

static int do_revisions(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    char time[NAMES_TIME];
    struct stat st;
    FILES(n, p, h, e);
    ret->list = TEXT_WITH_LIMIT(64);
    if ((r = disk_stat(h, n.old, &st)) > 0 && names_time(time, st.st_ctime))
        text_format(&ret->list, "old=%s\n", time);
    return r < 0 ? r : 0;
}

/* ---- contents ---- */

static int do_resize(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    FILES(n, p, h, e);
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
    return stretch_device(&n, e->size);
}

static int do_export(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    char name[NAME_MAX_BYTES];
    struct stat st;
    FILES(n, p, h, e);
    if (n.f.v->snap_on_start)
        return fault_set(h->why, ERR_STORAGE, "volume %s is a snapshot: it has nothing to export",
                         n.f.v->vid);
    if ((r = has_device(&n, name)) > 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s is in use; stop its VM first", n.f.v->vid);
    if (r >= 0 && (r = cow_has_data(&n)) > 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s is dirty; start and stop its VM first", n.f.v->vid);
    if (r < 0 || (r = disk_stat(h, n.f.clean, &st)) < 0)
        return r;
    if (r == 0)
        return fault_set(h->why, ERR_STORAGE, "Missing image file: %s", n.f.clean);
    ret->size = (uint64_t)st.st_size;
    return text_copy(ret->path, sizeof ret->path, span_of(n.f.clean));
}

static int do_import_begin(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                           struct pool_outcome *ret)
{
    if (!e->volume->save_on_stop)
        return fault_set(h->why, ERR_STORAGE, "volume %s is not saved: it has nothing to import into",
                         e->volume->vid);
    return reflink_import_begin(p, h, e, ret);
}

static int take_import(const struct file_files *n)
{
    int r = disk_sync_file(n->f.h, n->f.import);
    return r < 0 ? r : disk_rename(n->f.h, n->f.import, n->f.clean);
}

static int do_import_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    if (!e->success)
        return disk_remove(h, n.f.import);
    if ((r = disk_stat(h, n.f.import, NULL)) == 0)
        return fault_set(h->why, ERR_STORAGE, "No import operation in progress on %s", n.f.v->vid);
    return r < 0 ? r : take_import(&n);
}

static int do_import_fd(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    FILES(n, p, h, e);
    (void)ret;
    if (!n.f.v->save_on_stop)
        return 0;
    r = reflink_drop_incomplete(&n.f); /* of an import whose process was killed */
    return r < 0 ? r : disk_copy_fd(h, e->fd, n.f.clean, e->size);
}

static int do_clone(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                    struct pool_outcome *ret)
{
    struct pool_errand of_source = {.volume = e->source};
    struct pool_outcome source = {0};
    FILES(n, p, h, e);
    (void)ret;
    if (!n.f.v->save_on_stop)
        return 0;
    if ((r = do_export(p, h, &of_source, &source)) < 0 || (r = reflink_drop_incomplete(&n.f)) < 0)
        return r;
    return disk_copy(h, source.path, n.f.clean, (struct disk_copy){0});
}

#define do_NAME        NULL
#define do_setup       reflink_setup
#define do_destroy     reflink_destroy
#define do_usage       reflink_usage
#define do_list        reflink_list
#define do_wake        NULL
#define do_revert      NULL
#define do_export_end  reflink_export_end
#define do_import_data reflink_import_data

const struct pool_driver pool_file = {
    .open = file_open,
    .free = reflink_free,
    .verb =
        {
#define POOL_VERB(name, flags, help) [POOL_##name] = do_##name,
#include "doors/pool_verb.def"
        },
};
