/* SPDX-License-Identifier: MIT
 * What time brings: back-offs that are over, mailboxes that nobody hears, the watchdog. */
#include "supervisor/supervisor.h"

#include <systemd/sd-daemon.h>

#include "base/log.h"

/* A mailbox that is non-empty and not heard for so long ends its actor. */
#define UNHEARD_MOST (3 * SEC)
/* A child that does not say READY within this is stuck in its start. */
#define START_MOST (15 * SEC)
#define PING_EVERY SEC

static void end(struct child *c, const char *why)
{
    char name[ADDRESS_TEXT];
    log_line(LOG_ERROR, "%s is ended: %s", address_print(child_address(c), name), why);
    c->ended_by_us = true;
    child_kill(c);
}

static void check(struct supervisor *s, struct child *c)
{
    if (c->state == LIFE_PAUSING && c->due_at <= s->now) {
        life_event(s, c, LIFE_DUE);
        if (c == s->router)
            router_restarted(s);
    } else if (c->pid > 0 && c->ended_by_us) {
        child_kill(c); /* again: it may have been stopped in a way that takes long to end */
    } else if (c->state == LIFE_SERVING && c->sent > c->heard && s->now - c->heard_at > UNHEARD_MOST) {
        end(c, "it does not hear its mailbox");
    } else if (c->state == LIFE_STARTING && s->now - c->started_at > START_MOST) {
        end(c, "it did not become ready");
    }
}

/* The router has no mailbox of its own: its loop answers pings. */
static void ping_router(struct supervisor *s)
{
    if (s->now - s->pinged_at < PING_EVERY || s->router->control < 0)
        return;
    s->pinged_at = s->now;
    if (s->router->heard >= s->router->sent)
        s->router->heard_at = s->now;
    s->router->sent++;
    (void)control_send(s->router->control, &(struct control){.what = CONTROL_PING, .number = s->router->sent},
                       NULL);
}

void watch_tick(struct supervisor *s)
{
    struct child *c, *next;
    HASH_ITER(hh, s->children, c, next)
    {
        check(s, c);
    }
    if (!s->stopping)
        ping_router(s);
    if (s->watchdog_every != 0 && s->now >= s->watchdog_at) {
        s->watchdog_at = s->now + s->watchdog_every;
        sd_notify(0, "WATCHDOG=1");
    }
}
