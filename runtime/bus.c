/* SPDX-License-Identifier: MIT
 * One pair socket to the router, by nng; see bus.h. */
#include "runtime/bus.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/pair1/pair.h>

#include "base/own.h"
#include "proto/envelope.h"

/* What version 1 of pair puts before each message. */
enum { PAIR_HEADER = 4 };

struct bus {
    nng_socket socket;
    int receive_fd, send_fd, peer_fd;
    pthread_mutex_t lock; /* over `peer`: nng's threads write it */
    struct bus_peer peer;
};

struct span bus_message_bytes(const struct bus_message *m)
{
    nng_msg *msg = (nng_msg *)m;
    return (struct span){nng_msg_body(msg), nng_msg_len(msg)};
}

void bus_message_free(struct bus_message *m)
{
    nng_msg_free((nng_msg *)m);
}

/* On nng's thread: notes the peer and wakes whoever polls peer_fd. */
static void pipe_changed(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct bus *bus = arg;
    uint64_t uid = 0, pid = 0;
    if (event == NNG_PIPE_EV_ADD_POST) {
        nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid);
        nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid);
    }
    pthread_mutex_lock(&bus->lock);
    if (event == NNG_PIPE_EV_REM_POST && bus->peer.connected)
        bus->peer.was_lost = 1;
    bus->peer.connected = event == NNG_PIPE_EV_ADD_POST;
    if (bus->peer.connected) {
        bus->peer.uid = (uint32_t)uid;
        bus->peer.pid = (int64_t)pid;
    }
    pthread_mutex_unlock(&bus->lock);
    (void)eventfd_write(bus->peer_fd, 1);
}

static int failed(struct fault *why, const char *what, int nng_error)
{
    return fault_set(why, nng_error == NNG_ENOMEM ? ERR_NOMEM : ERR_IO, "bus: %s: %s", what,
                     nng_strerror(nng_error));
}

/* Messages that nng keeps for us each way. Without any, each of a burst costs a turn of two threads. */
enum { BUFFERED = 64 };

/* One CPU in the mask while nng counts them; all of them afterwards, for this thread and nng's. */
static int open_socket(struct bus *bus)
{
    static bool threads_started;
    cpu_set_t all, one;
    bool narrow = !threads_started && sched_getaffinity(0, sizeof all, &all) == 0;
    if (narrow) {
        int cpu = 0;
        while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &all))
            cpu++;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof one, &one);
    }
    int e = nng_pair1_open(&bus->socket); /* version 0 leaks four descriptors per socket before nng 1.6 */
    if (narrow)
        (void)sched_setaffinity(0, sizeof all, &all);
    threads_started = true;
    return e;
}

static int configure(struct bus *bus)
{
    int e = nng_socket_set_size(bus->socket, NNG_OPT_RECVMAXSZ, ENVELOPE_MAX + PAIR_HEADER);
    if (e == 0)
        e = nng_socket_set_int(bus->socket, NNG_OPT_SENDBUF, BUFFERED);
    if (e == 0)
        e = nng_socket_set_int(bus->socket, NNG_OPT_RECVBUF, BUFFERED);
    if (e == 0)
        e = nng_socket_set_ms(bus->socket, NNG_OPT_RECONNMINT, 1);
    if (e == 0)
        e = nng_socket_set_ms(bus->socket, NNG_OPT_RECONNMAXT, 5);
    if (e == 0)
        e = nng_pipe_notify(bus->socket, NNG_PIPE_EV_ADD_POST, pipe_changed, bus);
    if (e == 0)
        e = nng_pipe_notify(bus->socket, NNG_PIPE_EV_REM_POST, pipe_changed, bus);
    if (e == 0)
        e = nng_socket_get_int(bus->socket, NNG_OPT_RECVFD, &bus->receive_fd);
    if (e == 0)
        e = nng_socket_get_int(bus->socket, NNG_OPT_SENDFD, &bus->send_fd);
    return e;
}

static int bus_new(struct bus **ret, struct fault *why)
{
    struct bus *bus = calloc(1, sizeof *bus);
    if (bus == NULL)
        return fault_set(why, ERR_NOMEM, "bus: no memory for a socket");
    bus->peer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&bus->lock, NULL);
    int e = bus->peer_fd < 0 ? NNG_ENOFILES : open_socket(bus);
    if (e != 0) {
        if (bus->peer_fd >= 0)
            close(bus->peer_fd);
        free(bus);
        return failed(why, "open", e);
    }
    e = configure(bus);
    if (e != 0) {
        bus_close(bus);
        return failed(why, "configure", e);
    }
    *ret = bus;
    return 0;
}

static int url_of(const char *path, char *url, size_t size, struct fault *why)
{
    if ((size_t)snprintf(url, size, "ipc://%s", path) >= size)
        return fault_set(why, ERR_TOO_BIG, "bus: the socket path %s is too long; use a shorter directory",
                         path);
    return 0;
}

int bus_dial(const char *path, int patience_ms, struct bus **ret, struct fault *why)
{
    char url[NNG_MAXADDRLEN];
    struct bus *bus;
    int r = url_of(path, url, sizeof url, why);
    if (r < 0 || (r = bus_new(&bus, why)) < 0)
        return r;
    int e = nng_dial(bus->socket, url, NULL, 0);
    for (int waited = 0; e != 0 && waited < patience_ms * 2; waited++) {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        e = nng_dial(bus->socket, url, NULL, 0);
    }
    if (e != 0) {
        bus_close(bus);
        return failed(why, path, e);
    }
    *ret = bus;
    return 0;
}

int bus_listen(const char *path, int mode, struct bus **ret, struct fault *why)
{
    char url[NNG_MAXADDRLEN];
    struct bus *bus;
    nng_listener listener;
    int r = url_of(path, url, sizeof url, why);
    if (r < 0 || (r = bus_new(&bus, why)) < 0)
        return r;
    int e = nng_listener_create(&listener, bus->socket, url);
    if (e == 0)
        e = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, mode);
    if (e == 0)
        e = nng_listener_start(listener, 0);
    if (e != 0) {
        bus_close(bus);
        return failed(why, path, e);
    }
    *ret = bus;
    return 0;
}

void bus_close(struct bus *bus)
{
    if (bus == NULL)
        return;
    nng_close(bus->socket);
    close(bus->peer_fd);
    pthread_mutex_destroy(&bus->lock);
    free(bus);
}

int bus_fd(const struct bus *bus)
{
    return bus->receive_fd;
}

int bus_send_fd(const struct bus *bus)
{
    return bus->send_fd;
}

int bus_peer_fd(const struct bus *bus)
{
    return bus->peer_fd;
}

void bus_peer_changed(struct bus *bus)
{
    eventfd_t count;
    (void)eventfd_read(bus->peer_fd, &count);
}

struct bus_peer bus_peer(const struct bus *bus)
{
    struct bus *own = (struct bus *)bus;
    pthread_mutex_lock(&own->lock);
    struct bus_peer peer = own->peer;
    pthread_mutex_unlock(&own->lock);
    return peer;
}

int bus_receive(struct bus *bus, struct bus_message **ret)
{
    nng_msg *msg;
    int e = nng_recvmsg(bus->socket, &msg, NNG_FLAG_NONBLOCK);
    if (e == NNG_EAGAIN)
        return 0;
    if (e != 0)
        return -ERR_CLOSED;
    *ret = (struct bus_message *)msg;
    return 1;
}

int bus_send(struct bus *bus, struct span bytes)
{
    nng_msg *msg;
    if (nng_msg_alloc(&msg, bytes.len) != 0)
        return -ERR_NOMEM;
    memcpy(nng_msg_body(msg), bytes.at, bytes.len);
    int e = nng_sendmsg(bus->socket, msg, NNG_FLAG_NONBLOCK);
    if (e == 0)
        return 0;
    nng_msg_free(msg);
    return e == NNG_EAGAIN ? -ERR_BUSY : -ERR_CLOSED;
}
