/* SPDX-License-Identifier: MIT
 * The domain door to the simulated hypervisor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/sim_inside.h"

/* Details and reasons as libvirt numbers them. */
enum {
    DEFINED_ADDED = 0,
    DEFINED_UPDATED = 1,
    STARTED_BOOTED = 0,
    STARTED_WAKEUP = 4,
    STOPPED_BY_SHUTDOWN = 0
};
enum { STOPPED_DESTROYED = 1, RUNNING_UNPAUSED = 5, RUNNING_WAKEUP = 8 };
enum { PAUSED_USER = 1, PAUSED_STARTING_UP = 11, SHUTOFF_SHUTDOWN = 1, SHUTOFF_DESTROYED = 2 };

struct sim_door {
    struct domain_door door; /* first: the door is this struct */
    struct sim_link link;
};

static struct sim_link *link_of(struct domain_door *door)
{
    return &((struct sim_door *)door)->link;
}

static int refused(struct fault *why, const char *what)
{
    return fault_set(why, ERR_STATE, "%s: not in the domain's present state", what);
}

/* One call on one domain. `xml` is a device's, or NULL. */
typedef int act(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml, struct fault *why);

static int call(struct domain_door *door, const char *uuid, const char *xml, act *make, struct fault *why)
{
    struct sim_link *link = link_of(door);
    int r = sim_enter(link, why);
    if (r < 0)
        return r;
    struct sim_domain *domain = sim_find(link->sim, uuid);
    r = domain == NULL ? fault_set(why, ERR_NO_DOMAIN, "no domain with uuid %.36s", uuid)
                       : make(link->sim, domain, xml, why);
    return sim_leave(link, r, why);
}

/* ---- define ---- */

/* The text of the first <tag> of a document written by us: no entity, no white space. */
static struct span text_of(const char *xml, const char *tag)
{
    char open[24];
    snprintf(open, sizeof open, "<%s", tag);
    const char *at = strstr(xml, open);
    at = at == NULL ? NULL : strchr(at, '>');
    const char *end = at == NULL ? NULL : strchr(at, '<');
    return end == NULL ? (struct span){NULL, 0} : (struct span){at + 1, (size_t)(end - at) - 1};
}

static struct sim_domain *place_for(struct sim_hypervisor *sim, const char *uuid)
{
    struct sim_domain *place = sim_find(sim, uuid);
    for (size_t i = 0; place == NULL && i < sim->top; i++)
        if (sim->domains[i].xml == NULL)
            place = &sim->domains[i];
    return place != NULL || sim->top == sim->most ? place : &sim->domains[sim->top++];
}

static bool name_is_taken(const struct sim_hypervisor *sim, const struct sim_domain *by)
{
    for (size_t i = 0; i < sim->top; i++)
        if (sim->domains[i].xml != NULL && strcmp(sim->domains[i].name, by->name) == 0 &&
            strcmp(sim->domains[i].uuid, by->uuid) != 0)
            return true;
    return false;
}

static int read_definition(const char *xml, struct sim_domain *read, struct fault *why)
{
    struct span uuid = text_of(xml, "uuid"), name = text_of(xml, "name");
    uint64_t mebibytes = 0;
    if (strlen(xml) > SIM_XML_MAX || uuid.len != VIRT_UUID_MAX || name.len == 0 ||
        text_copy(read->uuid, sizeof read->uuid, uuid) < 0 ||
        text_copy(read->name, sizeof read->name, name) < 0 ||
        text_number(text_of(xml, "memory"), 1, 1 << 24, &mebibytes) < 0)
        return fault_set(why, ERR_HYPERVISOR, "the domain's XML has no usable name, uuid or memory");
    read->memory_kib = mebibytes << 10;
    return 0;
}

static void put(struct sim_hypervisor *sim, struct sim_domain *place, const struct sim_domain *read,
                char *xml)
{
    bool update = place->xml != NULL;
    free(place->xml);
    place->xml = xml;
    memcpy(place->uuid, read->uuid, sizeof place->uuid);
    memcpy(place->name, read->name, sizeof place->name);
    place->defined = true;
    if (!update) {
        place->domid = VIRT_NO_DOMID;
        place->state = VIRT_SHUTOFF;
    }
    if (place->domid == VIRT_NO_DOMID)
        place->memory_kib = read->memory_kib;
    sim_tell(sim, place, VIRT_EVENT_DEFINED, update ? DEFINED_UPDATED : DEFINED_ADDED);
}

static int define_it(struct sim_hypervisor *sim, const char *xml, struct fault *why)
{
    struct sim_domain read = {0};
    int r = read_definition(xml, &read, why);
    if (r < 0)
        return r;
    struct sim_domain *place = place_for(sim, read.uuid);
    if (place == NULL || name_is_taken(sim, &read))
        return fault_set(why, ERR_HYPERVISOR, "domain '%s' exists with another uuid, or there is no room",
                         read.name);
    char *copy = strdup(xml);
    if (copy == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a domain");
    put(sim, place, &read, copy);
    return 0;
}

static int sim_define(struct domain_door *door, const char *xml, struct fault *why)
{
    struct sim_link *link = link_of(door);
    int r = sim_enter(link, why);
    return r < 0 ? r : sim_leave(link, define_it(link->sim, xml, why), why);
}

/* ---- its life ---- */

static int act_start(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                     struct fault *why)
{
    (void)xml;
    if (domain->domid != VIRT_NO_DOMID)
        return refused(why, "start the domain");
    int r = sim_plug_all(sim, domain, why);
    if (r < 0)
        return r;
    sim_become(sim, domain, VIRT_PAUSED, PAUSED_STARTING_UP, VIRT_EVENT_STARTED, STARTED_BOOTED);
    return 0;
}

static int act_resume(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                      struct fault *why)
{
    (void)xml;
    if (domain->state != VIRT_PAUSED)
        return refused(why, "resume the domain");
    sim_become(sim, domain, VIRT_RUNNING, RUNNING_UNPAUSED, VIRT_EVENT_RESUMED, 0);
    return 0;
}

static int act_suspend(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                       struct fault *why)
{
    (void)xml;
    if (domain->state == VIRT_PAUSED)
        return 0;
    if (domain->state != VIRT_RUNNING)
        return refused(why, "suspend the domain");
    sim_become(sim, domain, VIRT_PAUSED, PAUSED_USER, VIRT_EVENT_SUSPENDED, 0);
    return 0;
}

/* A request: a paused guest, or one that does not obey, lets it lie. */
static int act_shutdown(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                        struct fault *why)
{
    (void)xml;
    if (domain->domid == VIRT_NO_DOMID)
        return refused(why, "shut the domain down");
    if (domain->state == VIRT_RUNNING && !sim->disobedient)
        sim_become(sim, domain, VIRT_SHUTOFF, SHUTOFF_SHUTDOWN, VIRT_EVENT_STOPPED, STOPPED_BY_SHUTDOWN);
    return 0;
}

static int act_destroy(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                       struct fault *why)
{
    (void)xml;
    if (domain->domid == VIRT_NO_DOMID)
        return refused(why, "destroy the domain");
    sim_become(sim, domain, VIRT_SHUTOFF, SHUTOFF_DESTROYED, VIRT_EVENT_STOPPED, STOPPED_DESTROYED);
    return 0;
}

static int act_undefine(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                        struct fault *why)
{
    (void)xml;
    if (!domain->defined)
        return refused(why, "undefine the domain");
    domain->defined = false;
    sim_tell(sim, domain, VIRT_EVENT_UNDEFINED, 0);
    sim_settle(domain);
    return 0;
}

static int act_pm_suspend(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                          struct fault *why)
{
    (void)xml;
    if (domain->state != VIRT_RUNNING)
        return refused(why, "suspend to RAM");
    sim_become(sim, domain, VIRT_PMSUSPENDED, 0, VIRT_EVENT_PMSUSPENDED, 0);
    return 0;
}

static int act_pm_wakeup(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml,
                         struct fault *why)
{
    (void)xml;
    if (domain->state != VIRT_PMSUSPENDED)
        return refused(why, "wake from RAM");
    sim_become(sim, domain, VIRT_RUNNING, RUNNING_WAKEUP, VIRT_EVENT_STARTED, STARTED_WAKEUP);
    return 0;
}

/* One function per row: what the door's table of calls needs. */
#define CALL(name)                                                                                           \
    static int sim_##name(struct domain_door *door, const char *uuid, struct fault *why)                     \
    {                                                                                                        \
        return call(door, uuid, NULL, act_##name, why);                                                      \
    }
CALL(start)
CALL(resume)
CALL(suspend)
CALL(shutdown)
CALL(destroy)
CALL(undefine)
CALL(pm_suspend)
CALL(pm_wakeup)
#undef CALL

/* ---- devices: sim_device.c ---- */

static int sim_attach(struct domain_door *door, const char *uuid, const char *xml, struct fault *why)
{
    return call(door, uuid, xml, sim_plug, why);
}

static int sim_detach(struct domain_door *door, const char *uuid, const char *xml, struct fault *why)
{
    return call(door, uuid, xml, sim_unplug, why);
}

/* ---- looking ---- */

static void see(const struct sim_domain *domain, struct domain_seen *seen)
{
    *seen = (struct domain_seen){.domid = VIRT_NO_DOMID, .state = VIRT_SHUTOFF};
    if (domain == NULL)
        return;
    seen->exists = true;
    seen->active = domain->domid != VIRT_NO_DOMID;
    seen->domid = domain->domid;
    seen->state = domain->state;
    seen->reason = domain->reason;
    seen->memory_kib = seen->memory_max_kib = seen->active ? domain->memory_kib : 0;
}

static int sim_lookup(struct domain_door *door, const char *uuid, struct domain_seen *seen, struct fault *why)
{
    struct sim_link *link = link_of(door);
    struct domain_seen found;
    int r = sim_enter(link, why);
    if (r < 0)
        return r;
    see(sim_find(link->sim, uuid), &found);
    r = sim_leave(link, 0, why);
    if (r >= 0)
        *seen = found;
    return r;
}

static int sim_xml(struct domain_door *door, const char *uuid, struct text *xml, struct fault *why)
{
    struct sim_link *link = link_of(door);
    int r = sim_enter(link, why);
    if (r < 0)
        return r;
    const struct sim_domain *domain = sim_find(link->sim, uuid);
    if (domain == NULL)
        return sim_leave(link, fault_set(why, ERR_NO_DOMAIN, "no domain with uuid %.36s", uuid), why);
    r = sim_leave(link, 0, why);
    if (r < 0)
        return r;
    sim_live_xml(domain, xml);
    return xml->failed < 0
               ? fault_set(why, (enum err) - xml->failed, "the domain's XML is longer than its limit")
               : 0;
}

static void sim_close(struct domain_door *door)
{
    free(door);
}

static const struct domain_ops ops = {
    .close = sim_close,
    .define = sim_define,
    .start_paused = sim_start,
    .resume = sim_resume,
    .suspend = sim_suspend,
    .shutdown = sim_shutdown,
    .destroy = sim_destroy,
    .undefine = sim_undefine,
    .pm_suspend = sim_pm_suspend,
    .pm_wakeup = sim_pm_wakeup,
    .attach = sim_attach,
    .detach = sim_detach,
    .lookup = sim_lookup,
    .xml = sim_xml,
};

/* Ours can do everything; it takes the XML that the test driver takes. */
static const struct domain_can can = {.driver = "SIM",
                                      .domain_type = "test",
                                      .start_paused = true,
                                      .pm_suspend = true,
                                      .hotplug = true,
                                      .detach_nodedev = true};

int domain_open_sim(struct sim_hypervisor *sim, struct domain_door **ret, struct fault *why)
{
    struct sim_door *made = calloc(1, sizeof *made);
    if (made == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection");
    made->door = (struct domain_door){&ops, &can};
    int r = sim_connect(sim, &made->link, why);
    if (r < 0) {
        free(made);
        return r;
    }
    *ret = &made->door;
    return 0;
}
