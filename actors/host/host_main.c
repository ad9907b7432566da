/* SPDX-License-Identifier: MIT
 * The program host: its worker's door listens on a thread of its own; what it hears comes to the
 * core's thread through a short queue and an eventfd. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "actors/host/host_main_lines.h"
#include "base/log.h"
#include "doors/virt_thread.h"
#include "runtime/program.h"

enum { EVENTS_MAX = 4096 };

/* What the door's thread has heard; full, it drops what comes: the look that follows tells all. */
static struct ear {
    pthread_mutex_t lock;
    struct hostwatch_event events[EVENTS_MAX];
    size_t count;
    bool closed;
    int fd;
} ear = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static char uri[512], figures_uri[512];
static struct xenstore_door *xenstore;

/* Its socket is root's alone: this is the one connection that Stats has. A xenstored that hangs loses it
 * before the task that reads is overdue. */
static int open_xenstore(struct program *p)
{
    static const struct timeval silence = {.tv_sec = 2};
    const char *place = program_place(p, PLACE_XENSTORE);
    char socket[PATH_MAX];
    struct fault why;
    int fd = -1;
    if (strncmp(program_option(p, "hypervisor", "xen:///system"), "xen:", 4) != 0 || place == NULL ||
        snprintf(socket, sizeof socket, "%s/socket", place) >= (int)sizeof socket)
        return -1;
    setenv("XENSTORED_PATH", socket, 1);
    if (xenstore_open_socket(&xenstore, &fd, &why) == 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
        return fd;
    }
    log_line(LOG_WARN, "what guests say of their memory is not known: %s", why.text);
    return -1;
}

static void heard(void *user, const struct hostwatch_event *event)
{
    (void)user;
    pthread_mutex_lock(&ear.lock);
    if (ear.count < EVENTS_MAX)
        ear.events[ear.count++] = *event;
    pthread_mutex_unlock(&ear.lock);
    (void)eventfd_write(ear.fd, 1);
}

static void closed(void *user)
{
    (void)user;
    pthread_mutex_lock(&ear.lock);
    ear.closed = true;
    pthread_mutex_unlock(&ear.lock);
    (void)eventfd_write(ear.fd, 1);
}

/* On the core's thread. */
static void take(void *arg, struct shell *shell, int fd, uint32_t events)
{
    static struct hostwatch_event taken[EVENTS_MAX];
    struct host *h = arg;
    eventfd_t ignored;
    (void)events;
    (void)eventfd_read(fd, &ignored);
    pthread_mutex_lock(&ear.lock);
    size_t count = ear.count;
    bool lost = ear.closed;
    memcpy(taken, ear.events, count * sizeof *taken);
    ear.count = 0;
    ear.closed = false;
    pthread_mutex_unlock(&ear.lock);
    for (size_t i = 0; i < count; i++)
        host_heard(h, shell_out(shell), &taken[i]);
    if (lost)
        host_lost(h, shell_out(shell));
}

static int open_watch(void *arg, struct hostwatch **ret, struct fault *why)
{
    static const struct hostwatch_ears ears = {NULL, heard, closed};
    return hostwatch_open_libvirt(arg, &ears, ret, why);
}

static void *open_doors(void *arg)
{
    struct host_doors *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort(); /* without its worker it can do nothing: the supervisor starts another */
    d->open = open_watch;
    d->arg = arg;
    d->xenstore = xenstore;
    d->figures_arg = figures_uri[0] != '\0' ? figures_uri : NULL;
    return d;
}

static void close_doors(void *doors)
{
    struct host_doors *d = doors;
    hostwatch_free(d->watch);
    free(d);
}

static int open_host(const struct program *p, struct shell *shell, struct fault *why)
{
    struct host *h = shell_core(shell);
    if (text_copy(uri, sizeof uri, span_of(program_option(p, "hypervisor", "xen:///system"))) < 0)
        return fault_set(why, ERR_RANGE, "the hypervisor's URI is longer than %zu bytes", sizeof uri - 1);
    host_main_lines(h, shell);
    const char *described = program_place(p, PLACE_HOST_XML);
    if (described != NULL)
        snprintf(figures_uri, sizeof figures_uri, "test://%s", described);
    (void)text_copy(h->qubes_dir, sizeof h->qubes_dir,
                    span_of(program_option(p, "pool-dir", "/var/lib/qubes")));
    ear.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ear.fd < 0 || shell_watch(shell, ear.fd, EPOLLIN, take, h) < 0)
        return fault_set(why, ERR_IO, "no eventfd to hear the hypervisor through");
    return virt_thread_start(why);
}

static void handed(void *self, struct shell *shell, uint32_t what, struct control_fds *fds)
{
    (void)self;
    for (int i = 1; i < fds->count; i++)
        close(fds->fd[i]);
    host_main_lines_handed(shell, what, fds->count > 0 ? fds->fd[0] : -1);
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {open_doors, close_doors, uri};
    static const struct program_parts parts = {
        .actor = &host_actor, .early = open_xenstore, .open = open_host, .doors = &doors, .handed = handed};
    return program_run(&parts, argc, argv);
}
