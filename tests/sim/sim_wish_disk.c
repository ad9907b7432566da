/* SPDX-License-Identifier: MIT
 * What clients ask for about disks, or USB devices: mostly of VMs that run, and of what is exposed. */
#include <stdio.h>
#include <string.h>

#include "doors/sim_inside.h"
#include "tests/sim/sim_guest.h"

static const char *class_of(const struct sim *s)
{
    return s->options.usb ? "usb" : "block";
}

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
static void any_disk(struct sim *s, char disk[64])
{
    char backend[32], port[16];
    bool there = false;
    for (int tries = 0; tries < 12 && !there; tries++) {
        any_name(s, backend);
        if (sim_chance(s, 200))
            strcpy(backend, "dom0");
        if (s->options.usb)
            snprintf(port, sizeof port, "%s", sim_stick_port((unsigned)sim_random(s, SIM_STICKS)));
        else
            snprintf(port, sizeof port, "sd%c", (char)('a' + sim_random(s, SIM_DISKS)));
        there = sim_exposes(s, backend, port);
    }
    snprintf(disk, 64, "%s+%s", backend, port);
}

/* A disposable of which something is assigned stays. */
static void ask(struct sim *s, struct sim_wish *w, const char *method)
{
    char name[32], disk[64];
    any_name(s, name);
    any_disk(s, disk);
    if (strcmp(method, "Assign") == 0 && strncmp(disk, "disp", 4) == 0)
        strcpy(disk, s->options.usb ? "dom0+1-1" : "dom0+sda");
    snprintf(w->header, sizeof w->header, "admin.vm.device.%s.%s+%s dom0 name %s", class_of(s), method, disk,
             name);
}

void wish_disk_attach(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    ask(s, w, "Attach");
    if (s->options.usb) /* which take no options */
        return;
    if (sim_chance(s, 200))
        strcpy(w->payload, "_frontend-dev='xvdj'");
    else if (sim_chance(s, 200))
        strcpy(w->payload, "_read-only='yes'");
}

static void detach_stick(struct sim *s, struct sim_wish *w)
{
    char backend[32], port[16], to[32];
    if (sim_any_connected(s, backend, port, to))
        snprintf(w->header, sizeof w->header, "admin.vm.device.usb.Detach+%s+%s dom0 name %s", backend, port,
                 to);
}

/* What a domain has, mostly; else what it may not have. */
void wish_disk_detach(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    ask(s, w, "Detach");
    if (s->options.usb) {
        detach_stick(s, w);
        return;
    }
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
    if (s->options.usb && sim_chance(s, 100))
        strcpy(w->payload, "mode='ask-to-attach'");
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
    snprintf(w->header, sizeof w->header, "admin.vm.device.%s.Available dom0 name %s", class_of(s),
             sim_chance(s, 300) ? "dom0" : name);
    if (sim_chance(s, 500))
        snprintf(w->header, sizeof w->header, "admin.vm.device.%s.Attached dom0 name %s", class_of(s), name);
}
