/* SPDX-License-Identifier: MIT
 * bulkhead-supervisor: starts, watches and restarts every other process; parses nothing foreign. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/log.h"
#include "runtime/effects/effects.h"

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    return walk->level == 0 ? 0 : remove(path);
}

/* run/ and its parts; sockets of a killed supervisor's children are left over there. */
static int make_directories(const struct settings *s, struct fault *why)
{
    char bus[PATH_ROOM];
    snprintf(bus, sizeof bus, "%.480s/bus", s->run);
    if ((mkdir(s->run, 0755) < 0 && errno != EEXIST) || (mkdir(bus, 0711) < 0 && errno != EEXIST))
        return fault_set(why, ERR_IO, "cannot make %s: %s", bus, strerror(errno));
    nftw(bus, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (mkdir(s->state, 0700) < 0 && errno != EEXIST)
        return fault_set(why, ERR_IO, "cannot make %s: %s", s->state, strerror(errno));
    return 0;
}

/* The store and its directory belong to registry's uid, and to nobody else. */
static int give_store(const struct settings *s, struct fault *why)
{
    uint32_t uid;
    int r = effects_uid(effects_table(), "registry", 0, &uid, why);
    if (r < 0)
        return r;
    if (chown(s->state, uid, uid) < 0 && errno != EPERM)
        return fault_set(why, ERR_IO, "cannot give %s to registry: %s", s->state, strerror(errno));
    return 0;
}

/* One supervisor per run directory: the lock lives as long as this process. */
static int write_pid(const struct settings *s, struct fault *why)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%.480s/supervisor.pid", s->run);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return fault_set(why, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return fault_set(why, ERR_EXISTS, "another supervisor serves %s; end that one first", s->run);
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", getpid()) < 0)
        return fault_set(why, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

static int prepare(struct supervisor *s, struct fault *why)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    s->last_incarnation = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000; /* never used before */
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    int r = make_directories(&s->settings, why);
    if (r == 0)
        r = write_pid(&s->settings, why);
    if (r == 0)
        r = give_store(&s->settings, why);
    if (r == 0)
        r = notes_open(s, why);
    if (r == 0)
        r = userdb_open(s, why);
    if (r == 0)
        r = status_open(s, why);
    programs_open();
    return r < 0 ? r : sockets_open(s, why);
}

int main(int argc, char **argv)
{
    static struct supervisor supervisor;
    struct fault why;
    log_open("supervisor", LOG_INFO);
    int r = settings_read(&supervisor.settings, argc, argv);
    if (r != 0)
        return r < 0 ? 0 : r;
    if (prepare(&supervisor, &why) < 0) {
        log_line(LOG_ERROR, "%s", why.text);
        return 1;
    }
    r = supervise(&supervisor);
    sockets_remove(&supervisor);
    return r;
}
