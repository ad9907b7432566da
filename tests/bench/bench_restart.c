/* SPDX-License-Identifier: MIT
 * From SIGKILL of one process to the first answer that needs it, beside exec to the first answer of the
 * barest server.
 *   bench_restart SOCKET SUPERVISOR-PID PROGRAM INSTANCE GOAL-MS DEST SERVICE [SERVICE-IN-TURN]
 * Two services take turns where one alone cannot be repeated (pause, unpause). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/client.h"

enum { KILLS = 15 };

static double bare_start(const char *socket)
{
    char path[108];
    snprintf(path, sizeof path, "%.100s.bare", socket);
    struct call c = call_of(path, "x", "dom0", "");
    unlink(path);
    double start = now_us();
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "bench_restart", "--bare", path, (char *)NULL);
        _exit(1);
    }
    while (call_once(&c, NULL) < 0 && now_us() < start + 2e6)
        pause_us(50);
    double took = now_us() - start;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(path);
    return took;
}

static int be_bare(const char *path)
{
    pid_t server = bare_server(path, 16);
    return server > 0 ? (int)waitpid(server, NULL, 0) < 0 : 1;
}

/* Microseconds, or negative when nothing answered in 10 s. */
static double kill_and_wait(pid_t pid, const struct call *c)
{
    double start = now_us();
    kill(pid, SIGKILL);
    while (call_once(c, NULL) < 0) {
        if (now_us() > start + 1e7)
            return -1;
        pause_us(100);
    }
    return now_us() - start;
}

static pid_t wait_for(pid_t supervisor, const char *program, unsigned instance, const struct call *c)
{
    pid_t pid = 0;
    for (int i = 0; i < 200 && (pid == 0 || call_once(c, NULL) < 0); i++) {
        pid = child_of(supervisor, program, instance);
        pause_us(5000);
    }
    pause_us(50000);
    return child_of(supervisor, program, instance);
}

int main(int argc, char **argv)
{
    static double ours[KILLS], bare[KILLS];
    char name[96];
    if (argc == 3 && strcmp(argv[1], "--bare") == 0)
        return be_bare(argv[2]);
    if (argc < 8)
        return 2;
    pid_t supervisor = (pid_t)atol(argv[2]);
    unsigned instance = (unsigned)atol(argv[4]);
    struct call turn[2] = {call_of(argv[1], argv[7], argv[6], ""),
                           call_of(argv[1], argv[argc > 8 ? 8 : 7], argv[6], "")};
    for (int i = 0; i < KILLS; i++) {
        bare[i] = bare_start(argv[1]);
        pid_t pid = wait_for(supervisor, argv[3], instance, &turn[1]);
        ours[i] = pid > 0 ? kill_and_wait(pid, &turn[0]) : -1;
        if (ours[i] < 0) {
            fprintf(stderr, "%s/%u did not come back\n", argv[3], instance);
            return 1;
        }
    }
    sort_times(ours, KILLS);
    sort_times(bare, KILLS);
    printf("# %s/%u: barest server, exec to first answer: p50 %.2f ms, best %.2f ms; ours best %.2f ms\n",
           argv[3], instance, at_percent(bare, KILLS, 50) / 1e3, bare[0] / 1e3, ours[0] / 1e3);
    snprintf(name, sizeof name, "SIGKILL of %s/%u -> answers, p50", argv[3], instance);
    print_row(name, at_percent(ours, KILLS, 50) / 1e3, "ms", 0, AT_MOST, atof(argv[5]));
    snprintf(name, sizeof name, "SIGKILL of %s/%u -> answers, worst of %d", argv[3], instance, KILLS);
    print_row(name, ours[KILLS - 1] / 1e3, "ms", at_percent(bare, KILLS, 50) / 1e3, AT_MOST, 0);
    return 0;
}
