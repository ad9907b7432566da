/* SPDX-License-Identifier: MIT
 * Threads as /proc shows them; see supervisor_look.h. */
#include "supervisor/supervisor_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "runtime/control/names.h"

/* What a name may hold, parentheses included, ends at the last one. */
int look_add(struct look *sum, const char *line, bool is_main)
{
    unsigned long long user, system;
    char state;
    const char *name = strchr(line, '('), *rest = strrchr(line, ')');
    if (name == NULL || rest == NULL ||
        sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &state, &user, &system) !=
            3)
        return -ERR_BAD;
    size_t len = (size_t)(rest - name) - 1;
    if (!is_main && len == strlen(WORKER_NAME) && memcmp(name + 1, WORKER_NAME, len) == 0)
        return 1;
    if (is_main)
        sum->state = state;
    sum->wants = sum->wants || state == 'R' || state == 'D';
    sum->used += (user + system) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}

/* A thread that has ended meanwhile adds nothing. */
static void add_thread(struct look *sum, int tasks, const char *tid, bool is_main)
{
    char path[32], line[512];
    snprintf(path, sizeof path, "%.20s/stat", tid);
    AUTO_FD fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (got <= 0)
        return;
    line[got] = '\0';
    (void)look_add(sum, line, is_main);
}

int look_at(pid_t pid, struct look *out)
{
    char path[40];
    struct look sum = {0};
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return -ERR_IO;
    for (const struct dirent *e = readdir(tasks); e != NULL; e = readdir(tasks))
        if (e->d_name[0] != '.')
            add_thread(&sum, dirfd(tasks), e->d_name, atoi(e->d_name) == pid);
    closedir(tasks);
    if (sum.state == '\0')
        return -ERR_IO;
    *out = sum;
    return 0;
}
