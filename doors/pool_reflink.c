/* SPDX-License-Identifier: MIT
 * The driver file-reflink: a volume is files whose blocks are shared. In storage. Spec: storage 6. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_reflink_inside.h"

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

int reflink_do_setup(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
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

int reflink_do_usage(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
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

static int reflink_do_create(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                             struct pool_outcome *ret)
{
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if ((r = take_away(&f)) < 0 || volume_kind(f.v) != VOLUME_ORIGIN)
        return r;
    if ((r = disk_create(h, f.clean, f.v->size, 0600)) >= 0)
        reflink_make_precache(&f);
    return r;
}

static int reflink_do_remove(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                             struct pool_outcome *ret)
{
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if ((r = take_away(&f)) < 0)
        return r;
    *strrchr(f.base, '/') = '\0';
    return disk_remove_directory(h, f.base);
}

static int reflink_do_verify(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                             struct pool_outcome *ret)
{
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    const char *needed = f.v->snap_on_start ? f.source : f.v->save_on_stop ? f.clean : NULL;
    r = needed != NULL ? disk_stat(h, needed, NULL) : 1;
    if (r == 0 && volume_in_place(f.v)) /* it runs, or did: what it needs has another name */
        r = disk_stat(h, f.dirty, NULL);
    if (r == 0)
        return fault_set(h->why, ERR_STORAGE, "Missing image file '%s' for volume %s", needed, f.v->vid);
    return r < 0 ? r : 0;
}

static int reflink_do_start(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                            struct pool_outcome *ret)
{
    struct reflink_seen seen;
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if ((r = reflink_drop_incomplete(&f)) < 0 || (r = reflink_see(&f, &seen)) < 0)
        return r;
    return reflink_perform(&f, reflink_plan_start(f.v, &seen));
}

static int reflink_do_stop(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                           struct pool_outcome *ret)
{
    struct reflink_seen seen;
    REFLINK_FILES(f, p, h, e);
    (void)ret;
    if ((r = reflink_see(&f, &seen)) < 0)
        return r;
    return reflink_perform(&f, reflink_plan_stop(f.v, &seen));
}

static int reflink_do_tidy(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                           struct pool_outcome *ret)
{
    REFLINK_FILES(f, p, h, e);
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

static int reflink_do_look(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                           struct pool_outcome *ret)
{
    struct reflink_seen seen;
    struct stat st;
    REFLINK_FILES(f, p, h, e);
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

static int reflink_do_revisions(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                                struct pool_outcome *ret)
{
    struct reflink_revisions all = {0};
    REFLINK_FILES(f, p, h, e);
    r = reflink_revisions(&f, &all);
    ret->list = TEXT_WITH_LIMIT(1 << 20);
    for (size_t i = 0; r >= 0 && i < all.count; i++)
        text_format(&ret->list, "%" PRIu64 "=%s\n", all.at[i].number, all.at[i].time);
    free(all.at);
    return r;
}

#define reflink_do_destroy    pool_nothing /* the directory may hold what is not ours */
#define reflink_do_wake       NULL
#define reflink_do_export_end pool_nothing

const struct pool_driver pool_reflink = {
    .open = reflink_open,
    .free = reflink_free,
    .verb =
        {
#define POOL_VERB(name, flags, help) [POOL_##name] = reflink_do_##name,
#include "doors/pool_verb.def"
        },
};
