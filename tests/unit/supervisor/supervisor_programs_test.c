/* SPDX-License-Identifier: MIT
 * Programs that outlive the launcher that had them run: their numbers are that one's. */
#include "supervisor/supervisor.h"

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

/* One that waits to be killed, and was asked for by the first incarnation. */
static struct run *runs(struct house *h)
{
    struct run *run = &h->s.run[0];
    *run = (struct run){.number = NUMBER, .asker = FIRST, .pid = fork()};
    if (run->pid == 0) {
        for (;;)
            pause();
    }
    assert_true(run->pid > 0);
    run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    assert_true(run->pidfd >= 0);
    return run;
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
        programs_kill(&h->s, &h->launcher, NUMBER);
        assert_int_equal(ended_by(h, run), incarnation == FIRST ? SIGKILL : SIGTERM);
    }
}

int main(void)
{
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)
    const struct CMUnitTest tests[] = {
        HOUSE(the_end_of_a_program_is_told_to_the_launcher_that_asked_for_it_only),
        HOUSE(a_launcher_ends_its_own_programs_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
