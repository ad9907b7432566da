/* SPDX-License-Identifier: MIT
 * Programs that outlive the launcher that had them run: their numbers are that one's. */
#include "supervisor/supervisor.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/own.h"

enum { NUMBER = 5, FIRST = 10, SECOND = 11 };

struct house {
    struct supervisor s;
    struct child launcher;
    int line; /* launcher's end */
};

static int open_house(void **state)
{
    struct house *h = calloc(1, sizeof *h);
    int ends[2];
    assert_non_null(h);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    h->s.epoll = -1;
    h->launcher.key.kind = KIND_LAUNCHER;
    h->launcher.control = ends[0];
    h->line = ends[1];
    HASH_ADD(hh, h->s.children, key, sizeof h->launcher.key, &h->launcher);
    *state = h;
    return 0;
}

static int close_house(void **state)
{
    struct house *h = *state;
    HASH_CLEAR(hh, h->s.children);
    close(h->launcher.control);
    close(h->line);
    free(h);
    return 0;
}

static void wait_to_be_killed(void)
{
    for (;;)
        pause();
}

/* One that was asked for by the first incarnation; with `begins` it begins another, which holds the pipe. */
static struct run *runs_with(struct house *h, const int *begins)
{
    struct run *run = &h->s.run[0];
    *run = (struct run){.number = NUMBER, .asker = FIRST, .pid = fork()};
    if (run->pid == 0) {
        setsid();
        if (begins != NULL && fork() == 0 && write(begins[1], "", 1) == 1)
            wait_to_be_killed();
        wait_to_be_killed();
    }
    assert_true(run->pid > 0);
    run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    assert_true(run->pidfd >= 0);
    return run;
}

static struct run *runs(struct house *h)
{
    return runs_with(h, NULL);
}

/* It makes it itself. */
static void await_group(const struct run *run)
{
    while (getpgid(run->pid) != run->pid)
        usleep(1000);
}

static bool is_told(const struct house *h)
{
    struct control c;
    return recv(h->line, &c, sizeof c, MSG_DONTWAIT) > 0;
}

static void the_end_of_a_program_is_told_to_the_launcher_that_asked_for_it_only(void **state)
{
    struct house *h = *state;
    for (uint64_t incarnation = FIRST; incarnation <= SECOND; incarnation++) {
        struct run *run = runs(h);
        h->launcher.incarnation = incarnation;
        assert_int_equal(kill(run->pid, SIGKILL), 0);
        programs_reap(&h->s, run);
        assert_int_equal(is_told(h), incarnation == FIRST);
        assert_int_equal(run->pid, 0);
    }
}

/* By what it ends when somebody has it end for good. */
static int ended_by(struct house *h, struct run *run)
{
    siginfo_t end = {0};
    (void)kill(run->pid, SIGTERM);
    assert_int_equal(waitid(P_PIDFD, (id_t)run->pidfd, &end, WEXITED | WNOWAIT), 0);
    programs_reap(&h->s, run);
    return end.si_status;
}

static void a_launcher_ends_its_own_programs_only(void **state)
{
    struct house *h = *state;
    for (uint64_t incarnation = FIRST; incarnation <= SECOND; incarnation++) {
        struct run *run = runs(h);
        h->launcher.incarnation = incarnation;
        await_group(run);
        programs_kill(&h->s, &h->launcher, NUMBER);
        assert_int_equal(ended_by(h, run), incarnation == FIRST ? SIGKILL : SIGTERM);
    }
}

/* A service is a script, and what hangs is mostly not the script. */
static void a_program_that_is_ended_takes_along_what_it_has_begun(void **state)
{
    struct house *h = *state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    struct run *run = runs_with(h, ends);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    h->launcher.incarnation = FIRST;
    programs_kill(&h->s, &h->launcher, NUMBER);
    struct pollfd end = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&end, 1, 10000), 1);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody holds it any more */
    assert_int_equal(ended_by(h, run), SIGKILL);
    close(ends[0]);
}

/* A guest's daemons belong to the guest; of a service of dom0 nobody would find that it hangs. */
static void with_its_launcher_ends_what_dom0_does_and_nothing_else(void **state)
{
    struct house *h = *state;
    for (unsigned i = 0; i < 4; i++) {
        struct run *run = runs(h);
        bool is_dom0s = (i & 1) != 0, is_its = (i & 2) != 0;
        await_group(run);
        run->is_dom0s = is_dom0s;
        h->launcher.incarnation = is_its ? FIRST : SECOND;
        programs_over(&h->s, &h->launcher);
        assert_int_equal(ended_by(h, run), is_dom0s && is_its ? SIGKILL : SIGTERM);
    }
}

int main(void)
{
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)
    const struct CMUnitTest tests[] = {
        HOUSE(the_end_of_a_program_is_told_to_the_launcher_that_asked_for_it_only),
        HOUSE(a_launcher_ends_its_own_programs_only),
        HOUSE(a_program_that_is_ended_takes_along_what_it_has_begun),
        HOUSE(with_its_launcher_ends_what_dom0_does_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
