/* SPDX-License-Identifier: MIT
 * What goes wrong, as the seed has it: processes are killed, the hypervisor's daemon goes away or fails, the
 * disk is full, guests end by themselves. */
#include "tests/sim/sim.h"

#include <string.h>

#include "doors/sim_inside.h"

static void kill_single(struct sim *s)
{
    static const struct address who[] = {{KIND_REGISTRY, 0}, {KIND_API, 0},        {KIND_API, 1},
                                         {KIND_HOST, 0},     {KIND_DEVBUS_PCI, 0}, {KIND_LAUNCHER, 0}};
    size_t i = sim_random(s, COUNT(who) + 1);
    if (i == COUNT(who))
        router_kill(s);
    else
        proc_kill(proc_find(s, who[i]));
}

static void kill_one_of(struct sim *s, struct proc **table)
{
    size_t first = sim_random(s, s->options.vms + 2);
    for (size_t i = 0; i < s->options.vms + 2; i++) {
        struct proc *p = table[1 + (first + i) % (s->options.vms + 2)];
        if (p != NULL && p->running) {
            proc_kill(p);
            return;
        }
    }
}

static void kill_vm(struct sim *s)
{
    kill_one_of(s, sim_chance(s, 800) ? s->vms : s->guests);
}

/* Dom0's, too. */
static void kill_guest(struct sim *s)
{
    if (s->guests[0] != NULL && sim_chance(s, 150))
        proc_kill(s->guests[0]);
    else
        kill_one_of(s, s->guests);
}

static void back(struct sim *s, struct sim_event *e)
{
    (void)e;
    sim_hypervisor_return(s->hypervisor);
}

static void libvirtd_restarts(struct sim *s)
{
    sim_hypervisor_vanish(s->hypervisor);
    (void)sim_at(s, s->now + sim_between(s, 1, 3000) * MILLISECONDS, back);
}

static void call_fails(struct sim *s)
{
    static const enum sim_trouble kinds[] = {SIM_FAIL, SIM_HANG, SIM_LATE};
    sim_hypervisor_trouble(s->hypervisor, kinds[sim_random(s, COUNT(kinds))],
                           (unsigned)sim_between(s, 1, 20));
}

static void disk_fails(struct sim *s)
{
    static const enum db_sim_fault kinds[] = {DB_SIM_FULL, DB_SIM_FAIL_BEFORE, DB_SIM_READ_ONLY};
    db_sim_fail(s->disk, (unsigned)sim_between(s, 1, 5), kinds[sim_random(s, COUNT(kinds))]);
}

static void guest_ends(struct sim *s)
{
    size_t first = sim_random(s, s->options.vms);
    for (size_t i = 0; i < s->options.vms; i++) {
        const struct sim_domain *d = &s->hypervisor->domains[(first + i) % s->options.vms];
        if (d->xml == NULL || d->state != VIRT_RUNNING)
            continue;
        char uuid[sizeof d->uuid];
        memcpy(uuid, d->uuid, sizeof uuid);
        (void)(sim_chance(s, 500) ? sim_guest_power_off : sim_guest_crash)(s->hypervisor, uuid);
        return;
    }
}

static void guests_change_mind(struct sim *s)
{
    sim_guests_obey(s->hypervisor, sim_chance(s, 700));
}

static void kill_bus(struct sim *s)
{
    enum kind kind = s->options.usb     ? KIND_DEVBUS_USB
                     : s->options.disks ? KIND_DEVBUS_BLOCK
                                        : KIND_DEVBUS_PCI;
    struct proc *p = proc_find(s, (struct address){kind, 0});
    if (p != NULL)
        proc_kill(p);
}

static void bind_breaks(struct sim *s)
{
    sim_bind_breaks(s->hypervisor);
}

static void catches_up(struct sim *s, struct sim_event *e)
{
    (void)e;
    sim_xenstore_lags(s->hypervisor, 0);
}

/* Mostly it is there before anybody gives up. */
static void xenstore_lags(struct sim *s)
{
    sim_xenstore_lags(s->hypervisor, (unsigned)sim_between(s, 1, sim_chance(s, 700) ? 90 : 300));
    (void)sim_at(s, s->now + sim_between(s, 100, 12000) * MILLISECONDS, catches_up);
}

enum column { PLAIN, DEVICES, EXPOSED, COLUMNS };
static const struct {
    void (*happen)(struct sim *s);
    unsigned weight[COLUMNS];
} rows[] = {
    {kill_single, {20, 14, 14}}, {kill_vm, {30, 30, 26}},    {libvirtd_restarts, {4, 4, 4}},
    {call_fails, {15, 15, 15}},  {disk_fails, {8, 2, 2}},    {guest_ends, {8, 8, 8}},
    {kill_bus, {0, 15, 15}},     {bind_breaks, {0, 4, 0}},   {guests_change_mind, {4, 4, 4}},
    {kill_guest, {0, 0, 10}},    {xenstore_lags, {0, 5, 0}},
};

static unsigned weight_of(const struct sim *s, size_t row)
{
    return rows[row].weight[s->options.disks || s->options.usb ? EXPOSED
                            : s->options.devices               ? DEVICES
                                                               : PLAIN];
}

static void something(struct sim *s, struct sim_event *e)
{
    unsigned all = 0;
    (void)e;
    if (s->calm)
        return;
    for (size_t i = 0; i < COUNT(rows); i++)
        all += weight_of(s, i);
    unsigned choice = (unsigned)sim_random(s, all);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (choice < weight_of(s, i)) {
            sim_trace(s, 0xfa, i, 0);
            rows[i].happen(s);
            break;
        }
        choice -= weight_of(s, i);
    }
    (void)sim_at(s, s->now + sim_between(s, 5, 900) * MILLISECONDS, something);
}

void faults_start(struct sim *s)
{
    (void)sim_at(s, s->now + 2 * SECONDS, something);
}
