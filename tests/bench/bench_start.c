/* SPDX-License-Identifier: MIT
 * From exec of the supervisor to the first answer of admin.vm.List: the running supervisor's own command
 * line is started again and again after an orderly end.
 *   bench_start SOCKET SUPERVISOR-PID GOAL-MS LABEL
 * Whoever keeps the supervisor alive must be stopped meanwhile (SIGSTOP). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/client.h"

enum { STARTS = 5, WORDS = 64 };

static char line[8192];

static int read_command(long pid, char *word[WORDS])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    int count = 0;
    for (ssize_t i = 0; i < len && count < WORDS - 1; i++)
        if (i == 0 || line[i - 1] == '\0')
            word[count++] = line + i;
    word[count] = NULL;
    close(fd);
    return count;
}

static void wait_for_end(pid_t pid, bool ours)
{
    char path[64], state = 'R';
    kill(pid, SIGTERM);
    if (ours) {
        waitpid(pid, NULL, 0);
        return;
    }
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    for (int i = 0; i < 1000 && state != 'Z'; i++) {
        FILE *f = fopen(path, "re");
        if (f == NULL || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
            state = 'Z';
        if (f != NULL)
            fclose(f);
        pause_us(10000);
    }
}

static pid_t start(char *const word[])
{
    pid_t pid = fork();
    if (pid == 0) {
        execv(word[0], word);
        _exit(1);
    }
    return pid;
}

int main(int argc, char **argv)
{
    double took[STARTS];
    char *word[WORDS], name[96];
    if (argc != 5 || read_command(atol(argv[2]), word) == 0)
        return 2;
    struct call list = call_of(argv[1], "admin.vm.List", "dom0", "");
    wait_for_end((pid_t)atol(argv[2]), false);
    for (int i = 0; i < STARTS; i++) {
        double begun = now_us();
        pid_t pid = start(word);
        while (call_once(&list, NULL) < 0 && now_us() < begun + 2e7)
            pause_us(200);
        took[i] = now_us() - begun;
        pause_us(300000);
        wait_for_end(pid, true);
    }
    sort_times(took, STARTS);
    printf("# best of %d: %.1f ms; where others use the machine too, that is the truer figure\n", STARTS,
           took[0] / 1e3);
    snprintf(name, sizeof name, "exec of the supervisor -> vm.List, %s VMs, p50", argv[4]);
    print_row(name, at_percent(took, STARTS, 50) / 1e3, "ms", 0, AT_MOST, atof(argv[3]));
    snprintf(name, sizeof name, "exec of the supervisor -> vm.List, %s VMs, worst of %d", argv[4], STARTS);
    print_row(name, took[STARTS - 1] / 1e3, "ms", 0, AT_MOST, 0);
    return 0;
}
