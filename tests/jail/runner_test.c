/* SPDX-License-Identifier: MIT
 * What a pool's runner gives up: it stays root among the host's files, and it and what it starts can do what
 * the rows of "storage:tools" name and nothing of the rest. Each try is made once without, to show that it
 * proves something. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"
#include "tests/jail/prison.h"

#define TOOLS "storage:tools"

/* Runs `act` in a child with mounts and a host name of its own: 0 when it got through, else its errno; 255:
 * it was not confined. */
static int attempt(int (*act)(void), bool confined)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct jail_order order = prison_order(&the_prison, TOOLS);
        struct jail_report report = {0};
        struct fault why;
        if (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
            _exit(254);
        if (confined && jail_confine(&order, &report, &why) < 0) {
            fprintf(stderr, "# %s\n", why.text);
            _exit(255);
        }
        errno = 0;
        int r = act();
        _exit(r == 0 ? 0 : errno != 0 ? errno & 0x7f : 253);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 252;
}

static int make(const char *path)
{
    AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    unlink(path);
    return 0;
}

static int write_outside(void)
{
    char path[200];
    snprintf(path, sizeof path, "%s/made", the_prison.outside);
    return make(path);
}

static int read_outside(void)
{
    char path[200];
    snprintf(path, sizeof path, "%s/inside", the_prison.outside);
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? 0 : -1;
}

static int write_store(void)
{
    char path[200];
    snprintf(path, sizeof path, "%s/made", the_prison.places[PLACE_STORE]);
    return make(path);
}

static int write_etc(void)
{
    return make("/etc/bulkhead-jail-test");
}

static int mount_something(void)
{
    return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int new_namespace(void)
{
    return unshare(CLONE_NEWNET);
}

static int change_root(void)
{
    return chroot("/usr");
}

static int name_host(void)
{
    return sethostname("x", 1);
}

static int internet(void)
{
    AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? 0 : -1;
}

static int trace_me(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int change_user(void)
{
    return setresuid(12345, 12345, 12345);
}

static const struct {
    const char *what;
    int (*act)(void);
} refused[] = {
    {"writing outside its places", write_outside},
    {"reading outside its places", read_outside},
    {"writing the store", write_store},
    {"writing the host's settings", write_etc},
    {"mounting", mount_something},
    {"making a namespace", new_namespace},
    {"changing its root", change_root},
    {"naming the host", name_host},
    {"reaching a network", internet},
    {"being traced", trace_me},
    {"being another user", change_user},
};

static void what_its_rows_omit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        int free = attempt(refused[i].act, false), bound = attempt(refused[i].act, true);
        if (free != 0 || bound == 0 || bound > 250)
            fail_msg("%s: %d without, %d when confined", refused[i].what, free, bound);
    }
}

static int write_pool(void)
{
    char path[200];
    snprintf(path, sizeof path, "%s/made", the_prison.places[PLACE_POOL]);
    return make(path);
}

static int write_run(void)
{
    return make("/run/bulkhead-jail-test");
}

static int read_etc(void)
{
    AUTO_FD fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? 0 : -1;
}

static int local_socket(void)
{
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 ? 0 : -1;
}

static int make_node(void)
{
    int r = mknod("/dev/bulkhead-jail-test", S_IFBLK | 0600, 0x7fff);
    unlink("/dev/bulkhead-jail-test");
    return r;
}

static int use_null(void)
{
    AUTO_FD fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? 0 : -1;
}

/* A tool's tool. */
static int start_programs(void)
{
    int status = system("/bin/sh -c 'true | cat && ls /sys/block > /dev/null'");
    return status == 0 ? 0 : -1;
}

/* What a tool has is what the rows name, whoever owns its file. */
static int hold_the_rows_after_exec(void)
{
    char line[20], command[200];
    unsigned long long expected = 0;
    size_t at = 0;
    const struct effect *e;
    while ((e = effects_next(effects_table(), TOOLS, EFFECT_MAY_CAP, &at)) != NULL)
        expected |= 1ULL << e->subject;
    snprintf(line, sizeof line, "%016llx", expected);
    snprintf(command, sizeof command,
             "for set in CapPrm CapEff CapBnd; do grep -q \"^$set:.%s$\" /proc/self/status || exit 1; done",
             line);
    return system(command) == 0 ? 0 : -1;
}

static int have_its_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0 ? 0 : -1;
}

static const struct {
    const char *what;
    int (*act)(void);
} granted[] = {
    {"writing the pool", write_pool},
    {"leaving locks in /run", write_run},
    {"reading settings", read_etc},
    {"a local socket", local_socket},
    {"a node in /dev", make_node},
    {"opening a device", use_null},
    {"starting programs", start_programs},
    {"holding the capabilities of the rows", hold_the_rows_after_exec},
    {"a core file of no byte", have_its_limit},
};

static void what_its_rows_grant_works(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(granted); i++) {
        int r = attempt(granted[i].act, true);
        if (r != 0)
            fail_msg("%s: %d (%s)", granted[i].what, r, r < 128 ? strerror(r) : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_its_rows_omit_is_refused),
        cmocka_unit_test(what_its_rows_grant_works),
    };
    if (!prison_is_possible())
        return 77;
    return cmocka_run_group_tests_name("the runner of a pool's tools", tests, prison_open_for_group,
                                       prison_close_for_group);
}
