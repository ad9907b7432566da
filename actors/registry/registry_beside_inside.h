/* SPDX-License-Identifier: MIT
 * The inside of registry_beside*.c: the book of files, whose files they are, and each kind of file. */
#ifndef ACTORS_REGISTRY_BESIDE_INSIDE_H
#define ACTORS_REGISTRY_BESIDE_INSIDE_H

#include <sys/stat.h>

#include "actors/registry/registry_beside.h"
#include "doors/digest.h"
#include "model/model.h"

enum { BESIDE_PATH = 128, BESIDE_FILE_MAX = 8 << 20, BESIDE_SORTS = 2 };

/* ---- registry_beside.c: the book ---- */

struct beside_entry {
    char path[BESIDE_PATH], want[DIGEST_TEXT], have[DIGEST_TEXT];
    bool seen;
};

struct beside {
    struct beside_entry *at; /* by path */
    size_t count, room;
};

struct beside_entry *beside_find(const struct beside *b, const char *path);
struct beside_entry *beside_find_or_add(struct beside *b, const char *path); /* NULL: no memory */
void beside_drop(struct beside *b, struct beside_entry *e);

/* ---- registry_beside_home.c: which files, and where ---- */

struct beside_sort {
    enum change_kind kind;
    const char *file;
    mode_t mode;
    int (*read)(struct span bytes, uint64_t now, struct text *to, struct fault *why);
    int (*write)(struct span kept, struct text *out, struct fault *why);
    const char
        *instead; /* what holds when the file cannot be read, and its VM is disabled; NULL: nothing is lost */
};
extern const struct beside_sort beside_sorts[BESIDE_SORTS];
const struct beside_sort *beside_sort_of(enum change_kind kind); /* NULL: not kept in a file */
const struct beside_sort *beside_sort_at(const char *path);

/* A VM of a list of changes: where its files lie. */
struct beside_home {
    uint32_t qid;
    const char *folder;
    struct span name;
};

/* The homes of all VMs that have one, by qid; the caller frees them. NULL: no memory. */
struct beside_home *beside_homes(const struct change *changes, size_t count, size_t *homes);
const struct beside_home *beside_home_of(const struct beside_home *homes, size_t count, uint32_t qid);
void beside_path(const struct beside_home *h, const struct beside_sort *sort, char path[BESIDE_PATH]);
/* The directory that `path` is in: a descriptor, or -1 with errno. */
int beside_open(int dir, const char *path, bool make);
/* Appends the file's bytes: 0, -ERR_UNKNOWN (not there), or another error. */
int beside_get(int dir, const char *path, const char *file, struct text *bytes, struct fault *why);

#endif
