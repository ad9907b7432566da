/* SPDX-License-Identifier: MIT
 * An empty root that holds the places of the rows and nothing else, each at the path that it has
 * outside. In a starting actor, one thread, in its own mount namespace. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"

/* The new root is first mounted over this: it exists everywhere, and all sources are open by then. */
#define SCAFFOLD "/dev"

struct piece {
    int tree;         /* a detached copy of the mount */
    const char *path; /* the order's */
};

struct pieces {
    struct piece at[PLACE_COUNT];
    size_t count;
};

static void pieces_close(struct pieces *p)
{
    for (size_t i = 0; i < p->count; i++)
        close_file(&p->at[i].tree);
}

static int set_attributes(int mount, uint64_t attributes)
{
    struct mount_attr attr = {.attr_set = attributes, .propagation = MS_PRIVATE};
    return mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr);
}

static int piece_open(struct pieces *p, const char *path, enum effect_access access)
{
    uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    if (access == ACCESS_RO)
        attributes |= MOUNT_ATTR_RDONLY;
    if (p->count == COUNT(p->at)) {
        errno = E2BIG;
        return -1;
    }
    AUTO_FD tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || set_attributes(tree, attributes) < 0)
        return -1;
    p->at[p->count++] = (struct piece){take_fd(&tree), path};
    return 0;
}

static int pieces_open(const struct jail *j, struct pieces *p)
{
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(j->table, j->order->kind, EFFECT_MAY_BIND, &at)) != NULL;) {
        const char *path = jail_path(j, e);
        if (path != NULL && piece_open(p, path, (enum effect_access)e->amount) < 0)
            return -1;
    }
    return 0;
}

/* A tmpfs with room for mount points only, mounted over SCAFFOLD: its descriptor, or -1. */
static int empty_root(void)
{
    AUTO_FD made = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (made < 0 || fsconfig(made, FSCONFIG_SET_STRING, "size", "64k", 0) < 0 ||
        fsconfig(made, FSCONFIG_SET_STRING, "nr_inodes", "256", 0) < 0 ||
        fsconfig(made, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(made, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    AUTO_FD root = fsmount(made, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (root < 0 || move_mount(root, "", AT_FDCWD, SCAFFOLD, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -1;
    return take_fd(&root);
}

/* libvirt's client looks for its daemon below /var/run, which is /run by another name. */
static int link_var_run(int root)
{
    if (mkdirat(root, "run", 0755) < 0 || mkdirat(root, "var", 0755) < 0)
        return -1;
    return symlinkat("../run", root, "var/run");
}

/* Makes the directories above `path` (relative to root), and it itself as a directory or an empty file. */
static int make_mount_point(int root, const char *path, bool directory)
{
    char part[PATH_MAX];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = strchr(part, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (part[0] != '\0' && mkdirat(root, part, 0755) < 0 && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    if (directory)
        return mkdirat(root, part, 0755) < 0 && errno != EEXIST ? -1 : 0;
    AUTO_FD file = openat(root, part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0444);
    return file < 0 ? -1 : 0;
}

static int piece_place(int root, const struct piece *p)
{
    const char *below = p->path + strspn(p->path, "/");
    struct stat found;
    if (fstat(p->tree, &found) < 0 || make_mount_point(root, below, S_ISDIR(found.st_mode)) < 0)
        return -1;
    return move_mount(p->tree, "", root, below, MOVE_MOUNT_F_EMPTY_PATH);
}

/* Afterwards nothing of the old tree is mounted any more. */
static int change_root(int root)
{
    if (set_attributes(root, MOUNT_ATTR_RDONLY) < 0 || fchdir(root) < 0)
        return -1;
    if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
        return -1;
    return chdir("/");
}

static int build(const struct jail *j, struct pieces *p)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || pieces_open(j, p) < 0)
        return -1;
    AUTO_FD root = empty_root();
    if (root < 0 || link_var_run(root) < 0)
        return -1;
    for (size_t i = 0; i < p->count; i++)
        if (piece_place(root, &p->at[i]) < 0)
            return -1;
    return change_root(root);
}

int jail_root(struct jail *j)
{
    if (!effects_have(j->table, j->order->kind, EFFECT_NAMESPACE, LAYER_MOUNTNS))
        return 0;
    if (!jail_has(j, LAYER_MOUNTNS)) /* here it would change everybody's mounts */
        return jail_lacks(j, LAYER_ROOT, EPERM);
    struct pieces pieces = {.count = 0};
    mode_t mask = umask(022);
    int r = build(j, &pieces);
    int error = errno;
    umask(mask);
    pieces_close(&pieces);
    return r < 0 ? jail_lacks(j, LAYER_ROOT, error) : jail_got(j, LAYER_ROOT);
}
