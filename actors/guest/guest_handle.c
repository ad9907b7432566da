/* SPDX-License-Identifier: MIT
 * The core of guest/<qid>: one guest's words. It is there while its VM lives, jailed apart from
 * everything that could act on what a guest says; it retires when the VM has ended. */
#include "actors/guest/guest.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/own.h"

/* Closed and idle for so long, it ends. */
#define LINGER (2 * SECONDS)

enum { TIMER_RETIRE = 1 };

/* The note of an open guest, "DOMID NAME": what comes after a crash goes on with the same guest. */
static void write_note(const struct guest *g, struct out *out)
{
    AUTO_TEXT note = TEXT_WITH_LIMIT(64);
    if (g->open)
        text_format(&note, "%" PRIu32 " %s", g->domid, g->name);
    out_note(out, text_span(&note));
}

static int read_note(struct guest *g, struct span note)
{
    uint64_t domid;
    struct span name, number = span_split(note, ' ', &name);
    int r = text_number(number, 0, UINT32_MAX, &domid);
    if (r == 0)
        r = text_copy(g->name, sizeof g->name, name);
    if (r < 0)
        return r;
    g->domid = (uint32_t)domid;
    g->open = true;
    return 0;
}

static int begin(void *self, struct out *out, const struct life *life)
{
    struct guest *g = self;
    if (life->note.len > 0 && read_note(g, life->note) < 0)
        log_line(LOG_WARN, "the note is not one of mine: the VM's process says what is");
    if (g->open)
        out_title(out, g->name);
    else
        out_timer(out, TIMER_RETIRE, out->now + LINGER);
    out_ready(out);
    return 0;
}

static void on_guest_open(struct guest *g, struct out *out, const struct envelope *e,
                          const struct guest_open *m)
{
    struct request request = request_of(e);
    g->open = true;
    g->domid = m->domid;
    (void)text_copy(g->name, sizeof g->name, span_of(m->name));
    write_note(g, out);
    out_title(out, m->name);
    out_timer(out, TIMER_RETIRE, 0);
    (void)REPLY(out, guest_open, &request, NO_MESSAGE(guest_open_reply));
}

static void on_guest_close(struct guest *g, struct out *out, const struct envelope *e,
                           const struct guest_close *m)
{
    struct request request = request_of(e);
    (void)m;
    g->open = false;
    write_note(g, out);
    out_timer(out, TIMER_RETIRE, out->now + LINGER);
    (void)REPLY(out, guest_close, &request, NO_MESSAGE(guest_close_reply));
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

/* It asks nothing and has no worker. */
static void answered(void *self, struct out *out, const struct answer *a)
{
    (void)self, (void)out, (void)a;
}

static void timer(void *self, struct out *out, uint64_t number)
{
    const struct guest *g = self;
    (void)number;
    if (!g->open)
        out_retire(out);
    out_timer(out, TIMER_RETIRE, g->open ? 0 : out->now + LINGER);
}

const struct actor guest_actor = {
    .name = "guest",
    .kind = KIND_GUEST,
    .size = sizeof(struct guest),
    .begin = begin,
    .hear = hear,
    .answered = answered,
    .timer = timer,
};
