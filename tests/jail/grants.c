/* SPDX-License-Identifier: MIT
 * See grants.h. */
#include "tests/jail/grants.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"
#include "tests/jail/tries.h"

static const struct effect *row_of(const struct inmate *me)
{
    return me->argument;
}

static void path_in(char (*path)[160], const struct inmate *me, enum place place, const char *name)
{
    snprintf(*path, sizeof *path, "%s/%s", me->prison->places[place], name);
}

int runs_as_its_uid(const struct inmate *me)
{
    return getuid() == row_of(me)->subject && getgid() == row_of(me)->subject ? 0 : -1;
}

/* Where the rows let this kind write. */
static enum place own_place(const struct inmate *me)
{
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(effects_table(), me->order->kind, EFFECT_MAY_BIND, &at)) != NULL;)
        if (e->amount == ACCESS_RW)
            return (enum place)e->subject;
    return PLACE_STORE;
}

int place_is_there(const struct inmate *me)
{
    char path[160];
    enum place place = (enum place)row_of(me)->subject;
    path_in(&path, me, place, "inside");
    AUTO_FD inside = open(path, O_RDONLY | O_CLOEXEC);
    char here[4];
    if (inside < 0 || read(inside, here, sizeof here) != sizeof here)
        return -1;
    path_in(&path, me, place, "made-inside");
    AUTO_FD made = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (made >= 0)
        unlink(path);
    return (made >= 0) == (row_of(me)->amount == ACCESS_RW) ? 0 : -1;
}

static int base_works(const struct inmate *me)
{
    struct timespec now, moment = {0, 1000};
    uint64_t count = 1;
    AUTO_FD event = eventfd(1, EFD_CLOEXEC);
    AUTO_FD timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    (void)me;
    if (event < 0 || timer < 0 || read(event, &count, sizeof count) != sizeof count)
        return -1;
    AUTO_MEMORY void *large = malloc(1 << 20);
    return large != NULL && clock_gettime(CLOCK_MONOTONIC, &now) == 0 && nanosleep(&moment, NULL) == 0 ? 0
                                                                                                       : -1;
}

static int nng_works(const struct inmate *me)
{
    int size = 4096;
    return setsockopt(me->extra, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 ? 0 : -1;
}

static void *wake_main(void *event)
{
    const uint64_t one = 1;
    return write(*(int *)event, &one, sizeof one) == sizeof one ? event : NULL;
}

static int worker_works(const struct inmate *me)
{
    pthread_t worker;
    uint64_t count;
    void *came = NULL;
    AUTO_FD event = eventfd(0, EFD_CLOEXEC);
    (void)me;
    if (pthread_create(&worker, NULL, wake_main, &event) != 0)
        return -1;
    return read(event, &count, sizeof count) == sizeof count && pthread_join(worker, &came) == 0 &&
                   came != NULL
               ? 0
               : -1;
}

static int bus_socket(const struct inmate *me, const char *name, struct sockaddr_un *at)
{
    char path[160];
    path_in(&path, me, PLACE_BUS, name);
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(at->sun_path, path, strlen(path) + 1);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int bus_listen_works(const struct inmate *me)
{
    struct sockaddr_un at;
    AUTO_FD fd = bus_socket(me, "vm-7.1.sock", &at);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1) < 0)
        return -1;
    return chmod(at.sun_path, 0660) == 0 && unlink(at.sun_path) == 0 ? 0 : -1;
}

int bus_is_reachable(const struct inmate *me)
{
    struct sockaddr_un to;
    AUTO_FD fd = bus_socket(me, "sock", &to);
    return fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? 0 : -1;
}

static int serve_works(const struct inmate *me)
{
    int client = accept4(me->extra, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return client >= 0 || errno == EINVAL || errno == EOPNOTSUPP ? 0 : -1;
}

static int files_ro_works(const struct inmate *me)
{
    char path[160], here[4];
    struct stat found;
    path_in(&path, me, PLACE_BUS, "inside");
    AUTO_FD file = open(path, O_RDONLY | O_CLOEXEC);
    return file >= 0 && stat(path, &found) == 0 && pread(file, here, 4, 0) == 4 ? 0 : -1;
}

static int files_rw_works(const struct inmate *me)
{
    char path[160], new[160];
    path_in(&path, me, own_place(me), "old-name");
    path_in(&new, me, own_place(me), "new-name");
    AUTO_FD file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return file >= 0 && fsync(file) == 0 && rename(path, new) == 0 && unlink(new) == 0 ? 0 : -1;
}

static int sqlite_works(const struct inmate *me)
{
    char path[160];
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
    path_in(&path, me, PLACE_STORE, "inside");
    AUTO_FD file = open(path, O_RDONLY | O_CLOEXEC);
    return file >= 0 && fcntl(file, F_SETLK, &lock) == 0 ? 0 : -1;
}

static int images_work(const struct inmate *me)
{
    char path[160], new[160];
    path_in(&path, me, PLACE_POOL, "inside");
    path_in(&new, me, PLACE_POOL, "linked");
    return link(path, new) == 0 && unlink(new) == 0 ? 0 : -1;
}

/* A file that only its owner may read, and the owner is another. */
static int reaches_others_files(const struct inmate *me)
{
    char path[160];
    path_in(&path, me, own_place(me), "of-root");
    AUTO_FD file = open(path, O_RDONLY | O_CLOEXEC);
    return file >= 0 ? 0 : -1;
}

static int changes_others_files(const struct inmate *me)
{
    char path[160];
    path_in(&path, me, PLACE_POOL, "of-root");
    return chmod(path, 0600);
}

/* A file of its own gets another owner. */
static int gives_files_away(const struct inmate *me)
{
    char path[160];
    path_in(&path, me, own_place(me), "given-away");
    AUTO_FD file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return file < 0 ? -1 : fchown(file, 0, 0) + unlink(path);
}

static int policy_works(const struct inmate *me)
{
    char path[160];
    path_in(&path, me, own_place(me), "inside");
    AUTO_FD file = open(path, O_RDWR | O_CLOEXEC);
    return file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0 && fchown(file, (uid_t)-1, (gid_t)-1) == 0 ? 0
                                                                                                       : -1;
}

static int libvirt_works(const struct inmate *me)
{
    uid_t real, effective, saved;
    (void)me;
    return getresuid(&real, &effective, &saved) == 0 ? 0 : -1;
}

int no_host_files(const struct inmate *me)
{
    struct stat found;
    (void)me;
    return stat("/etc/passwd", &found) < 0 ? 0 : -1;
}

static int no_network(const struct inmate *me)
{
    return try_reach_network(me) < 0 ? 0 : -1;
}

static int no_host_name(const struct inmate *me)
{
    (void)me;
    char name[64] = "";
    return gethostname(name, sizeof name) == 0 && strcmp(name, JAIL_HOSTNAME) == 0 ? 0 : -1;
}

static int limit_holds(const struct inmate *me)
{
    struct rlimit limit;
    return getrlimit((int)row_of(me)->subject, &limit) == 0 && limit.rlim_max <= row_of(me)->amount ? 0 : -1;
}

static int call_set_check(enum call_set set, int (**act)(const struct inmate *me))
{
    static int (*const checks[CALLS_COUNT])(const struct inmate *) = {
        [CALLS_BASE] = base_works,         [CALLS_NNG] = nng_works,
        [CALLS_WORKER] = worker_works,     [CALLS_BUS_LISTEN] = bus_listen_works,
        [CALLS_SERVE] = serve_works,       [CALLS_FILES_RO] = files_ro_works,
        [CALLS_FILES_RW] = files_rw_works, [CALLS_SQLITE] = sqlite_works,
        [CALLS_LIBVIRT] = libvirt_works,   [CALLS_IMAGES] = images_work,
        [CALLS_POLICY] = policy_works,
    };
    *act = checks[set];
    return SEALED;
}

static int namespace_check(enum layer layer, int (**act)(const struct inmate *me))
{
    static int (*const checks[LAYER_COUNT])(const struct inmate *) = {
        [LAYER_MOUNTNS] = no_host_files,
        [LAYER_NETNS] = no_network,
        [LAYER_UTSNS] = no_host_name,
    };
    *act = checks[layer];
    return ENTERED;
}

enum depth grant_check(const struct effect *row, int (**act)(const struct inmate *me))
{
    *act = NULL;
    switch (row->what) {
    case EFFECT_RUN_AS:
        *act = runs_as_its_uid;
        return SEALED;
    case EFFECT_MAY_BIND:
        *act = place_is_there;
        return ENTERED;
    case EFFECT_MAY_CALL:
        return call_set_check((enum call_set)row->subject, act);
    case EFFECT_MAY_CONNECT:
        *act = bus_is_reachable;
        return SEALED;
    case EFFECT_NAMESPACE:
        return namespace_check((enum layer)row->subject, act);
    case EFFECT_LIMIT:
        *act = limit_holds;
        return ENTERED;
    case EFFECT_MAY_RUN:   /* the supervisor's own check, not the kernel's */
    case EFFECT_MAY_REACH: /* of runners: runner_test.c */
    case EFFECT_MAY_HOLD:  /* as the first */
        break;
    case EFFECT_MAY_CAP:
        *act = row->subject == CAP_FOWNER  ? changes_others_files
               : row->subject == CAP_CHOWN ? gives_files_away
                                           : reaches_others_files;
        return ENTERED;
    }
    return ENTERED;
}
