/* SPDX-License-Identifier: MIT
 * See devbus_person.h: in the process of a bus whose devices come and go. */
#include "actors/devbus/devbus_person.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/effects/hand.h"

/* One question; `fd` is -1 until the supervisor has connected. */
struct asked {
    uint64_t number; /* 0: the row is free */
    int fd;
    struct text text;
    size_t written;
    char answer[DEVBUS_ANSWER_MAX + 1];
    size_t have;
};

static struct {
    struct shell *shell;
    struct devbus_ask *ask;
    struct asked at[DEVBUS_ASKED_MAX];
} the;

static void let_go(struct asked *q)
{
    if (q->fd >= 0) {
        (void)shell_watch(the.shell, q->fd, 0, NULL, NULL);
        close(q->fd);
    }
    text_free(&q->text);
    *q = (struct asked){.fd = -1};
}

static void say(struct asked *q)
{
    char answer[DEVBUS_ANSWER_MAX + 1];
    uint64_t number = q->number;
    struct span said = {answer, q->have};
    memcpy(answer, q->answer, sizeof answer);
    let_go(q); /* the core may ask the next one at once */
    devbus_ask_said(the.ask, shell_out(the.shell), number, said);
}

static void say_nothing(struct asked *q)
{
    q->have = 0;
    say(q);
}

static struct asked *at_fd(int fd)
{
    for (size_t i = 0; i < COUNT(the.at); i++)
        if (the.at[i].number != 0 && the.at[i].fd == fd)
            return &the.at[i];
    return NULL;
}

/* ---- one connection ---- */

/* 0: all is written, or nothing more goes now. */
static int give(struct asked *q)
{
    while (q->written < q->text.len) {
        struct iovec piece = {q->text.at + q->written, q->text.len - q->written};
        struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
        ssize_t gone = sendmsg(q->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (gone < 0 && errno == EINTR)
            continue;
        if (gone < 0)
            return errno == EAGAIN ? 0 : -ERR_IO;
        q->written += (size_t)gone;
    }
    return shutdown(q->fd, SHUT_WR) == 0 ? 0 : -ERR_IO;
}

/* 1: the answer is complete, 0: more is to come. */
static int take(struct asked *q)
{
    while (q->have <= DEVBUS_ANSWER_MAX) {
        char *room = q->answer + q->have;
        ssize_t got = read(q->fd, room, sizeof q->answer - q->have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got <= 0)
            return got == 0 ? 1 : -ERR_IO;
        q->have += (size_t)got;
    }
    return -ERR_TOO_BIG;
}

static void ready(void *arg, struct shell *shell, int fd, uint32_t events)
{
    struct asked *q = at_fd(fd);
    (void)arg;
    if (q == NULL)
        return;
    bool was_writing = q->written < q->text.len;
    int r = was_writing && (events & EPOLLOUT) != 0 ? give(q) : 0;
    if (r == 0 && was_writing && q->written == q->text.len)
        r = shell_watch(shell, fd, EPOLLIN, ready, NULL);
    if (r == 0)
        r = take(q);
    if (r == 0)
        return;
    if (r < 0)
        say_nothing(q);
    else
        say(q);
}

static void nobody_serves(struct asked *q, uint32_t what)
{
    log_line(LOG_WARN, "nobody is asked about a device: %s",
             what == HAND_DEVICE_AGENT_DEAD ? "the agent in dom0 does not serve its socket device-agent.GUI"
                                            : "no agent in dom0 has made its socket device-agent.GUI");
    say_nothing(q);
}

void devbus_person_handed(void *self, struct shell *shell, uint32_t what, struct control_fds *fds)
{
    struct asked *q = at_fd(-1); /* whoever waits: one connection is as good as another */
    (void)self;
    for (int i = q != NULL ? 1 : 0; i < fds->count; i++)
        close(fds->fd[i]);
    if (q == NULL)
        return; /* of a question that was withdrawn */
    q->fd = fds->count > 0 ? fds->fd[0] : -1;
    if (q->fd < 0)
        nobody_serves(q, what);
    else if (shell_watch(shell, q->fd, EPOLLIN | EPOLLOUT, ready, NULL) < 0)
        say_nothing(q);
}

/* ---- what the core asks for ---- */

static int op_ask(void *arg, uint64_t number, struct span text)
{
    struct control door = {.what = CONTROL_DOOR, .value = HAND_DEVICE_AGENT};
    struct asked *q = NULL;
    (void)arg;
    for (size_t i = 0; i < COUNT(the.at) && q == NULL; i++)
        if (the.at[i].number == 0)
            q = &the.at[i];
    if (q == NULL)
        return -ERR_BUSY;
    *q = (struct asked){.number = number, .fd = -1, .text = TEXT_WITH_LIMIT(DEVBUS_QUESTION_MAX)};
    text_append(&q->text, text);
    int r = q->text.failed;
    if (r == 0)
        r = shell_tell(the.shell, &door, NULL);
    if (r < 0)
        let_go(q);
    return r;
}

static void op_end(void *arg, uint64_t number)
{
    (void)arg;
    for (size_t i = 0; i < COUNT(the.at); i++)
        if (number != 0 && the.at[i].number == number)
            let_go(&the.at[i]);
}

int devbus_person_open(const struct program *p, struct shell *shell, struct fault *why)
{
    static const struct devbus_person_ops ops = {op_ask, op_end};
    struct devbus *bus = shell_core(shell);
    (void)p, (void)why;
    the.shell = shell;
    the.ask = &bus->ask;
    for (size_t i = 0; i < COUNT(the.at); i++)
        the.at[i] = (struct asked){.fd = -1};
    devbus_ask_attach(&bus->ask, &ops, NULL);
    return 0;
}
