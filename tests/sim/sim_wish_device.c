/* SPDX-License-Identifier: MIT
 * What clients ask for about PCI devices: mostly of VMs that run, and of devices that they have. */
#include <stdio.h>
#include <string.h>

#include "doors/sim_inside.h"
#include "tests/sim/sim.h"

const struct sim_domain *sim_any_running(struct sim *s)
{
    size_t most = (size_t)s->options.vms * 2, first = sim_random(s, most);
    for (size_t i = 0; i < most; i++) {
        const struct sim_domain *d = &s->hypervisor->domains[(first + i) % most];
        if (d->xml != NULL && d->domid != VIRT_NO_DOMID)
            return d;
    }
    return NULL;
}

static void ask(struct sim *s, struct sim_wish *w, const char *method, unsigned vm, unsigned slot)
{
    const struct sim_domain *d = sim_chance(s, 750) ? sim_any_running(s) : NULL;
    char name[32];
    snprintf(name, sizeof name, "vm%u", vm);
    snprintf(w->header, sizeof w->header, "admin.vm.device.pci.%s+dom0+00_%02x.0 dom0 name %.31s", method,
             slot, d != NULL ? d->name : name);
}

static unsigned any_slot(struct sim *s)
{
    return 1 + (unsigned)sim_random(s, SIM_PCI);
}

void wish_attach(struct sim *s, struct sim_wish *w, unsigned vm)
{
    ask(s, w, "Attach", vm, any_slot(s));
    if (sim_chance(s, 300))
        strcpy(w->payload, "_no-strict-reset='true'");
}

/* What a domain has, mostly; else what it may not have. */
void wish_detach(struct sim *s, struct sim_wish *w, unsigned vm)
{
    const struct sim_domain *d = sim_any_running(s);
    unsigned slot = any_slot(s);
    for (size_t i = 0; d != NULL && i < SIM_ATTACHED_MAX && sim_chance(s, 900); i++)
        if (d->plugged[i].sbdf[0] != '\0')
            (void)sscanf(d->plugged[i].sbdf, "0000:00:%2x", &slot);
    ask(s, w, "Detach", vm, slot);
    if (d != NULL)
        snprintf(w->header, sizeof w->header, "admin.vm.device.pci.Detach+dom0+00_%02x.0 dom0 name %.31s",
                 slot, d->name);
}

void wish_require(struct sim *s, struct sim_wish *w, unsigned vm)
{
    ask(s, w, "Assign", vm, any_slot(s));
    strcpy(w->payload, sim_chance(s, 700) ? "mode='required'" : "mode='auto-attach'");
    if (sim_chance(s, 300))
        strcat(w->payload, " _no-strict-reset='true'");
}

void wish_unassign(struct sim *s, struct sim_wish *w, unsigned vm)
{
    ask(s, w, "Unassign", vm, any_slot(s));
}

void wish_mode(struct sim *s, struct sim_wish *w, unsigned vm)
{
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+virt_mode dom0 name vm%u", vm);
    strcpy(w->payload, sim_chance(s, 950) ? "hvm" : "pv");
}

void wish_release(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    snprintf(w->header, sizeof w->header, "bulkhead.Release+dom0+00_%02x.0 dom0 name dom0", any_slot(s));
}

void wish_plan(struct sim *s, struct sim_wish *w, unsigned vm)
{
    (void)vm;
    snprintf(w->header, sizeof w->header, "admin.vm.device.pci.Available dom0 name dom0");
    if (sim_chance(s, 500))
        snprintf(w->header, sizeof w->header, "admin.vm.device.pci.Attached dom0 name vm%u", vm);
}
