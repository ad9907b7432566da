/* SPDX-License-Identifier: MIT
 * Runs shared out to processes, one for each processor: each takes every n-th, and tells what came of it
 * through one pipe, a record at a time. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MOST = 16 };

/* What parent and children see alike. */
struct shared {
    volatile bool enough;
    volatile uint64_t at[PROCESSES_MOST]; /* the run that each is in */
};

/* Small enough for a pipe to take it whole. */
struct record {
    struct sim_options options;
    struct sim_outcome outcome;
};

static void work(const struct sim_course *course, struct shared *shared, unsigned which, unsigned all,
                 int pipe)
{
    for (uint64_t i = which; !shared->enough; i += all) {
        struct record r = {.options = course->options(course, i)};
        shared->at[which] = i;
        r.outcome = sim_run_once(&r.options);
        if (write(pipe, &r, sizeof r) != sizeof r)
            _exit(1);
    }
    _exit(0);
}

static unsigned count_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > PROCESSES_MOST ? PROCESSES_MOST : (unsigned)n;
}

/* A child that does not end well has died under its run. */
static void bury(const struct sim_course *course, const struct shared *shared, const pid_t *child,
                 unsigned all)
{
    for (unsigned i = 0; i < all; i++) {
        int status = 0;
        if (waitpid(child[i], &status, 0) == child[i] && status == 0)
            continue;
        struct sim_options o = course->options(course, shared->at[i]);
        struct sim_outcome outcome = {.hash = 0};
        snprintf(outcome.broken, sizeof outcome.broken, "the simulator died: status %#x", (unsigned)status);
        course->report(&o, &outcome);
    }
}

void sim_share(const struct sim_course *course)
{
    unsigned all = count_processors();
    pid_t child[PROCESSES_MOST];
    int ends[2];
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct record r;
    fflush(stdout);
    if (shared == MAP_FAILED || pipe(ends) < 0)
        abort();
    for (unsigned i = 0; i < all; i++) {
        child[i] = fork();
        if (child[i] < 0)
            abort();
        if (child[i] == 0)
            work(course, shared, i, all, ends[1]);
    }
    close(ends[1]);
    while (read(ends[0], &r, sizeof r) == sizeof r) {
        course->report(&r.options, &r.outcome);
        shared->enough = shared->enough || course->enough();
    }
    bury(course, shared, child, all);
    close(ends[0]);
    munmap(shared, sizeof *shared);
}
