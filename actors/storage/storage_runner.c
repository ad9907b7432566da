/* SPDX-License-Identifier: MIT
 * The life of a pool's runner: what it is asked, what it starts, and how that ends; in the second process of
 * storage/<pool>. One thread, one loop; nothing here waits for a tool. */
#include "actors/storage/storage_runner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"

enum { NOT_STARTED = 127, PATH_ROOM = 1200 };

struct run {
    pid_t pid; /* 0: free */
    int pidfd;
    int end; /* where its end is told; -1: it has been */
    int64_t until;
};

struct runner {
    int line;
    const struct runner_order *order;
    struct run run[RUNNER_RUNS];
};

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell_end(int fd, int status, int error)
{
    const struct runner_answer end = {status, error};
    (void)!write(fd, &end, sizeof end);
}

/* ---- one tool ---- */

static bool name_file(const struct runner_order *o, int program, char to[PATH_ROOM])
{
    int len = o->stand_ins == NULL ? snprintf(to, PATH_ROOM, "%s", tool_file(program))
                                   : snprintf(to, PATH_ROOM, "%s/%s", o->stand_ins, tool_name(program));
    return len > 0 && len < PATH_ROOM;
}

/* Between fork and exec; it gets nothing of ours but its three descriptors. */
static void become(const char *file, const char **argv, const int fds[3], int end)
{
    static char locale[] = "LC_ALL=C.UTF-8", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    static char *const env[] = {locale, path, NULL};
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            _exit(NOT_STARTED);
    argv[0] = file;
    if (chdir("/") == 0)
        execve(file, (char *const *)argv, env);
    tell_end(end, NOT_STARTED, errno);
    _exit(NOT_STARTED);
}

static int start(struct runner *r, int program, const char **argv, const int fds[3], int end,
                 unsigned seconds)
{
    char file[PATH_ROOM];
    struct run *run = r->run;
    while (run < r->run + RUNNER_RUNS && run->pid != 0)
        run++;
    if (run == r->run + RUNNER_RUNS)
        return EAGAIN;
    if (!name_file(r->order, program, file))
        return ENAMETOOLONG;
    pid_t pid = fork();
    if (pid == 0)
        become(file, argv, fds, end);
    if (pid < 0)
        return errno;
    setpgid(pid, pid); /* whoever is first: it must be a group before it can be killed as one */
    unsigned most = tool_seconds(program) < r->order->seconds ? tool_seconds(program) : r->order->seconds;
    *run = (struct run){.pid = pid,
                        .pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
                        .end = end,
                        .until = clock_ms() + (int64_t)(seconds < most ? seconds : most) * 1000};
    return 0;
}

static void forget(struct run *run)
{
    close_file(&run->pidfd);
    close_file(&run->end);
    *run = (struct run){.pidfd = -1, .end = -1};
}

/* It is told now; that it is gone may take the kernel longer. */
static void kill_it(struct run *run, int error)
{
    kill(-run->pid, SIGKILL);
    if (error != 0)
        tell_end(run->end, 128 + SIGKILL, error);
    close(take_fd(&run->end));
}

static struct run *run_of(struct runner *r, pid_t pid)
{
    for (size_t i = 0; i < RUNNER_RUNS; i++)
        if (r->run[i].pid == pid)
            return &r->run[i];
    return NULL;
}

/* Whatever it left in its group goes with it. What left its group, too, is ours to bury when it ends, and
 * dies with us. */
static void reap(struct runner *r)
{
    siginfo_t end;
    for (;;) {
        end = (siginfo_t){0};
        if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid == 0)
            return;
        struct run *run = run_of(r, end.si_pid);
        if (run != NULL) {
            kill(-run->pid, SIGKILL);
            if (run->end >= 0)
                tell_end(run->end, end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status, 0);
            forget(run);
        }
        waitpid(end.si_pid, NULL, 0);
    }
}

/* ---- what it is asked ---- */

/* Pointers into the words; false unless each ends within. */
static bool split_words(struct runner_request *m, const char *argv[TOOL_WORDS_MAX + 2])
{
    size_t count = 0;
    for (size_t at = 0; at < m->len; at += strlen(m->text + at) + 1) {
        if (count == TOOL_WORDS_MAX + 1)
            return false;
        argv[count++] = m->text + at;
    }
    argv[count] = NULL;
    return count > 0 && m->text[m->len - 1] == '\0';
}

/* bash -c LINE */
static bool is_command(const struct runner_order *o, const char *const *argv)
{
    const char *const two[] = {argv[0], argv[1], NULL};
    struct tool_values values;
    return o->commands != NULL && argv[1] != NULL && argv[2] != NULL && argv[3] == NULL &&
           tool_match(two, &values) == PROGRAM_COMMAND &&
           effects_have(effects_table(), RUNNER_COMMANDS, EFFECT_MAY_RUN, PROGRAM_COMMAND) &&
           callback_allows(o->commands, argv[2]);
}

static int allowed(const struct runner_order *o, const char *const *argv)
{
    struct tool_values values;
    int program = tool_match(argv, &values);
    if (is_command(o, argv))
        return PROGRAM_COMMAND;
    if (program >= 0 && tool_is_of(&values, &o->pool) &&
        effects_have(effects_table(), RUNNER_KIND, EFFECT_MAY_RUN, (uint64_t)program))
        return program;
    log_line(LOG_ERROR, "no row of programs.def allows this pool %s %s", argv[0],
             argv[1] != NULL ? argv[1] : "");
    return -1;
}

static void hear_run(struct runner *r, struct runner_request *m, int fds[RUNNER_FDS], size_t count)
{
    const char *argv[TOOL_WORDS_MAX + 2];
    if (count < 3)
        return;
    AUTO_FD nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int files[] = {count == 4 ? fds[3] : nothing, fds[0], fds[1]};
    int program = split_words(m, argv) ? allowed(r->order, argv) : -1;
    int error = program < 0 ? EPERM : start(r, program, argv, files, fds[2], m->seconds);
    if (error == 0)
        fds[2] = -1; /* the run's */
    else
        tell_end(fds[2], NOT_STARTED, error);
}

/* Another tree than /dev for tests; the rest of the path is the same. */
static int name_node(const struct runner_order *o, const char *path, char to[PATH_ROOM])
{
    int len = snprintf(to, PATH_ROOM, "%s%s", o->stand_ins != NULL ? o->stand_ins : "", path);
    return len < PATH_ROOM ? 0 : ENAMETOOLONG;
}

static bool may_have(const struct runner_order *o, const struct runner_request *m)
{
    if (o->callback && strcmp(m->text, CALLBACK_CONFIGURATION) == 0)
        return m->what == RUNNER_OPEN && (m->flags & O_ACCMODE) == O_RDONLY;
    return tool_owns_node(&o->pool, m->text, m->what == RUNNER_OPEN);
}

static int name_asked(const struct runner_order *o, const struct runner_request *m, char to[PATH_ROOM])
{
    if (m->len == 0 || m->text[m->len - 1] != '\0')
        return EPERM;
    int tool = m->what == RUNNER_LOOK ? tool_at(m->text) : -1;
    if (tool >= 0 && effects_have(effects_table(), RUNNER_KIND, EFFECT_MAY_RUN, (uint64_t)tool))
        return name_file(o, tool, to) ? 0 : ENAMETOOLONG;
    return may_have(o, m) ? name_node(o, m->text, to) : EPERM;
}

static void hear_node(struct runner *r, const struct runner_request *m)
{
    char path[PATH_ROOM];
    struct stat found;
    bool opens = m->what == RUNNER_OPEN;
    struct runner_answer said = {.error = name_asked(r->order, m, path)};
    AUTO_FD fd = -1;
    if (said.error == 0 && opens)
        fd = open(path, (int)(m->flags & O_ACCMODE) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (said.error == 0 && (opens ? fd < 0 : stat(path, &found) < 0))
        said.error = errno;
    (void)line_send(r->line, &said, sizeof said, &fd, fd >= 0 ? 1 : 0);
}

/* The asker may be in foreign hands: whatever it sends costs at most a line in the log. */
static void hear(struct runner *r)
{
    static struct runner_request m;
    int fds[RUNNER_FDS];
    size_t count = 0;
    ssize_t got = line_receive(r->line, &m, sizeof m, fds, &count);
    if (got <= 0)
        _exit(0); /* its end takes its tools along */
    size_t head = offsetof(struct runner_request, text);
    if ((size_t)got >= head && m.len == (size_t)got - head) {
        if (m.what == RUNNER_RUN)
            hear_run(r, &m, fds, count);
        else if (m.what == RUNNER_OPEN || m.what == RUNNER_LOOK)
            hear_node(r, &m);
    }
    for (size_t i = 0; i < count; i++)
        close_file(&fds[i]);
}

/* ---- the loop ---- */

static void turn(struct runner *r)
{
    struct pollfd p[1 + 2 * RUNNER_RUNS];
    int64_t now = clock_ms(), next = now + INT64_C(3600) * 1000;
    p[0] = (struct pollfd){r->line, POLLIN, 0};
    for (size_t i = 0; i < RUNNER_RUNS; i++) {
        const struct run *run = &r->run[i];
        p[1 + 2 * i] = (struct pollfd){run->pid != 0 ? run->pidfd : -1, POLLIN, 0};
        p[2 + 2 * i] = (struct pollfd){run->pid != 0 ? run->end : -1, 0, 0};
        if (run->pid != 0 && run->end >= 0 && run->until < next)
            next = run->until;
    }
    if (poll(p, COUNT(p), next > now ? (int)(next - now) + 1 : 0) < 0)
        return;
    reap(r);
    now = clock_ms();
    for (size_t i = 0; i < RUNNER_RUNS; i++) {
        struct run *run = &r->run[i];
        if (run->pid == 0 || run->end < 0)
            continue;
        if (p[2 + 2 * i].fd == run->end && (p[2 + 2 * i].revents & POLLERR) != 0)
            kill_it(run, 0); /* called off */
        else if (run->until <= now)
            kill_it(run, ETIMEDOUT);
    }
    if (p[0].revents != 0)
        hear(r);
}

static void keep_only(int line)
{
    AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    if (line > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)line - 1, 0);
    close_range((unsigned)line + 1, ~0u, 0);
    take_fd(&null);
}

void runner_serve(int line, const struct runner_order *order)
{
    static struct runner r;
    struct jail_report report = {0};
    struct fault why;
    keep_only(line);
    prctl(PR_SET_NAME, "storage-tools");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    if (order->commands == NULL && jail_confine(&order->jail, &report, &why) < 0) {
        log_line(LOG_ERROR, "no tools for this pool: %s", why.text);
        _exit(1);
    }
    r.line = line;
    r.order = order;
    for (size_t i = 0; i < RUNNER_RUNS; i++)
        r.run[i].pidfd = r.run[i].end = -1;
    for (;;)
        turn(&r);
}

int runner_begin(const struct runner_order *order)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        runner_serve(ends[1], order);
    }
    close(ends[1]);
    if (pid < 0)
        close(take_fd(&ends[0]));
    return ends[0];
}
