/* SPDX-License-Identifier: MIT
 * The steps of a file-reflink volume, done; in storage. */
#include "doors/pool_reflink_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"

void reflink_make_precache(const struct reflink_files *f)
{
    struct fault quiet;
    struct pool_hand hand = *f->h;
    hand.why = &quiet;
    if (!volume_in_place(f->v))
        disk_copy(&hand, f->clean, f->precache, (struct disk_copy){.keep_time = true});
}

int reflink_commit(const struct reflink_files *f, const char *from)
{
    int r;
    if ((r = reflink_add_revision(f)) < 0 || (r = reflink_prune(f)) < 0 ||
        (r = disk_sync_file(f->h, from)) < 0 || (r = disk_remove(f->h, f->precache)) < 0 ||
        (r = disk_rename(f->h, from, f->clean)) < 0)
        return r;
    reflink_make_precache(f);
    return 0;
}

static int step_drop_revisions(const struct reflink_files *f)
{
    return reflink_drop_revisions(f);
}

static int step_drop_precache(const struct reflink_files *f)
{
    return disk_remove(f->h, f->precache);
}

static int step_drop_clean(const struct reflink_files *f)
{
    return disk_remove(f->h, f->clean);
}

static int step_drop_dirty(const struct reflink_files *f)
{
    return disk_remove(f->h, f->dirty);
}

static int step_clean_to_dirty(const struct reflink_files *f)
{
    return disk_rename(f->h, f->clean, f->dirty);
}

static int step_precache_to_dirty(const struct reflink_files *f)
{
    return disk_rename(f->h, f->precache, f->dirty);
}

static int step_copy_to_dirty(const struct reflink_files *f)
{
    return disk_copy(f->h, f->clean, f->dirty, (struct disk_copy){0});
}

static int step_link_source(const struct reflink_files *f)
{
    return disk_link(f->h, f->source, f->clean);
}

static int step_make_dirty(const struct reflink_files *f)
{
    return disk_create(f->h, f->dirty, f->v->size, 0600);
}

static int step_dirty_to_clean(const struct reflink_files *f)
{
    int r = disk_sync_file(f->h, f->dirty);
    return r < 0 ? r : disk_rename(f->h, f->dirty, f->clean);
}

static int step_commit(const struct reflink_files *f)
{
    return reflink_commit(f, f->dirty);
}

int reflink_perform(const struct reflink_files *f, const enum reflink_step *steps)
{
    static int (*const does[REFLINK_STEPS])(const struct reflink_files *f) = {
#define REFLINK_STEP(name, help) [REFLINK_##name] = step_##name,
#include "doors/pool_reflink_step.def"
    };
    int r = 0;
    for (; r >= 0 && *steps != REFLINK_END; steps++)
        r = does[*steps](f);
    return r;
}

/* ---- revisions ---- */

struct gather {
    const char *name; /* the volume's, in its directory */
    struct reflink_revisions *into;
    const struct reflink_files *f;
    bool *found;
    int r;
};

static int gather_revision(void *self, const char *entry)
{
    struct gather *g = self;
    struct reflink_revision one;
    size_t len = strlen(g->name);
    if (strncmp(entry, g->name, len) != 0 || !names_read_revision(entry + len, &one.number, one.time))
        return 0;
    if (g->into->count == REFLINK_REVISIONS_MOST)
        return g->r =
                   fault_set(g->f->h->why, ERR_STORAGE, "volume %s has more than %d revisions; remove some",
                             g->f->v->vid, REFLINK_REVISIONS_MOST);
    struct reflink_revision *more = realloc(g->into->at, (g->into->count + 1) * sizeof *more);
    if (more == NULL)
        return g->r = fault_set(g->f->h->why, ERR_NOMEM, "no memory to list revisions");
    more[g->into->count++] = one;
    g->into->at = more;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    const struct reflink_revision *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->time, y->time);
}

/* The names in the volume's directory; none if there is no directory. */
static int each_entry(const struct reflink_files *f, pool_entry *each, struct gather *g)
{
    char dir[REFLINK_BASE_MAX + 1];
    memcpy(dir, f->base, sizeof dir);
    char *slash = strrchr(dir, '/');
    *slash = '\0';
    g->name = slash + 1;
    if (f->h->call->entries(dir, each, g) >= 0 || errno == ENOENT)
        return g->r;
    return g->r < 0 ? g->r : pool_broken(f->h, "list", dir);
}

int reflink_revisions(const struct reflink_files *f, struct reflink_revisions *ret)
{
    struct gather g = {.into = ret, .f = f};
    errno = 0;
    int r = each_entry(f, gather_revision, &g);
    if (ret->count > 1)
        qsort(ret->at, ret->count, sizeof *ret->at, by_number);
    return r;
}

bool reflink_revision_path(char to[POOL_PATH_MAX + 1], const char *base, const struct reflink_revision *r)
{
    return snprintf(to, POOL_PATH_MAX + 1, "%s.img.%llu@%sZ", base, (unsigned long long)r->number, r->time) <=
           POOL_PATH_MAX;
}

/* The time in its name is that of the state which it keeps. */
int reflink_add_revision(const struct reflink_files *f)
{
    struct reflink_revisions all = {0};
    char tail[NAMES_REVISION_MAX + 1], path[POOL_PATH_MAX + 1];
    struct stat st;
    if (f->v->revisions_to_keep == 0 || volume_in_place(f->v))
        return 0;
    int r = disk_stat(f->h, f->clean, &st);
    if (r == 0)
        return 0; /* nothing was committed yet */
    r = r < 0 ? r : reflink_revisions(f, &all);
    uint64_t next = all.count > 0 ? all.at[all.count - 1].number + 1 : 1;
    free(all.at);
    if (r < 0)
        return r;
    if (!names_revision(tail, next, st.st_mtime) ||
        snprintf(path, sizeof path, "%s%s", f->base, tail) >= (int)sizeof path)
        return fault_set(f->h->why, ERR_STORAGE, "a revision of %s has no name that fits", f->v->vid);
    return disk_copy(f->h, f->clean, path, (struct disk_copy){0});
}

static int drop_oldest(const struct reflink_files *f, uint64_t keep)
{
    struct reflink_revisions all = {0};
    char path[POOL_PATH_MAX + 1];
    int r = reflink_revisions(f, &all);
    for (size_t i = 0; r >= 0 && all.count - i > keep; i++)
        r = reflink_revision_path(path, f->base, &all.at[i]) ? disk_remove(f->h, path) : 0;
    free(all.at);
    return r;
}

int reflink_prune(const struct reflink_files *f)
{
    return drop_oldest(f, f->v->revisions_to_keep > 0 ? (uint64_t)f->v->revisions_to_keep : 0);
}

int reflink_drop_revisions(const struct reflink_files *f)
{
    return drop_oldest(f, 0);
}

/* ---- what was on its way ---- */

static int gather_temporary(void *self, const char *entry)
{
    struct gather *g = self;
    char path[POOL_PATH_MAX + 1];
    size_t len = strlen(g->name);
    if (strncmp(entry, g->name, len) != 0 || !names_is_temporary(entry + len))
        return 0;
    if (g->found != NULL) {
        *g->found = true;
        return 0;
    }
    if (snprintf(path, sizeof path, "%s%s", g->f->base, entry + len) >= (int)sizeof path)
        return 0;
    return g->r = disk_remove(g->f->h, path);
}

int reflink_find_incomplete(const struct reflink_files *f, bool *found)
{
    struct gather g = {.f = f, .found = found};
    *found = false;
    return each_entry(f, gather_temporary, &g);
}

int reflink_drop_incomplete(const struct reflink_files *f)
{
    struct gather g = {.f = f};
    int r = each_entry(f, gather_temporary, &g);
    return r < 0 ? r : disk_remove(f->h, f->import);
}
