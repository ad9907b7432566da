/* SPDX-License-Identifier: MIT
 * What clients ask for about disks: mostly of VMs that run, and of disks that are exposed. */
#include <stdio.h>
#include <string.h>

#include "doors/sim_inside.h"
#include "tests/sim/sim.h"

/* A VM that runs, mostly; else any. */
static void any_name(struct sim *s, char name[32])
{
    const struct sim_domain *d = sim_chance(s, 850) ? sim_any_running(s) : NULL;
    if (d != NULL)
        snprintf(name, 32, "%.31s", d->name);
    else
        snprintf(name, 32, "vm%u", (unsigned)sim_random(s, s->options.vms));
}

/* "BACKEND+PORT" of one that is exposed, mostly. */
static void any_disk(struct sim *s, char disk[48])
{
    char backend[32], port[8];
    bool there = false;
    for (int tries = 0; tries < 12 && !there; tries++) {
        any_name(s, backend);
        if (sim_chance(s, 200))
            strcpy(backend, "dom0");
        snprintf(port, sizeof port, "sd%c", (char)('a' + sim_random(s, SIM_DISKS)));
        there = sim_exposes(s, backend, port);
    }
    snprintf(disk, 48, "%s+%s", backend, port);
}

/* A disposable of which something is assigned stays. */
static void ask(struct sim *s, struct sim_wish *w, const char *method)
{
    char name[32], disk[48];
    any_name(s, name);
    any_disk(s, disk);
    if (strcmp(method, "Assign") == 0 && strncmp(disk, "disp", 4) == 0)
        strcpy(disk, "dom0+sda");
    snprintf(w->header, sizeof w->header, "admin.vm.device.block.%s+%s dom0 name %s", method, disk, name);
}

void wish_disk_attach(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    ask(s, w, "Attach");
    if (sim_chance(s, 200))
        strcpy(w->payload, "_frontend-dev='xvdj'");
    else if (sim_chance(s, 200))
        strcpy(w->payload, "_read-only='yes'");
}

/* What a domain has, mostly; else what it may not have. */
void wish_disk_detach(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    ask(s, w, "Detach");
    for (int tries = 0; tries < 8; tries++) {
        const struct sim_domain *d = sim_any_running(s);
        for (size_t i = 0; d != NULL && i < SIM_ATTACHED_MAX; i++) {
            struct span port, backend = span_split(span_of(d->plugged[i].disk), ':', &port);
            if (d->plugged[i].xml == NULL || port.len == 0)
                continue;
            snprintf(w->header, sizeof w->header, "admin.vm.device.block.Detach+%.*s+%.*s dom0 name %.31s",
                     (int)backend.len, backend.at, (int)port.len, port.at, d->name);
            return;
        }
    }
}

void wish_disk_assign(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    ask(s, w, "Assign");
    strcpy(w->payload, sim_chance(s, 750) ? "mode='auto-attach'" : "mode='required'");
}

void wish_disk_unassign(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    ask(s, w, "Unassign");
}

void wish_disk_list(struct sim *s, struct sim_wish *w, unsigned vm)
{
    char name[32];
    (void)vm;
    any_name(s, name);
    snprintf(w->header, sizeof w->header, "admin.vm.device.block.Available dom0 name %s",
             sim_chance(s, 300) ? "dom0" : name);
    if (sim_chance(s, 500))
        snprintf(w->header, sizeof w->header, "admin.vm.device.block.Attached dom0 name %s", name);
}
