/* SPDX-License-Identifier: MIT
 * Namespaces of its own, and no descriptor but those named. In a starting actor, one thread. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"

/* Nobody inside needs the host's name; this one tells a reader of a trace where he is. */
static int forget_host(void)
{
    if (sethostname(JAIL_HOSTNAME, sizeof JAIL_HOSTNAME - 1) < 0)
        return -1;
    return setdomainname("", 0);
}

static int take_space(struct jail *j, enum layer layer, int flag)
{
    if (unshare(flag) < 0)
        return jail_lacks(j, layer, errno);
    if (layer == LAYER_UTSNS && forget_host() < 0)
        return jail_lacks(j, layer, errno);
    return jail_got(j, layer);
}

int jail_spaces(struct jail *j)
{
    static const struct {
        enum layer layer;
        int flag;
    } spaces[] = {
        {LAYER_MOUNTNS, CLONE_NEWNS},
        {LAYER_NETNS, CLONE_NEWNET},
        {LAYER_UTSNS, CLONE_NEWUTS},
        {LAYER_IPCNS, CLONE_NEWIPC},
    };
    int r = 0;
    if (effects_have(j->table, j->order->kind, EFFECT_NAMESPACE, LAYER_PIDNS))
        r = getpid() == 1 ? jail_got(j, LAYER_PIDNS) : jail_lacks(j, LAYER_PIDNS, EPERM);
    for (size_t i = 0; r >= 0 && i < COUNT(spaces); i++)
        if (effects_have(j->table, j->order->kind, EFFECT_NAMESPACE, spaces[i].layer))
            r = take_space(j, spaces[i].layer, spaces[i].flag);
    return r;
}

static bool is_kept(const struct jail_order *order, int fd)
{
    for (size_t i = 0; i < order->keep_count; i++)
        if (order->keep[i] == fd)
            return true;
    return false;
}

/* The lowest kept descriptor at or above `from`; -1: none. */
static int next_kept(const struct jail_order *order, int from)
{
    int found = -1;
    for (size_t i = 0; i < order->keep_count; i++)
        if (order->keep[i] >= from && (found < 0 || order->keep[i] < found))
            found = order->keep[i];
    return found;
}

static int close_others(const struct jail_order *order)
{
    int from = STDERR_FILENO + 1;
    for (int kept; (kept = next_kept(order, from)) >= 0; from = kept + 1)
        if (kept > from && close_range((unsigned)from, (unsigned)kept - 1, 0) < 0)
            return -1;
    return close_range((unsigned)from, ~0U, 0);
}

/* Left closed, 0 to 2 would be the numbers of the next files opened, and a stray print would reach them. */
static int mute_standard_files(const struct jail_order *order)
{
    AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return -1;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (!is_kept(order, fd) && fd != null && dup2(null, fd) < 0)
            return -1;
    if (null <= STDERR_FILENO)
        take_fd(&null);
    return 0;
}

int jail_files(struct jail *j)
{
    if (mute_standard_files(j->order) < 0 || close_others(j->order) < 0)
        return jail_lacks(j, LAYER_FDS, errno);
    return jail_got(j, LAYER_FDS);
}
