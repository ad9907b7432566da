/* SPDX-License-Identifier: MIT
 * A stand-in for xenstored in a thread of the test: one client, the wire protocol's few calls, and ways to be
 * wrong. */
#ifndef TESTS_UNIT_DOORS_XENSTORED_H
#define TESTS_UNIT_DOORS_XENSTORED_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Numbers of the protocol. */
enum {
    XSD_LIST = 1,
    XSD_READ = 2,
    XSD_WATCH = 4,
    XSD_BEGIN = 6,
    XSD_END = 7,
    XSD_WRITE = 11,
    XSD_REMOVE = 13
};
enum { XSD_EVENT = 15, XSD_ERROR = 16 };

/* How the next answers go wrong. */
enum xsd_fault { XSD_WELL, XSD_CUT_HEADER, XSD_CUT_BODY, XSD_HANG_UP, XSD_OTHER_TYPE, XSD_STRANGE_ERROR };

struct xsd_header {
    uint32_t type, request, tx, len;
};

struct xenstored {
    pthread_t thread;
    char dir[64], path[128], watch[128], token[64];
    int listening;
    _Atomic int fault, conflicts;        /* how many commits still meet another */
    _Atomic unsigned transactions, open; /* begun; begun and not ended */
    struct {
        char path[128], value[256];
    } item[64];
    size_t items;
};

static inline bool xsd_all(int fd, void *at, size_t len, bool send_it)
{
    for (char *p = at; len > 0;) {
        ssize_t n = send_it ? send(fd, p, len, MSG_NOSIGNAL) : recv(fd, p, len, 0);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static inline void xsd_put(struct xenstored *x, const char *path, const char *value)
{
    size_t i = 0;
    while (i < x->items && strcmp(x->item[i].path, path) != 0)
        i++;
    if (i == x->items)
        x->items++;
    snprintf(x->item[i].path, sizeof x->item[i].path, "%s", path);
    snprintf(x->item[i].value, sizeof x->item[i].value, "%s", value);
}

static inline bool xsd_is_below(const char *path, const char *above)
{
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static inline bool xsd_send(struct xenstored *x, int fd, struct xsd_header h, const char *body, uint32_t len)
{
    int fault = x->fault;
    h.len = len;
    if (fault == XSD_HANG_UP)
        return false;
    if (fault == XSD_OTHER_TYPE)
        h.type = 9;
    if (fault == XSD_CUT_HEADER)
        return xsd_all(fd, &h, 7, true) && false;
    if (!xsd_all(fd, &h, sizeof h, true))
        return false;
    return xsd_all(fd, (void *)(uintptr_t)body, fault == XSD_CUT_BODY ? len / 2 : len, true) &&
           fault != XSD_CUT_BODY;
}

static inline bool xsd_error(struct xenstored *x, int fd, struct xsd_header h, const char *name)
{
    if (x->fault == XSD_STRANGE_ERROR)
        name = "ENOSUCHERROR";
    h.type = XSD_ERROR;
    return xsd_send(x, fd, h, name, (uint32_t)strlen(name) + 1);
}

static inline bool xsd_list(struct xenstored *x, int fd, struct xsd_header h, const char *path)
{
    char names[4096];
    uint32_t len = 0;
    bool found = false;
    for (size_t i = 0; i < x->items; i++) {
        const char *below = x->item[i].path + strlen(path);
        char name[64];
        if (!xsd_is_below(x->item[i].path, path))
            continue;
        found = true;
        if (below[0] == '\0')
            continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(below + 1, "/"), below + 1);
        bool told = false;
        for (uint32_t at = 0; at < len; at += (uint32_t)strlen(names + at) + 1)
            told = told || strcmp(names + at, name) == 0;
        if (!told)
            len += (uint32_t)snprintf(names + len, sizeof names - len, "%s", name) + 1;
    }
    return found ? xsd_send(x, fd, h, names, len) : xsd_error(x, fd, h, "ENOENT");
}

static inline bool xsd_read(struct xenstored *x, int fd, struct xsd_header h, const char *path)
{
    for (size_t i = 0; i < x->items; i++)
        if (strcmp(x->item[i].path, path) == 0)
            return xsd_send(x, fd, h, x->item[i].value, (uint32_t)strlen(x->item[i].value));
    return xsd_error(x, fd, h, "ENOENT");
}

static inline bool xsd_tell_watch(struct xenstored *x, int fd)
{
    char body[256];
    int len = snprintf(body, sizeof body, "%s%c%s", x->watch, 0, x->token);
    struct xsd_header h = {.type = XSD_EVENT};
    return x->watch[0] == '\0' || xsd_send(x, fd, h, body, (uint32_t)len + 1);
}

static inline bool xsd_change(struct xenstored *x, int fd, struct xsd_header h, const char *body,
                              uint32_t len)
{
    char value[256];
    snprintf(value, sizeof value, "%.*s", (int)(len - strlen(body) - 1), body + strlen(body) + 1);
    if (h.type == XSD_WRITE)
        xsd_put(x, body, value);
    for (size_t i = 0; h.type == XSD_REMOVE && i < x->items; i++)
        if (xsd_is_below(x->item[i].path, body))
            x->item[i].path[0] = '!';
    return xsd_send(x, fd, h, "OK", 3) && (!xsd_is_below(body, x->watch) || xsd_tell_watch(x, fd));
}

static inline bool xsd_answer(struct xenstored *x, int fd, struct xsd_header h, char *body)
{
    switch (h.type) {
    case XSD_LIST:
        return xsd_list(x, fd, h, body);
    case XSD_READ:
        return xsd_read(x, fd, h, body);
    case XSD_WRITE:
    case XSD_REMOVE:
        return xsd_change(x, fd, h, body, h.len);
    case XSD_WATCH:
        snprintf(x->watch, sizeof x->watch, "%s", body);
        snprintf(x->token, sizeof x->token, "%s", body + strlen(body) + 1);
        return xsd_send(x, fd, h, "OK", 3) && xsd_tell_watch(x, fd);
    case XSD_BEGIN:
        x->transactions++;
        x->open++;
        return xsd_send(x, fd, h, "7", 2);
    case XSD_END:
        x->open--;
        if (body[0] == 'T' && x->conflicts > 0) {
            x->conflicts--;
            return xsd_error(x, fd, h, "EAGAIN");
        }
        return xsd_send(x, fd, h, "OK", 3);
    default:
        return xsd_error(x, fd, h, "ENOSYS");
    }
}

static inline void *xsd_serve(void *arg)
{
    struct xenstored *x = arg;
    for (int fd; (fd = accept(x->listening, NULL, NULL)) >= 0; close(fd)) {
        struct xsd_header h;
        char body[4200];
        bool well = true;
        while (well && xsd_all(fd, &h, sizeof h, false) && h.len < 4096 && xsd_all(fd, body, h.len, false)) {
            body[h.len] = body[h.len + 1] = '\0';
            well = xsd_answer(x, fd, h, body);
        }
        x->watch[0] = '\0';
    }
    return NULL;
}

static inline struct xenstored *xsd_start(void)
{
    struct xenstored *x = calloc(1, sizeof *x);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (x == NULL)
        abort();
    snprintf(x->dir, sizeof x->dir, "/tmp/xenstored-XXXXXX");
    if (mkdtemp(x->dir) == NULL)
        abort();
    snprintf(x->path, sizeof x->path, "%s/socket", x->dir);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", x->path);
    x->listening = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(x->listening, (struct sockaddr *)&address, sizeof address) < 0 || listen(x->listening, 4) < 0 ||
        setenv("XENSTORED_PATH", x->path, 1) < 0 || pthread_create(&x->thread, NULL, xsd_serve, x) != 0)
        abort();
    return x;
}

static inline void xsd_stop(struct xenstored *x)
{
    shutdown(x->listening, SHUT_RDWR);
    pthread_join(x->thread, NULL);
    close(x->listening);
    unlink(x->path);
    rmdir(x->dir);
    free(x);
}

#endif
