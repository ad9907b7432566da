/* SPDX-License-Identifier: MIT
 * See prison.h. */
#include "tests/jail/prison.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"

enum { PATIENCE_MS = 20000 };

bool prison_is_possible(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(geteuid() == 0 && unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) == 0 ? 0 : 1);
    int status = 1;
    return waitpid(child, &status, 0) == child && status == 0;
}

static int listen_at(const char *path, size_t path_size, const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, path, path_size);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_size)) < 0)
        fail_msg("bind %s: %s", name, strerror(errno));
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

/* A folder that any uid may use, so that only the jail can be what refuses. */
static int furnish(const char *folder)
{
    char path[160];
    assert_int_equal(mkdir(folder, 0777), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    snprintf(path, sizeof path, "%s/inside", folder);
    AUTO_FD file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(file >= 0);
    assert_int_equal(fchmod(file, 0777), 0);
    assert_int_equal(write(file, "here", 4), 4);
    snprintf(path, sizeof path, "%s/of-root", folder);
    AUTO_FD closed = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(closed >= 0);
    snprintf(path, sizeof path, "%s/sock", folder);
    int listener = listen_at(path, strlen(path) + 1, path);
    assert_int_equal(chmod(path, 0777), 0);
    return listener;
}

void prison_open(struct prison *p)
{
    *p = (struct prison){.root = "/tmp/bulkhead-jail-XXXXXX"};
    assert_non_null(mkdtemp(p->root));
    assert_int_equal(chmod(p->root, 0755), 0);
    for (int i = 0; i < PLACE_COUNT; i++) {
        snprintf(p->places[i], sizeof p->places[i], "%s/%s", p->root, place_name((enum place)i));
        p->listener[i] = furnish(p->places[i]);
    }
    snprintf(p->outside, sizeof p->outside, "%s/outside", p->root);
    p->outside_listener = furnish(p->outside);
    snprintf(p->abstract, sizeof p->abstract, "bulkhead-jail-%d", getpid());
    char name[sizeof p->abstract + 1] = "";
    memcpy(name + 1, p->abstract, sizeof p->abstract);
    p->abstract_listener = listen_at(name, 1 + strlen(p->abstract), p->abstract);
}

void prison_close(struct prison *p)
{
    char command[96];
    for (int i = 0; i < PLACE_COUNT; i++)
        close_file(&p->listener[i]);
    close_file(&p->outside_listener);
    close_file(&p->abstract_listener);
    snprintf(command, sizeof command, "rm -rf '%s'", p->root);
    assert_int_equal(system(command), 0);
}

struct jail_order prison_order(const struct prison *p, const char *kind)
{
    struct jail_order order = {.kind = kind, .mode = JAIL_REQUIRE};
    for (int i = 0; i < PLACE_COUNT; i++)
        order.places[i] = p->places[i];
    return order;
}

static void live(const struct inmate *inmate, int report)
{
    const int keep[] = {report, STDERR_FILENO, inmate->extra};
    struct jail_order order = *inmate->order;
    struct outcome out = {.r = 0};
    struct inmate me = *inmate;
    order.keep = keep;
    order.keep_count = COUNT(keep);
    me.order = &order;
    if (me.depth != FREE)
        out.r = jail_enter(&order, &out.report, &out.why);
    if (out.r >= 0 && me.before_seal != NULL)
        me.before_seal(&me);
    if (out.r >= 0 && me.depth == SEALED)
        out.r = jail_seal(&order, &out.report, &out.why);
    if (write(report, &out, sizeof out) != (ssize_t)sizeof out)
        _exit(1);
    if (out.r >= 0) {
        errno = 0;
        out.value = me.act(&me);
        out.error = errno;
        out.ran = true;
        if (write(report, &out, sizeof out) != (ssize_t)sizeof out)
            _exit(1);
    }
    _exit(0);
}

/* A process is born into a pid namespace: one more fork, whose parent passes the end on. */
static void bear(const struct inmate *inmate, int report)
{
    if (inmate->depth == FREE &&
        (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        _exit(2);
    if (inmate->depth != FREE && unshare(CLONE_NEWPID) < 0)
        _exit(2);
    pid_t child = fork();
    if (child == 0)
        live(inmate, report);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        _exit(128 + WTERMSIG(status));
    _exit(0);
}

static bool wait_until_closed(int report, struct outcome *out)
{
    struct pollfd waiting = {report, POLLIN, 0};
    while (poll(&waiting, 1, PATIENCE_MS) > 0)
        if (read(report, out, sizeof *out) != (ssize_t)sizeof *out)
            return true;
    return false;
}

struct outcome prison_run(const struct inmate *inmate)
{
    int report[2], status = 0;
    struct outcome out = {.r = -ERR_CLOSED};
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(report[0]);
        bear(inmate, report[1]);
    }
    close(report[1]);
    if (!wait_until_closed(report[0], &out))
        kill(child, SIGKILL); /* its child follows by PDEATHSIG */
    close(report[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    out.signal = WIFSIGNALED(status)         ? WTERMSIG(status)
                 : WEXITSTATUS(status) > 128 ? WEXITSTATUS(status) - 128
                                             : 0;
    return out;
}

struct prison the_prison;

int prison_open_for_group(void **state)
{
    (void)state;
    prison_open(&the_prison);
    return 0;
}

int prison_close_for_group(void **state)
{
    (void)state;
    prison_close(&the_prison);
    return 0;
}
