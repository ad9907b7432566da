/* SPDX-License-Identifier: MIT
 * A stand-in for qubesdb-daemon: qubesdb_daemon SOCKET [MODE]. It serves doors/qubesdb_sim.h at that path
 * until it is ended. MODE is how it misbehaves: hang (reads, never answers), lie (answers with a length
 * of 4 GiB), truncate (half an answer, then closes), crash (ends at the first question), flood (endless
 * entries), foreign (answers about another path),
 * deaf (answers nothing, not even a writing). "well" is the default. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "doors/qubesdb_sim.h"

enum { CLIENTS = 16, FLOOD = 64 << 20 };

struct daemon {
    struct qubesdb_sim *sim;
    struct pollfd poll[CLIENTS + 1]; /* the first listens */
    struct qubesdb_stream stream[CLIENTS + 1];
    const char *mode;
};

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (text_copy(address.sun_path, sizeof address.sun_path, span_of(path)) < 0)
        return -1;
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, CLIENTS) < 0)
        return -1;
    return fd;
}

static bool is(const struct daemon *d, const char *mode)
{
    return strcmp(d->mode, mode) == 0;
}

static void send_to(int fd, struct span bytes)
{
    (void)send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
}

static void tell_fired(void *arg, int client, const char *path)
{
    struct daemon *d = arg;
    char bytes[QUBESDB_FRAME_MAX];
    int len = qubesdb_frame_write(bytes, QUBESDB_FIRED, span_of(path), SPAN_LITERAL(""));
    send_to(d->poll[client].fd, (struct span){bytes, (size_t)len});
}

static void flood(int fd)
{
    char bytes[QUBESDB_FRAME_MAX], value[64] = {'0'};
    int len = qubesdb_frame_write(bytes, QUBESDB_ENTRY, SPAN_LITERAL("/features-request/x"),
                                  (struct span){value, sizeof value});
    for (size_t sent = 0; sent < FLOOD; sent += (size_t)len)
        if (send(fd, bytes, (size_t)len, MSG_NOSIGNAL) < 0)
            return;
}

/* The right answer, spoilt. */
static void answer_badly(struct daemon *d, int client, struct text *answer)
{
    int fd = d->poll[client].fd;
    if (is(d, "crash"))
        _exit(1);
    if (is(d, "flood"))
        flood(fd);
    if (is(d, "lie") && answer->len >= QUBESDB_HEADER)
        memset(answer->at + 68, 0xff, 4);
    if (is(d, "foreign") && answer->len >= QUBESDB_HEADER)
        memcpy(answer->at + 1, "/other", 7);
    if (is(d, "truncate"))
        answer->len = answer->len > 40 ? 40 : answer->len;
    if (!is(d, "hang") && !is(d, "flood"))
        send_to(fd, text_span(answer));
    if (is(d, "truncate"))
        shutdown(fd, SHUT_RDWR);
}

static void answer(struct daemon *d, int client, const struct qubesdb_message *m)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(4 << 20);
    if (qubesdb_sim_hear(d->sim, client, m, &bytes, tell_fired, d) < 0)
        return;
    if (is(d, "deaf"))
        return;
    if (is(d, "well") || m->type == QUBESDB_WRITE) /* so that a test can fill it */
        send_to(d->poll[client].fd, text_span(&bytes));
    else
        answer_badly(d, client, &bytes);
}

static void forget(struct daemon *d, int client)
{
    qubesdb_sim_forget(d->sim, client);
    close(d->poll[client].fd);
    d->poll[client].fd = -1;
}

static void hear(struct daemon *d, int client)
{
    struct qubesdb_stream *s = &d->stream[client];
    struct qubesdb_message m;
    ssize_t got = read(d->poll[client].fd, s->bytes + s->have, sizeof s->bytes - s->have);
    int r = got > 0 ? 1 : -1;
    s->have += got > 0 ? (size_t)got : 0;
    while (r > 0 && (r = qubesdb_frame_take(s, &m)) > 0)
        answer(d, client, &m);
    if (r < 0)
        forget(d, client);
}

static void greet(struct daemon *d)
{
    int fd = accept(d->poll[0].fd, NULL, NULL);
    for (int i = 1; i <= CLIENTS && fd >= 0; i++) {
        if (d->poll[i].fd >= 0)
            continue;
        d->poll[i] = (struct pollfd){fd, POLLIN, 0};
        d->stream[i] = (struct qubesdb_stream){0};
        return;
    }
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    static struct daemon d;
    d.mode = argc > 2 ? argv[2] : "well";
    d.sim = qubesdb_sim_new();
    for (int i = 0; i <= CLIENTS; i++)
        d.poll[i] = (struct pollfd){-1, POLLIN, 0};
    d.poll[0].fd = argc > 1 ? listen_at(argv[1]) : -1;
    if (d.sim == NULL || d.poll[0].fd < 0) {
        fprintf(stderr, "usage: %s SOCKET [well|hang|lie|truncate|crash|flood|foreign|deaf]\n", argv[0]);
        return 1;
    }
    while (poll(d.poll, CLIENTS + 1, -1) >= 0) {
        if (d.poll[0].revents != 0)
            greet(&d);
        for (int i = 1; i <= CLIENTS; i++)
            if (d.poll[i].fd >= 0 && d.poll[i].revents != 0)
                hear(&d, i);
    }
    return 1;
}
