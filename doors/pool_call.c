/* SPDX-License-Identifier: MIT
 * The outside calls of pools as they really are; in storage. */
#include "doors/pool_call.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int real_open(const char *path, int flags, unsigned mode)
{
    return open(path, flags | O_CLOEXEC, mode);
}

static int real_fchmod(int fd, unsigned mode)
{
    return fchmod(fd, mode);
}

static int real_futimens(int fd, const struct timespec times[2])
{
    return futimens(fd, times);
}

static int real_mkdir(const char *path, unsigned mode)
{
    return mkdir(path, mode);
}

static int real_reflink(int to, int from)
{
    return ioctl(to, FICLONE, from);
}

static ssize_t real_copy(int from, off_t from_at, int to, off_t to_at, size_t len)
{
    return copy_file_range(from, &from_at, to, &to_at, len, 0);
}

static int real_entries(const char *directory, pool_entry *each, void *self)
{
    DIR *d = opendir(directory);
    int r = 0;
    if (d == NULL)
        return -1;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (entry == NULL) {
            r = errno != 0 ? -1 : 0;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            (r = each(self, entry->d_name)) < 0)
            break;
    }
    int reason = errno;
    closedir(d);
    errno = reason;
    return r;
}

static int64_t real_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int real_pause(unsigned ms)
{
    return nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

const struct pool_calls pool_calls_real = {
    .open = real_open,
    .close = close,
    .pread = pread,
    .pwrite = pwrite,
    .lseek = lseek,
    .ftruncate = ftruncate,
    .fsync = fsync,
    .fchmod = real_fchmod,
    .futimens = real_futimens,
    .fstat = fstat,
    .stat = stat,
    .statvfs = statvfs,
    .rename = rename,
    .link = link,
    .unlink = unlink,
    .mkdir = real_mkdir,
    .rmdir = rmdir,
    .reflink = real_reflink,
    .copy = real_copy,
    .entries = real_entries,
    .run = pool_run,
    .now = real_now,
    .pause = real_pause,
};
