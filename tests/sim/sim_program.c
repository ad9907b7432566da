/* SPDX-License-Identifier: MIT
 * Programs of the host as launcher sees them: where guests expose nothing this host has no QubesDB; whatever
 * else is run ends after a while, now and then badly. */
#include "tests/sim/sim.h"

#include <errno.h>

static void ends(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    bool bad = s->options.faults && !s->calm && sim_chance(s, 50);
    struct program_end end = {.number = e->number & UINT32_MAX, .status = bad ? 3 : 0};
    if (e->number >> 32 == PROGRAM_QUBESDB_DAEMON && !s->options.disks && !s->options.usb)
        end.error = ENOENT;
    if (p == NULL)
        return;
    p->out.now = s->now;
    launcher_ran(p->core, &p->out, &end);
    proc_after(p);
}

static int run(void *arg, uint64_t number, enum outside_program program, const struct program_values *v,
               struct span input)
{
    struct proc *p = arg;
    struct sim *s = p->sim;
    uint64_t most = program == PROGRAM_QREXEC_DAEMON && sim_chance(s, 200) ? 20000 : 500;
    if (sim_usb_call(p, number, program, v, input))
        return 0;
    struct sim_event *e = sim_at(s, s->now + sim_between(s, 1, most) * MILLISECONDS, ends);
    e->who = p->who;
    e->incarnation = p->incarnation;
    e->number = (uint64_t)program << 32 | number;
    return 0;
}

/* What is no call about a USB device ends by itself. */
static void end_it(void *arg, uint64_t number)
{
    sim_usb_call_end(arg, number);
}

const struct launcher_ops sim_launcher_ops = {run, end_it};
