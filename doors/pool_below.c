/* SPDX-License-Identifier: MIT
 * The thin pool below a directory: its file system's device, what that is made of, and the name which LVM
 * gives to thin pools; in storage, before its jail closes. */
#include "doors/pool_below.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"

enum { NAME_ROOM = 256 }; /* the mapper's own limit is 128 */

static void close_list(DIR **list)
{
    if (*list != NULL)
        closedir(*list);
}

/* The mapper's name of a device, without its line's end. */
static bool read_name(const char *slaves, const char *device, char name[NAME_ROOM])
{
    char path[1024];
    if (snprintf(path, sizeof path, "%s/%s/dm/name", slaves, device) >= (int)sizeof path)
        return false;
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, name, NAME_ROOM);
    if (len < 1 || name[len - 1] != '\n')
        return false;
    name[len - 1] = '\0';
    return true;
}

/* "a--b-c-tpool" is of the pool "c" in the group "a-b": each '-' of a name is written twice. */
static bool read_pool(const char *name, char to[POOL_THIN_MAX + 1])
{
    static const char tail[] = "-tpool";
    size_t len = strlen(name), used = 0, parts = 1;
    if (len < sizeof tail || strcmp(name + len - (sizeof tail - 1), tail) != 0)
        return false;
    len -= sizeof tail - 1;
    for (size_t i = 0; i < len && used < POOL_THIN_MAX; i++) {
        bool twice = name[i] == '-' && i + 1 < len && name[i + 1] == '-';
        parts += name[i] == '-' && !twice;
        to[used] = name[i];
        if (name[i] == '-' && !twice)
            to[used] = '/';
        used++;
        i += twice;
    }
    to[used] = '\0';
    const char *slash = strchr(to, '/');
    return used < POOL_THIN_MAX && parts == 2 && slash != NULL && slash != to && slash[1] != '\0';
}

bool pool_thin_below(const char *sys, const char *directory, char to[POOL_THIN_MAX + 1])
{
    char slaves[512], name[NAME_ROOM], found[POOL_THIN_MAX + 1];
    struct stat is;
    to[0] = '\0';
    if (stat(directory, &is) < 0 || snprintf(slaves, sizeof slaves, "%s/dev/block/%u:%u/slaves", sys,
                                             major(is.st_dev), minor(is.st_dev)) >= (int)sizeof slaves)
        return false;
    __attribute__((cleanup(close_list))) DIR *list = opendir(slaves);
    for (const struct dirent *e; list != NULL && (e = readdir(list)) != NULL;)
        if (e->d_name[0] != '.' && read_name(slaves, e->d_name, name) && read_pool(name, found)) {
            memcpy(to, found, sizeof found);
            return true;
        }
    return false;
}
