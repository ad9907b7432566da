/* SPDX-License-Identifier: MIT
 * The driver file-reflink: a volume is files whose blocks are shared. In storage. Spec: storage 6. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_reflink_inside.h"

#define FILES(f, p, h, e)                                                                                    \
    struct reflink_files f;                                                                                  \
    int r = reflink_files(&f, (const struct reflink *)(p), h, (e)->volume);                                  \
    if (r < 0)                                                                                               \
    return r

struct pool *reflink_open(struct span lines, const struct pool_calls *calls, struct fault *why)
{
    struct span value;
    (void)calls;
    struct reflink *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->setup_check = true;
    if (pool_parameter(lines, "dir_path", p->dir, sizeof p->dir, why) == 0 &&
        (!volume_attribute(lines, "setup_check", &value) || volume_bool(value, &p->setup_check) == 0)) {
        if (p->dir[0] == '/')
            return &p->pool;
        fault_set(why, ERR_QUBES, "dir_path is no absolute path: %s", p->dir);
    }
    if (why->code == ERR_NOMEM)
        fault_set(why, ERR_VALUE, "setup_check is no truth value");
    free(p);
    return NULL;
}

void reflink_free(struct pool *p)
{
    free(p);
}

/* "<prefix>/<vm>/<volume>". */
static bool is_file_vid(const char *vid)
{
    unsigned slashes = 0;
    for (const char *at = vid; *at != '\0'; at++)
        slashes += *at == '/';
    return slashes == 2 && (strncmp(vid, "appvms/", 7) == 0 || strncmp(vid, "vm-templates/", 13) == 0);
}

int reflink_files(struct reflink_files *f, const struct reflink *p, const struct pool_hand *h,
                  const struct volume *v)
{
    if (!is_file_vid(v->vid) || (v->source[0] != '\0' && !is_file_vid(v->source)))
        return fault_set(h->why, ERR_STORAGE,
                         "volume id %s is not of the form appvms/VM/VOLUME or vm-templates/VM/VOLUME",
                         v->vid);
    f->h = h;
    f->v = v;
    snprintf(f->base, sizeof f->base, "%s/%s", p->dir, v->vid);
    snprintf(f->clean, sizeof f->clean, "%s.img", f->base);
    snprintf(f->dirty, sizeof f->dirty, "%s-dirty.img", f->base);
    snprintf(f->precache, sizeof f->precache, "%s-precache.img", f->base);
    snprintf(f->import, sizeof f->import, "%s-import.img", f->base);
    snprintf(f->source, sizeof f->source, "%s/%s.img", p->dir, v->source);
    return 0;
}

int reflink_see(const struct reflink_files *f, struct reflink_seen *seen)
{
    struct stat clean, precache;
    int c = disk_stat(f->h, f->clean, &clean), d = disk_stat(f->h, f->dirty, NULL),
        p = disk_stat(f->h, f->precache, &precache);
    if (c < 0 || d < 0 || p < 0)
        return c < 0 ? c : d < 0 ? d : p;
    *seen = (struct reflink_seen){.clean = c == 1, .dirty = d == 1};
    seen->fresh = c == 1 && p == 1 && clean.st_size == precache.st_size &&
                  clean.st_mtim.tv_sec == precache.st_mtim.tv_sec &&
                  clean.st_mtim.tv_nsec == precache.st_mtim.tv_nsec;
    return 0;
}

/* ---- the pool ---- */

static int no_reflinks(const struct pool_hand *h, const struct reflink *p, bool made)
{
    if (made)
        h->call->rmdir(p->dir);
    return fault_set(
        h->why, ERR_STORAGE,
        "The filesystem for '%s' does not support reflinks. If you can live with VM startup delays and "
        "wasted disk space, pass the setup_check=False option",
        p->dir);
}

int reflink_setup(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    const struct reflink *p = (const struct reflink *)pool;
    char path[POOL_PATH_MAX + 1];
    (void)e, (void)ret;
    int made = disk_make_directory(h, p->dir, 0775), r = made;
    if (r >= 0 && p->setup_check) {
        r = disk_can_share(h, p->dir);
        if (r == 0)
            r = no_reflinks(h, p, made == 1);
    }
    static const char *const below[] = {"appvms", "vm-templates"};
    for (size_t i = 0; r >= 0 && i < COUNT(below); i++) {
        snprintf(path, sizeof path, "%s/%s", p->dir, below[i]);
        r = disk_make_directory(h, path, 0775);
    }
    return r < 0 ? r : 0;
}

int reflink_destroy(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                    struct pool_outcome *ret)
{
    (void)p, (void)h, (void)e, (void)ret; /* the directory may hold what is not ours */
    return 0;
}

int reflink_usage(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                  struct pool_outcome *ret)
{
    const struct reflink *p = (const struct reflink *)pool;
    struct statvfs fs;
    (void)e;
    if (h->call->statvfs(p->dir, &fs) < 0)
        return errno == ENOENT ? 0 : pool_broken(h, "look at", p->dir);
    ret->known = true;
    ret->size = (uint64_t)fs.f_frsize * fs.f_blocks;
    ret->usage = (uint64_t)fs.f_frsize * (fs.f_blocks - fs.f_bfree);
    ret->list = TEXT_WITH_LIMIT(256);
    text_format(&ret->list, "data_size=%" PRIu64 "\ndata_usage=%" PRIu64 "\n", ret->size, ret->usage);
    return 0;
}

/* ---- life ---- */

static int take_away(const struct reflink_files *f)
{
    int r;
    if ((r = reflink_drop_incomplete(f)) < 0 || (r = reflink_drop_revisions(f)) < 0 ||
        (r = disk_remove(f->h, f->precache)) < 0 || (r = disk_remove(f->h, f->dirty)) < 0)
        return r;
    return disk_remove(f->h, f->clean);
}

static int do_create(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    FILES(f, p, h, e);
    (void)ret;
    if ((r = take_away(&f)) < 0 || volume_kind(f.v) != VOLUME_ORIGIN)
        return r;
    if ((r = disk_create(h, f.clean, f.v->size, 0600)) >= 0)
        reflink_make_precache(&f);
    return r;
}

static int do_remove(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    FILES(f, p, h, e);
    (void)ret;
    if ((r = take_away(&f)) < 0)
        return r;
    *strrchr(f.base, '/') = '\0';
    return disk_remove_directory(h, f.base);
}

static int do_verify(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    FILES(f, p, h, e);
    (void)ret;
    const char *needed = f.v->snap_on_start ? f.source : f.v->save_on_stop ? f.clean : NULL;
    r = needed != NULL ? disk_stat(h, needed, NULL) : 1;
    if (r == 0 && volume_in_place(f.v)) /* it runs, or did: what it needs has another name */
        r = disk_stat(h, f.dirty, NULL);
    if (r == 0)
        return fault_set(h->why, ERR_STORAGE, "Missing image file '%s' for volume %s", needed, f.v->vid);
    return r < 0 ? r : 0;
}

static int do_start(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                    struct pool_outcome *ret)
{
    struct reflink_seen seen;
    FILES(f, p, h, e);
    (void)ret;
    if ((r = reflink_drop_incomplete(&f)) < 0 || (r = reflink_see(&f, &seen)) < 0)
        return r;
    return reflink_perform(&f, reflink_plan_start(f.v, &seen));
}

static int do_stop(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    struct reflink_seen seen;
    FILES(f, p, h, e);
    (void)ret;
    if ((r = reflink_see(&f, &seen)) < 0)
        return r;
    return reflink_perform(&f, reflink_plan_stop(f.v, &seen));
}

static int do_tidy(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    FILES(f, p, h, e);
    (void)ret;
    return reflink_drop_incomplete(&f);
}

/* ---- what is there ---- */

static int outdated(const struct reflink_files *f, bool *ret)
{
    struct stat own, source;
    *ret = false;
    if (!f->v->snap_on_start)
        return 0;
    int a = disk_stat(f->h, f->clean, &own), b = a == 1 ? disk_stat(f->h, f->source, &source) : 0;
    if (a < 0 || b < 0)
        return a < 0 ? a : b;
    *ret = a == 1 && b == 1 && (own.st_ino != source.st_ino || own.st_dev != source.st_dev);
    return 0;
}

static int do_look(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    struct reflink_seen seen;
    struct stat st;
    FILES(f, p, h, e);
    if ((r = reflink_see(&f, &seen)) < 0 || (r = outdated(&f, &ret->outdated)) < 0 ||
        (r = reflink_find_incomplete(&f, &ret->remains.temporary)) < 0 ||
        (r = disk_stat(h, f.import, NULL)) < 0)
        return r;
    ret->remains.import = r == 1;
    ret->dirty = ret->remains.dirty = f.v->save_on_stop && seen.dirty;
    ret->remains.running = !f.v->save_on_stop && (seen.dirty || seen.clean);
    ret->has_data = seen.clean || seen.dirty;
    ret->known = true;
    ret->size = f.v->size;
    text_copy(ret->path, sizeof ret->path, span_of(f.dirty));
    if (!ret->has_data)
        return 0;
    if ((r = disk_stat(h, seen.dirty ? f.dirty : f.clean, &st)) <= 0)
        return r;
    ret->size = (uint64_t)st.st_size;
    ret->usage = (uint64_t)st.st_blocks * 512;
    return 0;
}

static int do_revisions(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    struct reflink_revisions all = {0};
    FILES(f, p, h, e);
    r = reflink_revisions(&f, &all);
    ret->list = TEXT_WITH_LIMIT(1 << 20);
    for (size_t i = 0; r >= 0 && i < all.count; i++)
        text_format(&ret->list, "%" PRIu64 "=%s\n", all.at[i].number, all.at[i].time);
    free(all.at);
    return r;
}

/* ---- contents ---- */

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

static int do_revert(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    struct reflink_revision revision = {0};
    char path[POOL_PATH_MAX + 1];
    FILES(f, p, h, e);
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

static int do_resize(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    struct reflink_seen seen;
    FILES(f, p, h, e);
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

static int do_export(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    struct stat st;
    FILES(f, p, h, e);
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

int reflink_export_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    (void)p, (void)h, (void)e, (void)ret;
    return 0;
}

int reflink_import_begin(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    FILES(f, p, h, e);
    if ((r = needs_saved(&f, "import into")) < 0 || (r = disk_create(h, f.import, e->size, 0600)) < 0)
        return r;
    ret->size = e->size;
    return text_copy(ret->path, sizeof ret->path, span_of(f.import));
}

static int open_import(const struct reflink_files *f)
{
    int fd = f->h->call->open(f->import, O_WRONLY | O_NOFOLLOW, 0);
    if (fd < 0 && errno == ENOENT)
        return fault_set(f->h->why, ERR_STORAGE, "No import operation in progress on %s", f->v->vid);
    return fd < 0 ? pool_broken(f->h, "open", f->import) : fd;
}

int reflink_import_data(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    struct stat st;
    FILES(f, p, h, e);
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

static int do_import_end(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    FILES(f, p, h, e);
    (void)ret;
    if (!e->success)
        return disk_remove(h, f.import);
    if ((r = disk_stat(h, f.import, NULL)) == 0)
        return fault_set(h->why, ERR_STORAGE, "No import operation in progress on %s", f.v->vid);
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

static int do_import_fd(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    FILES(f, p, h, e);
    (void)ret;
    if (!f.v->save_on_stop)
        return 0;                              /* nothing of it would be kept */
    if ((r = reflink_drop_incomplete(&f)) < 0) /* of an import whose process was killed */
        return r;
    return end_import(&f, disk_copy_fd(h, e->fd, f.import, e->size));
}

static int do_clone(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                    struct pool_outcome *ret)
{
    struct pool_errand of_source = {.volume = e->source};
    struct pool_outcome source = {0};
    FILES(f, p, h, e);
    (void)ret;
    if (!f.v->save_on_stop)
        return 0;
    if ((r = do_export(p, h, &of_source, &source)) < 0 || (r = reflink_drop_incomplete(&f)) < 0)
        return r;
    return end_import(&f, disk_copy(h, source.path, f.import, (struct disk_copy){0}));
}

#define do_NAME         NULL
#define do_setup        reflink_setup
#define do_destroy      reflink_destroy
#define do_usage        reflink_usage
#define do_list         reflink_list
#define do_wake         NULL
#define do_export_end   reflink_export_end
#define do_import_begin reflink_import_begin
#define do_import_data  reflink_import_data

const struct pool_driver pool_reflink = {
    .open = reflink_open,
    .free = reflink_free,
    .verb =
        {
#define POOL_VERB(name, flags, help) [POOL_##name] = do_##name,
#include "doors/pool_verb.def"
        },
};
