/* SPDX-License-Identifier: MIT
 * The parts of the file-reflink driver; doors/pool_file.c shares its directories. */
#ifndef DOORS_POOL_REFLINK_INSIDE_H
#define DOORS_POOL_REFLINK_INSIDE_H

#include "doors/pool_disk.h"
#include "doors/pool_names.h"
#include "doors/pool_reflink_plan.h"

enum {
    REFLINK_DIR_MAX = 511,
    REFLINK_BASE_MAX = REFLINK_DIR_MAX + 1 + VID_MAX,
    REFLINK_REVISIONS_MOST = 4096
};

struct reflink {
    struct pool pool;
    char dir[REFLINK_DIR_MAX + 1];
    bool setup_check;
};

/* The names of one volume, and the verb that they are needed for. */
struct reflink_files {
    const struct pool_hand *h;
    const struct volume *v;
    char base[REFLINK_BASE_MAX + 1];
    char clean[POOL_PATH_MAX + 1], dirty[POOL_PATH_MAX + 1], precache[POOL_PATH_MAX + 1],
        import[POOL_PATH_MAX + 1], source[POOL_PATH_MAX + 1];
};

struct reflink_revision {
    uint64_t number;
    char time[NAMES_TIME];
};

/* Zeroed, then filled; `at` is its owner's to free. */
struct reflink_revisions {
    struct reflink_revision *at;
    size_t count;
};

int reflink_files(struct reflink_files *f, const struct reflink *p, const struct pool_hand *h,
                  const struct volume *v);
int reflink_see(const struct reflink_files *f, struct reflink_seen *seen);

int reflink_revisions(const struct reflink_files *f, struct reflink_revisions *ret);
int reflink_add_revision(const struct reflink_files *f);
int reflink_prune(const struct reflink_files *f);
int reflink_drop_revisions(const struct reflink_files *f);
bool reflink_revision_path(char to[POOL_PATH_MAX + 1], const char *base, const struct reflink_revision *r);

/* Temporaries, and an import that never ended; *found (may be NULL) instead of removing them. */
int reflink_drop_incomplete(const struct reflink_files *f);
int reflink_find_incomplete(const struct reflink_files *f, bool *found);

/* `from` becomes the committed state; after a crash it is still there, or is it. */
int reflink_commit(const struct reflink_files *f, const char *from);
/* A copy of the committed state that waits for the next start. It costs time when it is missing, nothing
 * else: its failure is none. */
void reflink_make_precache(const struct reflink_files *f);
int reflink_perform(const struct reflink_files *f, const enum reflink_step *steps);

/* Loop devices on the file learn its new size. */
int reflink_resize_loops(const struct pool_hand *h, const char *path);

/* ---- the verbs: pool_reflink.c, and these of pool_reflink_contents.c and pool_reflink_list.c ---- */

#define REFLINK_FILES(f, p, h, e)                                                                            \
    struct reflink_files f;                                                                                  \
    int r = reflink_files(&f, (const struct reflink *)(p), h, (e)->volume);                                  \
    if (r < 0)                                                                                               \
    return r

pool_do_verb reflink_do_list, reflink_do_revert, reflink_do_resize, reflink_do_export,
    reflink_do_import_begin, reflink_do_import_data, reflink_do_import_end, reflink_do_import_fd,
    reflink_do_clone;

/* Also the file driver's: a pool of the same shape. */
struct pool *reflink_open(struct span lines, const struct pool_calls *calls, struct fault *why);
void reflink_free(struct pool *p);
pool_do_verb reflink_do_setup, reflink_do_usage;

#endif
