/* SPDX-License-Identifier: MIT
 * The supervisor's loop: control lines, ends of children, signals, time. */
#include "supervisor/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

/* How long an orderly end may take before what is left is killed. */
#define STOP_MOST (8 * SEC)
/* A turn of the loop takes half a second at most: after so long the supervisor itself was not run. */
#define OWN_LATE SEC

/* What an epoll event is about: the slot of the child or run in the low bits, which descriptor above. */
enum source { SOURCE_SIGNALS, SOURCE_CONTROL, SOURCE_END, SOURCE_RUN };

static uint64_t tag(enum source source, const struct child *c)
{
    return (uint64_t)source << 32 | (c != NULL ? c->slot : 0);
}

static struct child *child_at(struct supervisor *s, uint32_t slot)
{
    struct child *c, *next;
    HASH_ITER(hh, s->children, c, next)
    {
        if (c->slot == slot)
            return c;
    }
    return NULL;
}

static int watch(struct supervisor *s, int fd, uint64_t what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = what};
    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -ERR_IO : 0;
}

int watch_child(struct supervisor *s, struct child *c)
{
    int r = watch(s, c->control, tag(SOURCE_CONTROL, c));
    return r < 0 ? r : watch(s, c->pidfd, tag(SOURCE_END, c));
}

void unwatch_child(struct supervisor *s, struct child *c)
{
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->pidfd, NULL);
    if (c->control >= 0)
        (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->control, NULL);
}

void watch_room(struct supervisor *s, struct child *c, bool wanted)
{
    struct epoll_event e = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.u64 = tag(SOURCE_CONTROL, c)};
    (void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->control, &e);
}

void watch_run(struct supervisor *s, struct run *run)
{
    if (watch(s, run->pidfd, (uint64_t)SOURCE_RUN << 32 | (uint64_t)(run - s->run)) < 0)
        log_line(LOG_ERROR, "the end of a program will not be heard");
}

void unwatch_run(struct supervisor *s, struct run *run)
{
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, run->pidfd, NULL);
}

/* Ready for clients: told once to systemd. */
static void announce(struct supervisor *s)
{
    static const struct address needed[] = {{KIND_ROUTER, 0}, {KIND_REGISTRY, 0}, {KIND_API, 0}};
    for (size_t i = 0; i < COUNT(needed) && !s->announced; i++) {
        const struct child *c = child_find(s, needed[i]);
        if (c == NULL || c->state != LIFE_SERVING)
            return;
    }
    if (s->announced)
        return;
    s->announced = true;
    status_supervisor(s, "serving");
    sd_notify(0, "READY=1\nSTATUS=serving");
}

static void take_record(struct supervisor *s, struct child *c, const struct control *r,
                        const struct control_fds *files)
{
    switch (r->what) {
    case CONTROL_READY:
        c->layers = r->number;
        life_event(s, c, LIFE_READY);
        announce(s);
        break;
    case CONTROL_HEARD:
        c->heard = r->number;
        watch_heard(s, c);
        status_show(s, c);
        break;
    case CONTROL_NOTE:
        notes_put(s, c, (struct span){r->text, r->len});
        break;
    case CONTROL_DOOR:
        if (c->key.kind == KIND_STORAGE)
            loans_hand(s, c, r->value);
        else
            hand_down(s, c, r->value);
        break;
    case CONTROL_LEND:
        loans_hear(s, c, r, files);
        break;
    case CONTROL_TITLE:
        snprintf(c->title, sizeof c->title, "%.*s", (int)(r->len < STATUS_TITLE ? r->len : STATUS_TITLE - 1),
                 r->text);
        status_show(s, c);
        break;
    case CONTROL_RUN:
        programs_run(s, c, r, files);
        break;
    case CONTROL_POOL:
        pools_hear(s, c, r);
        break;
    case CONTROL_POOLS:
        pools_hear_all(s, c);
        break;
    case CONTROL_RUN_END:
        programs_kill(s, c, r->number);
        break;
    default:
        if (c == s->router)
            router_says(s, r);
        break;
    }
}

void child_says(struct supervisor *s, struct child *c)
{
    struct control r;
    struct control_fds files = {0};
    while (c->control >= 0 && control_receive(c->control, &r, &files) == 1) {
        take_record(s, c, &r, &files);
        for (int i = 0; i < files.count; i++)
            close(files.fd[i]);
        files.count = 0;
    }
}

static void forget_line(struct supervisor *s, struct child *c)
{
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->control, NULL);
    close(c->control);
    c->control = -1;
}

static void stop(struct supervisor *s)
{
    struct child *c, *next;
    if (s->stopping)
        return;
    s->stopping = true;
    status_supervisor(s, "stopping");
    sd_notify(0, "STOPPING=1");
    HASH_ITER(hh, s->children, c, next)
    {
        if (c->control >= 0 && c != s->router)
            (void)control_send(c->control, &(struct control){.what = CONTROL_STOP}, NULL);
    }
}

static void take_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
        stop(s);
}

static void take_event(struct supervisor *s, const struct epoll_event *e)
{
    enum source source = (enum source)(e->data.u64 >> 32);
    if (source == SOURCE_SIGNALS) {
        take_signal(s);
        return;
    }
    if (source == SOURCE_RUN) {
        programs_reap(s, &s->run[(uint32_t)e->data.u64 % RUNS_MAX]);
        return;
    }
    struct child *c = child_at(s, (uint32_t)e->data.u64);
    if (c == NULL || c->pid == 0)
        return;
    if (source == SOURCE_CONTROL) {
        child_says(s, c);
        if ((e->events & EPOLLHUP) != 0 && c->control >= 0)
            forget_line(s, c);
    } else {
        child_reap(s, c);
        life_event(s, c, LIFE_DIED);
    }
}

static bool any_lives(struct supervisor *s, bool with_router)
{
    struct child *c, *next;
    HASH_ITER(hh, s->children, c, next)
    {
        if (c->pid > 0 && (with_router || c != s->router))
            return true;
    }
    return false;
}

/* Everybody but the router first, so that last words arrive; whoever lingers is killed. */
static bool stopped(struct supervisor *s, uint64_t since)
{
    struct child *c, *next;
    bool late = s->now - since > STOP_MOST;
    HASH_ITER(hh, s->children, c, next)
    {
        if (c->pid > 0 && (late || (c == s->router && !any_lives(s, false))))
            child_kill(c);
    }
    return !any_lives(s, true);
}

/* Milliseconds until the next thing that time brings. */
static int patience(struct supervisor *s)
{
    struct child *c, *next;
    uint64_t least = s->now + 500 * MS;
    HASH_ITER(hh, s->children, c, next)
    {
        if (c->state == LIFE_PAUSING && c->due_at < least)
            least = c->due_at;
    }
    return least <= s->now ? 0 : (int)((least - s->now + MS - 1) / MS);
}

static int open_signals(struct supervisor *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals < 0 ? -ERR_IO : watch(s, s->signals, tag(SOURCE_SIGNALS, NULL));
}

static void start_all(struct supervisor *s)
{
    static const struct address first[] = {{KIND_ROUTER, 0},  {KIND_REGISTRY, 0}, {KIND_API, 0},
                                           {KIND_API, 1},     {KIND_HOST, 0},     {KIND_DEVBUS_PCI, 0},
                                           {KIND_LAUNCHER, 0}};
    struct fault why;
    for (size_t i = 0; i < COUNT(first); i++) {
        struct child *c = child_make(s, first[i], 0, &why);
        if (c == NULL) {
            log_line(LOG_ERROR, "%s", why.text);
            continue;
        }
        if (first[i].kind == KIND_ROUTER)
            s->router = c;
        life_event(s, c, LIFE_WANTED);
    }
}

int supervise(struct supervisor *s)
{
    struct epoll_event events[64];
    uint64_t stopping_since = 0;
    uint64_t watchdog_usec = 0;
    s->now = clock_now();
    if (open_signals(s) < 0)
        return 1;
    if (sd_watchdog_enabled(0, &watchdog_usec) > 0)
        s->watchdog_every = watchdog_usec * 1000 / 2;
    start_all(s);
    notes_wake(s);
    for (;;) {
        int count = epoll_wait(s->epoll, events, COUNT(events), patience(s));
        uint64_t before = s->now;
        s->now = clock_now();
        if (s->now - before > OWN_LATE)
            watch_late(s, s->now - before);
        for (int i = 0; i < count; i++)
            take_event(s, &events[i]);
        router_flush(s);
        watch_tick(s);
        if (s->stopping && stopping_since == 0)
            stopping_since = s->now;
        if (s->stopping && stopped(s, stopping_since))
            return 0;
    }
}
