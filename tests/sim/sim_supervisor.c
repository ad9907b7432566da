/* SPDX-License-Identifier: MIT
 * The supervisor's part, after supervisor/supervisor_life.c: who is wanted runs, who dies comes back. */
#include "tests/sim/sim.h"

#include "runtime/control/exits.h"

#define CALM (10 * SECONDS)
enum { CRASHES_MOST = 5 };

static void born(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_find(s, e->who);
    if (p->state == PROC_STARTING && p->incarnation == e->incarnation && !p->running)
        proc_begin(p);
}

static void launch(struct proc *p);

static void due(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_find(s, e->who);
    if (p->state == PROC_PAUSING)
        launch(p);
}

static void wait_before(struct proc *p, uint64_t wait)
{
    p->state = PROC_PAUSING;
    sim_at(p->sim, p->sim->now + wait, due)->who = p->who;
}

static void launch(struct proc *p)
{
    struct sim *s = p->sim;
    if (s->route == NULL) {
        wait_before(p, 20 * MILLISECONDS); /* it would find nobody to dial */
        return;
    }
    if (p->next != 0)
        p->generation = p->next;
    p->next = 0;
    if (p->note_of != p->generation)
        p->note_len = 0; /* it is of a VM that is no more */
    p->state = PROC_STARTING;
    p->incarnation = ++s->last_incarnation;
    p->wanted_again = false;
    p->ready_at = 0;
    router_order(s, order_expect, p->who, p->incarnation, p->generation);
    struct sim_event *e = sim_at(s, s->now + sim_between(s, 1, 15) * MILLISECONDS, born);
    e->who = p->who;
    e->incarnation = p->incarnation;
}

void supervisor_ready(struct proc *p)
{
    if (p->state != PROC_STARTING)
        return;
    p->state = PROC_SERVING;
    p->ready_at = p->sim->now;
}

static void tell_bygone(struct proc *p);

static void bygone(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_find(s, e->who);
    if (p->incarnation != e->incarnation)
        return;
    if (!p->running) {
        if (p->state == PROC_STARTING)
            tell_bygone(p); /* it hears that when it has begun */
        return;
    }
    p->out.now = s->now;
    if (p->actor->bygone != NULL) {
        p->actor->bygone(p->core, &p->out);
    } else {
        p->ending = true;
        p->status = EXIT_RETIRED;
    }
    proc_after(p);
}

static void tell_bygone(struct proc *p)
{
    struct sim_event *e = sim_at(p->sim, p->sim->now + sim_between(p->sim, 1, 20) * MILLISECONDS, bygone);
    e->who = p->who;
    e->incarnation = p->incarnation;
}

/* Its number is the next VM's. */
static void becomes(struct proc *p, uint32_t generation)
{
    if (generation <= (p->next != 0 ? p->next : p->generation))
        return;
    bool told = p->next != 0;
    p->next = generation;
    if (!told)
        tell_bygone(p);
}

void supervisor_wanted(struct sim *s, struct address who, uint32_t generation)
{
    struct proc *p = proc_make(s, who);
    if (p->state == PROC_ABSENT)
        p->generation = generation;
    else if (who.kind == KIND_VM || who.kind == KIND_GUEST)
        becomes(p, generation);
    if (p->state == PROC_ABSENT)
        launch(p);
    else if (p->state != PROC_PAUSING)
        p->wanted_again = true;
}

static bool is_single(const struct proc *p)
{
    return kind_is_single(p->who.kind) || p->who.kind == KIND_API;
}

static void rest(struct proc *p)
{
    p->state = PROC_ABSENT;
    p->ends = p->crashes = 0;
    router_order(p->sim, order_ended, p->who, p->incarnation, ENDING_RESTS);
    if (p->wanted_again)
        launch(p);
}

static void restart(struct proc *p)
{
    bool fell = p->status != SIM_KILLED, crashed = fell && p->status != EXIT_FRESH_JAIL;
    if (p->ready_at != 0 && (p->sim->now - p->ready_at >= CALM || !fell))
        p->ends = p->crashes = 0;
    p->ends++;
    p->crashes += crashed;
    if (p->crashes >= CRASHES_MOST && crashed && !is_single(p)) {
        p->state = PROC_QUARANTINED;
        router_order(p->sim, order_ended, p->who, p->incarnation, ENDING_QUARANTINED);
        sim_broken(p->sim, "%s/%u crashes again and again", p->actor->name, p->who.instance);
        return;
    }
    router_order(p->sim, order_ended, p->who, p->incarnation, ENDING_RESTARTS);
    wait_before(p, p->ends <= 1 ? 0 : (10 * MILLISECONDS) << (2 * (p->ends - 2 < 3 ? p->ends - 2 : 3)));
}

static void reaped(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_find(s, e->who);
    if (p->incarnation != e->incarnation)
        return;
    if (p->status == EXIT_RETIRED && kind_rests(p->who.kind))
        rest(p);
    else
        restart(p);
}

void supervisor_died(struct proc *p)
{
    struct sim *s = p->sim;
    if (p->who.kind == KIND_API && p->who.instance == 0)
        clients_api_died(s);
    struct sim_event *e = sim_at(s, s->now + sim_between(s, 1, 5) * MILLISECONDS, reaped);
    e->who = p->who;
    e->incarnation = p->incarnation;
}

void supervisor_start(struct sim *s)
{
    static const struct address first[] = {{KIND_REGISTRY, 0}, {KIND_API, 0},        {KIND_API, 1},
                                           {KIND_HOST, 0},     {KIND_DEVBUS_PCI, 0}, {KIND_LAUNCHER, 0}};
    for (size_t i = 0; i < COUNT(first); i++)
        supervisor_wanted(s, first[i], 0);
}
