/* SPDX-License-Identifier: MIT
 * The core of guest/<qid>: one guest's words. It is there while its VM lives, jailed apart from
 * everything that could act on what a guest says; it retires when the VM has ended. */
#include "actors/guest/guest.h"

/* Closed and idle for so long, it ends. */
#define LINGER (2 * SECONDS)

enum { TIMER_RETIRE = 1 };

static int begin(void *self, struct out *out, const struct life *life)
{
    (void)self, (void)life;
    out_ready(out);
    out_timer(out, TIMER_RETIRE, out->now + LINGER);
    return 0;
}

static void on_guest_open(struct guest *g, struct out *out, const struct envelope *e,
                          const struct guest_open *m)
{
    struct request request = request_of(e);
    g->open = true;
    g->domid = m->domid;
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
