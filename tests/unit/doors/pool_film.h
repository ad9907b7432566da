/* SPDX-License-Identifier: MIT
 * A film of what a verb does: every outside call with what it made durable; and all the disks that a file
 * system may show afterwards, from each prefix of the film: of the names that no fsync of their directory
 * followed any may be there or not, a file has what its last fsync saw or what it had at the end. */
#ifndef TESTS_UNIT_DOORS_POOL_FILM_H
#define TESTS_UNIT_DOORS_POOL_FILM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/doors/pool_trial.h"

enum {
    INODES = 256,
    VERSIONS = 1024,
    OPS = 256,
    FILES = 48,
    DISKS = 20000,
    PATH = 200,
    FOLDER = -1,
    NOTHING = -2
};

struct version {
    size_t size;
    struct timespec changed;
    char *bytes;
};

/* A name gets an inode, a name goes, or both. */
struct op {
    char set[PATH], drop[PATH];
    int inode;
    bool durable;
};

struct file {
    char path[PATH];
    int inode, version;
};

struct disk {
    struct file files[FILES];
    unsigned count;
    bool done; /* the verb had returned */
};

static struct {
    struct pool_calls below;
    bool on, done;
    struct {
        ino_t ino;
        int now, durable;
    } inodes[INODES];
    unsigned inode_count;
    struct version versions[VERSIONS];
    unsigned version_count;
    struct file base[FILES];
    unsigned base_count;
    struct op ops[OPS];
    unsigned op_count;
    char opened[1024][PATH];
    struct disk *disks;
    unsigned disk_count;
} film;

static inline int keep_version(int fd, int from_memory)
{
    struct version *v = &film.versions[film.version_count];
    struct stat st;
    assert_true(film.version_count < VERSIONS);
    if (from_memory)
        return *v = (struct version){0}, (int)film.version_count++;
    assert_int_equal(fstat(fd, &st), 0);
    *v = (struct version){(size_t)st.st_size, st.st_mtim, malloc((size_t)st.st_size + 1)};
    assert_non_null(v->bytes);
    assert_int_equal(pread(fd, v->bytes, v->size, 0), (ssize_t)v->size);
    return (int)film.version_count++;
}

static inline int inode_of(ino_t ino)
{
    for (unsigned i = film.inode_count; i-- > 0;)
        if (film.inodes[i].ino == ino)
            return (int)i;
    return -1;
}

static inline int new_inode(ino_t ino, int now, int durable)
{
    assert_true(film.inode_count < INODES);
    film.inodes[film.inode_count].ino = ino;
    film.inodes[film.inode_count].now = now;
    film.inodes[film.inode_count].durable = durable;
    return (int)film.inode_count++;
}

/* ---- the disks that may be found ---- */

static inline void put(struct disk *d, const char *path, int inode)
{
    unsigned i = 0;
    while (i < d->count && strcmp(d->files[i].path, path) != 0)
        i++;
    if (inode == NOTHING) {
        if (i < d->count)
            d->files[i] = d->files[--d->count];
        return;
    }
    assert_true(i < FILES);
    d->count += i == d->count;
    snprintf(d->files[i].path, PATH, "%s", path);
    d->files[i].inode = inode;
}

static inline int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static inline bool same(const struct disk *a, const struct disk *b)
{
    if (a->count != b->count || a->done != b->done)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->files[i].version != b->files[i].version || a->files[i].inode != b->files[i].inode ||
            strcmp(a->files[i].path, b->files[i].path) != 0)
            return false;
    return true;
}

/* Of the names that are not durable: all before `prefix`, or only (or all but) the one at `single`. */
static inline void one_disk(bool whole_files, unsigned prefix, unsigned single, bool all_but)
{
    static struct disk d;
    memset(&d, 0, sizeof d);
    d.done = film.done;
    for (unsigned i = 0; i < film.base_count; i++)
        put(&d, film.base[i].path, film.base[i].inode);
    for (unsigned i = 0; i < film.op_count; i++) {
        const struct op *op = &film.ops[i];
        bool there = single < film.op_count ? (i == single) != all_but : i < prefix;
        if (!op->durable && !there)
            continue;
        if (op->drop[0] != '\0')
            put(&d, op->drop, NOTHING);
        if (op->set[0] != '\0')
            put(&d, op->set, op->inode);
    }
    for (unsigned i = 0; i < d.count; i++)
        if (d.files[i].inode >= 0)
            d.files[i].version =
                whole_files ? film.inodes[d.files[i].inode].now : film.inodes[d.files[i].inode].durable;
    qsort(d.files, d.count, sizeof d.files[0], by_path);
    for (unsigned i = film.disk_count; i-- > 0;)
        if (same(&film.disks[i], &d))
            return;
    assert_true(film.disk_count < DISKS);
    film.disks[film.disk_count++] = d;
}

static inline void cut(void)
{
    for (int whole = 0; whole < 2; whole++) {
        for (unsigned i = 0; i <= film.op_count; i++)
            one_disk(whole, i, film.op_count, false);
        for (unsigned i = 0; i < film.op_count; i++)
            if (!film.ops[i].durable) {
                one_disk(whole, 0, i, false);
                one_disk(whole, 0, i, true);
            }
    }
}

/* ---- what is recorded ---- */

static inline void record(const char *set, const char *drop, int inode)
{
    struct op *op = &film.ops[film.op_count];
    if (!film.on)
        return;
    assert_true(film.op_count < OPS);
    *op = (struct op){.inode = inode};
    snprintf(op->set, PATH, "%s", set);
    snprintf(op->drop, PATH, "%s", drop);
    film.op_count++;
    cut();
}

static inline int inode_at(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return S_ISDIR(st.st_mode) ? FOLDER : inode_of(st.st_ino);
}

static inline void changed(int fd)
{
    struct stat st = {0};
    assert_int_equal(fstat(fd, &st), 0);
    int inode = inode_of(st.st_ino);
    if (!film.on || inode < 0)
        return;
    film.inodes[inode].now = keep_version(fd, false);
    cut();
}

static inline int film_open(const char *path, int flags, unsigned mode)
{
    struct stat st = {0};
    int fd = film.below.open(path, flags, mode);
    if (fd < 0 || !film.on)
        return fd;
    assert_true((size_t)fd < COUNT(film.opened));
    snprintf(film.opened[fd], PATH, "%s", path);
    if ((flags & O_CREAT) != 0) {
        assert_true((flags & O_EXCL) != 0 && fstat(fd, &st) == 0);
        int empty = keep_version(fd, true);
        record(path, "", new_inode(st.st_ino, empty, empty));
    }
    return fd;
}

static inline ssize_t film_pwrite(int fd, const void *from, size_t len, off_t at)
{
    ssize_t r = film.below.pwrite(fd, from, len, at);
    changed(fd);
    return r;
}

static inline int film_ftruncate(int fd, off_t size)
{
    int r = film.below.ftruncate(fd, size);
    changed(fd);
    return r;
}

static inline int film_reflink(int to, int from)
{
    int r = film.below.reflink(to, from);
    changed(to);
    return r;
}

static inline ssize_t film_copy(int from, off_t from_at, int to, off_t to_at, size_t len)
{
    ssize_t r = film.below.copy(from, from_at, to, to_at, len);
    changed(to);
    return r;
}

static inline int film_futimens(int fd, const struct timespec times[2])
{
    int r = film.below.futimens(fd, times);
    changed(fd);
    return r;
}

static inline bool lies_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && path[len] == '/' && strchr(path + len + 1, '/') == NULL;
}

static inline int film_fsync(int fd)
{
    struct stat st;
    int r = film.below.fsync(fd);
    if (!film.on)
        return r;
    assert_int_equal(fstat(fd, &st), 0);
    int inode = inode_of(st.st_ino);
    if (!S_ISDIR(st.st_mode) && inode >= 0)
        film.inodes[inode].durable = film.inodes[inode].now;
    for (unsigned i = 0; S_ISDIR(st.st_mode) && i < film.op_count; i++)
        if (lies_in(film.ops[i].set, film.opened[fd]) || lies_in(film.ops[i].drop, film.opened[fd]))
            film.ops[i].durable = true;
    cut();
    return r;
}

static inline int film_rename(const char *from, const char *to)
{
    int inode = film.on ? inode_at(from) : 0, r = film.below.rename(from, to);
    if (r == 0)
        record(to, from, inode);
    return r;
}

static inline int film_link(const char *from, const char *to)
{
    int r = film.below.link(from, to);
    if (r == 0)
        record(to, "", film.on ? inode_at(to) : 0);
    return r;
}

static inline int film_unlink(const char *path)
{
    int r = film.below.unlink(path);
    if (r == 0)
        record("", path, 0);
    return r;
}

static inline int film_mkdir(const char *path, unsigned mode)
{
    int r = film.below.mkdir(path, mode);
    if (r == 0)
        record(path, "", FOLDER);
    return r;
}

static inline int film_rmdir(const char *path)
{
    int r = film.below.rmdir(path);
    if (r == 0)
        record("", path, 0);
    return r;
}

static inline struct pool_calls filmed(void)
{
    struct pool_calls calls = film.below;
    calls.open = film_open;
    calls.pwrite = film_pwrite;
    calls.ftruncate = film_ftruncate;
    calls.reflink = film_reflink;
    calls.copy = film_copy;
    calls.futimens = film_futimens;
    calls.fsync = film_fsync;
    calls.rename = film_rename;
    calls.link = film_link;
    calls.unlink = film_unlink;
    calls.mkdir = film_mkdir;
    calls.rmdir = film_rmdir;
    return calls;
}

#endif
