/* SPDX-License-Identifier: MIT
 * Runs one program to its end as a child of this process, bounded in time and in what it may say. A jailed
 * pool's process cannot: its calls go to its runner (actors/storage/storage_tools.c). */
#include "doors/pool_call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"

enum { STEP_MS = 100, PATH_MOST = 256 };

static int find(const char *name, char path[PATH_MOST])
{
    static const char *const folders[] = {"", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"};
    for (size_t i = name[0] == '/' ? 0 : 1; i < COUNT(folders); i++)
        if (snprintf(path, PATH_MOST, "%s%s", folders[i], name) < PATH_MOST && access(path, X_OK) == 0)
            return 0;
    errno = ENOENT;
    return -1;
}

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The program gets nothing of ours but its three descriptors: all others are close-on-exec. */
static int spawn(const struct pool_program *program, int in, int out, int err, pid_t *pid)
{
    char path[PATH_MOST], locale[80] = "LC_ALL=C.UTF-8";
    const char *set = getenv("LC_ALL");
    if (set != NULL && strlen(set) < 60)
        snprintf(locale, sizeof locale, "LC_ALL=%s", set);
    char *const env[] = {locale, (char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    if (find(program->argv[0], path) < 0)
        return -1;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, err, 2);
    posix_spawn_file_actions_addchdir_np(&files, "/");
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    int r = posix_spawn(pid, path, &files, &how, (char *const *)program->argv, env);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    errno = r;
    return r == 0 ? 0 : -1;
}

int pool_hear(int fd, struct text *into, bool complaint)
{
    char bytes[16384];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 1 : -1;
    if (n == 0)
        return 0;
    size_t room = into->limit - into->len;
    if (complaint && (size_t)n > room)
        n = (ssize_t)room;
    text_append(into, (struct span){bytes, (size_t)n});
    if (into->failed != 0) {
        errno = EFBIG;
        return -1;
    }
    return 1;
}

/* Until both ends are closed, the deadline has passed or it is called off. */
static int listen_to(const struct pool_program *program, int out, int err, struct pool_output *ret)
{
    int64_t end = clock_ms() + (int64_t)program->seconds * 1000;
    struct pollfd ears[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    while (ears[0].fd >= 0 || ears[1].fd >= 0) {
        if (poll(ears, 2, STEP_MS) < 0 && errno != EINTR)
            return -1;
        for (int i = 0; i < 2; i++) {
            int more = 1;
            if (ears[i].fd >= 0 && ears[i].revents != 0)
                more = pool_hear(ears[i].fd, i == 0 ? &ret->out : &ret->err, i == 1);
            if (more < 0)
                return -1;
            if (more == 0)
                ears[i].fd = -1;
            ears[i].revents = 0;
        }
        if (program->go_on != NULL && !program->go_on(program->self)) {
            errno = ECANCELED;
            return -1;
        }
        if (clock_ms() > end) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
    return 0;
}

/* Both ends were closed; its end may follow a little later. */
static int wait_for(pid_t pid, int r, int64_t end, int *status)
{
    int reason = errno;
    for (;;) {
        pid_t done = waitpid(pid, status, r < 0 ? 0 : WNOHANG);
        if (done == pid)
            break;
        if (done < 0 && errno != EINTR)
            return -1;
        if (done == 0 && clock_ms() > end) {
            reason = ETIMEDOUT;
            r = -1;
            kill(-pid, SIGKILL);
        }
        if (done == 0)
            usleep(1000);
    }
    errno = reason;
    return r;
}

int pool_run(const struct pool_program *program, struct pool_output *ret)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, status = 0;
    pid_t pid = 0;
    AUTO_FD nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || pipe2(out, O_CLOEXEC) < 0)
        return -1;
    AUTO_FD out_read = out[0], out_write = out[1];
    if (pipe2(err, O_CLOEXEC) < 0)
        return -1;
    AUTO_FD err_read = err[0], err_write = err[1];
    int64_t end = clock_ms() + (int64_t)program->seconds * 1000;
    if (spawn(program, program->fd_in >= 0 ? program->fd_in : nothing, out_write, err_write, &pid) < 0)
        return -1;
    close(take_fd(&out_write));
    close(take_fd(&err_write));
    ret->out = TEXT_WITH_LIMIT(POOL_OUTPUT_MOST);
    ret->err = TEXT_WITH_LIMIT(POOL_COMPLAINT_MOST);
    int r = listen_to(program, out_read, err_read, ret);
    int reason = errno;
    if (r < 0)
        kill(-pid, SIGKILL);
    errno = reason;
    if (wait_for(pid, r, end, &status) < 0)
        return -1;
    ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}
