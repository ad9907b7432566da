/* SPDX-License-Identifier: MIT
 * The router's rules (router/route.h) between simulated processes: sockets with delays and little room, and
 * the orders of the supervisor. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static uint64_t delay(struct sim *s)
{
    if (s->options.faults && !s->calm && sim_chance(s, 5))
        return sim_between(s, 1, 300) * MILLISECONDS;
    return sim_between(s, 20, 400) * 1000;
}

static void *copy(struct span bytes)
{
    char *data = sim_alloc(bytes.len + 1);
    memcpy(data, bytes.at, bytes.len);
    return data;
}

static void due(struct sim *s, struct sim_event *e);

static void after(struct sim *s)
{
    uint64_t next = s->route != NULL ? route_due(s->route, s->now) : 0;
    if (next == 0 || (s->route_tick != 0 && s->route_tick <= next))
        return;
    s->route_tick = next;
    struct sim_event *e = sim_at(s, next, due);
    e->number = s->router;
    e->incarnation = next;
}

static void due(struct sim *s, struct sim_event *e)
{
    if (s->route == NULL || s->router != e->number || s->route_tick != e->incarnation)
        return;
    s->route_tick = 0;
    after(s);
}

/* ---- from a process ---- */

static void arrives_here(struct sim *s, struct sim_event *e)
{
    if (s->route == NULL || s->router != e->number)
        return;
    route_hear(s->route, e->who, e->incarnation, e->data, e->len, s->now);
    after(s);
}

void router_send(struct proc *p, struct span bytes)
{
    struct sim *s = p->sim;
    uint64_t at = s->now + delay(s);
    p->last_up = at > p->last_up ? at : p->last_up;
    struct sim_event *e = sim_at(s, p->last_up, arrives_here);
    e->who = p->who;
    e->incarnation = p->incarnation;
    e->number = p->router;
    e->data = copy(bytes);
    e->len = bytes.len;
}

/* ---- to a process ---- */

static void writable(struct sim *s, struct sim_event *e)
{
    if (s->route == NULL || s->router != e->number)
        return;
    route_writable(s->route, e->who);
    after(s);
}

static void arrives_there(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (p == NULL || p->router != e->number)
        return;
    p->flying--;
    if (p->wants_room) {
        p->wants_room = false;
        struct sim_event *more = sim_at(s, s->now + 1000, writable);
        more->who = e->who;
        more->number = e->number;
    }
    proc_hear(p, (struct span){e->data, e->len});
}

static struct sim_event *down(struct proc *p, void (*happen)(struct sim *, struct sim_event *))
{
    struct sim *s = p->sim;
    uint64_t at = s->now + delay(s);
    p->last_down = at > p->last_down ? at : p->last_down;
    struct sim_event *e = sim_at(s, p->last_down, happen);
    e->who = p->who;
    e->incarnation = p->incarnation;
    e->number = s->router;
    return e;
}

static int op_deliver(void *arg, struct address to, uint64_t incarnation, struct span bytes)
{
    struct proc *p = proc_find(arg, to);
    if (p == NULL || p->incarnation != incarnation)
        return -ERR_CLOSED;
    if (!p->running || p->router != p->sim->router)
        return 0; /* its socket still takes bytes that nobody will read */
    if (p->flying >= p->room) {
        p->wants_room = true;
        return -ERR_BUSY;
    }
    p->flying++;
    struct sim_event *e = down(p, arrives_there);
    e->data = copy(bytes);
    e->len = bytes.len;
    return 0;
}

static void woken(struct sim *s, struct sim_event *e)
{
    if (s->router == e->number)
        supervisor_wanted(s, e->who, (uint32_t)e->incarnation);
}

static void op_wake(void *arg, struct address who, uint32_t generation)
{
    struct sim *s = arg;
    uint64_t at = s->now + delay(s);
    s->sup_up = at > s->sup_up ? at : s->sup_up;
    struct sim_event *e = sim_at(s, s->sup_up, woken);
    e->who = who;
    e->incarnation = generation;
    e->number = s->router;
}

static void op_accuse(void *arg, struct address who, uint64_t incarnation, const char *why)
{
    (void)incarnation;
    sim_broken(arg, "the router accuses %s/%u: it %s", kind_name(who.kind), who.instance, why);
}

static void line_ends(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (p == NULL || p->router != e->number)
        return;
    p->out.now = s->now;
    proc_bus_lost(p);
    proc_after(p);
}

static void op_close(void *arg, struct address who, uint64_t incarnation)
{
    struct proc *p = proc_find(arg, who);
    if (p != NULL && p->running && p->incarnation == incarnation)
        (void)down(p, line_ends);
}

/* ---- the supervisor's orders, in their order ---- */

void router_order(struct sim *s, void (*happen)(struct sim *, struct sim_event *), struct address who,
                  uint64_t incarnation, uint64_t number)
{
    uint64_t at = s->now + delay(s);
    s->sup_down = at > s->sup_down ? at : s->sup_down;
    struct sim_event *e = sim_at(s, s->sup_down, happen);
    e->who = who;
    e->incarnation = incarnation;
    e->number = number;
    e->len = s->router; /* to whom it was said */
}

static bool is_for_this_one(const struct sim *s, const struct sim_event *e)
{
    return s->route != NULL && e->len == s->router;
}

void order_expect(struct sim *s, struct sim_event *e)
{
    if (is_for_this_one(s, e))
        route_expect(s->route, e->who, (uint32_t)e->number, e->incarnation);
}

void order_live(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (!is_for_this_one(s, e) || p == NULL || p->router != s->router)
        return;
    route_live(s->route, e->who, e->incarnation, s->now);
    after(s);
}

void order_ended(struct sim *s, struct sim_event *e)
{
    if (!is_for_this_one(s, e))
        return;
    route_ended(s->route, e->who, e->incarnation, (enum ending)e->number, s->now);
    after(s);
}

/* ---- its own life ---- */

/* What it says before the router knows it for who it is waits in its socket. */
void router_meet(struct proc *p)
{
    struct sim *s = p->sim;
    router_order(s, order_live, p->who, p->incarnation, 0);
    p->last_up = s->sup_down;
    p->last_down = 0;
}

static void dial(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (p == NULL || s->router != e->number || p->router == s->router)
        return;
    p->out.now = s->now;
    proc_bus_lost(p);
    p->router = s->router;
    p->heard = 0;
    p->flying = 0;
    p->wants_room = false;
    router_meet(p);
    proc_after(p);
}

static void introduce(struct proc *p)
{
    if (p == NULL || (p->state != PROC_STARTING && p->state != PROC_SERVING))
        return;
    struct sim *s = p->sim;
    router_order(s, order_expect, p->who, p->incarnation, p->generation);
    struct sim_event *e = sim_at(s, s->now + delay(s), dial);
    e->who = p->who;
    e->incarnation = p->incarnation;
    e->number = s->router;
}

static void for_each(struct sim *s, void (*call)(struct proc *p))
{
    for (size_t i = 0; i < KINDS; i++)
        call(s->procs[i]);
    call(s->procs_api1);
    for (size_t i = 0; i < COUNT(s->pools); i++)
        call(s->pools[i]);
    for (size_t i = 0; i <= 10000; i++) {
        call(s->vms[i]);
        call(s->guests[i]);
    }
}

void router_start(struct sim *s)
{
    struct route_ops ops = {op_deliver, op_wake, op_accuse, op_close, s};
    s->router = ++s->last_incarnation;
    s->route_tick = 0;
    s->sup_down = s->sup_up = 0;
    s->route = route_new(&ops, s->router);
    if (s->route == NULL)
        abort();
    for_each(s, introduce);
}

static void lose(struct proc *p)
{
    if (p == NULL || !p->running || p->router == 0)
        return;
    (void)down(p, line_ends);
}

static void again(struct sim *s, struct sim_event *e)
{
    (void)e;
    if (s->route == NULL)
        router_start(s);
}

void router_kill(struct sim *s)
{
    if (s->route == NULL)
        return;
    s->kills++;
    sim_trace(s, KIND_ROUTER, 0, 0xdead);
    for_each(s, lose);
    route_free(TAKE(s->route));
    (void)sim_at(s, s->now + sim_between(s, 1, 60) * MILLISECONDS, again);
}
