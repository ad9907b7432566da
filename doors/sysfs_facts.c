/* SPDX-License-Identifier: MIT
 * See sysfs_facts.h: in devbus-pci. A file that cannot be read is as one that is not there. */
#include "doors/sysfs_facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

enum { PATH_ROOM = 128, LINK_ROOM = 512 };

static void path_of(const char *sbdf, const char *leaf, char path[PATH_ROOM])
{
    snprintf(path, PATH_ROOM, "bus/pci/devices/%s/%s", sbdf, leaf);
}

static bool is_there(int root, const char *sbdf, const char *leaf)
{
    char path[PATH_ROOM];
    path_of(sbdf, leaf, path);
    return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The text of a small file, without what is white at its end. */
static bool read_small(int root, const char *path, char *to, size_t size)
{
    AUTO_FD fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    to[0] = '\0';
    ssize_t len = fd < 0 ? -1 : read(fd, to, size - 1);
    if (len < 0)
        return false;
    while (len > 0 && (to[len - 1] == '\n' || to[len - 1] == ' '))
        len--;
    to[len] = '\0';
    return true;
}

/* The last part of where a link leads. */
static bool read_link(int root, const char *sbdf, const char *leaf, char *to, size_t size)
{
    char path[PATH_ROOM], target[LINK_ROOM];
    path_of(sbdf, leaf, path);
    ssize_t len = readlinkat(root, path, target, sizeof target - 1);
    to[0] = '\0';
    if (len < 0)
        return false;
    target[len] = '\0';
    const char *slash = strrchr(target, '/');
    return text_copy(to, size, span_of(slash != NULL ? slash + 1 : target)) == 0;
}

void sysfs_driver_of(int root, const char *sbdf, char driver[SYSFS_DRIVER_MAX + 1])
{
    (void)read_link(root, sbdf, "driver", driver, SYSFS_DRIVER_MAX + 1);
}

static bool group_of(int root, const char *sbdf, uint64_t *group)
{
    char name[24];
    return read_link(root, sbdf, "iommu_group", name, sizeof name) &&
           text_number(span_of(name), 0, UINT32_MAX, group) == 0;
}

static bool is_bridge(int root, const char *sbdf)
{
    char path[PATH_ROOM], class[16];
    path_of(sbdf, "class", path);
    return is_there(root, sbdf, "secondary_bus_number") ||
           (read_small(root, path, class, sizeof class) && strncmp(class, "0x0604", 6) == 0);
}

/* The function that it lies behind: the part before its own in the chain. */
static void bridge_of(int root, const char *sbdf, char bridge[SYSFS_SBDF_MAX + 1])
{
    char path[PATH_ROOM], target[LINK_ROOM];
    snprintf(path, sizeof path, "bus/pci/devices/%s", sbdf);
    ssize_t len = readlinkat(root, path, target, sizeof target - 1);
    bridge[0] = '\0';
    if (len < 0)
        return;
    target[len] = '\0';
    char *own = strrchr(target, '/');
    if (own == NULL)
        return;
    *own = '\0';
    const char *before = strrchr(target, '/');
    if (before != NULL && strncmp(before + 1, "pci", 3) != 0)
        (void)text_copy(bridge, SYSFS_SBDF_MAX + 1, span_of(before + 1));
}

static void keep(int root, const char *sbdf, struct sysfs_neighbour *to, size_t *count)
{
    if (*count == SYSFS_NEIGHBOURS_MAX)
        return;
    struct sysfs_neighbour *n = &to[(*count)++];
    (void)text_copy(n->sbdf, sizeof n->sbdf, span_of(sbdf));
    sysfs_driver_of(root, sbdf, n->driver);
    n->is_bridge = is_bridge(root, sbdf);
}

static void compare(int root, const char *sbdf, const char *other, struct sysfs_facts *f)
{
    char bridge[SYSFS_SBDF_MAX + 1];
    uint64_t group;
    bool grouped = group_of(root, other, &group);
    f->has_groups = f->has_groups || grouped;
    if (strcmp(sbdf, other) == 0)
        return;
    if (grouped && f->has_group && group == f->group)
        keep(root, other, f->member, &f->members);
    bridge_of(root, other, bridge);
    if (bridge[0] != '\0' && strcmp(bridge, f->bridge) == 0)
        keep(root, other, f->sibling, &f->siblings);
}

static int by_sbdf(const void *a, const void *b)
{
    return strcmp(((const struct sysfs_neighbour *)a)->sbdf, ((const struct sysfs_neighbour *)b)->sbdf);
}

static int look_around(int root, const char *sbdf, struct sysfs_facts *f, struct fault *why)
{
    int fd = openat(root, "bus/pci/devices", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *all = fd < 0 ? NULL : fdopendir(fd);
    if (all == NULL) {
        int error = errno;
        close_file(&fd);
        return fault_set(why, ERR_IO, "sysfs: list bus/pci/devices: %s", strerror(error));
    }
    for (const struct dirent *e = readdir(all); e != NULL; e = readdir(all))
        if (strlen(e->d_name) == SYSFS_SBDF_MAX)
            compare(root, sbdf, e->d_name, f);
    closedir(all);
    qsort(f->member, f->members, sizeof *f->member, by_sbdf);
    qsort(f->sibling, f->siblings, sizeof *f->sibling, by_sbdf);
    return 0;
}

/* A line is START END KIND; of the kinds only direct is firmware's own use. */
static void read_reserved(int root, struct sysfs_facts *f)
{
    char path[PATH_ROOM], text[2048];
    snprintf(path, sizeof path, "kernel/iommu_groups/%u/reserved_regions", (unsigned)f->group);
    if (!f->has_group || !read_small(root, path, text, sizeof text))
        return;
    struct span rest = span_of(text);
    while (rest.len > 0) {
        struct span kind, line = span_split(rest, '\n', &rest);
        (void)span_split(line, ' ', &kind);
        (void)span_split(kind, ' ', &kind);
        f->has_reserved = f->has_reserved || span_is(kind, "direct");
    }
}

int sysfs_facts_read(int root, const char *sbdf, struct sysfs_facts *facts, struct fault *why)
{
    struct sysfs_facts f = {0};
    char path[PATH_ROOM];
    if (!sysfs_exists(root, sbdf))
        return fault_set(why, ERR_UNKNOWN, "there is no PCI device %s", sbdf);
    f.is_whole = is_there(root, sbdf, "config");
    f.can_reset = is_there(root, sbdf, "reset");
    path_of(sbdf, "reset_method", path);
    (void)read_small(root, path, f.resets, sizeof f.resets);
    f.is_bridge = is_bridge(root, sbdf);
    sysfs_driver_of(root, sbdf, f.driver);
    bridge_of(root, sbdf, f.bridge);
    f.has_group = group_of(root, sbdf, &f.group);
    read_reserved(root, &f);
    int r = look_around(root, sbdf, &f, why);
    if (r == 0)
        *facts = f;
    return r;
}
