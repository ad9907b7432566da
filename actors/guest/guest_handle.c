/* SPDX-License-Identifier: MIT
 * The core of guest/<qid>: one guest's words. It is there while its VM lives, jailed apart from
 * everything that could act on what a guest says; it retires when the VM has ended. */
#include "actors/guest/guest.h"

#include <inttypes.h>
#include <string.h>

#include "actors/guest/guest_inside.h"

#include "base/log.h"
#include "base/own.h"
#include "proto/registry_values.h"

/* Closed and idle for so long, it ends. */
#define LINGER (2 * SECONDS)

/* The note of an open guest, "DOMID NAME" or "DOMID NAME bare": what comes after a crash goes on with the
 * same guest. */
static void write_note(const struct guest *g, struct out *out)
{
    AUTO_TEXT note = TEXT_WITH_LIMIT(64);
    if (g->open)
        text_format(&note, "%" PRIu32 " %s%s", g->domid, g->name, g->bare ? " bare" : "");
    out_note(out, text_span(&note));
}

static int read_note(struct guest *g, struct span note)
{
    uint64_t domid;
    struct span rest, bare, number = span_split(note, ' ', &rest), name = span_split(rest, ' ', &bare);
    int r = text_number(number, 0, UINT32_MAX, &domid);
    if (r == 0)
        r = text_copy(g->name, sizeof g->name, name);
    if (r < 0)
        return r;
    g->domid = (uint32_t)domid;
    g->bare = span_is(bare, "bare");
    g->open = true;
    return 0;
}

/* Its VM has ended; dom0, which does not, has no database that could change. */
static bool may_rest(const struct guest *g)
{
    return !g->open || (g->subject.instance == 0 && !g->watches);
}

static int begin(void *self, struct out *out, const struct life *life)
{
    struct guest *g = self;
    g->subject = (struct subject){KIND_VM, life->self.instance, life->generation};
    if (life->self.instance == 0) { /* dom0 runs always, and nobody writes its database but itself */
        g->open = g->bare = true;
        strcpy(g->name, "dom0");
    }
    if (life->note.len > 0 && read_note(g, life->note) < 0)
        log_line(LOG_WARN, "the note is not one of mine: the VM's process says what is");
    if (g->open)
        out_title(out, g->name);
    for (size_t i = 0; i < GUEST_CLASSES; i++)
        g->exposed[i].exposes = g->open; /* as far as anybody knows */
    if (may_rest(g))
        out_timer(out, TIMER_RETIRE, out->now + LINGER);
    out_ready(out);
    guest_watch_begin(g, out);
    if (g->open && !g->bare) /* what was pushed meanwhile has reached nobody */
        guest_write_wanted(g, out, NULL, QDB_LIVING, 0);
    return 0;
}

void guest_idle(struct guest *g, struct out *out)
{
    if (may_rest(g) && g->calls == 0 && g->writes == 0)
        out_timer(out, TIMER_RETIRE, out->now + LINGER);
}

static void on_guest_open(struct guest *g, struct out *out, const struct envelope *e,
                          const struct guest_open *m)
{
    struct request request = request_of(e);
    g->open = true;
    g->bare = m->bare != 0;
    g->domid = m->domid;
    (void)text_copy(g->name, sizeof g->name, span_of(m->name));
    write_note(g, out);
    out_title(out, m->name);
    out_timer(out, TIMER_RETIRE, 0);
    (void)REPLY(out, guest_open, &request, NO_MESSAGE(guest_open_reply));
    if (m->fresh == 0)
        guest_watch_begin(g, out);
}

static void on_guest_close(struct guest *g, struct out *out, const struct envelope *e,
                           const struct guest_close *m)
{
    struct request request = request_of(e);
    (void)m;
    g->open = false;
    guest_expose_over(g, out);
    write_note(g, out);
    guest_write_drop(g, out);
    guest_idle(g, out);
    (void)REPLY(out, guest_close, &request, NO_MESSAGE(guest_close_reply));
}

static void on_guest_request(struct guest *g, struct out *out, const struct envelope *e,
                             const struct guest_request *m)
{
    struct request request = request_of(e);
    guest_call_begin(g, out, &request, m->what);
}

static void on_guest_updates(struct guest *g, struct out *out, const struct envelope *e,
                             const struct guest_updates *m)
{
    struct request request = request_of(e);
    guest_call_count(g, out, &request, m->payload);
}

static void on_guest_fill(struct guest *g, struct out *out, const struct envelope *e,
                          const struct guest_fill *m)
{
    struct request request = request_of(e);
    (void)m;
    guest_write_wanted(g, out, &request, QDB_ALL, 0);
}

/* Registry says whether the asker is a client. */
static void on_guest_serve(struct guest *g, struct out *out, const struct envelope *e,
                           const struct guest_serve *m)
{
    struct request request = request_of(e);
    (void)m;
    guest_write_wanted(g, out, &request, QDB_CLIENT, e->source_instance);
}

static void on_guest_write(struct guest *g, struct out *out, const struct envelope *e,
                           const struct guest_write *m)
{
    (void)e;
    guest_write_pushed(g, out, m);
}

static void on_guest_devices(struct guest *g, struct out *out, const struct envelope *e,
                             const struct guest_devices *m)
{
    struct request request = request_of(e);
    enum guest_class class = guest_class_named(m->device_class);
    if (!guest_serves(g, class)) /* it exposes none */
        (void)REPLY(out, guest_devices, &request, (&(struct guest_devices_reply){.name = ""}));
    else
        guest_expose_asked(g, out, &request, class);
}

static void on_guest_mic(struct guest *g, struct out *out, const struct envelope *e,
                         const struct guest_mic *m)
{
    struct request request = request_of(e);
    guest_write_mic(g, out, &request, m);
}

static void on_guest_tell(struct guest *g, struct out *out, const struct envelope *e,
                          const struct guest_tell *m)
{
    (void)m;
    guest_expose_ask(g, out, (enum kind)e->source_kind);
}

void guest_handed(struct guest *g, struct out *out, enum guest_door door, int fd)
{
    if (door == GUEST_DOOR_WATCH)
        guest_watch_came(g, out, fd >= 0);
    else if (door == GUEST_DOOR_WRITE)
        guest_write_handed(g, out, fd);
    else
        guest_call_handed(g, out, fd);
}

#define MAILBOX "proto/guest.def"
#define SELF    struct guest
#include "runtime/dispatch.h"

static void hear(void *self, struct out *out, const struct envelope *e)
{
    struct guest *g = self;
    if (e->class != CLASS_CANCEL)
        dispatch(g, out, e, &g->refused);
}

static void answered(void *self, struct out *out, const struct answer *a)
{
    if (!guest_write_answered(self, out, a))
        guest_call_answered(self, out, a);
}

static void done(void *self, struct out *out, const struct done *d)
{
    if (d->what == GUEST_WRITES_IT)
        guest_write_done(self, out, d);
    else
        guest_call_read(self, out, d);
}

static void retire_if_idle(struct guest *g, struct out *out)
{
    if (may_rest(g) && g->calls == 0 && g->writes == 0)
        out_retire(out);
    out_timer(out, TIMER_RETIRE, may_rest(g) ? out->now + LINGER : 0);
}

static void timer(void *self, struct out *out, uint64_t number)
{
    struct guest *g = self;
    if (number == TIMER_RETIRE)
        retire_if_idle(g, out);
    else if (number == TIMER_DOOR)
        guest_call_door_late(g, out);
    else if (number == TIMER_WATCH)
        guest_watch_ask(g, out);
    else if (number == TIMER_UNTOLD)
        guest_tell_untold(g, out);
    else if (number == TIMER_WRITE_DOOR)
        guest_write_no_door(g, out);
    else if (number == TIMER_WRITE_AGAIN)
        guest_write_again(g, out);
    else if (number == TIMER_LOOK_AGAIN)
        guest_expose_again(g, out);
}

static void end(void *self)
{
    guest_write_end(self);
}

const struct actor guest_actor = {
    .name = "guest",
    .kind = KIND_GUEST,
    .size = sizeof(struct guest),
    .begin = begin,
    .hear = hear,
    .answered = answered,
    .done = done,
    .timer = timer,
    .end = end,
    .perform = guest_perform,
};
