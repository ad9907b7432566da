/* SPDX-License-Identifier: MIT
 * Steps of volumes of datasets, made so that an interruption leaves the old state or the new one; in storage.
 * Spec: storage 9.
 *
 * A dataset on its way to a volume's name has a clean snapshot as soon as it is whole. So when the name is
 * free after an interruption, the one with the newest clean snapshot is the volume; and when it is not, the
 * volume is what it was. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_disk.h"
#include "doors/pool_zfs_inside.h"

enum { NODE_TRIES = 1000, NODE_MS = 10, CLONE_TRIES = 3 };

/* `do_it` where a failure changes nothing that counts: what it leaves is found by the next one. */
#define QUIETLY(w, do_it)                                                                                    \
    do {                                                                                                     \
        struct fault quiet = {0};                                                                            \
        struct pool_hand hand = *(w)->h;                                                                     \
        const struct pool_hand *real = (w)->h;                                                               \
        hand.why = &quiet;                                                                                   \
        (w)->h = &hand;                                                                                      \
        (void)(do_it);                                                                                       \
        (w)->h = real;                                                                                       \
    } while (0)

int zfs_wait(const struct zfs_work *w, const char *name)
{
    char path[POOL_PATH_MAX + 1];
    snprintf(path, sizeof path, "/dev/zvol/%s", name);
    for (unsigned i = 0; i < NODE_TRIES; i++) {
        int r = disk_stat(w->h, path, NULL);
        if (r != 0)
            return r < 0 ? r : 0;
        if ((r = pool_go_on(w->h, 0, 0)) < 0)
            return r;
        w->h->call->pause(NODE_MS);
    }
    return fault_set(w->h->why, ERR_STORAGE, "%s does not appear; look whether udev runs with zfs's rules",
                     path);
}

static const struct zfs_row *other_clean(const struct zfs_work *w, const char *but)
{
    for (size_t i = 0; i < w->count; i++)
        if (zfs_is_state(&w->at[i], w->v->vid, ZFS_CLEAN) && (but == NULL || strcmp(w->at[i].name, but) != 0))
            return &w->at[i];
    return NULL;
}

int zfs_forget_clean(struct zfs_work *w, const char *but)
{
    char name[ZFS_NAME_MAX + 1];
    const struct zfs_row *row;
    int r = 0;
    for (size_t most = w->count; r >= 0 && most > 0 && (row = other_clean(w, but)) != NULL; most--) {
        memcpy(name, row->name, sizeof name);
        r = zfs_forget(w, name);
    }
    return r;
}

static void forget_older(struct zfs_work *w)
{
    char newest[ZFS_NAME_MAX + 1] = "";
    const struct zfs_row *clean = zfs_newest(w, w->v->vid, ZFS_CLEAN);
    if (clean == NULL)
        return;
    memcpy(newest, clean->name, sizeof newest);
    QUIETLY(w, zfs_forget_clean(w, newest));
}

static const struct zfs_row *oldest_revision(const struct zfs_work *w, uint64_t *count)
{
    const struct zfs_row *oldest = NULL;
    *count = 0;
    for (size_t i = 0; i < w->count; i++)
        if (zfs_is_state(&w->at[i], w->v->vid, ZFS_REVISION)) {
            ++*count;
            if (oldest == NULL || w->at[i].txg < oldest->txg)
                oldest = &w->at[i];
        }
    return oldest;
}

int zfs_prune(struct zfs_work *w)
{
    char name[ZFS_NAME_MAX + 1];
    uint64_t keep = w->v->revisions_to_keep > 0 ? (uint64_t)w->v->revisions_to_keep : 0, count = 0;
    const struct zfs_row *oldest;
    int r = 0;
    for (size_t most = w->count; r >= 0 && most > 0; most--) {
        if ((oldest = oldest_revision(w, &count)) == NULL || count <= keep)
            break;
        memcpy(name, oldest->name, sizeof name);
        r = zfs_forget(w, name);
    }
    return r;
}

/* First the new clean state, then the word that it is one: between the two it is committed twice. In place
 * the other way round: a clean state that is none must not be there when it is at rest. */
int zfs_commit(struct zfs_work *w)
{
    bool in_place = volume_in_place(w->v);
    int r = in_place ? zfs_forget_clean(w, NULL) : zfs_mark_clean(w, w->v->vid);
    if (r < 0 || (r = zfs_set_dirty(w, false)) < 0)
        return r;
    if (!in_place)
        forget_older(w);
    return 0;
}

static int put_in_place(struct zfs_work *w, const char *fresh)
{
    char aside[ZFS_NAME_MAX + 1] = "";
    int r = 0;
    if (zfs_find(w, w->v->vid) != NULL &&
        ((r = zfs_fresh(w, w->tmp, aside)) < 0 || (r = zfs_rename(w, w->v->vid, aside)) < 0))
        return r;
    r = zfs_rename(w, fresh, w->v->vid);
    if (r < 0 && aside[0] != '\0')
        QUIETLY(w, zfs_rename(w, aside, w->v->vid));
    if (r >= 0 && aside[0] != '\0')
        QUIETLY(w, zfs_drop(w, aside)); /* it has its successor; what stays of it is tidied */
    return r;
}

int zfs_replace(struct zfs_work *w, const char *fresh, const char *cause)
{
    int r = 0;
    if (zfs_find(w, w->v->vid) != NULL && zfs_newest(w, w->v->vid, ZFS_CLEAN) == NULL)
        r = zfs_mark_clean(w, w->v->vid);
    if (r < 0 || (r = zfs_keep_revision(w, fresh, cause)) < 0 || (r = zfs_mark_clean(w, fresh)) < 0 ||
        (r = put_in_place(w, fresh)) < 0)
        return r;
    if (volume_in_place(w->v))
        QUIETLY(w, zfs_forget_clean(w, NULL));
    return 0;
}

int zfs_settle(struct zfs_work *w)
{
    char name[ZFS_NAME_MAX + 1];
    const struct zfs_row *row = zfs_find(w, w->v->vid);
    if (!w->v->save_on_stop)
        return 0;
    if (row == NULL && (row = zfs_candidate(w)) != NULL) {
        memcpy(name, row->name, sizeof name);
        int r = zfs_rename(w, name, w->v->vid);
        if (r < 0)
            return r;
        row = zfs_find(w, w->v->vid);
    }
    if (row == NULL || row->dirty || volume_in_place(w->v) || zfs_newest(w, w->v->vid, ZFS_CLEAN) != NULL)
        return 0;
    return zfs_mark_clean(w, w->v->vid);
}

int zfs_refuse_import(const struct zfs_work *w)
{
    if (!zfs_holds(w, w->importing))
        return 0;
    return fault_set(w->h->why, ERR_STORAGE, "Import operation in progress on %s", w->v->vid);
}

bool zfs_is_dirty(const struct zfs_work *w)
{
    const struct zfs_row *row = zfs_find(w, w->v->vid);
    return row != NULL && row->dirty;
}

int zfs_refuse_dirty(const struct zfs_work *w)
{
    if (!w->v->save_on_stop || !zfs_is_dirty(w))
        return 0;
    return fault_set(w->h->why, ERR_STORAGE, "Volume %s is dirty: it is not cleanly stopped", w->v->vid);
}

/* ---- what others see of a volume ---- */

/* The snapshot that is its committed state, which is made for one that is at rest and has none. *made: it is
 * to be forgotten when it was used. */
static int committed(struct zfs_work *w, const char *vid, bool in_place, char state[ZFS_NAME_MAX + 1],
                     bool *made)
{
    const struct zfs_row *row = zfs_find(w, vid), *clean = zfs_newest(w, vid, ZFS_CLEAN);
    *made = false;
    if (row == NULL)
        return fault_set(w->h->why, ERR_STORAGE, "volume %s missing", vid);
    if (in_place && row->dirty)
        return fault_set(w->h->why, ERR_STORAGE, "Volume %s must be stopped before importing its data", vid);
    if (clean == NULL && !row->dirty) {
        int r = zfs_mark_clean(w, vid);
        if (r < 0)
            return r;
        clean = zfs_newest(w, vid, ZFS_CLEAN);
        *made = in_place;
    }
    if (clean == NULL)
        clean = zfs_newest(w, vid, ZFS_REVISION);
    if (clean == NULL)
        return fault_set(w->h->why, ERR_STORAGE, "volume %s runs and has no committed state", vid);
    memcpy(state, clean->name, ZFS_NAME_MAX + 1);
    return 0;
}

/* Its VM may end meanwhile, and with that a newer state takes the place of the one that was found. */
int zfs_clone_committed(struct zfs_work *w, const char *vid, bool in_place, const char *name, bool passing)
{
    char state[ZFS_NAME_MAX + 1], before[ZFS_NAME_MAX + 1] = "";
    bool made = false;
    int r = 0;
    for (unsigned i = 0; i < CLONE_TRIES; i++) {
        int found = committed(w, vid, in_place, state, &made);
        if (found < 0 || strcmp(state, before) == 0)
            return found < 0 ? found : r;
        r = zfs_clone(w, state, name, passing);
        if (made)
            QUIETLY(w, zfs_forget(w, state));
        if (r >= 0 || r == -ERR_CANCELLED || made)
            return r;
        memcpy(before, state, sizeof before);
        QUIETLY(w, zfs_refresh(w));
    }
    return r;
}
