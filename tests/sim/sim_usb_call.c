/* SPDX-License-Identifier: MIT
 * qubes.USBAttach in a frontend and qubes.USBDetach in a backend, which may be dom0, as launcher has them
 * run: they work, fail, hang, answer late or say what is not so, and go on in a guest when whoever has called
 * them is no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/sim_inside.h"
#include "tests/sim/sim_guest.h"

enum fate { WORKS, REFUSES, LACKS, HALF_WORKS, HANGS, LIES, FATES };

struct sim_call {
    bool attaches, done, killed, ended;
    uint64_t incarnation, number; /* launcher's, and how it calls this */
    enum fate fate;
    char frontend[32], backend[32], port[16];
    int domid; /* of the life that it runs in */
    uint32_t status;
};

static const char *host_of(const struct sim_call *c)
{
    return c->attaches ? c->frontend : c->backend;
}

static int life_of(struct sim *s, const char *name)
{
    const struct sim_domain *d = sim_active(s->hypervisor, name);
    return strcmp(name, "dom0") == 0 ? 0 : d == NULL ? VIRT_NO_DOMID : d->domid;
}

static bool is_paused(struct sim *s, const char *name)
{
    const struct sim_domain *d = sim_active(s->hypervisor, name);
    return d != NULL && d->state != VIRT_RUNNING;
}

/* ---- what it does in the guests ---- */

static bool is_waited_for(struct sim *s, const struct sim_call *c)
{
    const struct proc *p = proc_find(s, (struct address){KIND_LAUNCHER, 0});
    return p->running && p->cut != 0 && p->incarnation == c->incarnation && !c->killed && !c->ended;
}

/* dom0's policy decides whether the frontend may call its backend. */
static bool attach(struct sim *s, const struct sim_call *c)
{
    struct sim_stick *stick = sim_stick_of(s, c->backend, c->port);
    bool allowed = sim_policy_allows(s, c->frontend, c->backend, c->port);
    if (!allowed && is_waited_for(s, c))
        sim_broken(s, "qubes.USBAttach runs in %s for %s:%s, and dom0's policy has no line for it",
                   c->frontend, c->backend, c->port);
    if (!allowed || stick == NULL || stick->to[0] != '\0')
        return false;
    memcpy(stick->to, c->frontend, sizeof stick->to);
    stick->domid = c->domid;
    stick->since = s->now;
    s->connected++;
    return true;
}

static bool detach(struct sim *s, const struct sim_call *c)
{
    struct sim_stick *stick = sim_stick_of(s, c->backend, c->port);
    if (stick == NULL || stick->to[0] == '\0')
        return false;
    stick->to[0] = '\0';
    return true;
}

static void works(struct sim *s, struct sim_event *e)
{
    struct sim_call *c = &s->calls[e->number];
    if (life_of(s, host_of(c)) != c->domid)
        return;
    if (is_paused(s, c->frontend) || is_paused(s, c->backend)) {
        if (s->calm)
            return; /* nobody lets it go on any more */
        sim_at(s, s->now + sim_between(s, 100, 900) * MILLISECONDS, works)->number = (uint64_t)(c - s->calls);
        return;
    }
    c->done = true;
    bool can = (c->attaches ? attach : detach)(s, c);
    c->status = c->fate == WORKS && !can ? 1 : c->status;
    sim_trace(s, 0x05b, c->number, can);
    sim_say(s, (struct address){KIND_LAUNCHER, 0}, "has had %s:%s %s %s: %s", c->backend, c->port,
            c->attaches ? "connected to" : "taken from", c->frontend, can ? "done" : "that cannot be");
    if (can)
        sim_tell_guests(s, c->backend);
}

/* ---- its end, for whoever runs it ---- */

static void ends(struct sim *s, struct sim_event *e)
{
    struct sim_call *c = &s->calls[e->number];
    struct proc *p = proc_find(s, (struct address){KIND_LAUNCHER, 0});
    bool alive = life_of(s, host_of(c)) == c->domid;
    if (c->ended)
        return;
    bool waits = alive && !c->killed && c->fate == WORKS && !c->done; /* until its guest goes on */
    if (waits && !s->calm) {
        sim_at(s, s->now + 100 * MILLISECONDS, ends)->number = (uint64_t)(c - s->calls);
        return;
    }
    c->ended = true;
    if (waits)
        c->status = 1;
    if (!p->running || p->incarnation != c->incarnation)
        return;
    struct sim_stick *stick = sim_stick_of(s, c->backend, c->port);
    if (stick != NULL && !c->done && c->status == 0)
        stick->lied = s->now;
    struct program_end end = {.number = c->number,
                              .status = c->killed ? 137
                                        : !alive  ? 1
                                                  : c->status,
                              .output = SPAN_LITERAL("out %s\n"),
                              .said = SPAN_LITERAL("said \x1b\n")};
    p->out.now = s->now;
    launcher_ran(p->core, &p->out, &end);
    proc_after(p);
}

static enum fate any_fate(struct sim *s)
{
    bool well = !s->options.faults || s->calm || sim_chance(s, 650);
    return well ? WORKS : (enum fate)(1 + sim_random(s, FATES - 1));
}

static struct sim_call *new_call(struct sim *s)
{
    if (s->call_count == s->call_room) {
        s->call_room = s->call_room * 2 + 64;
        s->calls = realloc(s->calls, s->call_room * sizeof *s->calls);
        if (s->calls == NULL)
            abort();
    }
    return &s->calls[s->call_count++];
}

/* Of what has failed, or hangs, half has happened all the same: at once or a good while later. */
static void begin(struct sim *s, struct sim_call *c)
{
    uint64_t id = (uint64_t)(c - s->calls);
    uint64_t works_after = sim_between(s, 1, 200), ends_after = works_after + sim_between(s, 1, 50);
    bool does = c->fate == WORKS || c->fate == HALF_WORKS || (c->fate == HANGS && sim_chance(s, 500));
    c->status = c->fate == REFUSES || c->fate == HALF_WORKS ? 1 : c->fate == LACKS ? 127 : 0;
    if (c->fate == HANGS) {
        works_after = sim_between(s, 1, sim_chance(s, 500) ? 1000 : 60000);
        ends_after = sim_between(s, works_after, 90000);
    }
    if (does)
        sim_at(s, s->now + works_after * MILLISECONDS, works)->number = id;
    sim_at(s, s->now + ends_after * MILLISECONDS, ends)->number = id;
}

static void read_input(struct sim_call *c, const char *called, struct span input)
{
    struct span rest, line = span_split(input, '\n', &rest), port = line;
    struct span name = c->attaches ? span_split(line, ' ', &port) : span_of(called);
    (void)text_copy(c->backend, sizeof c->backend, name);
    (void)text_copy(c->port, sizeof c->port, port);
    if (c->attaches)
        (void)text_copy(c->frontend, sizeof c->frontend, span_of(called));
}

static const char *service_of(enum outside_program program, const struct program_values *v)
{
    return program == PROGRAM_DOM0_USB_DETACH ? "qubes.USBDetach"
           : program == PROGRAM_QREXEC_CLIENT ? v->service
                                              : "";
}

bool sim_usb_call(struct proc *p, uint64_t number, enum outside_program program,
                  const struct program_values *v, struct span input)
{
    struct sim *s = p->sim;
    const char *service = service_of(program, v);
    bool attaches = strcmp(service, "qubes.USBAttach") == 0;
    if (!attaches && strcmp(service, "qubes.USBDetach") != 0)
        return false;
    struct sim_call *c = new_call(s);
    *c = (struct sim_call){
        .attaches = attaches, .incarnation = p->incarnation, .number = number, .fate = any_fate(s)};
    read_input(c, program == PROGRAM_DOM0_USB_DETACH ? "dom0" : v->name, input);
    c->domid = life_of(s, host_of(c));
    begin(s, c);
    return true;
}

void sim_usb_call_end(struct proc *p, uint64_t number)
{
    struct sim *s = p->sim;
    for (size_t i = 0; i < s->call_count; i++) {
        struct sim_call *c = &s->calls[i];
        if (c->incarnation != p->incarnation || c->number != number || c->killed)
            continue;
        c->killed = true;
        sim_at(s, s->now + sim_between(s, 1, 20) * MILLISECONDS, ends)->number = i;
    }
}

bool sim_usb_has_rival(const struct sim *s, const char *backend, const char *port, const char *frontend)
{
    for (size_t i = 0; i < s->call_count; i++) {
        const struct sim_call *c = &s->calls[i];
        if (c->attaches && strcmp(c->port, port) == 0 && strcmp(c->frontend, frontend) == 0 &&
            strcmp(c->backend, backend) != 0)
            return true;
    }
    return false;
}
