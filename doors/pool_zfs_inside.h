/* SPDX-License-Identifier: MIT
 * The parts of the zfs driver; only doors/pool_zfs*.c and its tests include this. A volume is a dataset of
 * its own that its VM writes to in place; what was committed is its newest clean snapshot. Spec: storage 9.
 */
#ifndef DOORS_POOL_ZFS_INSIDE_H
#define DOORS_POOL_ZFS_INSIDE_H

#include "doors/pool_tool.h"

enum { ZFS_NAME_MAX = 255, ZFS_ROWS_MOST = 65536 };

#define ZFS_CLEAN    "qubes-clean-"
#define ZFS_REVISION "qubes:"

/* A dataset, or a snapshot of one ("DATASET@NAME"). */
struct zfs_row {
    char name[ZFS_NAME_MAX + 1], origin[ZFS_NAME_MAX + 1];
    uint64_t size, block, usage; /* bytes; `size` is a multiple of `block` */
    uint64_t txg;                /* when it was made, in the order of all that ZFS did */
    bool volume, snapshot;       /* neither: a file system, which holds other datasets */
    bool deferred;               /* a snapshot that goes with its last clone */
    bool readonly, dirty;
};

struct zfs {
    struct pool pool;
    char container[ZFS_NAME_MAX + 1];
};

/* One verb on its way: what `zfs list` said last, and the names that belong to its volume. */
struct zfs_work {
    const struct zfs *p;
    const struct pool_hand *h;
    const struct volume *v;
    struct zfs_row *at;
    size_t count;
    char exported[ZFS_NAME_MAX + 1], importing[ZFS_NAME_MAX + 1],
        tmp[ZFS_NAME_MAX + 1]; /* its helpers' parents */
};
void zfs_work_free(struct zfs_work *w);
#define AUTO_ZFS __attribute__((cleanup(zfs_work_free))) struct zfs_work

/* What `zfs list` printed of the container and all below it. *ret is the caller's to free. -ERR_STORAGE when
 * it is not what was asked for. */
int zfs_report_read(struct span text, const char *container, struct zfs_row **ret, size_t *count,
                    struct fault *why);

/* Fills *w and asks zfs; v NULL: for a verb of the pool. */
int zfs_begin(struct zfs_work *w, const struct zfs *p, const struct pool_hand *h, const struct volume *v);
int zfs_refresh(struct zfs_work *w);
const struct zfs_row *zfs_find(const struct zfs_work *w, const char *name);
/* Whether `row` is a snapshot of the dataset whose name begins so, and stays. */
bool zfs_is_state(const struct zfs_row *row, const char *dataset, const char *prefix);
const struct zfs_row *zfs_newest(const struct zfs_work *w, const char *dataset, const char *prefix);
/* Whether a volume lies below. */
bool zfs_holds(const struct zfs_work *w, const char *parent);
/* A whole dataset that was on its way to the volume's name when that had none; or NULL. */
const struct zfs_row *zfs_candidate(const struct zfs_work *w);

/* A name below `parent` that nothing has. */
int zfs_fresh(const struct zfs_work *w, const char *parent, char to[ZFS_NAME_MAX + 1]);

/* Each is one command and asks zfs again. `passing`: no one is to keep automatic snapshots of it. */
int zfs_create(struct zfs_work *w, const char *name, uint64_t size, bool passing);
int zfs_clone(struct zfs_work *w, const char *state, const char *name, bool passing);
int zfs_rename(struct zfs_work *w, const char *from, const char *to);
int zfs_rollback(struct zfs_work *w, const char *state);
int zfs_forget(struct zfs_work *w, const char *state); /* at once, or with its last clone */
int zfs_set_dirty(struct zfs_work *w, bool dirty);
int zfs_set_readonly(struct zfs_work *w); /* as the volume's rw says; none if it is so */
int zfs_resize(struct zfs_work *w, const char *name, uint64_t size); /* none if it has that size */
int zfs_remove_empty(struct zfs_work *w, const char *name);
/* The dataset with all below it and all its snapshots; what is not there is fine. Clones of it live on. */
int zfs_drop(struct zfs_work *w, const char *name);
/* Everything that is not the volume itself. */
int zfs_drop_helpers(struct zfs_work *w);

/* ---- pool_zfs_steps.c ---- */

bool zfs_is_dirty(const struct zfs_work *w);
int zfs_refuse_import(const struct zfs_work *w);
int zfs_refuse_dirty(const struct zfs_work *w);
int zfs_wait(const struct zfs_work *w, const char *name); /* until its node is there */
int zfs_mark_clean(struct zfs_work *w, const char *name);
int zfs_forget_clean(struct zfs_work *w,
                     const char *but); /* the volume's, but for the snapshot `but` or NULL */
int zfs_keep_revision(struct zfs_work *w, const char *name, const char *cause);
int zfs_prune(struct zfs_work *w);
/* The session's data become the committed state. */
int zfs_commit(struct zfs_work *w);
/* `fresh` becomes the volume: at every instant there is the old one or the new one, whole. */
int zfs_replace(struct zfs_work *w, const char *fresh, const char *cause);
/* What an interruption left is made one of the two. */
int zfs_settle(struct zfs_work *w);
/* Clones a volume's committed state. `in_place`: it must not run. */
int zfs_clone_committed(struct zfs_work *w, const char *vid, bool in_place, const char *name, bool passing);

/* ---- the verbs: pool_zfs.c, and these of pool_zfs_contents.c ---- */

#define ZFS_WORK(w, p, h, v)                                                                                 \
    AUTO_ZFS w;                                                                                              \
    int r = zfs_begin(&w, (const struct zfs *)(p), h, v);                                                    \
    if (r < 0)                                                                                               \
    return r

pool_do_verb zfs_do_revert, zfs_do_resize, zfs_do_export, zfs_do_export_end, zfs_do_import_begin,
    zfs_do_import_data, zfs_do_import_end, zfs_do_import_fd, zfs_do_clone;

#endif
