/* SPDX-License-Identifier: MIT
 * The pipes of running programs; see launcher_pipes.h. What a program says beyond its bounds is read and
 * dropped: it must not block on us. */
#include "actors/launcher/launcher_pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

#include "base/own.h"

enum { OUTPUT, SAID, STREAMS };

/* One program: our ends of its output and error output, -1 once closed. */
struct running {
    struct running *prev, *next;
    uint64_t number;
    int fd[STREAMS];
    struct text text[STREAMS];
};

struct pipes {
    struct launcher *core;
    struct shell *shell;
    struct running *list;
};

static void close_stream(struct running *r, int stream)
{
    close_file(&r->fd[stream]); /* which also ends its watch */
    r->fd[stream] = -1;
}

/* Everything that is there now. */
static void drain(struct running *r, int stream)
{
    char bytes[4096];
    while (r->fd[stream] >= 0) {
        ssize_t got = read(r->fd[stream], bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close_stream(r, stream);
            return;
        }
        struct text *t = &r->text[stream];
        size_t room = t->limit - t->len;
        text_append(t, (struct span){bytes, (size_t)got < room ? (size_t)got : room});
    }
}

static void on_stream(void *arg, struct shell *shell, int fd, uint32_t events)
{
    struct pipes *p = arg;
    struct running *r;
    (void)shell, (void)events;
    DL_FOREACH(p->list, r)
    {
        for (int i = 0; i < STREAMS; i++) {
            if (r->fd[i] == fd) {
                drain(r, i);
                return;
            }
        }
    }
}

static void drop(struct pipes *p, struct running *r)
{
    DL_DELETE(p->list, r);
    for (int i = 0; i < STREAMS; i++) {
        close_stream(r, i);
        text_free(&r->text[i]);
    }
    free(r);
}

/* Three pipes: theirs[i] becomes the program's descriptor i, ours[i] is the other end. */
static int make_pipes(int ours[3], int theirs[3])
{
    for (int i = 0; i < 3; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -ERR_IO;
        ours[i] = ends[i == 0 ? 1 : 0];
        theirs[i] = ends[i == 0 ? 0 : 1];
    }
    return 0;
}

/* A pipe holds 64 KiB, which is more than any input. */
static int give_input(int fd, struct span input)
{
    return input.len == 0 || write(fd, input.at, input.len) == (ssize_t)input.len ? 0 : -ERR_IO;
}

static int keep(struct pipes *p, uint64_t number, int ours[3])
{
    struct running *r = calloc(1, sizeof *r);
    if (r == NULL)
        return -ERR_NOMEM;
    r->number = number;
    r->fd[OUTPUT] = r->fd[SAID] = -1;
    r->text[OUTPUT] = TEXT_WITH_LIMIT(JOB_OUTPUT);
    r->text[SAID] = TEXT_WITH_LIMIT(JOB_SAID);
    DL_APPEND(p->list, r);
    for (int i = 0; i < STREAMS; i++) {
        r->fd[i] = take_fd(&ours[i + 1]);
        if (fcntl(r->fd[i], F_SETFL, O_NONBLOCK) < 0 ||
            shell_watch(p->shell, r->fd[i], EPOLLIN, on_stream, p) < 0) {
            drop(p, r);
            return -ERR_IO;
        }
    }
    return 0;
}

static struct running *find(struct pipes *p, uint64_t number)
{
    struct running *r;
    DL_FOREACH(p->list, r)
    {
        if (r->number == number)
            return r;
    }
    return NULL;
}

static int tell_run(struct pipes *p, uint64_t number, enum outside_program program,
                    const struct program_values *v, const int theirs[3])
{
    struct control run = {.what = CONTROL_RUN, .number = number, .value = program};
    struct control_fds files = {3, {theirs[0], theirs[1], theirs[2]}};
    size_t len;
    int r = program_pack(v, run.text, sizeof run.text, &len);
    run.len = r == 0 ? (uint32_t)len : 0;
    return r < 0 ? r : shell_tell(p->shell, &run, &files);
}

static int op_run(void *arg, uint64_t number, enum outside_program program, const struct program_values *v,
                  struct span input)
{
    struct pipes *p = arg;
    int ours[3] = {-1, -1, -1}, theirs[3] = {-1, -1, -1};
    int r = make_pipes(ours, theirs);
    if (r == 0)
        r = give_input(ours[0], input);
    if (r == 0)
        r = keep(p, number, ours);
    if (r == 0) {
        r = tell_run(p, number, program, v, theirs);
        if (r < 0)
            drop(p, find(p, number));
    }
    for (int i = 0; i < 3; i++) {
        close_file(&ours[i]);
        close_file(&theirs[i]);
    }
    return r;
}

static void op_kill(void *arg, uint64_t number)
{
    struct pipes *p = arg;
    (void)shell_tell(p->shell, &(struct control){.what = CONTROL_RUN_END, .number = number}, NULL);
}

struct pipes *pipes_new(struct launcher *core, struct shell *shell)
{
    static const struct launcher_ops ops = {op_run, op_kill};
    struct pipes *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->core = core;
    p->shell = shell;
    launcher_attach(core, &ops, p);
    return p;
}

void pipes_ran(struct pipes *p, const struct control *ran)
{
    struct running *r = find(p, ran->number);
    if (r == NULL)
        return;
    for (int i = 0; i < STREAMS; i++)
        drain(r, i);
    struct program_end end = {.number = ran->number,
                              .status = ran->value,
                              .error = (int)ran->more,
                              .output = text_span(&r->text[OUTPUT]),
                              .said = text_span(&r->text[SAID])};
    launcher_ran(p->core, shell_out(p->shell), &end);
    drop(p, r);
}
