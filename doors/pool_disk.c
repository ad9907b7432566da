/* SPDX-License-Identifier: MIT
 * Steps on files that a crash cannot split; in storage. */
#include "doors/pool_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/own.h"

enum { TEMPORARY_MAX = POOL_PATH_MAX + 24, TRIES = 100 };

/* A file on its way to its name. */
struct fresh {
    char path[TEMPORARY_MAX + 1];
    int fd;
};

int disk_stat(const struct pool_hand *h, const char *path, struct stat *st)
{
    struct stat own;
    if (h->call->stat(path, st != NULL ? st : &own) == 0)
        return 1;
    return errno == ENOENT || errno == ENOTDIR ? 0 : pool_broken(h, "look at", path);
}

static bool parent_of(const char *path, char parent[POOL_PATH_MAX + 1])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash - path > POOL_PATH_MAX)
        return false;
    size_t len = slash == path ? 1 : (size_t)(slash - path);
    return text_copy(parent, POOL_PATH_MAX + 1, (struct span){path, len}) == 0;
}

static int sync_path(const struct pool_hand *h, const char *path, int flags)
{
    int fd = h->call->open(path, flags, 0);
    if (fd < 0)
        return pool_broken(h, "open", path);
    int r = h->call->fsync(fd) < 0 ? pool_broken(h, "write out", path) : 0;
    h->call->close(fd);
    return r;
}

int disk_sync_directory(const struct pool_hand *h, const char *path)
{
    return sync_path(h, path, O_RDONLY | O_DIRECTORY);
}

int disk_sync_file(const struct pool_hand *h, const char *path)
{
    return sync_path(h, path, O_RDONLY);
}

int disk_sync_parent(const struct pool_hand *h, const char *path)
{
    char parent[POOL_PATH_MAX + 1];
    if (!parent_of(path, parent))
        return fault_set(h->why, ERR_STORAGE, "%s is no absolute path", path);
    return disk_sync_directory(h, parent);
}

int disk_make_directory(const struct pool_hand *h, const char *path, unsigned mode)
{
    bool made = h->call->mkdir(path, mode) == 0;
    if (!made && errno != EEXIST)
        return pool_broken(h, "make the directory", path);
    int r = made ? disk_sync_parent(h, path) : 0;
    return r < 0 ? r : made;
}

static int make_parent(const struct pool_hand *h, const char *path)
{
    char parent[POOL_PATH_MAX + 1];
    if (!parent_of(path, parent))
        return fault_set(h->why, ERR_STORAGE, "%s is no absolute path", path);
    int r = disk_stat(h, parent, NULL);
    return r != 0 ? r : disk_make_directory(h, parent, 0775);
}

int disk_rename(const struct pool_hand *h, const char *from, const char *to)
{
    char old[POOL_PATH_MAX + 1], new[POOL_PATH_MAX + 1];
    if (h->call->rename(from, to) < 0)
        return pool_broken(h, "rename", from);
    int r = disk_sync_parent(h, to);
    if (r >= 0 && parent_of(from, old) && parent_of(to, new) && strcmp(old, new) != 0)
        r = disk_sync_parent(h, from);
    return r;
}

int disk_remove(const struct pool_hand *h, const char *path)
{
    if (h->call->unlink(path) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : pool_broken(h, "remove", path);
    return disk_sync_parent(h, path);
}

int disk_link(const struct pool_hand *h, const char *from, const char *to)
{
    int r = make_parent(h, to);
    if (r < 0)
        return r;
    if (h->call->link(from, to) < 0)
        return pool_broken(h, "link", from);
    return disk_sync_parent(h, to);
}

int disk_remove_directory(const struct pool_hand *h, const char *path)
{
    if (h->call->rmdir(path) == 0)
        return disk_sync_parent(h, path);
    return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST ? 0 : pool_broken(h, "remove", path);
}

/* ---- a file takes a name ---- */

static int fresh_open(const struct pool_hand *h, const char *target, struct fresh *f)
{
    int r = make_parent(h, target);
    for (int i = 0; r >= 0 && i < TRIES; i++) {
        uint32_t random = (uint32_t)i;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
            random = (uint32_t)i; /* the next number does: the name is only to be free */
        if (snprintf(f->path, sizeof f->path, "%s~%08" PRIx32, target, random) > TEMPORARY_MAX)
            return fault_set(h->why, ERR_STORAGE, "the path %s is too long", target);
        f->fd = h->call->open(f->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        if (f->fd >= 0)
            return 0;
        if (errno != EEXIST)
            return pool_broken(h, "create", f->path);
    }
    return r < 0 ? r : pool_broken(h, "create", target);
}

/* `r` is how filling it went: on success it takes the name, else it goes and `r` is passed on. */
static int fresh_close(const struct pool_hand *h, struct fresh *f, const char *target, unsigned mode, int r)
{
    if (r >= 0 && h->call->fchmod(f->fd, mode) < 0)
        r = pool_broken(h, "set the mode of", f->path);
    if (r >= 0 && h->call->fsync(f->fd) < 0)
        r = pool_broken(h, "write out", f->path);
    if (h->call->close(f->fd) < 0 && r >= 0)
        r = pool_broken(h, "close", f->path);
    if (r >= 0 && h->call->rename(f->path, target) < 0)
        r = pool_broken(h, "rename", f->path);
    if (r >= 0)
        return disk_sync_parent(h, target);
    struct fault first = *h->why; /* what fails while tidying up is no news */
    disk_remove(h, f->path);
    *h->why = first;
    return r;
}

int disk_create(const struct pool_hand *h, const char *path, uint64_t size, unsigned mode)
{
    struct fresh f = {.fd = -1};
    int r = fresh_open(h, path, &f);
    if (r < 0)
        return r;
    if (h->call->ftruncate(f.fd, (off_t)size) < 0)
        r = pool_broken(h, "size", f.path);
    return fresh_close(h, &f, path, mode, r);
}

int disk_resize(const struct pool_hand *h, const char *path, uint64_t size)
{
    int fd = h->call->open(path, O_WRONLY, 0);
    int r = 0;
    if (fd < 0)
        return pool_broken(h, "open", path);
    if (h->call->ftruncate(fd, (off_t)size) < 0)
        r = pool_broken(h, "resize", path);
    if (r >= 0 && h->call->fsync(fd) < 0)
        r = pool_broken(h, "write out", path);
    h->call->close(fd);
    return r;
}

/* Shares the blocks: 1; 0 when this file system, or this pair of them, cannot. */
static int share(const struct pool_hand *h, int from, int to, const char *path)
{
    if (h->call->reflink(to, from) == 0)
        return 1;
    return errno == EBADF || errno == EINVAL || errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY ||
                   errno == ENOSYS
               ? 0
               : pool_broken(h, "share the blocks of", path);
}

static int fill(const struct pool_hand *h, int from, const struct stat *st, struct fresh *f,
                struct disk_copy how)
{
    uint64_t size = how.resize ? how.size : (uint64_t)st->st_size;
    int r = size == 0 ? 1 : share(h, from, f->fd, f->path);
    if (r == 0) {
        uint64_t copied = size < (uint64_t)st->st_size ? size : (uint64_t)st->st_size;
        r = disk_pour(h, from, f->fd, copied);
    }
    if (r >= 0 && h->call->ftruncate(f->fd, (off_t)size) < 0)
        r = pool_broken(h, "size", f->path);
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (r >= 0 && how.keep_time && h->call->futimens(f->fd, times) < 0)
        r = pool_broken(h, "set the time of", f->path);
    return r;
}

int disk_copy(const struct pool_hand *h, const char *from, const char *to, struct disk_copy how)
{
    struct fresh f = {.fd = -1};
    struct stat st;
    int fd = h->call->open(from, O_RDONLY, 0);
    if (fd < 0)
        return pool_broken(h, "open", from);
    int r = h->call->fstat(fd, &st) < 0 ? pool_broken(h, "look at", from) : fresh_open(h, to, &f);
    if (r >= 0)
        r = fresh_close(h, &f, to, 0600, fill(h, fd, &st, &f, how));
    h->call->close(fd);
    return r;
}

static int enough(const struct pool_hand *h, int from, struct stat *st, uint64_t size)
{
    if (h->call->fstat(from, st) < 0)
        return pool_broken(h, "look at", "what is to be copied");
    if (S_ISREG(st->st_mode) && (uint64_t)st->st_size < size)
        return fault_set(h->why, ERR_STORAGE, "not enough data: %" PRIu64 " bytes of %" PRIu64,
                         (uint64_t)st->st_size, size);
    return 0;
}

int disk_pour_fd(const struct pool_hand *h, int from, int to, uint64_t size)
{
    struct stat st;
    int r = enough(h, from, &st, size);
    return r < 0 ? r : disk_pour(h, from, to, size);
}

int disk_copy_fd(const struct pool_hand *h, int from, const char *to, uint64_t size)
{
    struct fresh f = {.fd = -1};
    struct stat st;
    int r = enough(h, from, &st, size);
    if (r < 0 || (r = fresh_open(h, to, &f)) < 0)
        return r;
    if (S_ISREG(st.st_mode))
        r = fill(h, from, &st, &f, (struct disk_copy){true, size, false});
    else if ((r = disk_pour(h, from, f.fd, size)) >= 0 && h->call->ftruncate(f.fd, (off_t)size) < 0)
        r = pool_broken(h, "size", f.path);
    return fresh_close(h, &f, to, 0600, r);
}

int disk_write(const struct pool_hand *h, int to, struct span data, uint64_t at, const char *path)
{
    while (data.len > 0) {
        ssize_t n = h->call->pwrite(to, data.at, data.len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return pool_broken(h, "write", path);
        data = (struct span){data.at + n, data.len - (size_t)n};
        at += (uint64_t)n;
    }
    return 0;
}

int disk_write_device(const struct pool_hand *h, const char *path, uint64_t size, struct span data,
                      uint64_t at)
{
    if (at > size || data.len > size - at)
        return fault_set(h->why, ERR_STORAGE, "too much data (expected %" PRIu64 " bytes)", size);
    int fd = h->call->open(path, O_WRONLY, 0);
    if (fd < 0)
        return pool_broken(h, "open", path);
    int r = disk_write(h, fd, data, at, path);
    h->call->close(fd);
    return r;
}

int disk_pour_device(const struct pool_hand *h, int from, const char *path, uint64_t size)
{
    int fd = h->call->open(path, O_WRONLY, 0);
    if (fd < 0)
        return pool_broken(h, "open", path);
    int r = disk_pour_fd(h, from, fd, size);
    h->call->close(fd);
    return r;
}

int disk_can_share(const struct pool_hand *h, const char *directory)
{
    int files[2] = {-1, -1}, r = 0;
    for (int i = 0; i < 2 && r >= 0; i++)
        if ((files[i] = h->call->open(directory, O_RDWR | O_TMPFILE, 0600)) < 0)
            r = pool_broken(h, "create a file in", directory);
    if (r >= 0)
        r = disk_write(h, files[0], SPAN_LITERAL("foo"), 0, directory);
    if (r >= 0)
        r = share(h, files[0], files[1], directory);
    for (int i = 0; i < 2; i++)
        if (files[i] >= 0)
            h->call->close(files[i]);
    return r;
}
