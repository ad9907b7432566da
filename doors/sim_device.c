/* SPDX-License-Identifier: MIT
 * What domains of the simulated hypervisor have: PCI functions, one domain each, and whatever else libvirt is
 * told to attach. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/sim_inside.h"

/* ---- addresses, in XML written by us ---- */

/* The number behind name=' or name=". */
static unsigned number_of(const char *xml, const char *end, const char *name)
{
    const char *at = strstr(xml, name);
    return at == NULL || at >= end ? 0 : (unsigned)strtoul(at + strlen(name) + 2, NULL, 0);
}

static void address_of(const char *xml, const char *end, char sbdf[13])
{
    const char *source = strstr(xml, "<address ");
    sbdf[0] = '\0';
    if (strncmp(xml, "<hostdev", 8) != 0 || source == NULL || source >= end)
        return;
    snprintf(sbdf, 13, "%04x:%02x:%02x.%x", number_of(source, end, "domain") & 0xffff,
             number_of(source, end, "bus") & 0xff, number_of(source, end, "slot") & 0x1f,
             number_of(source, end, "function") & 7);
}

/* The next <hostdev> of a document, with *end behind it; NULL for none. */
static const char *next_hostdev(const char *xml, const char **end)
{
    static const char close[] = "</hostdev>";
    const char *at = strstr(xml, "<hostdev ");
    const char *last = at == NULL ? NULL : strstr(at, close);
    if (last == NULL)
        return NULL;
    *end = last + sizeof close - 1;
    return at;
}

/* ---- who has what ---- */

/* The place of this very device; or of the first gap, for NULL and "". */
static struct sim_plugged *find(struct sim_domain *domain, const char *sbdf, const char *xml)
{
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++) {
        struct sim_plugged *p = &domain->plugged[i];
        bool same = xml == NULL       ? p->xml == NULL
                    : p->xml == NULL  ? false
                    : sbdf[0] != '\0' ? strcmp(p->sbdf, sbdf) == 0
                                      : strcmp(p->xml, xml) == 0;
        if (same)
            return p;
    }
    return NULL;
}

bool sim_has(const struct sim_domain *domain, const char *sbdf)
{
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++)
        if (domain->plugged[i].xml != NULL && strcmp(domain->plugged[i].sbdf, sbdf) == 0)
            return true;
    return false;
}

struct sim_domain *sim_holder(struct sim_hypervisor *sim, const char *sbdf)
{
    for (size_t i = 0; i < sim->top; i++)
        if (sim->domains[i].xml != NULL && sim_has(&sim->domains[i], sbdf))
            return &sim->domains[i];
    return NULL;
}

const char *sim_hypervisor_breach(const struct sim_hypervisor *sim)
{
    return sim->breach;
}

unsigned sim_hypervisor_equipped(const struct sim_hypervisor *sim)
{
    return sim->equipped;
}

static bool is_shown(const struct sim_domain *domain, const char *sbdf)
{
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++)
        if (domain->plugged[i].xml != NULL && strcmp(domain->plugged[i].sbdf, sbdf) == 0)
            return domain->plugged[i].hidden == 0;
    return false;
}

/* libvirt refuses what another domain has: whoever asks for that, and could see it, has not looked. */
static int must_be_free(struct sim_hypervisor *sim, const struct sim_domain *domain, const char *sbdf,
                        struct fault *why)
{
    const struct sim_domain *holder = sim_holder(sim, sbdf);
    if (holder == NULL)
        return 0;
    if (sim->breach[0] == '\0' && is_shown(holder, sbdf))
        snprintf(sim->breach, sizeof sim->breach, "%.12s was to come to %.60s, and %.60s has it", sbdf,
                 domain->name, holder->name);
    return fault_set(why, ERR_HYPERVISOR, "PCI device %s is in use by domain %s", sbdf, holder->name);
}

/* As with managed='yes': libvirt binds it where nobody has. */
static int take_function(struct sim_hypervisor *sim, struct sim_domain *domain, const char *sbdf,
                         struct fault *why)
{
    size_t at = sim_node_at(sim, sbdf);
    if (sim->node_count == 0)
        return 0; /* of a machine without a list every device is there */
    if (at == sim->node_count)
        return fault_set(why, ERR_HYPERVISOR, "PCI device %s does not exist", sbdf);
    int r = must_be_free(sim, domain, sbdf, why);
    if (r < 0)
        return r;
    sim->driver[at] = "pciback";
    return 0;
}

static int keep(struct sim_hypervisor *sim, struct sim_domain *domain, const char *sbdf, const char *xml,
                size_t len, struct fault *why)
{
    struct sim_plugged *gap = find(domain, NULL, NULL);
    char *copy = gap == NULL ? NULL : strndup(xml, len);
    if (copy == NULL)
        return fault_set(why, ERR_HYPERVISOR, "there is no slot left, or no memory for a device");
    *gap = (struct sim_plugged){.xml = copy};
    memcpy(gap->sbdf, sbdf, sizeof gap->sbdf);
    if (sbdf[0] == '\0')
        return 0;
    sim->equipped += !domain->equipped;
    domain->equipped = true;
    return 0;
}

int sim_plug(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml, struct fault *why)
{
    char sbdf[13];
    size_t len = strlen(xml);
    if (domain->domid == VIRT_NO_DOMID)
        return fault_set(why, ERR_STATE, "attach the device: not in the domain's present state");
    address_of(xml, xml + len, sbdf);
    if (find(domain, sbdf, xml) != NULL || len > SIM_XML_MAX)
        return fault_set(why, ERR_HYPERVISOR, "the device is attached already");
    int r = sbdf[0] == '\0' ? 0 : take_function(sim, domain, sbdf, why);
    if (r == 0)
        r = keep(sim, domain, sbdf, xml, len, why);
    if (r == 0 && sbdf[0] != '\0') {
        find(domain, sbdf, xml)->hidden = sim->hides;
        sim->hides = 0;
    }
    return r;
}

/* The function stays with pciback: to give it back is another's business. */
int sim_unplug(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml, struct fault *why)
{
    char sbdf[13];
    (void)sim;
    if (domain->domid == VIRT_NO_DOMID)
        return fault_set(why, ERR_STATE, "detach the device: not in the domain's present state");
    address_of(xml, xml + strlen(xml), sbdf);
    struct sim_plugged *place = find(domain, sbdf, xml);
    if (place == NULL)
        return fault_set(why, ERR_HYPERVISOR, "the device is not attached");
    free(place->xml);
    *place = (struct sim_plugged){.xml = NULL};
    return 0;
}

int sim_plug_all(struct sim_hypervisor *sim, struct sim_domain *domain, struct fault *why)
{
    const char *end = domain->xml;
    int r = 0;
    for (const char *at; r == 0 && (at = next_hostdev(end, &end)) != NULL;) {
        char sbdf[13];
        address_of(at, end, sbdf);
        r = take_function(sim, domain, sbdf, why);
        if (r == 0)
            r = keep(sim, domain, sbdf, at, (size_t)(end - at), why);
    }
    if (r < 0)
        sim_unplug_all(domain);
    return r;
}

void sim_unplug_all(struct sim_domain *domain)
{
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++) {
        free(domain->plugged[i].xml);
        domain->plugged[i] = (struct sim_plugged){.xml = NULL};
    }
    domain->equipped = false;
}

/* Of an active domain: what it has now instead of what it was to start with. */
void sim_live_xml(const struct sim_domain *domain, struct text *xml)
{
    bool active = domain->domid != VIRT_NO_DOMID;
    const char *at = domain->xml, *end = strstr(at, "</devices>"), *behind;
    for (const char *hostdev; active && (hostdev = next_hostdev(at, &behind)) != NULL; at = behind)
        text_append(xml, (struct span){at, (size_t)(hostdev - at)});
    text_append(xml, (struct span){at, end == NULL ? strlen(at) : (size_t)(end - at)});
    for (size_t i = 0; end != NULL && i < SIM_ATTACHED_MAX; i++)
        if (domain->plugged[i].xml != NULL)
            text_add(xml, domain->plugged[i].xml);
    if (end != NULL)
        text_add(xml, end);
}
