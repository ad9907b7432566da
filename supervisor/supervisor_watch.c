/* SPDX-License-Identifier: MIT
 * What time brings: back-offs that are over, mailboxes that nobody hears, the watchdog. A process that is
 * silent is looked at from the first second on; what that means is supervisor_verdict.h's question. */
#include "supervisor/supervisor.h"

#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "supervisor/supervisor_look.h"
#include "supervisor/supervisor_verdict.h"

/* A mailbox that is non-empty and not heard for so long ends its actor. */
static const struct bounds serving = {.most = 3 * SEC, .used = 1 * SEC, .hard = 30 * SEC};
/* A child that does not say READY within this is stuck in its start. */
static const struct bounds starting = {.most = 15 * SEC, .used = 5 * SEC, .hard = 60 * SEC};
/* What a process of a VM that is no more may take for its last work: the next one's start waits for it. */
#define BYGONE_MOST (30 * SEC)
/* From so long a silence on it is looked at in every turn. */
#define LOOK_AFTER SEC
#define PING_EVERY SEC

static void end(struct child *c, const char *why)
{
    char name[ADDRESS_TEXT];
    log_line(LOG_ERROR, "%s is ended: %s", address_print(child_address(c), name), why);
    c->ended_by_us = true;
    child_kill(c);
}

void watch_heard(struct supervisor *s, struct child *c)
{
    c->heard_at = s->now;
    c->silence = (struct silence){0};
}

void watch_late(struct supervisor *s, uint64_t late)
{
    struct child *c, *next;
    log_line(LOG_WARN, "the supervisor itself was not run for %llu ms", (unsigned long long)(late / MS));
    HASH_ITER(hh, s->children, c, next)
    {
        c->silence.late += late;
        if (c->silence.wanted_at != 0)
            c->silence.wanted_at += late;
    }
}

/* A router that does not serve in time brings nobody his messages: they sleep, and cannot know of any. */
static bool router_is_late(const struct supervisor *s)
{
    const struct child *r = s->router;
    return r->state != LIFE_SERVING || (r->sent > r->heard && s->now - r->heard_at > PING_EVERY);
}

static struct sight look(const struct supervisor *s, struct child *c, uint64_t silent)
{
    struct look seen = {0};
    struct silence *know = &c->silence;
    if (look_at(c->pid, &seen) == 0) {
        if (!know->looked)
            know->used_at_first = seen.used;
        know->looked = true;
        if (seen.wants || (c != s->router && router_is_late(s)))
            know->wanted_at = s->now;
    }
    return (struct sight){
        .silent = silent,
        .late = know->late,
        .used = seen.used > know->used_at_first ? seen.used - know->used_at_first : 0,
        .wanting = know->wanted_at != 0 ? s->now - know->wanted_at : NEVER_WANTED,
        .state = seen.state,
    };
}

static void judge(struct supervisor *s, struct child *c, uint64_t silent, const struct bounds *bounds,
                  const char *hung)
{
    char name[ADDRESS_TEXT];
    if (silent <= LOOK_AFTER + c->silence.late)
        return;
    struct sight sight = look(s, c, silent);
    switch (verdict_of(&sight, bounds)) {
    case VERDICT_WELL:
        break;
    case VERDICT_STARVED:
        if (!c->silence.told)
            log_line(LOG_WARN, "%s is not given the processor; it gets more time",
                     address_print(child_address(c), name));
        c->silence.told = true;
        break;
    case VERDICT_HUNG:
        end(c, hung);
        break;
    case VERDICT_STARVED_OUT:
        end(c, "it was not given the processor for too long");
        c->starved = true;
        break;
    }
}

static bool is_unheard(const struct child *c)
{
    return c->state == LIFE_SERVING && c->sent > c->heard;
}

static void check(struct supervisor *s, struct child *c)
{
    if (c->state == LIFE_PAUSING && c->due_at <= s->now) {
        life_event(s, c, LIFE_DUE);
        if (c == s->router)
            router_restarted(s);
    } else if (c->pid > 0 && c->ended_by_us) {
        child_kill(c); /* again: it may have been stopped in a way that takes long to end */
    } else if (c->pid > 0 && c->next != 0 && s->now - c->bygone_at > BYGONE_MOST) {
        end(c, "it does not end, and its number is another one's");
    } else if (is_unheard(c)) {
        child_says(s, c); /* its word may have come and not been read in this turn */
        if (is_unheard(c))
            judge(s, c, s->now - c->heard_at, &serving, "it does not hear its mailbox");
    } else if (c->state == LIFE_STARTING) {
        judge(s, c, s->now - c->started_at, &starting, "it did not become ready");
    }
}

static void ping_router(struct supervisor *s)
{
    if (s->now - s->pinged_at < PING_EVERY || s->router->control < 0)
        return;
    s->pinged_at = s->now;
    router_ping(s);
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
