/* SPDX-License-Identifier: MIT
 * What there is in a ZFS of files: datasets and snapshots, a file each. tests/unit/doors/pool_zfs_fake.h has
 * its commands. */
#ifndef TESTS_UNIT_DOORS_POOL_ZFS_ROWS_H
#define TESTS_UNIT_DOORS_POOL_ZFS_ROWS_H

#include <errno.h>

#include "base/own.h"
#include "tests/unit/doors/pool_bench.h"

enum { FAKE_ROWS = 128, FAKE_NAME = 256, FAKE_BLOCK = 8192, FAKE_ROOM = 64 << 20 };

static struct {
    char dir[64];
    struct fake_row {
        char name[FAKE_NAME], origin[FAKE_NAME];
        uint64_t size, txg; /* size 0: a file system */
        unsigned file;
        bool deferred, readonly, marked;
        char dirty; /* '-', '0', '1' */
    } at[FAKE_ROWS];
    size_t count;
    uint64_t txg;
    unsigned files;
    unsigned made, fail_at; /* commands that change something; 1: the first */
    bool after, half, dead; /* it fails when it was done, or half done; all that follow fail, too */
    unsigned busy, late;    /* so often a destruction is refused, a node not there */
    unsigned paused;
    int64_t clock;      /* microseconds, a second further at each look */
    char said[16][400]; /* the last commands */
} zf;

static inline struct fake_row *zf_find(const char *name)
{
    for (size_t i = 0; i < zf.count; i++)
        if (strcmp(zf.at[i].name, name) == 0)
            return &zf.at[i];
    return NULL;
}

static inline const char *zf_file(const struct fake_row *row)
{
    static char path[4][128];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%u", zf.dir, row != NULL ? row->file : 0); /* 0 is never made */
    return to;
}

/* "/dev/zvol/DATASET": its file. */
static inline const char *zf_at(const char *path)
{
    return zf_file(zf_find(path + strlen("/dev/zvol/")));
}

static inline int zf_complain(struct pool_output *out, const char *verb, const char *name, const char *why)
{
    out->err = TEXT_WITH_LIMIT(POOL_COMPLAINT_MOST);
    text_format(&out->err, "cannot %s '%s': %s\n", verb, name, why);
    out->status = 1;
    return 0;
}

static inline void zf_copy(const struct fake_row *from, const struct fake_row *to)
{
    AUTO_FD in = open(zf_file(from), O_RDONLY | O_CLOEXEC);
    AUTO_FD out = open(zf_file(to), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    off_t at = 0, end, size = lseek(in, 0, SEEK_END);
    if (in < 0 || out < 0 || ftruncate(out, size) < 0)
        abort();
    while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
        end = lseek(in, at, SEEK_HOLE);
        off_t to_at = at;
        while (at < end)
            if (copy_file_range(in, &at, out, &to_at, (size_t)(end - at), 0) <= 0)
                abort();
    }
}

static inline struct fake_row *zf_add(const char *name, uint64_t size)
{
    if (zf.count == FAKE_ROWS)
        abort();
    struct fake_row *row = &zf.at[zf.count++];
    *row = (struct fake_row){.size = size, .txg = ++zf.txg, .file = ++zf.files, .dirty = '-'};
    snprintf(row->name, sizeof row->name, "%s", name);
    if (size > 0 && (close(open(zf_file(row), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0 ||
                     truncate(zf_file(row), (off_t)size) < 0))
        abort();
    return row;
}

static inline void zf_take_away(struct fake_row *row)
{
    if (row->size > 0)
        unlink(zf_file(row));
    size_t i = (size_t)(row - zf.at);
    memmove(row, row + 1, (--zf.count - i) * sizeof *row);
}

/* As -p does it. */
static inline void zf_parents(const char *name)
{
    char parent[FAKE_NAME];
    for (const char *at = strchr(name, '/'); at != NULL; at = strchr(at + 1, '/')) {
        snprintf(parent, sizeof parent, "%.*s", (int)(at - name), name);
        if (zf_find(parent) == NULL)
            zf_add(parent, 0);
    }
}

static inline bool zf_in(const char *name, const char *dataset)
{
    size_t len = strlen(dataset);
    return strncmp(name, dataset, len) == 0 && (name[len] == '\0' || name[len] == '/' || name[len] == '@');
}

static inline bool zf_snapshot_of(const struct fake_row *row, const char *dataset)
{
    size_t len = strlen(dataset);
    return strncmp(row->name, dataset, len) == 0 && row->name[len] == '@';
}

static inline bool zf_has_clones(const char *snapshot)
{
    for (size_t i = 0; i < zf.count; i++)
        if (strcmp(zf.at[i].origin, snapshot) == 0)
            return true;
    return false;
}

/* Deferred ones go with their last clone. */
static inline void zf_sweep(void)
{
    for (size_t i = 0; i < zf.count; i++)
        if (zf.at[i].deferred && !zf_has_clones(zf.at[i].name)) {
            zf_take_away(&zf.at[i]);
            i = (size_t)-1;
        }
}

#endif
