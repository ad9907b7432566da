/* SPDX-License-Identifier: MIT
 * A pool's runner with tools that do as they are told: what they say comes back, and one that hangs, lies,
 * crashes, hides or says too much harms nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors/storage/storage_runner.h"
#include "base/own.h"

#define HOSTS_MONITOR "--config=dmeventd/executable=\"/nonexistent/dmeventd\"" /* word for word */

static char dir[64];
static struct pool_calls calls;
static int line = -1;
static pid_t pid; /* of the runner: the youngest child */

static const char *in_dir(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *text, unsigned mode)
{
    FILE *f = fopen(in_dir(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(in_dir(name), mode), 0);
}

/* The pid that a tool has left there; 0: none. */
static pid_t pid_in(const char *name)
{
    FILE *f = fopen(in_dir(name), "r");
    int number = 0;
    if (f == NULL)
        return 0;
    if (fscanf(f, "%d", &number) != 1)
        number = 0;
    fclose(f);
    return number;
}

static pid_t only_child(void)
{
    char path[64], word[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fscanf(f, "%31s", word) == 1)
        ;
    fclose(f);
    return (pid_t)atoi(word);
}

/* `lvm` is a shell script with this text. */
static void begin(const char *script, unsigned seconds)
{
    char text[1000];
    static struct runner_order order;
    order = (struct runner_order){.pool = {.group = "vg", .thin = "pool"},
                                  .stand_ins = dir,
                                  .seconds = seconds,
                                  .jail = {.kind = RUNNER_KIND, .mode = JAIL_BEST}};
    order.jail.places[PLACE_TOOLS] = dir;
    snprintf(text, sizeof text, "#!/bin/sh\nhere=%s\n%s\n", dir, script);
    put("lvm", text, 0755);
    line = runner_begin(&order);
    assert_true(line >= 0);
    pid = only_child();
    calls = pool_calls_real;
    tools_use(line, &calls);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/dev/shm/runner-test.XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    char text[128];
    (void)state;
    if (line >= 0)
        close(line);
    line = -1;
    while (waitpid(-1, NULL, 0) > 0)
        ;
    snprintf(text, sizeof text, "rm -rf %s", dir);
    return system(text);
}

static const char *const activate[] = {"lvm", "lvchange", HOSTS_MONITOR, "--activate=y", "--", "vg/a", NULL};

static int run(const char *const *argv, unsigned seconds, struct pool_output *out)
{
    const struct pool_program program = {.argv = argv, .seconds = seconds, .fd_in = -1};
    *out = (struct pool_output){0};
    return calls.run(&program, out);
}

static void drop(struct pool_output *out)
{
    text_free(&out->out);
    text_free(&out->err);
}

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Dead, whether or not its new parent has fetched it: a container's first process may never do that. */
static bool is_dead(pid_t number)
{
    char path[64], status = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", number);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return true;
    (void)!fscanf(f, "%*d (%*[^)]) %c", &status);
    fclose(f);
    return status == 'Z' || status == 'X';
}

/* Whether a process that left its pid there is gone, soon. */
static bool is_gone(const char *name)
{
    pid_t number = pid_in(name);
    assert_true(number > 0);
    for (int i = 0; i < 6000; i++) {
        if (is_dead(number))
            return true;
        usleep(10000);
    }
    return false;
}

static void what_a_tool_says_and_its_status_come_back(void **state)
{
    struct pool_output out;
    (void)state;
    begin("echo \"$*\"; echo \"$LC_ALL $PWD\" >&2; exit 5", 60);
    assert_int_equal(run(activate, 10, &out), 0);
    assert_int_equal(out.status, 5);
    assert_string_equal(out.out.at, "lvchange " HOSTS_MONITOR " --activate=y -- vg/a\n");
    assert_string_equal(out.err.at, "C.UTF-8 /\n");
    drop(&out);
    put("lvm", "#!/bin/sh\nkill -SEGV $$", 0755);
    assert_int_equal(run(activate, 10, &out), 0);
    assert_int_equal(out.status, 128 + SIGSEGV);
    drop(&out);
    unlink(in_dir("lvm"));
    assert_int_equal(run(activate, 10, &out), -1);
    assert_int_equal(errno, ENOENT);
    drop(&out);
    assert_false(tools_lost());
}

static void a_command_without_a_row_or_of_another_group_runs_nothing(void **state)
{
    static const char *const bad[][6] = {{"lvm", "vgremove", "vg"},
                                         {"lvm", "lvchange", HOSTS_MONITOR, "--activate=y", "--", "other/a"},
                                         {"sh", "-c", "id"}};
    struct pool_output out;
    (void)state;
    begin("touch $here/ran", 60);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(run(bad[i], 10, &out), -1);
        assert_int_equal(errno, EPERM);
        drop(&out);
    }
    assert_int_equal(access(in_dir("ran"), F_OK), -1);
    assert_int_equal(run(activate, 10, &out), 0);
    drop(&out);
    assert_int_equal(access(in_dir("ran"), F_OK), 0);
}

static void a_tool_that_hangs_is_killed_at_its_time_with_all_that_it_started(void **state)
{
    struct pool_output out;
    (void)state;
    begin("sleep 600 & echo $! >$here/child; echo begun; sleep 600", 60);
    double before = clock_s();
    assert_int_equal(run(activate, 1, &out), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_true(clock_s() - before < 40);
    drop(&out);
    assert_true(is_gone("child"));
}

static void no_asker_gets_more_time_than_the_runner_gives(void **state)
{
    struct pool_output out;
    (void)state;
    begin("sleep 600", 1);
    double before = clock_s();
    assert_int_equal(run(activate, 100, &out), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_true(clock_s() - before < 40);
    drop(&out);
}

static bool not_any_more(void *self)
{
    double *until = self;
    return clock_s() < *until;
}

static void a_tool_that_is_called_off_ends(void **state)
{
    struct pool_output out = {0};
    (void)state;
    begin("echo $$ >$here/child; exec sleep 600", 60);
    double until = clock_s() + 0.5;
    const struct pool_program program = {
        .argv = activate, .seconds = 50, .go_on = not_any_more, .self = &until, .fd_in = -1};
    assert_int_equal(calls.run(&program, &out), -1);
    assert_int_equal(errno, ECANCELED);
    drop(&out);
    assert_true(is_gone("child"));
}

static void one_that_says_too_much_is_ended(void **state)
{
    struct pool_output out;
    (void)state;
    begin("echo $$ >$here/child; exec yes", 60);
    assert_int_equal(run(activate, 50, &out), -1);
    assert_int_equal(errno, EFBIG);
    assert_true(out.out.len <= POOL_OUTPUT_MOST);
    drop(&out);
    assert_true(is_gone("child"));
    put("lvm", "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x >&2; echo done", 0755);
    assert_int_equal(run(activate, 50, &out), 0);
    assert_int_equal(out.err.len, POOL_COMPLAINT_MOST);
    assert_string_equal(out.out.at, "done\n");
    drop(&out);
}

/* It closes nothing of what it was given. */
static void one_that_hides_in_the_background_holds_nobody_up(void **state)
{
    struct pool_output out;
    (void)state;
    begin("setsid sleep 600 & echo $! >$here/child; echo begun", 60);
    double before = clock_s();
    assert_int_equal(run(activate, 50, &out), 0);
    assert_string_equal(out.out.at, "begun\n");
    assert_true(clock_s() - before < 40);
    drop(&out);
    pid_t hidden = pid_in("child"); /* in a pid namespace it would end with the pool's process */
    assert_true(hidden > 0 && kill(hidden, SIGKILL) == 0);
}

static void *run_one(void *arg)
{
    struct pool_output out;
    static const char *const slow[] = {"lvm", "lvchange", HOSTS_MONITOR, "--activate=y",
                                       "--",  "vg/slow",  NULL};
    int r = run(slow, 20, &out);
    drop(&out);
    atomic_store((atomic_int *)arg, r);
    return NULL;
}

static void a_tool_that_hangs_delays_no_other(void **state)
{
    struct pool_output out;
    pthread_t thread;
    atomic_int r = 7;
    (void)state;
    begin("[ \"$5\" != vg/slow ] || { echo $$ >$here/child; exec sleep 600; }", 60);
    assert_int_equal(pthread_create(&thread, NULL, run_one, &r), 0);
    while (access(in_dir("child"), F_OK) < 0)
        usleep(1000);
    usleep(50000);
    double before = clock_s();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(run(activate, 20, &out), 0);
        drop(&out);
    }
    assert_true(clock_s() - before < 40);
    assert_int_equal(r, 7);
    kill(pid_in("child"), SIGKILL);
    pthread_join(thread, NULL);
    assert_int_equal(r, 0); /* it has ended: by a signal, which its status says */
}

static void nodes_are_shown_and_opened_if_they_are_the_pools(void **state)
{
    struct stat st;
    char bytes[4] = "";
    (void)state;
    begin("true", 60);
    assert_int_equal(mkdir(in_dir("dev"), 0700), 0);
    assert_int_equal(mkdir(in_dir("dev/vg"), 0700), 0);
    put("dev/vg/a", "abc", 0600);
    assert_int_equal(calls.stat("/dev/vg/a", &st), 0);
    assert_int_equal(calls.stat("/dev/vg/b", &st), -1);
    assert_int_equal(calls.stat("/usr/sbin/lvm", &st), 0); /* which is ours */
    assert_int_equal(calls.stat("/usr/lib/qubes/create-snapshot", &st), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(calls.open("/usr/sbin/lvm.not", O_RDONLY, 0), -1);
    assert_int_equal(errno, ENOENT);
    AUTO_FD fd = calls.open("/dev/vg/a", O_RDONLY, 0);
    assert_true(fd > 0);
    assert_int_equal(pread(fd, bytes, 3, 0), 3);
    assert_string_equal(bytes, "abc");
    assert_int_equal(calls.open("/dev/other/a", O_RDONLY, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(calls.open("/dev/null", O_RDONLY, 0), -1);
    assert_int_equal(calls.open("/dev/vg/b", O_WRONLY | O_CREAT, 0600), -1);
    assert_int_equal(errno, ENOENT); /* nothing is made */
}

static void bytes_that_make_no_sense_end_nobody(void **state)
{
    struct pool_output out;
    struct runner_request m = {.what = RUNNER_RUN, .len = 4, .text = "lvm"};
    const int no_fds = 0;
    (void)state;
    begin("true", 60);
    for (size_t len = 0; len < offsetof(struct runner_request, text) + 8; len++)
        (void)line_send(line, &m, len == 0 ? 1 : len, NULL, (size_t)no_fds);
    m.len = 0;
    (void)line_send(line, &m, offsetof(struct runner_request, text), NULL, 0);
    m.what = 99;
    (void)line_send(line, &m, sizeof m, NULL, 0);
    assert_int_equal(run(activate, 20, &out), 0);
    drop(&out);
}

static void when_the_runner_is_gone_that_is_an_error_and_known(void **state)
{
    struct pool_output out;
    pthread_t thread;
    struct stat st;
    atomic_int r = 7;
    (void)state;
    begin("echo $$ >$here/child; exec sleep 600", 60);
    assert_int_equal(pthread_create(&thread, NULL, run_one, &r), 0);
    while (access(in_dir("child"), F_OK) < 0)
        usleep(1000);
    usleep(50000);
    assert_false(tools_lost());
    kill(pid, SIGKILL);
    pthread_join(thread, NULL);
    assert_int_equal(r, -1);
    assert_true(tools_lost());
    assert_true(is_gone("child"));
    assert_int_equal(run(activate, 20, &out), -1);
    assert_int_equal(errno, EPIPE);
    drop(&out);
    assert_int_equal(calls.stat("/dev/vg/a", &st), -1);
    assert_int_equal(errno, EPIPE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_a_tool_says_and_its_status_come_back),
        TEST(a_command_without_a_row_or_of_another_group_runs_nothing),
        TEST(a_tool_that_hangs_is_killed_at_its_time_with_all_that_it_started),
        TEST(no_asker_gets_more_time_than_the_runner_gives),
        TEST(a_tool_that_is_called_off_ends),
        TEST(one_that_says_too_much_is_ended),
        TEST(one_that_hides_in_the_background_holds_nobody_up),
        TEST(a_tool_that_hangs_delays_no_other),
        TEST(nodes_are_shown_and_opened_if_they_are_the_pools),
        TEST(bytes_that_make_no_sense_end_nobody),
        TEST(when_the_runner_is_gone_that_is_an_error_and_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
