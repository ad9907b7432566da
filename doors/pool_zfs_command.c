/* SPDX-License-Identifier: MIT
 * What zfs says is there, and its commands that volumes need, one each; in storage. Spec: storage 9. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_zfs_inside.h"

enum { LETTERS = 8, STATE_MOST = 64, BUSY_TRIES = 20, BUSY_MS = 250 };
enum { STATE = ZFS_NAME_MAX + 1 + STATE_MOST + 1 };

#define PASSING "com.sun:auto-snapshot=false"

void zfs_work_free(struct zfs_work *w)
{
    free(w->at);
}

int zfs_refresh(struct zfs_work *w)
{
    static const char columns[] =
        "name,volsize,volblocksize,logicalreferenced,createtxg,origin,defer_destroy,readonly,org.qubes:dirty";
    const char *argv[] = {
        "zfs",   "list",          "-H", "-p", "-r", "-t", "filesystem,volume,snapshot", "-o",
        columns, w->p->container, NULL};
    AUTO_TEXT said = {0};
    struct zfs_row *rows = NULL;
    size_t count = 0;
    int r = tool_run(w->h, argv, NULL, &said);
    if (r < 0 || (r = zfs_report_read(text_span(&said), w->p->container, &rows, &count, w->h->why)) < 0)
        return r;
    free(w->at);
    w->at = rows;
    w->count = count;
    return 0;
}

/* "<container>/.tmp/<vid with '_' for each '/'>": room for what is appended to it is kept. */
static int name_helper(const struct zfs_work *w, const char *folder, char to[ZFS_NAME_MAX + 1])
{
    int len = snprintf(to, ZFS_NAME_MAX + 1, "%s/%s/%s", w->p->container, folder, w->v->vid);
    if (len < 0 || len + 1 + LETTERS + 1 + STATE_MOST > ZFS_NAME_MAX)
        return fault_set(w->h->why, ERR_STORAGE, "volume id %s is too long for zfs", w->v->vid);
    for (char *at = to + len - strlen(w->v->vid); *at != '\0'; at++)
        if (*at == '/')
            *at = '_';
    return 0;
}

static int name_helpers(struct zfs_work *w)
{
    int r = name_helper(w, ".exported", w->exported);
    if (r < 0 || (r = name_helper(w, ".importing", w->importing)) < 0)
        return r;
    return name_helper(w, ".tmp", w->tmp);
}

static bool is_below(const char *name, const char *parent)
{
    size_t len = strlen(parent);
    return strncmp(name, parent, len) == 0 && name[len] == '/' && name[len + 1] != '\0';
}

static int check_name(const struct zfs_work *w, const char *vid)
{
    if (is_below(vid, w->p->container) && vid[strlen(w->p->container) + 1] != '.')
        return 0;
    return fault_set(w->h->why, ERR_STORAGE, "volume id %s is not of the form %s/VM/NAME", vid,
                     w->p->container);
}

int zfs_begin(struct zfs_work *w, const struct zfs *p, const struct pool_hand *h, const struct volume *v)
{
    int r = 0;
    *w = (struct zfs_work){.p = p, .h = h, .v = v};
    if (v != NULL && volume_kind(v) == VOLUME_BOTH)
        return fault_set(h->why, ERR_STORAGE, "volume %s: snapshots that are saved are not supported here",
                         v->vid);
    if (v != NULL && (r = check_name(w, v->vid)) >= 0 && v->snap_on_start)
        r = check_name(w, v->source);
    if (r >= 0 && v != NULL)
        r = name_helpers(w);
    return r < 0 ? r : zfs_refresh(w);
}

/* ---- what is there ---- */

const struct zfs_row *zfs_find(const struct zfs_work *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->at[i].name, name) == 0)
            return &w->at[i];
    return NULL;
}

bool zfs_is_state(const struct zfs_row *row, const char *dataset, const char *prefix)
{
    size_t len = strlen(dataset);
    return row->snapshot && !row->deferred && strncmp(row->name, dataset, len) == 0 &&
           row->name[len] == '@' && strncmp(row->name + len + 1, prefix, strlen(prefix)) == 0;
}

const struct zfs_row *zfs_newest(const struct zfs_work *w, const char *dataset, const char *prefix)
{
    const struct zfs_row *newest = NULL;
    for (size_t i = 0; i < w->count; i++)
        if (zfs_is_state(&w->at[i], dataset, prefix) && (newest == NULL || w->at[i].txg > newest->txg))
            newest = &w->at[i];
    return newest;
}

bool zfs_holds(const struct zfs_work *w, const char *parent)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->at[i].volume && is_below(w->at[i].name, parent))
            return true;
    return false;
}

const struct zfs_row *zfs_candidate(const struct zfs_work *w)
{
    const struct zfs_row *best = NULL;
    uint64_t newest = 0;
    for (size_t i = 0; i < w->count; i++) {
        const struct zfs_row *row = &w->at[i];
        if (!row->volume || (!is_below(row->name, w->importing) && !is_below(row->name, w->tmp)))
            continue;
        const struct zfs_row *clean = zfs_newest(w, row->name, ZFS_CLEAN);
        if (clean != NULL && clean->txg > newest) {
            best = row;
            newest = clean->txg;
        }
    }
    return best;
}

static bool is_taken(const struct zfs_work *w, const char letters[LETTERS + 1])
{
    for (size_t i = 0; i < w->count; i++) {
        size_t len = strlen(w->at[i].name);
        if (len >= LETTERS && strcmp(w->at[i].name + len - LETTERS, letters) == 0)
            return true;
    }
    return false;
}

/* Nobody guesses them, nobody else makes them: they need only be new. */
static void fresh_letters(const struct zfs_work *w, char to[LETTERS + 1])
{
    uint64_t seed = (uint64_t)w->h->call->now();
    do {
        uint64_t rest = seed++;
        for (size_t i = 0; i < LETTERS; i++, rest /= 26)
            to[i] = (char)('a' + rest % 26);
        to[LETTERS] = '\0';
    } while (is_taken(w, to));
}

int zfs_fresh(const struct zfs_work *w, const char *parent, char to[ZFS_NAME_MAX + 1])
{
    char letters[LETTERS + 1];
    fresh_letters(w, letters);
    if (snprintf(to, ZFS_NAME_MAX + 1, "%s/%s", parent, letters) <= ZFS_NAME_MAX)
        return 0;
    return fault_set(w->h->why, ERR_STORAGE, "the name %s/%s is too long for zfs", parent, letters);
}

/* ---- one command each ---- */

static int command(struct zfs_work *w, const char *const *argv)
{
    int r = tool_run(w->h, argv, NULL, NULL);
    return r < 0 ? r : zfs_refresh(w);
}

int zfs_create(struct zfs_work *w, const char *name, uint64_t size, bool passing)
{
    char sized[24];
    snprintf(sized, sizeof sized, "%" PRIu64, size);
    const char *argv[] = {
        "zfs", "create", "-p", "-s", "-V", sized, passing ? "-o" : name, passing ? PASSING : NULL,
        name,  NULL};
    return command(w, argv);
}

int zfs_clone(struct zfs_work *w, const char *state, const char *name, bool passing)
{
    const char *argv[] = {
        "zfs", "clone", "-p", passing ? "-o" : state, passing ? PASSING : name, passing ? state : NULL,
        name,  NULL};
    return command(w, argv);
}

static int snapshot(struct zfs_work *w, const char *name, const char *state)
{
    char whole[STATE];
    snprintf(whole, sizeof whole, "%s@%s", name, state);
    const char *argv[] = {"zfs", "snapshot", whole, NULL};
    return command(w, argv);
}

int zfs_mark_clean(struct zfs_work *w, const char *name)
{
    char letters[LETTERS + 1], state[STATE_MOST];
    fresh_letters(w, letters);
    snprintf(state, sizeof state, ZFS_CLEAN "%s", letters);
    return snapshot(w, name, state);
}

int zfs_keep_revision(struct zfs_work *w, const char *name, const char *cause)
{
    char state[STATE_MOST];
    if (w->v->revisions_to_keep <= 0)
        return 0;
    int64_t now = w->h->call->now();
    snprintf(state, sizeof state, ZFS_REVISION "%s:%" PRId64 ".%06" PRId64, cause, now / 1000000,
             now % 1000000);
    return snapshot(w, name, state);
}

int zfs_rename(struct zfs_work *w, const char *from, const char *to)
{
    const char *argv[] = {"zfs", "rename", "-p", from, to, NULL};
    return command(w, argv);
}

int zfs_rollback(struct zfs_work *w, const char *state)
{
    const char *argv[] = {"zfs", "rollback", "-r", state, NULL};
    return command(w, argv);
}

int zfs_forget(struct zfs_work *w, const char *state)
{
    const char *argv[] = {"zfs", "destroy", "-d", state, NULL};
    return command(w, argv);
}

static int set(struct zfs_work *w, const char *what, const char *name)
{
    const char *argv[] = {"zfs", "set", what, name, NULL};
    return command(w, argv);
}

int zfs_set_dirty(struct zfs_work *w, bool dirty)
{
    return set(w, dirty ? "org.qubes:dirty=on" : "org.qubes:dirty=off", w->v->vid);
}

int zfs_set_readonly(struct zfs_work *w)
{
    const struct zfs_row *row = zfs_find(w, w->v->vid);
    if (row == NULL || row->readonly == !w->v->rw)
        return 0;
    return set(w, w->v->rw ? "readonly=off" : "readonly=on", w->v->vid);
}

int zfs_resize(struct zfs_work *w, const char *name, uint64_t size)
{
    char sized[40];
    const struct zfs_row *row = zfs_find(w, name);
    uint64_t block = row != NULL && row->block > 0 ? row->block : 512;
    size = (size + block - 1) / block * block; /* zfs sets whole blocks only */
    if (row != NULL && row->size == size)
        return 0;
    snprintf(sized, sizeof sized, "volsize=%" PRIu64, size);
    return set(w, sized, name);
}

int zfs_remove_empty(struct zfs_work *w, const char *name)
{
    const char *argv[] = {"zfs", "destroy", name, NULL};
    if (zfs_find(w, name) == NULL)
        return 0;
    for (size_t i = 0; i < w->count; i++)
        if (is_below(w->at[i].name, name))
            return 0;
    return command(w, argv);
}

/* ---- the end of a dataset ---- */

/* Whether it is `name`, a snapshot of it, or below it. */
static bool is_in(const char *row, const char *name)
{
    size_t len = strlen(name);
    return strncmp(row, name, len) == 0 && (row[len] == '\0' || row[len] == '@' || row[len] == '/');
}

static const struct zfs_row *dependent_of(const struct zfs_work *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->at[i].origin[0] != '\0' && is_in(w->at[i].origin, name) && !is_in(w->at[i].name, name))
            return &w->at[i];
    return NULL;
}

static const struct zfs_row *state_in(const struct zfs_work *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->at[i].snapshot && !w->at[i].deferred && is_in(w->at[i].name, name))
            return &w->at[i];
    return NULL;
}

/* Clones made of it get the snapshots that they grew from. Those are marked to go first: else they would pass
 * for revisions and clean states of the clone, for ever. */
static int free_clones(struct zfs_work *w, const char *name)
{
    char whom[ZFS_NAME_MAX + 1];
    const struct zfs_row *row;
    int r = 0;
    for (size_t most = w->count; r >= 0 && most > 0 && dependent_of(w, name) != NULL; most--) {
        if ((row = state_in(w, name)) == NULL)
            break;
        memcpy(whom, row->name, sizeof whom);
        r = zfs_forget(w, whom);
    }
    for (size_t most = w->count; r >= 0 && most > 0 && (row = dependent_of(w, name)) != NULL; most--) {
        memcpy(whom, row->name, sizeof whom);
        const char *argv[] = {"zfs", "promote", whom, NULL};
        r = command(w, argv);
    }
    return r;
}

int zfs_drop(struct zfs_work *w, const char *name)
{
    const char *argv[] = {"zfs", "destroy", "-r", name, NULL};
    if (zfs_find(w, name) == NULL)
        return 0;
    int r = free_clones(w, name);
    if (r < 0)
        return r;
    for (unsigned i = 0;; i++) {
        r = command(w, argv);
        if (r >= 0 || i == BUSY_TRIES || strstr(w->h->why->text, "dataset is busy") == NULL)
            return r;
        w->h->call->pause(BUSY_MS); /* udev looks at what was just closed */
        if (pool_go_on(w->h, 0, 0) < 0)
            return -ERR_CANCELLED;
    }
}

int zfs_drop_helpers(struct zfs_work *w)
{
    const char *const all[] = {w->exported, w->importing, w->tmp};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT(all); i++)
        r = zfs_drop(w, all[i]);
    return r;
}
