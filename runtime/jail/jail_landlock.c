/* SPDX-License-Identifier: MIT
 * The places of the rows as Landlock rules, with what the running kernel's version knows. The
 * second wall behind the root, and the only one where there is no root. In a starting actor. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"

/* Bits that the header of an older system lacks; each is used only from the version that has it. */
#define FS_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_ALL      UINT64_C(3)         /* ABI 4: bind and connect TCP */
#define SCOPE_ALL    UINT64_C(3)         /* ABI 6: abstract sockets and signals of others */
#define FS_ABI_1     ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define READING      (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING                                                                                              \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |        \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |              \
     LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
#define OF_A_FILE                                                                                            \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE)

/* The kernel's struct, whole: the size passed says how much of it this version knows. */
struct ruleset {
    uint64_t fs, net, scoped;
};

static struct ruleset handled_by(int abi, size_t *size)
{
    struct ruleset all = {.fs = FS_ABI_1};
    *size = sizeof all.fs;
    if (abi >= 2)
        all.fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        all.fs |= FS_TRUNCATE;
    if (abi >= 4) {
        all.net = NET_ALL;
        *size += sizeof all.net;
    }
    if (abi >= 5)
        all.fs |= FS_IOCTL_DEV;
    if (abi >= 6) {
        all.scoped = SCOPE_ALL;
        *size += sizeof all.scoped;
    }
    return all;
}

static uint64_t rights_of(enum effect_access access)
{
    if (access == ACCESS_ALL)
        return UINT64_MAX;
    return READING | (access == ACCESS_RW ? WRITING : 0) |
           (access == ACCESS_RX ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
}

static int allow(int ruleset, uint64_t handled, const char *path, enum effect_access access)
{
    AUTO_FD place = open(path, O_PATH | O_CLOEXEC);
    struct stat found;
    if (place < 0 || fstat(place, &found) < 0)
        return -1;
    uint64_t rights = rights_of(access);
    if (!S_ISDIR(found.st_mode))
        rights &= OF_A_FILE;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & handled, .parent_fd = place};
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static int allow_places(const struct jail *j, int ruleset, uint64_t handled)
{
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(j->table, j->order->kind, EFFECT_MAY_BIND, &at)) != NULL;) {
        const char *path = jail_path(j, e);
        if (path != NULL && allow(ruleset, handled, path, (enum effect_access)e->amount) < 0)
            return -1;
    }
    return 0;
}

/* What the host lacks (/lib64 on some machines) needs no rule. */
static int allow_paths(const struct jail *j, int ruleset, uint64_t handled)
{
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(j->table, j->order->kind, EFFECT_MAY_REACH, &at)) != NULL;) {
        const char *path = host_path((enum host_path)e->subject);
        if (access(path, F_OK) == 0 && allow(ruleset, handled, path, (enum effect_access)e->amount) < 0)
            return -1;
    }
    return 0;
}

int jail_landlock(struct jail *j)
{
    size_t size;
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return jail_lacks(j, LAYER_LANDLOCK, errno);
    const struct ruleset handled = handled_by(abi, &size);
    AUTO_FD ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0);
    if (ruleset < 0 || allow_places(j, ruleset, handled.fs) < 0 || allow_paths(j, ruleset, handled.fs) < 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return jail_lacks(j, LAYER_LANDLOCK, errno);
    j->report.landlock_abi = abi;
    return jail_got(j, LAYER_LANDLOCK);
}
