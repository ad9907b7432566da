/* SPDX-License-Identifier: MIT
 * The simulated hypervisor itself: its domains, its connections, its troubles. */
#include "doors/sim.h"

#include <stdlib.h>
#include <string.h>

#include "doors/sim_inside.h"

/* Details of libvirt's events, as it numbers them. */
enum { STOPPED_SHUTDOWN = 0, STOPPED_CRASHED = 2 };
enum { SHUTOFF_BY_GUEST = 1, SHUTOFF_BY_CRASH = 3 };

struct sim_hypervisor *sim_hypervisor_new(size_t most)
{
    struct sim_hypervisor *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->most = most;
    made->domains = calloc(most, sizeof *made->domains);
    if (made->domains == NULL) {
        free(made);
        return NULL;
    }
    return made;
}

void sim_hypervisor_free(struct sim_hypervisor *sim)
{
    if (sim == NULL)
        return;
    for (size_t i = 0; i < sim->top; i++) {
        sim_unplug_all(&sim->domains[i]);
        free(sim->domains[i].xml);
    }
    free(sim->domains);
    free(sim);
}

/* ---- trouble ---- */

void sim_hypervisor_trouble(struct sim_hypervisor *sim, enum sim_trouble kind, unsigned after)
{
    sim->trouble = kind;
    sim->due = after;
}

void sim_hypervisor_vanish(struct sim_hypervisor *sim)
{
    sim->gone = true;
    sim->era++;
    for (struct sim_watch *at = sim->watches; at != NULL; at = at->next) {
        if (at->told)
            continue;
        at->told = true;
        at->ears.closed(at->ears.user);
    }
}

void sim_hypervisor_return(struct sim_hypervisor *sim)
{
    sim->gone = false;
}

unsigned sim_hypervisor_calls(const struct sim_hypervisor *sim)
{
    return sim->calls;
}

unsigned sim_hypervisor_lives(const struct sim_hypervisor *sim)
{
    return sim->lives;
}

/* The trouble that this call meets. */
static enum sim_trouble meets(struct sim_hypervisor *sim)
{
    sim->calls++;
    if (sim->trouble == SIM_CALM || sim->due == 0 || --sim->due > 0)
        return SIM_CALM;
    enum sim_trouble met = sim->trouble;
    sim->trouble = SIM_CALM;
    return met;
}

static int no_answer(struct fault *why)
{
    return fault_set(why, ERR_TIMEOUT, "no answer from the simulated hypervisor");
}

int sim_enter(struct sim_link *link, struct fault *why)
{
    enum sim_trouble met = meets(link->sim);
    if (met == SIM_VANISH)
        sim_hypervisor_vanish(link->sim);
    if (link->dead || link->era != link->sim->era || link->sim->gone)
        return fault_set(why, ERR_NO_CONNECTION, "the connection to the simulated hypervisor is lost");
    if (met == SIM_FAIL)
        return fault_set(why, ERR_HYPERVISOR, "the simulated hypervisor was told to refuse");
    link->dead = met == SIM_HANG || met == SIM_LATE;
    link->late = met == SIM_LATE;
    return met == SIM_HANG ? no_answer(why) : 0;
}

int sim_leave(struct sim_link *link, int r, struct fault *why)
{
    if (!link->late)
        return r;
    link->late = false;
    return no_answer(why);
}

int sim_connect(struct sim_hypervisor *sim, struct sim_link *link, struct fault *why)
{
    struct sim_link made = {.sim = sim, .era = sim->era};
    int r = sim_enter(&made, why);
    if (r >= 0)
        r = sim_leave(&made, r, why);
    if (r >= 0)
        *link = made;
    return r;
}

/* ---- domains ---- */

struct sim_domain *sim_find(struct sim_hypervisor *sim, const char *uuid)
{
    for (size_t i = 0; i < sim->top; i++)
        if (sim->domains[i].xml != NULL && strcmp(sim->domains[i].uuid, uuid) == 0)
            return &sim->domains[i];
    return NULL;
}

void sim_settle(struct sim_domain *domain)
{
    if (domain->domid == VIRT_NO_DOMID)
        sim_unplug_all(domain);
    if (domain->defined || domain->domid != VIRT_NO_DOMID)
        return;
    free(domain->xml);
    *domain = (struct sim_domain){.domid = VIRT_NO_DOMID};
}

void sim_tell(struct sim_hypervisor *sim, const struct sim_domain *domain, enum virt_event what, int detail)
{
    struct hostwatch_event event = {.domid = domain->domid, .what = what, .detail = detail};
    memcpy(event.uuid, domain->uuid, sizeof event.uuid);
    memcpy(event.name, domain->name, sizeof event.name);
    for (struct sim_watch *at = sim->watches; at != NULL; at = at->next)
        if (at->link.era == sim->era && !at->link.dead)
            at->ears.event(at->ears.user, &event);
}

void sim_become(struct sim_hypervisor *sim, struct sim_domain *domain, enum virt_state state, int reason,
                enum virt_event what, int detail)
{
    domain->state = state;
    domain->reason = reason;
    if (state == VIRT_SHUTOFF) {
        sim->lives += domain->domid != VIRT_NO_DOMID;
        domain->domid = VIRT_NO_DOMID;
    } else if (domain->domid == VIRT_NO_DOMID)
        domain->domid = ++sim->last_domid;
    sim_tell(sim, domain, what, detail);
    sim_settle(domain);
}

static int guest_ends(struct sim_hypervisor *sim, const char *uuid, int reason, int detail)
{
    struct sim_domain *domain = sim_find(sim, uuid);
    if (domain == NULL)
        return -ERR_NO_DOMAIN;
    if (domain->state != VIRT_RUNNING)
        return -ERR_STATE;
    sim_become(sim, domain, VIRT_SHUTOFF, reason, VIRT_EVENT_STOPPED, detail);
    return 0;
}

int sim_guest_power_off(struct sim_hypervisor *sim, const char *uuid)
{
    return guest_ends(sim, uuid, SHUTOFF_BY_GUEST, STOPPED_SHUTDOWN);
}

int sim_guest_crash(struct sim_hypervisor *sim, const char *uuid)
{
    return guest_ends(sim, uuid, SHUTOFF_BY_CRASH, STOPPED_CRASHED);
}

void sim_guests_obey(struct sim_hypervisor *sim, bool obey)
{
    sim->disobedient = !obey;
}
