/* SPDX-License-Identifier: MIT
 * The QubesDB of a guest. Its daemon's socket lies among those of all VMs, and comes and goes while
 * guest/<qid> is sealed in: so the connection is made here and handed down. Which one is never for that
 * process to say: it is that of the VM whose name vm/<qid> has told. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/own.h"

/* A VM's name as far as paths are concerned. */
static bool is_plain(const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *c) == NULL)
            return false;
    return name[0] != '\0';
}

const char *settings_place(const struct supervisor *s, const char *name)
{
    static const char key[] = "place.";
    size_t len = strlen(name);
    for (int i = 0; i < s->settings.options; i++) {
        const char *at = s->settings.option[i];
        if (strncmp(at, key, sizeof key - 1) != 0)
            continue;
        at += sizeof key - 1;
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return at + len + 1;
    }
    return NULL;
}

int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || text_copy(address.sun_path, sizeof address.sun_path, span_of(path)) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return errno > 0 ? -errno : -EIO;
    return take_fd(&fd);
}

/* Dom0 has no process vm/0: what it exposes is read from its own database. */
static const char *name_of(struct supervisor *s, const struct child *c)
{
    const struct child *vm = child_find(s, (struct address){KIND_VM, c->key.instance});
    if (c->key.instance == 0)
        return "dom0";
    return vm != NULL && vm->generation == c->generation ? vm->title : NULL;
}

int guest_database(struct supervisor *s, const struct child *c)
{
    char path[PATH_ROOM + 64];
    const char *place = settings_place(s, "qubes-run"),
               *name = c->key.kind == KIND_GUEST ? name_of(s, c) : NULL;
    if (name == NULL || place == NULL || !is_plain(name))
        return -1;
    snprintf(path, sizeof path, "%s/qubesdb.%s.sock", place, name);
    return connect_to(path);
}
