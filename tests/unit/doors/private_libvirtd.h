/* SPDX-License-Identifier: MIT
 * A libvirtd of its own for one test program: tools/private-libvirtd up and down in a
 * temporary directory. Where there is no libvirtd, or no root, the tests say so and are skipped. */
#ifndef TESTS_UNIT_DOORS_PRIVATE_LIBVIRTD_H
#define TESTS_UNIT_DOORS_PRIVATE_LIBVIRTD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    char dir[64];
    char uri[160], node_uri[160];
    int up, alive;
    pid_t guard;
} libvirtd;

/* The root of the tree, from where this very file was compiled. */
static int libvirtd_tool(const char *verb)
{
    static const char here[] = __FILE__;
    char command[1024];
    const char *tail = strstr(here, "tests/unit/doors/");
    snprintf(command, sizeof command, "%.*stools/private-libvirtd %s %s", (int)(tail - here), here, verb,
             libvirtd.dir);
    return system(command);
}

static int libvirtd_end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", libvirtd.dir);
    return libvirtd_tool("down") == 0 && system(command) == 0 ? 0 : -1;
}

/* A test may crash: a second process waits for our end of a pipe to close, and ends the daemon. */
static int libvirtd_guard(void)
{
    int pipe_ends[2];
    char never;
    if (pipe2(pipe_ends, O_CLOEXEC) < 0 || (libvirtd.guard = fork()) < 0)
        return -1;
    if (libvirtd.guard == 0) {
        close(pipe_ends[1]);
        setsid();
        while (read(pipe_ends[0], &never, 1) > 0)
            ;
        _exit(libvirtd_end() == 0 ? 0 : 1);
    }
    close(pipe_ends[0]);
    libvirtd.alive = pipe_ends[1];
    return 0;
}

static int libvirtd_up(void **state)
{
    (void)state;
    if (access("/usr/sbin/libvirtd", X_OK) != 0 || geteuid() != 0) {
        fprintf(stderr,
                "SKIPPED: no /usr/sbin/libvirtd or not root: nothing here was tested against libvirt\n");
        return 0;
    }
    snprintf(libvirtd.dir, sizeof libvirtd.dir, "/tmp/bulkhead-doors-XXXXXX");
    if (mkdtemp(libvirtd.dir) == NULL || libvirtd_guard() < 0 || libvirtd_tool("up") != 0)
        return -1;
    snprintf(libvirtd.uri, sizeof libvirtd.uri, "test+unix:///default?socket=%s/run/libvirt/libvirt-sock",
             libvirtd.dir);
    snprintf(libvirtd.node_uri, sizeof libvirtd.node_uri,
             "nodedev+unix:///system?socket=%s/run/libvirt/libvirt-sock", libvirtd.dir);
    libvirtd.up = 1;
    return 0;
}

static int libvirtd_down(void **state)
{
    int status = 0;
    (void)state;
    if (libvirtd.guard <= 0)
        return 0;
    close(libvirtd.alive);
    return waitpid(libvirtd.guard, &status, 0) == libvirtd.guard && status == 0 ? 0 : -1;
}

/* First line of each test. */
#define NEED_LIBVIRTD()                                                                                      \
    do {                                                                                                     \
        if (!libvirtd.up)                                                                                    \
            skip();                                                                                          \
    } while (0)

#endif
