/* SPDX-License-Identifier: MIT
 * The parts of the lvm_thin driver; only doors/pool_lvm*.c and its test include this. Spec: storage 7. */
#ifndef DOORS_POOL_LVM_INSIDE_H
#define DOORS_POOL_LVM_INSIDE_H

#include "doors/pool_names.h"
#include "doors/pool_tool.h"

enum { LV_NAME_MAX = 127, LVS_MOST = 65536 };

struct lv {
    char name[LV_NAME_MAX + 1], pool[LV_NAME_MAX + 1], origin[LV_NAME_MAX + 1], attr[16];
    uint64_t size, usage, metadata_size, metadata_usage;
    uint64_t extent; /* bytes; sizes are multiples of it. 0: not told */
    uint64_t number; /* of the thin device in the pool; 0: not told   */
};

struct lvm {
    struct pool pool;
    char group[LV_NAME_MAX + 1], thin[LV_NAME_MAX + 1];
};

/* One verb on its way: what lvs said last, and the names of its volume (without the group). */
struct lvm_work {
    const struct lvm *p;
    const struct pool_hand *h;
    const struct volume *v;
    struct lv *at;
    size_t count;
    char main[LV_NAME_MAX + 1], snap[LV_NAME_MAX + 1], import[LV_NAME_MAX + 1], source[LV_NAME_MAX + 1];
    char half[LV_NAME_MAX + 1]; /* on its way to one of these, or out of the pool */
};
void lvm_work_free(struct lvm_work *w);
#define AUTO_LVM __attribute__((cleanup(lvm_work_free))) struct lvm_work

/* What `lvs --reportformat=json` printed; rows of other groups and without name or size are left out. *ret is
 * the caller's to free. -ERR_STORAGE when it is not what lvs prints. */
int lvm_report_read(struct span text, const char *group, struct lv **ret, size_t *count, struct fault *why);

/* Fills *w and asks lvs; v NULL: for a verb of the pool. */
int lvm_begin(struct lvm_work *w, const struct lvm *p, const struct pool_hand *h, const struct volume *v);
int lvm_refresh(struct lvm_work *w);
const struct lv *lvm_find(const struct lvm_work *w, const char *name);
/* The volume's committed state: its name, its newest revision's while a commit is interrupted, or its name.
 */
const char *lvm_current(const struct lvm_work *w, const char *name);
const struct lv *lvm_newest(const struct lvm_work *w, const char *name, uint64_t *seconds);

/* Each is one command and asks lvs again. */
int lvm_create(struct lvm_work *w, const char *name, uint64_t size);
int lvm_clone(struct lvm_work *w, const char *from, const char *to);
int lvm_rename(struct lvm_work *w, const char *from, const char *to);
int lvm_remove(struct lvm_work *w, const char *name);                /* what is not there is fine */
int lvm_resize(struct lvm_work *w, const char *name, uint64_t size); /* none if it has that size */
int lvm_activate(struct lvm_work *w, const char *name);

/* lvcreate and lvremove are no single step: a power cut can leave a name in the group whose data the pool
 * does not have yet, or, as blkdiscard goes first, has no more. So whatever a start or a recovery relies on
 * comes and goes as `half`. lvm_make: empty of `size`, or a clone of `from` if it is not NULL. */
int lvm_make(struct lvm_work *w, const char *name, const char *from, uint64_t size);
int lvm_drop(struct lvm_work *w, const char *name); /* what is not there is fine */

/* What was done to the group survives a power cut from here on. `name` is an active volume of it. */
int lvm_settle(struct lvm_work *w, const char *name);
/* The committed state becomes a revision, `from` the committed state (or a clone of it, if it is to stay). */
int lvm_commit(struct lvm_work *w, const char *from, bool keep);
int lvm_keep_aside(struct lvm_work *w, char aside[LV_NAME_MAX + 1]);
/* All but the newest `keep`. */
int lvm_prune(struct lvm_work *w, uint64_t keep);
/* After an interrupted commit whose new state is gone: the old one gets its name back. */
int lvm_repair(struct lvm_work *w);
int lvm_refuse_import(const struct lvm_work *w);
int lvm_refuse_dirty(const struct lvm_work *w);
/* If r is an error, the volume becomes what it was before the verb; r is passed on. */
int lvm_give_up(struct lvm_work *w, int r);

/* ---- the verbs: pool_lvm.c, and these of pool_lvm_contents.c ---- */

#define LVM_WORK(w, p, h, v)                                                                                 \
    AUTO_LVM w;                                                                                              \
    int r = lvm_begin(&w, (const struct lvm *)(p), h, v);                                                    \
    if (r < 0)                                                                                               \
    return r

pool_do_verb lvm_do_revert, lvm_do_resize, lvm_do_export, lvm_do_import_begin, lvm_do_import_data,
    lvm_do_import_end, lvm_do_import_fd, lvm_do_clone;

#endif
