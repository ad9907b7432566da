/* SPDX-License-Identifier: MIT
 * Tools and devices as a jailed pool's process has them: it asks its runner; in storage, on its worker's
 * threads. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "actors/storage/storage_runner.h"
#include "base/own.h"

/* How long the runner may be late with the end of a tool whose time is over. */
enum { STEP_MS = 100, GRACE_S = 10 };

/* The one of this process. Answers to OPEN and LOOK come one at a time. */
static struct {
    int line;
    atomic_bool lost;
    pthread_mutex_t one;
} runner = {-1, false, PTHREAD_MUTEX_INITIALIZER};

static int lose(void)
{
    atomic_store(&runner.lost, true);
    errno = EPIPE;
    return -1;
}

bool tools_lost(void)
{
    return atomic_load(&runner.lost);
}

static int add_word(struct runner_request *m, const char *word)
{
    size_t size = strlen(word) + 1;
    if (size > sizeof m->text - m->len) {
        errno = E2BIG;
        return -1;
    }
    memcpy(m->text + m->len, word, size);
    m->len += (uint32_t)size;
    return 0;
}

static int ask(const struct runner_request *m, const int *fds, size_t count)
{
    size_t len = offsetof(struct runner_request, text) + m->len;
    if (runner.line < 0 || line_send(runner.line, m, len, fds, count) < 0)
        return lose();
    return 0;
}

/* ---- a tool ---- */

struct ears {
    int out, err, end; /* what it says, and what the runner says of it */
};

/* 1: more may come; 0: its end is in *ret. */
static int hear(struct ears *from, struct pool_output *ret, int wait_ms)
{
    struct pollfd ears[] = {{from->out, POLLIN, 0}, {from->err, POLLIN, 0}, {from->end, POLLIN, 0}};
    struct runner_answer end;
    int *const fds[] = {&from->out, &from->err};
    if (poll(ears, COUNT(ears), wait_ms) < 0)
        return errno == EINTR ? 1 : -1;
    for (int i = 0; i < 2; i++) {
        int more = ears[i].revents != 0 ? pool_hear(*fds[i], i == 0 ? &ret->out : &ret->err, i == 1) : 1;
        if (more < 0)
            return -1;
        if (more == 0)
            close(take_fd(fds[i]));
        else if (ears[i].revents != 0)
            return 1; /* all that it has said comes before its end */
    }
    if (ears[2].revents == 0)
        return 1;
    if (read(from->end, &end, sizeof end) != sizeof end)
        return lose();
    ret->status = end.status;
    errno = end.error;
    return end.error == 0 ? 0 : -1;
}

static time_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static int listen_to(const struct pool_program *program, struct ears *from, struct pool_output *ret)
{
    time_t until = now() + (time_t)program->seconds + GRACE_S;
    int r = 1;
    while (r > 0) {
        r = hear(from, ret, STEP_MS);
        if (r > 0 && now() > until)
            return lose();
        if (r > 0 && program->go_on != NULL && !program->go_on(program->self)) {
            errno = ECANCELED;
            return -1;
        }
    }
    return r;
}

static int run_with(const struct pool_program *program, struct ears *from, const int to[3],
                    struct pool_output *ret)
{
    struct runner_request *m = calloc(1, sizeof *m);
    const int fds[] = {to[0], to[1], to[2], program->fd_in};
    int r = m == NULL ? -1 : 0;
    for (size_t i = 0; r == 0 && program->argv[i] != NULL; i++)
        r = add_word(m, program->argv[i]);
    if (r == 0) {
        m->what = RUNNER_RUN;
        m->seconds = program->seconds;
        r = ask(m, fds, program->fd_in >= 0 ? 4 : 3);
    }
    for (int i = 0; i < 3; i++)
        close(to[i]); /* they are the runner's now: its death is an end, too */
    free(m);
    if (r < 0)
        return r;
    ret->out = TEXT_WITH_LIMIT(POOL_OUTPUT_MOST);
    ret->err = TEXT_WITH_LIMIT(POOL_COMPLAINT_MOST);
    return listen_to(program, from, ret);
}

static int run(const struct pool_program *program, struct pool_output *ret)
{
    int pairs[3][2], made = 0;
    for (; made < 3 && pipe2(pairs[made], O_CLOEXEC) == 0; made++)
        ;
    if (made < 3) {
        int reason = errno;
        for (int i = 0; i < made; i++)
            close(pairs[i][0]), close(pairs[i][1]);
        errno = reason;
        return -1;
    }
    struct ears from = {pairs[0][0], pairs[1][0], pairs[2][0]};
    const int to[] = {pairs[0][1], pairs[1][1], pairs[2][1]};
    int r = run_with(program, &from, to, ret), reason = errno;
    close_file(&from.out);
    close_file(&from.err);
    close_file(&from.end); /* if it still runs, the runner ends it now */
    errno = reason;
    return r;
}

/* ---- a device ---- */

/* 0 or the descriptor; -1 with errno. */
static int ask_node(enum runner_ask what, const char *path, int flags)
{
    struct runner_answer said = {0};
    int fds[RUNNER_FDS];
    size_t count = 0;
    AUTO_MEMORY struct runner_request *m = calloc(1, sizeof *m);
    if (m == NULL || add_word(m, path) < 0)
        return -1;
    m->what = what;
    m->flags = (uint32_t)flags;
    pthread_mutex_lock(&runner.one);
    int r = ask(m, NULL, 0);
    if (r == 0 && line_receive(runner.line, &said, sizeof said, fds, &count) != sizeof said)
        r = lose();
    int reason = errno;
    pthread_mutex_unlock(&runner.one);
    errno = r < 0 ? reason : said.error;
    if (r < 0 || said.error != 0)
        return -1;
    return count == 1 ? fds[0] : 0;
}

static bool is_node(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strcmp(path, CALLBACK_CONFIGURATION) == 0;
}

static int open_any(const char *path, int flags, unsigned mode)
{
    return is_node(path) ? ask_node(RUNNER_OPEN, path, flags) : pool_calls_real.open(path, flags, mode);
}

static int stat_any(const char *path, struct stat *ret)
{
    if (!is_node(path) && tool_at(path) < 0)
        return pool_calls_real.stat(path, ret);
    *ret = (struct stat){.st_mode = S_IFBLK}; /* of a device or a tool nobody asks more */
    return ask_node(RUNNER_LOOK, path, 0);
}

void tools_use(int line, struct pool_calls *calls)
{
    runner.line = line;
    calls->run = run;
    calls->open = open_any;
    calls->stat = stat_any;
}
