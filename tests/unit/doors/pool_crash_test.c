/* SPDX-License-Identifier: MIT
 * At every instant a volume is what it was before a verb or what it is after it: each outside call of each
 * verb fails, meets a full disk, or is the last one before SIGKILL; and SIGKILL comes at random moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <time.h>

#include "base/own.h"
#include "tests/unit/doors/pool_shim.h"
#include "tests/unit/doors/pool_trial.h"

enum { ROUNDS_MOST = 10, RANDOM_KILLS = 1000 };

/* Of each verb; tests/scenario/pool_killed.sh gives it more, so that every verb is killed a thousand times.
 */
static double seconds_each = 0.3;

/* ---- a call fails ---- */

static unsigned calls_of(struct scene *s, const struct trial *t, bool only_changes)
{
    struct pool_calls below = really();
    prepare(s, t);
    shim_reset(&below);
    shim.only_changes = only_changes;
    AUTO(pool) *p = open_pool(&shim_calls);
    must(p, t->verb, &s->e);
    unsigned made = shim.made;
    shim_reset(&below);
    is_old_or_new(s, true, "after the last", made);
    return made;
}

static void each_call_fails(const struct trial *t, int with, bool only_changes, bool from_there_on)
{
    struct pool_calls below = really();
    struct scene s;
    unsigned made = calls_of(&s, t, only_changes);
    assert_true(made > 0);
    for (unsigned n = 1; n <= made; n++) {
        struct fault why = {0};
        prepare(&s, t);
        shim_reset(&below);
        shim.only_changes = only_changes;
        shim.from_there_on = from_there_on;
        shim.fail_at = n;
        shim.with = with;
        AUTO(pool) *p = open_pool(&shim_calls);
        int r = pool_do(p, t->verb, &s.e, NULL, &why);
        assert_true(r >= 0 || why.text[0] != '\0');
        assert_true(r >= 0 || why.code == ERR_STORAGE);
        assert_null(strchr(why.text, '%'));
        is_old_or_new(&s, r >= 0, "failing", n);
    }
}

static void any_single_call_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(trials); i++)
        each_call_fails(&trials[i], EIO, false, false);
}

static void the_disk_may_fail_for_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(trials); i++)
        each_call_fails(&trials[i], EIO, true, true);
}

static void the_disk_may_be_full_at_any_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(trials); i++)
        each_call_fails(&trials[i], ENOSPC, true, false);
}

/* ---- the process is killed ---- */

/* In a child of this one; -1: it was killed, else whether the verb succeeded. */
static int in_a_child(const struct scene *s, unsigned kill_at, bool after, long nanoseconds)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct pool_calls below = really();
        if (kill_at == 0)
            (void)!nice(19); /* who kills it comes in between, also on a busy machine */
        shim_reset(&below);
        shim.only_changes = true;
        shim.kill_at = kill_at;
        shim.after = after;
        struct pool *p = open_pool(&shim_calls);
        _exit(pool_do(p, s->t->verb, &s->e, NULL, NULL) < 0);
    }
    if (nanoseconds > 0) {
        nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
        kill(pid, SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

static void it_may_be_killed_before_and_after_each_call(void **state)
{
    struct scene s;
    (void)state;
    for (size_t i = 0; i < COUNT(trials); i++) {
        unsigned made = calls_of(&s, &trials[i], true);
        for (unsigned n = 1; n <= 2 * made; n++) {
            prepare(&s, &trials[i]);
            assert_int_equal(in_a_child(&s, (n + 1) / 2, n % 2 == 0, 0), -1);
            is_old_or_new(&s, false, n % 2 == 0 ? "killed after" : "killed before", (n + 1) / 2);
        }
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Random moments over what the child needs from fork to its end; bounded in time. */
static unsigned killed_at_random(const struct trial *t, unsigned *seed)
{
    struct scene s;
    unsigned killed = 0, n = 0;
    double began = seconds(), took = 0;
    for (; n < RANDOM_KILLS && seconds() - began < seconds_each; n++) {
        prepare(&s, t);
        if (n % 50 == 0) {
            double from = seconds();
            assert_int_equal(in_a_child(&s, 0, false, 0), 0);
            took = seconds() - from;
            is_old_or_new(&s, true, "whole at", n);
            continue;
        }
        *seed = *seed * 1103515245U + 12345;
        int r = in_a_child(&s, 0, false, 1 + (long)(took * 1e9 * ((*seed >> 8) % 1000) / 1000));
        killed += r == -1;
        is_old_or_new(&s, r == 0, "killed at random", n);
    }
    print_message("# %s: %u runs, %u killed on their way, in %.1f s\n", t->name, n, killed,
                  seconds() - began);
    return killed;
}

static void it_may_be_killed_at_any_moment(void **state)
{
    unsigned seed = 17, killed = 0;
    (void)state;
    for (unsigned round = 0; killed == 0 && round < ROUNDS_MOST; round++)
        for (size_t i = 0; i < COUNT(trials); i++)
            killed += killed_at_random(&trials[i], &seed);
    assert_true(killed > 0);
}

static int all(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_single_call_may_fail),
        cmocka_unit_test(the_disk_may_fail_for_good),
        cmocka_unit_test(the_disk_may_be_full_at_any_write),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

static int all_killed(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_may_be_killed_before_and_after_each_call),
        cmocka_unit_test(it_may_be_killed_at_any_moment),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

/* pool_crash_test [SECONDS]: for how long each verb is killed at random; then both ways of copying are. */
int main(int argc, char **argv)
{
    if (!begin_trials())
        return 1;
    int r = all("copying");
    if (argc > 1) {
        seconds_each = strtod(argv[1], NULL);
        r += all_killed("killed while copying");
    }
    sharing = true;
    r += all("sharing blocks") + all_killed("killed while sharing blocks");
    return end_trials() ? r : 1;
}
