/* SPDX-License-Identifier: MIT
 * Hears of changes in a guest's QubesDB; see guest_main_watch.h. */
#include "actors/guest/guest_main_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_socket(struct guest_socket *s, struct shell *shell)
{
    if (s->fd < 0)
        return;
    (void)shell_watch(shell, s->fd, 0, NULL, NULL);
    close(s->fd);
    s->fd = -1;
}

static void end(struct guest_socket *s, struct shell *shell)
{
    close_socket(s, shell);
    guest_watch_ended(shell_core(shell), shell_out(shell));
}

/* One piece at a time: what floods it waits in its own socket while others have their turn. */
static void ready(void *arg, struct shell *shell, int fd, uint32_t events)
{
    struct guest_socket *s = arg;
    struct qubesdb_message m;
    (void)events;
    ssize_t got = read(fd, s->stream.bytes + s->stream.have, sizeof s->stream.bytes - s->stream.have);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    int r = got > 0 ? 0 : -ERR_CLOSED;
    s->stream.have += got > 0 ? (size_t)got : 0;
    while (r >= 0 && (r = qubesdb_frame_take(&s->stream, &m)) == 1)
        if (m.type == QUBESDB_FIRED)
            guest_fired(shell_core(shell), shell_out(shell), m.path);
    if (r < 0)
        end(s, shell);
}

static int ask(int fd)
{
    char bytes[QUBESDB_FRAME_MAX];
    for (size_t i = 0; guest_watched(i) != NULL; i++) {
        int len = qubesdb_frame_write(bytes, QUBESDB_WATCH, span_of(guest_watched(i)), SPAN_LITERAL(""));
        struct iovec piece = {bytes, (size_t)(len > 0 ? len : 0)};
        if (len < 0 || sendmsg(fd, &(struct msghdr){.msg_iov = &piece, .msg_iovlen = 1}, MSG_NOSIGNAL) != len)
            return -ERR_CLOSED;
    }
    return 0;
}

int guest_socket_open(struct guest_socket *s, struct shell *shell, int fd)
{
    close_socket(s, shell);
    (void)fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
    int r = ask(fd);
    if (r == 0)
        r = shell_watch(shell, fd, EPOLLIN, ready, s);
    if (r < 0) {
        close(fd);
        return r;
    }
    *s = (struct guest_socket){.fd = fd};
    return 0;
}
