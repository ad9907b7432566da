/* SPDX-License-Identifier: MIT
 * The Admin API's connections, in api's process; see api_clients.h. A request that is complete when
 * it is accepted, as nearly all are, costs accept, two reads, one send and close. */
#include "actors/api/api_clients.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/own.h"
#include "actors/api/api_request.h"

enum {
    CLIENTS_MOST = 2048,      /* connections at once */
    ACCEPT_BURST = 32,        /* before the bus gets its turn */
    STREAM_BACKLOG = 1 << 20, /* bytes that a stream may leave unread */
    REPLY_BACKLOG = 64 << 20, /* the same of one reply */
    DRAIN_MOST = 16 << 20,    /* what is read and dropped of an oversize request */
    FDS = 4096,
};

enum conn_state { CONN_FREE, CONN_READING, CONN_HEARD, CONN_DRAINING };

/* One connection; its place in the table is its descriptor. */
struct conn {
    uint64_t id;
    enum conn_state state;
    enum client_socket socket;
    bool stream, finish;
    uint32_t watched;   /* epoll events, 0 before the first watch */
    size_t drained, at; /* bytes dropped; place in `text` when it holds output */
    struct text text;   /* the request so far, then the output that waits */
};

struct clients {
    struct api *core;
    struct shell *shell;
    struct kernels *kernels;
    uint64_t serial;
    int count;
    int listener[SOCKETS];
    struct conn conn[FDS];
    char peer[48];
    char buffer[REQUEST_MAX + 1];
};

static int fd_of(const struct clients *c, const struct conn *conn)
{
    return (int)(conn - c->conn);
}

/* The number that the core knows: descriptor below, serial above. */
static struct conn *conn_of(struct clients *c, uint64_t id)
{
    struct conn *conn = &c->conn[id % FDS];
    return conn->state != CONN_FREE && conn->id == id ? conn : NULL;
}

/* Closing also ends the watch. */
static void conn_close(struct clients *c, struct conn *conn)
{
    int fd = fd_of(c, conn);
    text_free(&conn->text);
    *conn = (struct conn){0};
    c->count--;
    close(fd);
}

static void on_conn(void *arg, struct shell *shell, int fd, uint32_t events);

static void watch(struct clients *c, struct conn *conn, uint32_t events)
{
    if (conn->watched == events)
        return;
    conn->watched = events;
    if (shell_watch(c->shell, fd_of(c, conn), events, on_conn, c) < 0)
        shutdown(fd_of(c, conn), SHUT_RDWR);
}

/* Nobody waits for bytes from it any more; only its end is of interest. */
static void watch_end(struct clients *c, struct conn *conn)
{
    watch(c, conn, EPOLLHUP | (conn->text.len > 0 ? EPOLLOUT : 0));
}

/* Bytes taken by the socket now, or negative: the client is gone. */
static ssize_t push(int fd, const char *at, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = send(fd, at + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? (ssize_t)done : -1;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static int queue(struct clients *c, struct conn *conn, struct span rest)
{
    conn->text.limit = conn->stream ? STREAM_BACKLOG : REPLY_BACKLOG;
    if (conn->at > 0 && conn->at == conn->text.len) {
        text_clear(&conn->text);
        conn->at = 0;
    }
    text_append(&conn->text, rest);
    if (conn->text.failed < 0)
        return conn->text.failed;
    watch(c, conn, EPOLLHUP | EPOLLOUT);
    return 0;
}

static int op_send(void *arg, uint64_t id, struct span bytes)
{
    struct clients *c = arg;
    struct conn *conn = conn_of(c, id);
    if (conn == NULL)
        return -ERR_CLOSED;
    ssize_t sent = conn->text.len > 0 ? 0 : push(fd_of(c, conn), bytes.at, bytes.len);
    int r = sent < 0 ? -ERR_CLOSED : 0;
    if (r == 0 && (size_t)sent < bytes.len)
        r = queue(c, conn, (struct span){bytes.at + sent, bytes.len - (size_t)sent});
    if (r < 0)
        conn_close(c, conn);
    return r;
}

/* Closing while its bytes lie unread would take our answer away from the client. */
static void conn_done(struct clients *c, struct conn *conn)
{
    if (conn->drained == 0) {
        conn_close(c, conn);
        return;
    }
    conn->state = CONN_DRAINING;
    shutdown(fd_of(c, conn), SHUT_WR);
    watch(c, conn, EPOLLIN);
}

static void op_finish(void *arg, uint64_t id)
{
    struct clients *c = arg;
    struct conn *conn = conn_of(c, id);
    if (conn == NULL)
        return;
    conn->finish = true;
    if (conn->text.len == 0)
        conn_done(c, conn);
}

static void op_stream(void *arg, uint64_t id)
{
    struct conn *conn = conn_of(arg, id);
    if (conn != NULL)
        conn->stream = true;
}

static const char *op_peer(void *arg, uint64_t id)
{
    struct clients *c = arg;
    struct conn *conn = conn_of(c, id);
    struct ucred who;
    socklen_t len = sizeof who;
    if (conn == NULL || getsockopt(fd_of(c, conn), SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
        return "pid unknown";
    snprintf(c->peer, sizeof c->peer, "pid %ld uid %lu", (long)who.pid, (unsigned long)who.uid);
    return c->peer;
}

static void op_random(void *arg, void *to, size_t len)
{
    (void)arg;
    if (getrandom(to, len, 0) != (ssize_t)len)
        abort(); /* at most 256 bytes are asked for: the kernel gives them whole */
}

static enum kernel_state op_kernel(void *arg, const char *name)
{
    struct clients *c = arg;
    return (enum kernel_state)kernels_state(c->kernels, shell_out(c->shell)->now, name);
}

static const char *op_kernel_file(void *arg, const char *kernel, const char *file)
{
    struct clients *c = arg;
    return kernels_file(c->kernels, shell_out(c->shell)->now, kernel, file);
}

static const struct api_ops clients_ops = {
    .send = op_send,
    .finish = op_finish,
    .stream = op_stream,
    .peer = op_peer,
    .random = op_random,
    .kernel = op_kernel,
    .kernel_file = op_kernel_file,
};

/* The request is whole: from here on the text of the connection is output. */
static void hear(struct clients *c, struct conn *conn, struct span bytes)
{
    struct text request = conn->text;
    uint64_t id = conn->id;
    conn->text = TEXT_WITH_LIMIT(0);
    conn->state = CONN_HEARD;
    api_hear_client(c->core, shell_out(c->shell), id, conn->socket, bytes);
    text_free(&request);
    if ((conn = conn_of(c, id)) != NULL && conn->state == CONN_HEARD)
        watch_end(c, conn);
}

/* What was read stays in the shared buffer where nothing came before; else it joins that. */
static struct span gather(struct clients *c, struct conn *conn, size_t len)
{
    if (conn->text.len == 0)
        return (struct span){c->buffer, len};
    text_append(&conn->text, (struct span){c->buffer, len});
    return text_span(&conn->text);
}

/* Up to `most` bytes into the shared buffer: 1 at the client's end, 0 if more may come, negative if it is
 * gone. */
static int read_some(struct clients *c, int fd, size_t most, size_t *len)
{
    *len = 0;
    while (*len < most) {
        ssize_t n = read(fd, c->buffer + *len, most - *len);
        if (n == 0)
            return 1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -ERR_CLOSED;
        *len += (size_t)n;
    }
    return 0;
}

static void read_request(struct clients *c, struct conn *conn)
{
    size_t len, most = REQUEST_MAX + 1 - conn->text.len;
    int r = read_some(c, fd_of(c, conn), most, &len);
    if (r < 0) {
        conn_close(c, conn);
        return;
    }
    if (r == 1 || len == most) {
        conn->drained = r == 1 ? 0 : 1;
        hear(c, conn, gather(c, conn, len));
        return;
    }
    conn->text.limit = REQUEST_MAX + 1;
    text_append(&conn->text, (struct span){c->buffer, len});
    if (conn->text.failed < 0)
        conn_close(c, conn);
    else
        watch(c, conn, EPOLLIN | EPOLLRDHUP);
}

static void drain(struct clients *c, struct conn *conn)
{
    size_t len;
    int r = read_some(c, fd_of(c, conn), REQUEST_MAX, &len);
    conn->drained += len;
    if (r != 0 || conn->drained > DRAIN_MOST)
        conn_close(c, conn);
}

static void flush(struct clients *c, struct conn *conn)
{
    ssize_t sent = push(fd_of(c, conn), conn->text.at + conn->at, conn->text.len - conn->at);
    if (sent < 0) {
        uint64_t id = conn->id;
        conn_close(c, conn);
        api_client_gone(c->core, shell_out(c->shell), id);
        return;
    }
    conn->at += (size_t)sent;
    if (conn->at < conn->text.len)
        return;
    text_free(&conn->text);
    conn->at = 0;
    if (conn->finish)
        conn_done(c, conn);
    else
        watch_end(c, conn);
}

static void on_conn(void *arg, struct shell *shell, int fd, uint32_t events)
{
    struct clients *c = arg;
    struct conn *conn = &c->conn[fd];
    uint64_t id = conn->id;
    (void)shell;
    if (conn->state == CONN_READING)
        read_request(c, conn);
    else if (conn->state == CONN_DRAINING)
        drain(c, conn);
    else if (conn->state == CONN_HEARD && (events & (EPOLLHUP | EPOLLERR)) != 0) {
        conn_close(c, conn);
        api_client_gone(c->core, shell_out(c->shell), id);
    } else if (conn->state == CONN_HEARD && (events & EPOLLOUT) != 0)
        flush(c, conn);
}

/* Who has held a place longest without saying all gives it up. */
static void evict_slowest(struct clients *c)
{
    struct conn *slowest = NULL;
    for (size_t i = 0; i < COUNT(c->conn); i++) {
        struct conn *conn = &c->conn[i];
        if (conn->state == CONN_READING || conn->state == CONN_DRAINING)
            if (slowest == NULL || conn->id < slowest->id)
                slowest = conn;
    }
    if (slowest != NULL)
        conn_close(c, slowest);
}

static void begin(struct clients *c, int fd, enum client_socket socket)
{
    if (c->count >= CLIENTS_MOST)
        evict_slowest(c);
    if (fd >= FDS || c->count >= CLIENTS_MOST) {
        close(fd);
        return;
    }
    c->conn[fd] = (struct conn){
        .id = ++c->serial * FDS + (uint64_t)fd,
        .state = CONN_READING,
        .socket = socket,
    };
    c->count++;
    read_request(c, &c->conn[fd]);
}

static void on_listener(void *arg, struct shell *shell, int fd, uint32_t events)
{
    struct clients *c = arg;
    (void)shell, (void)events;
    for (int i = 0; i < SOCKETS; i++) {
        for (int n = 0; c->listener[i] == fd && n < ACCEPT_BURST; n++) {
            int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (client < 0)
                return;
            begin(c, client, (enum client_socket)i);
        }
    }
}

struct clients *clients_new(struct api *core, struct shell *shell, struct kernels *kernels)
{
    struct clients *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->core = core;
    c->shell = shell;
    c->kernels = kernels;
    for (int i = 0; i < SOCKETS; i++)
        c->listener[i] = -1;
    api_attach(core, &clients_ops, c);
    return c;
}

void clients_free(struct clients *c)
{
    for (int i = 0; c != NULL && i < SOCKETS; i++)
        if (c->listener[i] >= 0)
            close(c->listener[i]);
    for (size_t i = 0; c != NULL && i < COUNT(c->conn); i++)
        if (c->conn[i].state != CONN_FREE)
            conn_close(c, &c->conn[i]);
    free(c);
}

int clients_listen(struct clients *c, enum client_socket socket, int fd)
{
    if ((unsigned)socket >= SOCKETS || c->listener[socket] >= 0)
        return -ERR_EXISTS;
    int r = shell_watch(c->shell, fd, EPOLLIN, on_listener, c);
    if (r == 0)
        c->listener[socket] = fd;
    return r;
}
