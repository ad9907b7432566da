/* SPDX-License-Identifier: MIT
 * What lies outside a jail and comes and goes while its process is sealed in is opened here and handed down:
 * a guest's QubesDB, and, by their MAY_HOLD rows, the memory balancer, what it says, xenstore, and who asks
 * people about devices. Nothing here waits. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/effects/effects.h"
#include "runtime/effects/hand.h"

/* -errno: that it is not there is -ENOENT. */
static int open_below(const char *place, const char *name, int (*open_path)(const char *path))
{
    char path[PATH_ROOM + 64];
    if (place == NULL)
        return -ENOENT;
    snprintf(path, sizeof path, "%s/%s", place, name);
    return open_path(path);
}

static int open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}

/* A socket of the host: a fresh connection for each asking. */
static const struct served {
    enum hand what, dead;
    const char *place, *name;
} served[] = {
    {HAND_QMEMMAN, HAND_QMEMMAN_DEAD, "qubes-run", "qmemman.sock"},
    {HAND_XENSTORE, HAND_XENSTORE_DEAD, "xenstore", "socket"},
    {HAND_DEVICE_AGENT, HAND_DEVICE_AGENT_DEAD, "qubes-run", "device-agent.GUI"},
};

static const struct served *served_of(uint32_t what)
{
    for (size_t i = 0; i < COUNT(served); i++)
        if (served[i].what == (enum hand)what)
            return &served[i];
    return NULL;
}

static int open_for(struct supervisor *s, const struct child *c, uint32_t *what)
{
    const char *kind = kind_name(c->key.kind);
    if (*what < HAND_QMEMMAN)
        return guest_database(s, c);
    if (!effects_have(effects_table(), kind, EFFECT_MAY_HOLD, *what)) {
        log_line(LOG_WARN, "%s asks for what no row lets it hold", kind);
        return -EPERM;
    }
    if (*what == HAND_FREE_MEMORY)
        return open_below(settings_place(s, "qubes-run"), "qmemman-avail-mem", open_file);
    const struct served *door = served_of(*what);
    if (door == NULL)
        return -EPERM;
    int fd = open_below(settings_place(s, door->place), door->name, connect_to);
    if (fd < 0 && fd != -ENOENT)
        *what = door->dead;
    return fd;
}

void hand_down(struct supervisor *s, const struct child *c, uint32_t what)
{
    struct control record = {.what = CONTROL_HAND};
    AUTO_FD fd = open_for(s, c, &what);
    struct control_fds fds = {fd >= 0, {fd}};
    record.value = what;
    (void)control_send(c->control, &record, &fds);
}
