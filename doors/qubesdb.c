/* SPDX-License-Identifier: MIT
 * Questions to a qubesdb-daemon, each under its deadline; on the worker thread of guest. */
#include "doors/qubesdb.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct qubesdb {
    int fd;
    bool broken; /* what comes next would answer another question */
    struct qubesdb_stream stream;
};

/* A question on its way, and where its end is written. */
struct question {
    struct qubesdb *q;
    uint64_t deadline;
    struct fault *why;
};

int qubesdb_new(int fd, struct qubesdb **ret)
{
    struct qubesdb *q = calloc(1, sizeof *q);
    if (q == NULL) {
        close(fd);
        return -ERR_NOMEM;
    }
    q->fd = fd;
    (void)fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK); /* a peer that reads or says nothing must not hold us */
    *ret = q;
    return 0;
}

void qubesdb_free(struct qubesdb *q)
{
    if (q == NULL)
        return;
    close(q->fd);
    free(q);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int broken(struct question *a, enum err code, const char *text)
{
    a->q->broken = true;
    return fault_set(a->why, code, "%s", text);
}

static int wait_for(struct question *a, short events)
{
    struct pollfd p = {a->q->fd, events, 0};
    uint64_t at = now();
    if (at >= a->deadline || poll(&p, 1, (int)((a->deadline - at) / 1000000u) + 1) == 0)
        return broken(a, ERR_TIMEOUT, "the guest's qubesdb-daemon does not answer in time; is it well?");
    return 0;
}

static bool again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static int send_all(struct question *a, const char *bytes, size_t len)
{
    while (len > 0) {
        struct iovec piece = {(void *)(uintptr_t)bytes, len};
        ssize_t sent = sendmsg(a->q->fd, &(struct msghdr){.msg_iov = &piece, .msg_iovlen = 1}, MSG_NOSIGNAL);
        if (sent < 0 && !again())
            return broken(a, ERR_CLOSED, "the guest's qubesdb-daemon has closed the connection");
        if (sent < 0 && wait_for(a, POLLOUT) < 0)
            return -ERR_TIMEOUT;
        bytes += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

static int ask(struct question *a, enum qubesdb_type type, const char *path, struct span data)
{
    char bytes[QUBESDB_FRAME_MAX];
    if (a->q->broken)
        return fault_set(a->why, ERR_CLOSED, "this connection to the qubesdb-daemon is not used any more");
    int len = qubesdb_frame_write(bytes, type, span_of(path), data);
    if (len < 0 || path[0] != '/')
        return fault_set(a->why, ERR_RANGE, "QubesDB takes paths of 63 and values of 3072 bytes");
    return send_all(a, bytes, (size_t)len);
}

static int receive(struct question *a)
{
    struct qubesdb_stream *s = &a->q->stream;
    ssize_t got = read(a->q->fd, s->bytes + s->have, sizeof s->bytes - s->have);
    if (got > 0)
        s->have += (size_t)got;
    else if (got == 0 || !again())
        return broken(a, ERR_CLOSED, "the guest's qubesdb-daemon has closed the connection");
    else
        return wait_for(a, POLLIN);
    return 0;
}

/* The next message that is no watch's. The deadline also ends a flood of those. */
static int hear(struct question *a, struct qubesdb_message *m)
{
    for (;;) {
        int r = qubesdb_frame_take(&a->q->stream, m);
        if (r < 0)
            return broken(a, ERR_BAD, "the guest's qubesdb-daemon speaks another protocol");
        if (r == 1 && m->type != QUBESDB_FIRED)
            return 0;
        if (now() >= a->deadline)
            return broken(a, ERR_TIMEOUT, "the guest's qubesdb-daemon does not come to an end");
        if (r == 0 && (r = receive(a)) < 0)
            return r;
    }
}

/* The one answer to a question about `path`. */
static int hear_one(struct question *a, const char *path, struct qubesdb_message *m)
{
    int r = hear(a, m);
    if (r < 0)
        return r;
    if (strcmp(m->path, path) != 0)
        return broken(a, ERR_BAD, "the guest's qubesdb-daemon answers what was not asked");
    if (m->type == QUBESDB_NOENT)
        return fault_set(a->why, ERR_UNKNOWN, "QubesDB has no entry %s", path);
    if (m->type == QUBESDB_ERROR)
        return fault_set(a->why, ERR_STATE, "the guest's qubesdb-daemon refused %s", path);
    return 0;
}

static int expect(struct question *a, const struct qubesdb_message *m, enum qubesdb_type type)
{
    return m->type == type ? 0 : broken(a, ERR_BAD, "the guest's qubesdb-daemon answers what was not asked");
}

int qubesdb_read(struct qubesdb *q, const char *path, uint64_t deadline, struct text *value,
                 struct fault *why)
{
    struct question a = {q, deadline, why};
    struct qubesdb_message m = {0};
    int r = ask(&a, QUBESDB_READ, path, SPAN_LITERAL(""));
    if (r == 0)
        r = hear_one(&a, path, &m);
    if (r == 0)
        r = expect(&a, &m, QUBESDB_VALUE);
    if (r < 0)
        return r;
    text_append(value, m.data);
    return value->failed < 0 ? fault_set(why, (enum err) - value->failed, "no room for the value of %s", path)
                             : 0;
}

static int give(struct question *a, const struct qubesdb_message *m, const char *prefix, qubesdb_each *each,
                void *arg)
{
    size_t len = strlen(prefix);
    if (strncmp(m->path, prefix, len) != 0)
        return broken(a, ERR_BAD, "the guest's qubesdb-daemon answers what was not asked");
    int r = each(arg, span_of(m->path + len), m->data, a->why);
    a->q->broken = a->q->broken || r < 0; /* the rest of the answer is still to come */
    return r;
}

int qubesdb_multiread(struct qubesdb *q, const char *prefix, uint64_t deadline, qubesdb_each *each, void *arg,
                      struct fault *why)
{
    struct question a = {q, deadline, why};
    struct qubesdb_message m = {0};
    int r = ask(&a, QUBESDB_MULTIREAD, prefix, SPAN_LITERAL(""));
    while (r == 0) {
        r = hear(&a, &m);
        if (r == 0)
            r = expect(&a, &m, QUBESDB_ENTRY);
        if (r == 0 && m.path[0] == '\0')
            return 0;
        if (r == 0)
            r = give(&a, &m, prefix, each, arg);
    }
    return r;
}

/* What is answered with OK. */
static int tell(struct qubesdb *q, enum qubesdb_type type, const char *path, struct span value,
                uint64_t deadline, struct fault *why)
{
    struct question a = {q, deadline, why};
    struct qubesdb_message m = {0};
    int r = ask(&a, type, path, value);
    if (r == 0)
        r = hear_one(&a, path, &m);
    return r == 0 ? expect(&a, &m, QUBESDB_OK) : r;
}

int qubesdb_write(struct qubesdb *q, const char *path, struct span value, uint64_t deadline,
                  struct fault *why)
{
    return tell(q, QUBESDB_WRITE, path, value, deadline, why);
}

int qubesdb_rm(struct qubesdb *q, const char *path, uint64_t deadline, struct fault *why)
{
    int r = tell(q, QUBESDB_RM, path, SPAN_LITERAL(""), deadline, why);
    return r == -ERR_UNKNOWN ? 0 : r;
}

int qubesdb_watch(struct qubesdb *q, const char *path, uint64_t deadline, struct fault *why)
{
    return tell(q, QUBESDB_WATCH, path, SPAN_LITERAL(""), deadline, why);
}

int qubesdb_unwatch(struct qubesdb *q, const char *path, uint64_t deadline, struct fault *why)
{
    return tell(q, QUBESDB_UNWATCH, path, SPAN_LITERAL(""), deadline, why);
}
