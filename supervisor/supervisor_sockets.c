/* SPDX-License-Identifier: MIT
 * The sockets that clients connect to: taken from systemd or made here, held for as long as the
 * supervisor lives, handed to each incarnation of api. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/own.h"

static const struct row {
    const char *file;
    uint32_t api;
    mode_t mode;
} rows[SOCKETS] = {
#define SOCKET(name_, file_, api_, mode_) {file_, api_, mode_},
#include "runtime/control/sockets.def"
};

/* Long enough that 64 clients at once never meet a full queue. */
enum { BACKLOG = 4096 };
/* How long a killed supervisor's children may take to die. */
enum { DYING_MS = 1000 };

static void take_from_systemd(struct supervisor *s)
{
    int count = sd_listen_fds(1);
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        struct sockaddr_un address = {0};
        socklen_t len = sizeof address;
        (void)fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK); /* systemd's block, and would hold up api's loop */
        if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 || address.sun_family != AF_UNIX)
            continue;
        const char *slash = strrchr(address.sun_path, '/');
        for (int i = 0; i < SOCKETS; i++)
            if (slash != NULL && strcmp(slash + 1, rows[i].file) == 0)
                s->sockets[i] = fd;
    }
}

static int path_of(const struct supervisor *s, int i, struct sockaddr_un *address, struct fault *why)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", s->settings.run, rows[i].file);
    if (len < 0 || (size_t)len >= sizeof address->sun_path)
        return fault_set(why, ERR_TOO_BIG, "%s is too long a path for a socket; use a shorter directory",
                         s->settings.run);
    return 0;
}

static bool is_answered(const struct sockaddr_un *address, int *error)
{
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = connect(fd, (const struct sockaddr *)address, sizeof *address);
    *error = r < 0 ? errno : 0;
    return *error == 0 || *error == EAGAIN;
}

/* A socket that nobody answers at is left over from a killed supervisor. The children of one that
 * was killed a moment ago hold theirs until they have died too. */
static int remove_stale(const struct sockaddr_un *address, struct fault *why)
{
    int error;
    for (int i = 0; is_answered(address, &error); i++) {
        if (i == DYING_MS)
            return fault_set(why, ERR_EXISTS, "%s is served by another process; end that one first",
                             address->sun_path);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (error == ECONNREFUSED)
        unlink(address->sun_path);
    return 0;
}

static int make(struct supervisor *s, int i, struct fault *why)
{
    struct sockaddr_un address;
    int r = path_of(s, i, &address, why);
    if (r < 0 || (r = remove_stale(&address, why)) < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0777 & ~rows[i].mode);
    r = bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(before);
    if (r < 0 || listen(fd, BACKLOG) < 0) {
        close(fd);
        return fault_set(why, ERR_IO, "cannot listen at %s: %s", address.sun_path, strerror(errno));
    }
    const struct group *qubes = getgrnam("qubes");
    if (qubes != NULL && chown(address.sun_path, (uid_t)-1, qubes->gr_gid) < 0)
        log_line(LOG_WARN, "cannot give %s to the group qubes: %s", address.sun_path, strerror(errno));
    s->sockets[i] = fd;
    s->made[i] = true;
    return 0;
}

int sockets_open(struct supervisor *s, struct fault *why)
{
    for (int i = 0; i < SOCKETS; i++)
        s->sockets[i] = -1;
    take_from_systemd(s);
    for (int i = 0; i < SOCKETS; i++) {
        int r = s->sockets[i] >= 0 ? 0 : make(s, i, why);
        if (r < 0)
            return r;
    }
    return 0;
}

void sockets_hand(struct supervisor *s, const struct child *c)
{
    if (c->key.kind != KIND_API)
        return;
    for (int i = 0; i < SOCKETS; i++) {
        if (rows[i].api != c->key.instance)
            continue;
        struct control record = {.what = CONTROL_HAND, .value = (uint32_t)i};
        struct control_fds fds = {1, {s->sockets[i]}};
        (void)control_send(c->control, &record, &fds);
    }
}

void sockets_remove(struct supervisor *s)
{
    struct sockaddr_un address;
    for (int i = 0; i < SOCKETS; i++)
        if (s->made[i] && path_of(s, i, &address, NULL) == 0)
            unlink(address.sun_path);
}
