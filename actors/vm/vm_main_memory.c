/* SPDX-License-Identifier: MIT
 * The memory balancer's socket on the core's own thread; see vm_main_memory.h. A daemon that hangs or lies
 * costs this VM its start and nobody anything else: no call here waits, and no more than a word is read. */
#include "actors/vm/vm_main_memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/effects/hand.h"

enum { WORD = 15 };

static struct {
    struct shell *shell;
    char line[VM_MEMORY_LINE]; /* "": nothing is asked */
    int fd;
    char word[WORD + 1];
    size_t have;
} the = {.fd = -1};

static void unwatch(void)
{
    (void)shell_watch(the.shell, the.fd, 0, NULL, NULL);
}

static void end(void *arg)
{
    (void)arg;
    the.line[0] = '\0';
    if (the.fd < 0)
        return;
    unwatch();
    close(the.fd);
    the.fd = -1;
}

static void ask(void *arg, const char *line)
{
    struct control record = {.what = CONTROL_DOOR, .value = HAND_QMEMMAN};
    end(arg);
    snprintf(the.line, sizeof the.line, "%s", line);
    (void)shell_tell(the.shell, &record, NULL);
}

static void say(enum vm_memory_word word)
{
    the.line[0] = '\0';
    vm_memory_said(shell_core(the.shell), shell_out(the.shell), word);
}

/* Granted, it stays open and unread: its end is ours to choose. */
static void ready(void *arg, struct shell *shell, int fd, uint32_t events)
{
    (void)arg, (void)shell, (void)events;
    ssize_t got = read(fd, the.word + the.have, WORD - the.have);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    the.have += got > 0 ? (size_t)got : 0;
    if (got > 0 && the.have < 2)
        return;
    unwatch();
    if (got <= 0)
        say(VM_MEMORY_DEAD);
    else
        say(memcmp(the.word, "OK", 2) == 0 && (the.have == 2 || the.word[2] == '\n') ? VM_MEMORY_GRANTED
                                                                                     : VM_MEMORY_REFUSED);
}

static bool begin(int fd)
{
    struct iovec piece = {the.line, strlen(the.line)};
    struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
    the.fd = fd;
    the.have = 0;
    return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)piece.iov_len &&
           shell_watch(the.shell, fd, EPOLLIN, ready, NULL) == 0;
}

void vm_main_memory_handed(struct shell *shell, uint32_t what, int fd)
{
    (void)shell;
    if (the.line[0] == '\0' || the.fd >= 0) {
        if (fd >= 0)
            close(fd); /* of a question that was given up */
        return;
    }
    if (fd < 0)
        say(what == HAND_QMEMMAN_DEAD ? VM_MEMORY_DEAD : VM_MEMORY_NONE);
    else if (!begin(fd))
        say(VM_MEMORY_DEAD);
}

void vm_main_memory(struct vm *vm, struct shell *shell)
{
    static const struct vm_memory_ops ops = {ask, end};
    the.shell = shell;
    vm->memory = &ops;
}
