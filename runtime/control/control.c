/* SPDX-License-Identifier: MIT
 * The control line; see control.h. */
#include "runtime/control/control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

int control_pair(int ends[2])
{
    int room = 1 << 20;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -ERR_IO;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        close(ends[0]);
        close(ends[1]);
        return -ERR_IO;
    }
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return 0;
}

int control_send(int line, const struct control *c, const struct control_fds *fds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
    } ancillary = {0};
    struct iovec bytes = {(void *)c, sizeof *c};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (fds != NULL && fds->count > 0) {
        size_t len = (size_t)fds->count * sizeof(int);
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(len);
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(len);
        memcpy(CMSG_DATA(head), fds->fd, len);
    }
    ssize_t sent;
    do
        sent = sendmsg(line, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)sizeof *c)
        return 0;
    return errno == EAGAIN || errno == ENOBUFS     ? -ERR_BUSY
           : errno == EPIPE || errno == ECONNRESET ? -ERR_CLOSED
                                                   : -ERR_IO;
}

/* The descriptors of a message; all are closed where the caller wants none. */
static void take_fds(struct msghdr *message, struct control_fds *fds)
{
    struct control_fds got = {0};
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        got.count = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(got.fd, CMSG_DATA(head), (size_t)got.count * sizeof(int));
    }
    if (fds != NULL)
        *fds = got;
    else
        for (int i = 0; i < got.count; i++)
            close(got.fd[i]);
}

int control_receive(int line, struct control *c, struct control_fds *fds)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
    } ancillary;
    struct iovec bytes = {c, sizeof *c};
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
    ssize_t got;
    do
        got = recvmsg(line, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -ERR_CLOSED;
    if (got == 0)
        return -ERR_CLOSED;
    bool sound = got == (ssize_t)sizeof *c && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
                 c->what < CONTROLS && c->len <= CONTROL_TEXT;
    take_fds(&message, sound ? fds : NULL);
    return sound ? 1 : -ERR_BAD;
}

struct control control_text(enum control_what what, struct span text)
{
    struct control c = {.what = what};
    c.len = text.len < CONTROL_TEXT ? (uint32_t)text.len : CONTROL_TEXT;
    if (c.len > 0)
        memcpy(c.text, text.at, c.len);
    return c;
}
