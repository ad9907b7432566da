/* SPDX-License-Identifier: MIT
 * A child's life as a table: what the supervisor does on each event in each state. */
#include "supervisor/supervisor.h"

#include "base/log.h"

/* An incarnation that served this long ends a row of crashes. */
#define CALM (10 * SEC)
/* So many crashes in a row: a VM's process is quarantined; what all share only waits longer. */
enum { CRASHES_MOST = 5 };

typedef void step(struct supervisor *s, struct child *c);

static void ignore(struct supervisor *s, struct child *c)
{
    (void)s;
    (void)c;
}

static void pause_before_next(struct supervisor *s, struct child *c)
{
    uint64_t wait = c->ends <= 1 ? 0 : (10 * MS) << (2 * (c->ends - 2 < 4 ? c->ends - 2 : 4));
    c->state = LIFE_PAUSING;
    c->due_at = s->now + (wait < SEC ? wait : SEC);
}

static void launch(struct supervisor *s, struct child *c)
{
    struct fault why;
    char name[ADDRESS_TEXT];
    if (pools_await(s, c)) { /* first: whose it is to be may be heard there */
        c->state = LIFE_PAUSING;
        c->due_at = s->now + 20 * MS;
        return;
    }
    if (c->next != 0) {
        c->generation = c->next;
        c->next = 0;
        c->ends = c->crashes = 0; /* those were another VM's */
    }
    c->state = LIFE_STARTING;
    if (child_start(s, c, &why) == 0)
        return;
    log_line(LOG_ERROR, "%s: %s", address_print(child_address(c), name), why.text);
    c->ends++;
    pause_before_next(s, c);
}

static void greet(struct supervisor *s, struct child *c)
{
    c->state = LIFE_SERVING;
    c->ready_at = s->now;
}

/* It may be about to retire: if it does, what was written to it needs another one. */
static void remember(struct supervisor *s, struct child *c)
{
    (void)s;
    c->wanted_again = true;
}

/* What holds it back is of the VM that had its number before. */
static void follow(struct supervisor *s, struct child *c)
{
    if (c->next != 0)
        launch(s, c);
}

static void rest(struct supervisor *s, struct child *c)
{
    c->state = LIFE_ABSENT;
    c->title[0] = '\0';
    c->ends = c->crashes = 0;
    router_tell(s, CONTROL_ENDED, c, 0, 1);
    if (c->wanted_again)
        launch(s, c);
}

static void quarantine(struct supervisor *s, struct child *c)
{
    char name[ADDRESS_TEXT];
    c->state = LIFE_QUARANTINED;
    router_tell(s, CONTROL_ENDED, c, 0, 2);
    log_line(LOG_ERROR, "%s crashed %u times in a row and is quarantined; its VM runs on",
             address_print(child_address(c), name), c->crashes);
}

/* Who served well, or was only killed from outside, begins a new row. What lacked the processor or a door
 * waits like others before it comes back, but is not quarantined for that: a busy host must not cost VMs
 * their processes. */
static void count_end(const struct supervisor *s, struct child *c)
{
    bool calm = c->ready_at != 0 && (s->now - c->ready_at >= CALM || !child_fell(c));
    if (calm)
        c->ends = c->crashes = 0;
    c->ends++;
    c->crashes += child_crashed(c);
}

static void restart(struct supervisor *s, struct child *c)
{
    c->restarts++;
    count_end(s, c);
    if (c->next != 0)
        c->ends = c->crashes = 0;
    if (c->crashes >= CRASHES_MOST && child_crashed(c) && !kind_is_single(c->key.kind) &&
        c->key.kind != KIND_API) {
        quarantine(s, c);
        return;
    }
    if (c != s->router)
        router_tell(s, CONTROL_ENDED, c, 0, 0);
    pause_before_next(s, c);
}

static void judge(struct supervisor *s, struct child *c)
{
    char name[ADDRESS_TEXT];
    address_print(child_address(c), name);
    if (s->stopping) {
        c->state = LIFE_ABSENT;
        return;
    }
    if (child_retired(c) && kind_rests(c->key.kind)) {
        rest(s, c);
        return;
    }
    if (child_wants_fresh_jail(c))
        log_line(LOG_NOTE, "%s begins anew with fresh doors", name);
    else
        log_line(LOG_WARN, "%s ended with %s %d", name, c->status < 0 ? "signal" : "status",
                 c->status < 0 ? -c->status : c->status);
    restart(s, c);
    if (c->state == LIFE_PAUSING && c->due_at <= s->now)
        launch(s, c);
    if (c == s->router)
        router_restarted(s);
}

/* Every cell is written. */
static step *const life[LIFE_STATES][LIFE_EVENTS] = {
    [LIFE_ABSENT] =
        {[LIFE_WANTED] = launch, [LIFE_READY] = ignore, [LIFE_DIED] = ignore, [LIFE_DUE] = ignore},
    [LIFE_STARTING] =
        {[LIFE_WANTED] = remember, [LIFE_READY] = greet, [LIFE_DIED] = judge, [LIFE_DUE] = ignore},
    [LIFE_SERVING] =
        {[LIFE_WANTED] = remember, [LIFE_READY] = ignore, [LIFE_DIED] = judge, [LIFE_DUE] = ignore},
    [LIFE_PAUSING] =
        {[LIFE_WANTED] = follow, [LIFE_READY] = ignore, [LIFE_DIED] = ignore, [LIFE_DUE] = launch},
    [LIFE_QUARANTINED] =
        {[LIFE_WANTED] = follow, [LIFE_READY] = ignore, [LIFE_DIED] = ignore, [LIFE_DUE] = ignore},
};

void life_event(struct supervisor *s, struct child *c, enum life_event event)
{
    life[c->state][event](s, c);
    status_show(s, c);
}

const char *life_name(enum life_state state)
{
    static const char *const names[LIFE_STATES] = {"absent", "starting", "serving", "pausing", "quarantined"};
    return names[state];
}
