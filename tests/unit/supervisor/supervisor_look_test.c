/* SPDX-License-Identifier: MIT
 * What the watch reads of /proc: a loop that runs, sleeps, or is stopped; a worker's thread is not the loop.
 */
#include "supervisor/supervisor_look.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"

#define TICK (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK))
#define REST " 1 1 1 0 -1 4194560 174 0 1 0 12 30 0 0 20 0 11 0 2875965 289579008 732"

static void a_line_gives_state_and_time(void **state)
{
    struct look sum = {0};
    (void)state;
    assert_int_equal(look_add(&sum, "29790 (router) S" REST, true), 0);
    assert_int_equal(sum.state, 'S');
    assert_false(sum.wants);
    assert_int_equal(sum.used, 42 * TICK);
}

static void a_name_may_hold_parentheses_and_blanks(void **state)
{
    struct look sum = {0};
    (void)state;
    assert_int_equal(look_add(&sum, "7 (a) R 1) T" REST, true), 0);
    assert_int_equal(sum.state, 'T');
    assert_false(sum.wants);
}

static void a_thread_of_the_bus_that_waits_for_the_processor_counts(void **state)
{
    struct look sum = {0};
    (void)state;
    assert_int_equal(look_add(&sum, "7 (vm) S" REST, true), 0);
    assert_int_equal(look_add(&sum, "8 (nng:task) R" REST, false), 0);
    assert_int_equal(sum.state, 'S');
    assert_true(sum.wants);
    assert_int_equal(sum.used, 84 * TICK);
}

static void a_worker_that_computes_says_nothing_of_the_loop(void **state)
{
    struct look sum = {0};
    (void)state;
    assert_int_equal(look_add(&sum, "9 (worker) R" REST, false), 1);
    assert_false(sum.wants);
    assert_int_equal(sum.used, 0);
    assert_int_equal(sum.state, 0);
}

static void a_broken_line_changes_nothing(void **state)
{
    static const char *const lines[] = {"",   "7", "7 (vm", "7 (vm) S", "7 (vm) S 1 1 1 0 -1 4 1 0 1 0 12",
                                        ") ("};
    struct look sum = {0};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(look_add(&sum, lines[i], true), -ERR_BAD);
    assert_int_equal(sum.state, 0);
    assert_int_equal(sum.used, 0);
}

static void a_process_that_is_not_there_is_not_seen(void **state)
{
    struct look seen = {.state = 'x'};
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(look_at(child, &seen), -ERR_IO);
    assert_int_equal(seen.state, 'x');
}

/* Looks until the process is in that state; the scheduler decides when. */
static bool comes_to(pid_t pid, char state, struct look *seen)
{
    for (int i = 0; i < 6000; i++) {
        if (look_at(pid, seen) == 0 && seen->state == state)
            return true;
        usleep(10000);
    }
    return false;
}

static void a_stopped_process_is_seen_as_stopped_and_wants_nothing(void **state)
{
    struct look seen;
    (void)state;
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    assert_true(comes_to(child, 'S', &seen));
    assert_false(seen.wants);
    kill(child, SIGSTOP);
    assert_true(comes_to(child, 'T', &seen));
    assert_false(seen.wants);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_process_that_runs_wants_the_processor_and_its_time_is_counted(void **state)
{
    struct look seen = {0};
    (void)state;
    pid_t child = fork();
    if (child == 0)
        for (volatile unsigned n = 0;; n++)
            ;
    for (int i = 0; i < 6000 && seen.used == 0; i++) {
        usleep(10000);
        assert_int_equal(look_at(child, &seen), 0);
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(seen.wants);
    assert_true(seen.used > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_gives_state_and_time),
        cmocka_unit_test(a_name_may_hold_parentheses_and_blanks),
        cmocka_unit_test(a_thread_of_the_bus_that_waits_for_the_processor_counts),
        cmocka_unit_test(a_worker_that_computes_says_nothing_of_the_loop),
        cmocka_unit_test(a_broken_line_changes_nothing),
        cmocka_unit_test(a_process_that_is_not_there_is_not_seen),
        cmocka_unit_test(a_stopped_process_is_seen_as_stopped_and_wants_nothing),
        cmocka_unit_test(a_process_that_runs_wants_the_processor_and_its_time_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
