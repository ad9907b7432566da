/* SPDX-License-Identifier: MIT
 * What domains of the simulated hypervisor have: PCI functions and disks of backends, one domain each, and
 * whatever else libvirt is told to attach. */
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

/* The next element that opens so, with *end behind it; NULL for none. */
static const char *next_element(const char *xml, const char *open, const char *close, const char **end)
{
    const char *at = strstr(xml, open);
    const char *last = at == NULL ? NULL : strstr(at, close);
    if (last == NULL)
        return NULL;
    *end = last + strlen(close);
    return at;
}

static const char *next_disk(const char *xml, const char **end)
{
    char disk[SIM_DISK_MAX + 1];
    const char *at;
    while ((at = next_element(xml, "<disk ", "</disk>", end)) != NULL) {
        sim_disk_of(at, *end, disk);
        if (disk[0] != '\0')
            return at;
        xml = *end;
    }
    return NULL;
}

/* The next PCI function or disk of a backend's in a document. */
static const char *next_device(const char *xml, const char **end)
{
    const char *behind = NULL, *hostdev = next_element(xml, "<hostdev ", "</hostdev>", end);
    const char *disk = next_disk(xml, &behind);
    if (disk == NULL || (hostdev != NULL && hostdev < disk))
        return hostdev;
    *end = behind;
    return disk;
}

/* ---- who has what ---- */

static bool is_it(const struct sim_plugged *p, const char *name)
{
    return p->xml != NULL && (strcmp(p->sbdf, name) == 0 || strcmp(p->disk, name) == 0);
}

/* The place of this very device, whose name may be ""; or of the first gap, for NULL. */
static struct sim_plugged *find(struct sim_domain *domain, const char *name, const char *xml)
{
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++) {
        struct sim_plugged *p = &domain->plugged[i];
        bool same = xml == NULL       ? p->xml == NULL
                    : name[0] != '\0' ? is_it(p, name)
                                      : p->xml != NULL && strcmp(p->xml, xml) == 0;
        if (same)
            return p;
    }
    return NULL;
}

bool sim_has(const struct sim_domain *domain, const char *name)
{
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++)
        if (is_it(&domain->plugged[i], name))
            return true;
    return false;
}

struct sim_domain *sim_holder(struct sim_hypervisor *sim, const char *name)
{
    for (size_t i = 0; i < sim->top; i++)
        if (sim->domains[i].xml != NULL && sim_has(&sim->domains[i], name))
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

static bool is_shown(const struct sim_domain *domain, const char *name)
{
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++)
        if (is_it(&domain->plugged[i], name))
            return domain->plugged[i].hidden == 0;
    return false;
}

/* libvirt refuses the function that another domain has: whoever asks for that, and could see it, has not
 * looked. */
static int must_be_free(struct sim_hypervisor *sim, const struct sim_domain *domain, const char *name,
                        struct fault *why)
{
    const struct sim_domain *holder = sim_holder(sim, name);
    if (holder == NULL)
        return 0;
    if (sim->breach[0] == '\0' && is_shown(holder, name))
        snprintf(sim->breach, sizeof sim->breach, "%.63s was to come to %.60s, and %.60s has it", name,
                 domain->name, holder->name);
    return fault_set(why, ERR_HYPERVISOR, "device %s is in use by domain %s", name, holder->name);
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

/* What it is: its places for a name are filled, or stay "". */
static void identify(const char *xml, const char *end, struct sim_plugged *p)
{
    *p = (struct sim_plugged){.xml = NULL};
    address_of(xml, end, p->sbdf);
    sim_disk_of(xml, end, p->disk);
}

static const char *name_of(const struct sim_plugged *p)
{
    return p->sbdf[0] != '\0' ? p->sbdf : p->disk;
}

/* Is it free, and may it come? */
static int take(struct sim_hypervisor *sim, struct sim_domain *domain, const struct sim_plugged *p,
                const char *xml, const char *end, struct fault *why)
{
    if (p->sbdf[0] != '\0')
        return take_function(sim, domain, p->sbdf, why);
    if (p->disk[0] == '\0')
        return 0;
    int r = must_be_free(sim, domain, p->disk, why);
    return r < 0 ? r : sim_take_disk(sim, domain, p->disk, xml, end, why);
}

static int keep(struct sim_hypervisor *sim, struct sim_domain *domain, const struct sim_plugged *p,
                const char *xml, size_t len, struct fault *why)
{
    struct sim_plugged *gap = find(domain, NULL, NULL);
    char *copy = gap == NULL ? NULL : strndup(xml, len);
    if (copy == NULL)
        return fault_set(why, ERR_HYPERVISOR, "there is no slot left, or no memory for a device");
    *gap = *p;
    gap->xml = copy;
    bool first = p->sbdf[0] != '\0' && !domain->equipped,
         first_disk = p->disk[0] != '\0' && !domain->has_disk;
    sim->equipped += first;
    sim->with_disks += first_disk;
    domain->equipped = domain->equipped || first;
    domain->has_disk = domain->has_disk || first_disk;
    return 0;
}

int sim_plug(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml, struct fault *why)
{
    struct sim_plugged p;
    size_t len = strlen(xml);
    if (domain->domid == VIRT_NO_DOMID)
        return fault_set(why, ERR_STATE, "attach the device: not in the domain's present state");
    identify(xml, xml + len, &p);
    if (find(domain, name_of(&p), xml) != NULL || len > SIM_XML_MAX)
        return fault_set(why, ERR_HYPERVISOR, "the device is attached already");
    int r = take(sim, domain, &p, xml, xml + len, why);
    if (p.sbdf[0] != '\0')
        p.hidden = sim->hides;
    if (r == 0)
        r = keep(sim, domain, &p, xml, len, why);
    if (r == 0 && p.sbdf[0] != '\0')
        sim->hides = 0;
    return r;
}

/* The function stays with pciback: to give it back is another's business. */
int sim_unplug(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml, struct fault *why)
{
    struct sim_plugged p;
    (void)sim;
    if (domain->domid == VIRT_NO_DOMID)
        return fault_set(why, ERR_STATE, "detach the device: not in the domain's present state");
    identify(xml, xml + strlen(xml), &p);
    struct sim_plugged *place = find(domain, name_of(&p), xml);
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
    for (const char *at; r == 0 && (at = next_device(end, &end)) != NULL;) {
        struct sim_plugged p;
        identify(at, end, &p);
        r = take(sim, domain, &p, at, end, why);
        if (r == 0)
            r = keep(sim, domain, &p, at, (size_t)(end - at), why);
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
    domain->equipped = domain->has_disk = false;
}

/* Of an active domain: what it has now instead of what it was to start with. */
void sim_live_xml(const struct sim_domain *domain, struct text *xml)
{
    bool active = domain->domid != VIRT_NO_DOMID;
    const char *at = domain->xml, *end = strstr(at, "</devices>"), *behind;
    for (const char *device; active && (device = next_device(at, &behind)) != NULL; at = behind)
        text_append(xml, (struct span){at, (size_t)(device - at)});
    text_append(xml, (struct span){at, end == NULL ? strlen(at) : (size_t)(end - at)});
    for (size_t i = 0; end != NULL && i < SIM_ATTACHED_MAX; i++)
        if (domain->plugged[i].xml != NULL)
            text_add(xml, domain->plugged[i].xml);
    if (end != NULL)
        text_add(xml, end);
}
