/* SPDX-License-Identifier: MIT
 * Reading the file beside the store, and replacing it so that a crash leaves the old one or the new one. In
 * `registry`, on its worker thread. */
#include "actors/registry/registry_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/own.h"

/* The file and not the name service: that would load libraries and ask other processes, 2 ms of each start.
 */
gid_t registry_file_group(void)
{
    FILE *groups = fopen("/etc/group", "re");
    const struct group *group = NULL;
    while (groups != NULL && (group = fgetgrent(groups)) != NULL && strcmp(group->gr_name, "qubes") != 0)
        ;
    gid_t found = group != NULL ? group->gr_gid : REGISTRY_NO_GROUP;
    if (groups != NULL)
        fclose(groups);
    return found;
}

static int file_error(const char *doing, const char *name, struct fault *why)
{
    int error = errno;
    bool denied = error == EACCES || error == EPERM || error == EROFS;
    return fault_set(why, denied ? ERR_DENIED : ERR_IO, "cannot %s %s: %s%s", doing, name, strerror(error),
                     error == ENOSPC ? "; make room and try again"
                     : denied        ? "; check owner, mode and mount"
                                     : "");
}

static int read_all(int fd, const char *name, struct text *bytes, struct fault *why)
{
    char part[16384];
    ssize_t got;
    size_t len = bytes->len;
    while ((got = read(fd, part, sizeof part)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error("read", name, why);
        text_append(bytes, (struct span){part, (size_t)got});
        if (bytes->failed < 0) {
            enum err code = (enum err) - bytes->failed;
            bytes->len = len;
            return fault_set(why, code, "cannot read %s: %s", name, err_text(code));
        }
    }
    return 0;
}

int registry_file_read(int dir, const char *name, struct text *bytes, struct fault *why)
{
    AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return fault_set(why, ERR_UNKNOWN, "there is no %s", name);
    if (fd < 0)
        return file_error("open", name, why);
    return read_all(fd, name, bytes, why);
}

/* Content, owner, mode and durability of the temporary file. */
static int fill(int fd, gid_t group, mode_t mode, struct span bytes)
{
    if (span_write(fd, bytes) < 0)
        return -1;
    if (group != REGISTRY_NO_GROUP && fchown(fd, (uid_t)-1, group) < 0)
        return -1;
    return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -1 : 0;
}

static int temporary(int dir, const char *name, char *path, size_t size)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) < 0)
        return -1;
    int len = snprintf(path, size, "%s~%016llx", name, (unsigned long long)random);
    if (len < 0 || (size_t)len >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int registry_file_replace(int dir, const char *name, gid_t group, mode_t mode, struct span bytes,
                          struct fault *why)
{
    char path[256];
    AUTO_FD fd = temporary(dir, name, path, sizeof path);
    if (fd < 0)
        return file_error("make a temporary file for", name, why);
    if (fill(fd, group, mode, bytes) < 0 || renameat(dir, path, dir, name) < 0) {
        int r = file_error("write", name, why);
        unlinkat(dir, path, 0);
        return r;
    }
    if (fsync(dir) < 0)
        return file_error("make durable the directory of", name, why);
    return 0;
}
