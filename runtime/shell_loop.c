/* SPDX-License-Identifier: MIT
 * A shell's loop: what happens to the process becomes calls of its core. */
#include "runtime/shell_parts.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "proto/messages.h"
#include "runtime/post.h"

/* How often the supervisor is told that messages are heard, at most. */
#define HEARD_EVERY (200 * MILLISECONDS)
/* Messages taken in a row before the other descriptors get their turn. */
enum { BURST = 64 };
/* How often and how long a socket is dialled that refuses. Its router may have died since: then the
 * order to dial the next one's comes on the control line, which is heard in between. */
#define DIAL_EVERY (1 * MILLISECONDS)
#define DIAL_MOST  (3 * SECONDS)

static int watch(struct shell *s, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    if (events == 0)
        return epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -ERR_IO : 0;
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
        return 0;
    return errno == EEXIST && epoll_ctl(s->epoll, EPOLL_CTL_MOD, fd, &e) == 0 ? 0 : -ERR_IO;
}

int shell_watch(struct shell *s, int fd, uint32_t events, shell_ready *ready, void *arg)
{
    if ((uint32_t)fd >= s->watches_room) {
        uint32_t room = (uint32_t)fd + 64;
        struct watch *list = realloc(s->watches, room * sizeof *list);
        if (list == NULL)
            return -ERR_NOMEM;
        memset(list + s->watches_room, 0, (room - s->watches_room) * sizeof *list);
        s->watches = list;
        s->watches_room = room;
    }
    s->watches[fd] = events == 0 ? (struct watch){0} : (struct watch){fd, ready, arg};
    return watch(s, fd, events);
}

void shell_want_send(struct shell *s, bool wanted)
{
    if (s->sends_wanted == wanted || s->bus == NULL)
        return;
    s->sends_wanted = wanted;
    (void)watch(s, bus_send_fd(s->bus), wanted ? EPOLLIN : 0);
}

static void dial(struct shell *s)
{
    struct fault why;
    if (bus_dial(s->bus_path, 0, &s->bus, &why) < 0) {
        s->dial_at = clock_now() + DIAL_EVERY;
        if (s->dial_at < s->dial_until)
            return;
        log_line(LOG_ERROR, "%s", why.text);
        s->ending = true; /* what can be wrong is its own jail, or a router that is no more */
        s->status = EXIT_FRESH_JAIL;
        return;
    }
    s->dial_at = 0;
    s->sends_wanted = false;
    s->heard = s->heard_told = 0; /* as the new router counts: else no goodbye agrees with it any more */
    (void)watch(s, bus_fd(s->bus), EPOLLIN);
    (void)watch(s, bus_peer_fd(s->bus), EPOLLIN);
}

void shell_dial(struct shell *s, struct span name)
{
    shell_bus_lost(s);
    snprintf(s->bus_path, sizeof s->bus_path, "%s/%.*s", s->bus_directory, (int)name.len, name.at);
    s->dial_until = clock_now() + DIAL_MOST;
    dial(s);
}

/* The router is gone: every open question has its answer now. */
void shell_bus_lost(struct shell *s)
{
    if (s->bus == NULL)
        return;
    bus_close(s->bus); /* closes its descriptors, which ends their watches */
    s->bus = NULL;
    s->sends_wanted = false;
    shell_outbox_clear(s);
    uint64_t tag;
    while (asks_take_any(s->asks, &tag))
        (void)failed_asks_add(&s->failed_asks, tag, -ERR_GONE);
    if (s->retire_sent) {
        s->ending = true;
        s->status = EXIT_RETIRED;
    }
}

static void stop(struct shell *s)
{
    s->ending = true;
    s->status = EXIT_RETIRED;
}

static void take_control(struct shell *s, const struct control *c, struct control_fds *fds)
{
    switch (c->what) {
    case CONTROL_BUS:
        shell_dial(s, (struct span){c->text, c->len});
        break;
    case CONTROL_NOTE:
        memcpy(s->note, c->text, c->len);
        s->note_len = c->len;
        s->life.note = (struct span){s->note, s->note_len};
        break;
    case CONTROL_NOTED:
        s->note_wanted = false;
        break;
    case CONTROL_HAND:
        if (s->handed != NULL)
            s->handed(s->core, s, c->value, fds);
        break;
    case CONTROL_STOP:
        s->stopping = true;
        if (s->actor->stop != NULL && s->serving)
            s->actor->stop(s->core, &s->out);
        else
            stop(s);
        break;
    case CONTROL_BYGONE:
        s->bygone = true; /* not from inside the core's own call */
        break;
    default:
        if (s->told != NULL)
            s->told(s->core, s, c);
        break;
    }
}

void shell_hear_control(struct shell *s)
{
    struct control c;
    struct control_fds fds = {0};
    int r = control_receive(s->control, &c, &fds);
    if (r == 1) {
        take_control(s, &c, &fds);
        s->begun = s->begun || c.what == CONTROL_START;
    } else if (r == -ERR_CLOSED) {
        stop(s); /* the supervisor is gone; it comes back and starts a fresh incarnation */
    }
}

int shell_connect(struct shell *s, struct fault *why)
{
    struct pollfd line = {s->control, POLLIN, 0};
    while (!s->begun && !s->ending)
        shell_hear_control(s);
    while (s->bus == NULL && s->dial_at != 0 && !s->ending) {
        if (poll(&line, 1, DIAL_EVERY / MILLISECONDS) > 0)
            shell_hear_control(s);
        else
            dial(s);
    }
    if (s->bus == NULL)
        return fault_set(why, ERR_NO_CONNECTION, "no line to the router");
    return watch(s, s->control, EPOLLIN);
}

static void hear_hello(struct shell *s, const struct envelope *e)
{
    struct hello m;
    if (hello_decode(&m, e->body) < 0)
        return;
    s->epoch = m.epoch;
    if (s->actor->hello != NULL)
        s->actor->hello(s->core, &s->out, m.epoch, m.last_correlation);
}

static void hear_answer(struct shell *s, const struct envelope *e)
{
    uint64_t tag;
    if (!asks_find(s->asks, e->correlation, e->class == CLASS_PROGRESS, &tag))
        return; /* an answer to a question of an earlier epoch */
    struct answer a = answer_of(e, tag);
    s->actor->answered(s->core, &s->out, &a);
}

static void hear_message(struct shell *s, struct span bytes)
{
    struct envelope part, whole;
    s->heard++;
    s->retire_sent = false;
    if (envelope_read(bytes, &part) < 0)
        return; /* the router checked it: one of us is broken, and it is not told by a crash */
    int r = parts_take(s->parts, &part, &whole);
    if (r < 0)
        log_line(LOG_WARN, "parts of a message do not fit together: %s", err_text((enum err) - r));
    if (r != 1)
        return;
    if (whole.type == MESSAGE_hello)
        hear_hello(s, &whole);
    else if (whole.class == CLASS_REPLY || whole.class == CLASS_PROGRESS)
        hear_answer(s, &whole);
    else
        s->actor->hear(s->core, &s->out, &whole);
}

static void hear_bus(struct shell *s)
{
    struct bus_message *m;
    for (int i = 0; i < BURST && s->bus != NULL && !s->ending; i++) {
        if (bus_receive(s->bus, &m) != 1)
            return;
        s->out.now = clock_now();
        hear_message(s, bus_message_bytes(m));
        bus_message_free(m);
    }
}

static void hear_peer(struct shell *s)
{
    bus_peer_changed(s->bus);
    if (bus_peer(s->bus).was_lost)
        shell_bus_lost(s);
}

static void hear_event(struct shell *s, const struct epoll_event *e)
{
    int fd = e->data.fd;
    if (fd == s->control)
        shell_hear_control(s);
    else if (s->bus != NULL && fd == bus_fd(s->bus))
        hear_bus(s);
    else if (s->bus != NULL && fd == bus_send_fd(s->bus))
        shell_outbox_flush(s);
    else if (s->bus != NULL && fd == bus_peer_fd(s->bus))
        hear_peer(s);
    else if (s->worker != NULL && fd == worker_fd(s->worker))
        shell_tasks_ended(s);
    else if ((uint32_t)fd < s->watches_room && s->watches[fd].ready != NULL)
        s->watches[fd].ready(s->watches[fd].arg, s, fd, e->events);
}

static void tell_heard(struct shell *s)
{
    if (s->heard == s->heard_told)
        return;
    struct control c = {.what = CONTROL_HEARD, .number = s->heard};
    (void)control_send(s->control, &c, NULL);
    s->heard_told = s->heard;
    s->heard_told_at = s->out.now;
}

/* The earlier of two times of which 0 is never. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Milliseconds until something is due by itself; -1 for never. */
static int patience(struct shell *s)
{
    uint64_t overdue = s->tasks_count > 0 ? shell_tasks_next(s) : 0;
    uint64_t tell = s->heard != s->heard_told ? s->heard_told_at + HEARD_EVERY : 0;
    uint64_t next = earlier(earlier(timers_next(&s->timers), overdue), tell);
    next = earlier(next, earlier(s->dial_at, s->trim_at));
    if (s->bygone)
        return 0;
    if (next == 0)
        return -1;
    uint64_t now = clock_now();
    return next <= now ? 0 : (int)((next - now) / MILLISECONDS + 1);
}

/* Everything that is due without an event. */
static void due(struct shell *s)
{
    uint64_t number;
    s->out.now = clock_now();
    if (s->dial_at != 0 && s->dial_at <= s->out.now)
        dial(s);
    shell_answer_failed(s);
    if (s->tasks_count > 0)
        shell_tasks_overdue(s);
    while (!s->ending && timers_due(&s->timers, s->out.now, &number))
        s->actor->timer(s->core, &s->out, number);
    shell_answer_failed(s);
    if (s->heard != s->heard_told && s->out.now - s->heard_told_at >= HEARD_EVERY)
        tell_heard(s);
    if (s->trim_at != 0 && s->out.now >= s->trim_at) {
        s->trim_at = 0;
        (void)malloc_trim(0);
    }
}

/* Says goodbye once; what arrives first takes it back. */
static void retire(struct shell *s)
{
    s->retire_wanted = false;
    if (s->bus == NULL)
        return;
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_retire,
                         .class = CLASS_EVENT,
                         .to_kind = KIND_ROUTER,
                         .number = s->heard,
                         .part = 1,
                         .parts = 1};
    s->retire_sent = out_send(&s->out, &e) == 0;
}

static void be_bygone(struct shell *s)
{
    s->bygone = false;
    if (s->actor->bygone != NULL)
        s->actor->bygone(s->core, &s->out);
    else
        stop(s);
}

int shell_serve(struct shell *s)
{
    struct epoll_event events[32];
    struct fault why;
    s->status = EXIT_CANNOT_START;
    if (s->doors != NULL) {
        if (worker_start(s->actor->perform, s->doors, s->actor->hands > 0 ? s->actor->hands : 1, &s->worker,
                         &why) < 0) {
            log_line(LOG_ERROR, "%s", why.text);
            return EXIT_CANNOT_START;
        }
        (void)watch(s, worker_fd(s->worker), EPOLLIN);
    }
    s->out.now = clock_now();
    if (s->actor->begin(s->core, &s->out, &s->life) < 0)
        return EXIT_CANNOT_START;
    s->serving = true;
    while (!s->ending) {
        int count = epoll_wait(s->epoll, events, COUNT(events), patience(s));
        s->out.now = clock_now();
        for (int i = 0; i < count && !s->ending; i++)
            hear_event(s, &events[i]);
        due(s);
        if (s->bygone && !s->ending)
            be_bygone(s);
        if (s->retire_wanted && !s->ending)
            retire(s);
    }
    if (s->actor->end != NULL)
        s->actor->end(s->core);
    return s->status;
}
