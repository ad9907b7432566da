/* SPDX-License-Identifier: MIT
 * The program host's lines to xenstored; see host_main_lines.h. */
#include "actors/host/host_main_lines.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/effects/hand.h"

/* One for each question that is asked: no more are. */
static struct line {
    uint64_t number; /* 0: free */
    int fd;
} lines[HOST_LINES_MAX];
static struct shell *the_shell;

static struct line *find(uint64_t number)
{
    for (size_t i = 0; i < COUNT(lines); i++)
        if (lines[i].number == number)
            return &lines[i];
    return NULL;
}

static void open_line(void *arg)
{
    struct control record = {.what = CONTROL_DOOR, .value = HAND_XENSTORE};
    (void)arg;
    (void)shell_tell(the_shell, &record, NULL);
}

static int send_line(void *arg, uint64_t number, struct span bytes)
{
    struct line *l = find(number);
    (void)arg;
    if (l == NULL)
        return -ERR_CLOSED;
    ssize_t sent = send(l->fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)bytes.len ? 0 : -ERR_CLOSED; /* its few bytes fit, or nobody reads there */
}

static void close_line(void *arg, uint64_t number)
{
    struct line *l = find(number);
    (void)arg;
    if (l == NULL)
        return;
    (void)shell_watch(the_shell, l->fd, 0, NULL, NULL);
    close(l->fd);
    *l = (struct line){0};
}

static void ready(void *arg, struct shell *shell, int fd, uint32_t events)
{
    char bytes[HOST_LINE_PIECE];
    struct line *l = arg;
    (void)events;
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    host_entries_heard(shell_core(shell), shell_out(shell), l->number,
                       (struct span){bytes, got > 0 ? (size_t)got : 0});
}

void host_main_lines_handed(struct shell *shell, uint32_t what, int fd)
{
    struct host *h = shell_core(shell);
    struct line *l = find(0);
    uint64_t number = fd >= 0 && l != NULL ? host_entries_opened(h) : 0;
    if (fd < 0) {
        host_entries_no_line(h, shell_out(shell), what == HAND_XENSTORE_DEAD);
        return;
    }
    if (number == 0) {
        close(fd); /* of a question that was given up */
        return;
    }
    *l = (struct line){number, fd};
    (void)shell_watch(shell, fd, EPOLLIN, ready, l);
    host_entries_begin(h, shell_out(shell), number);
}

void host_main_lines(struct host *h, struct shell *shell)
{
    static const struct host_line_ops ops = {open_line, send_line, close_line};
    the_shell = shell;
    h->lines = &ops;
}
