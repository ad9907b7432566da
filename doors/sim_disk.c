/* SPDX-License-Identifier: MIT
 * Disks that one domain of the simulated hypervisor exposes to another, or dom0 does: whose each is. */
#include <stdio.h>
#include <string.h>

#include "doors/sim_inside.h"

/* The value behind `<element name=`, in XML written by us. */
static void value_of(const char *xml, const char *end, const char *attribute, char *to, size_t size)
{
    const char *at = strstr(xml, attribute);
    to[0] = '\0';
    if (at == NULL || at >= end)
        return;
    at += strlen(attribute);
    const char *last = strchr(at + 1, *at);
    if (last != NULL && last < end)
        (void)text_copy(to, size, (struct span){at + 1, (size_t)(last - at) - 1});
}

void sim_disk_of(const char *xml, const char *end, char disk[SIM_DISK_MAX + 1])
{
    char device[32], backend[32];
    disk[0] = '\0';
    if (strncmp(xml, "<disk", 5) != 0)
        return;
    value_of(xml, end, "<source dev=", device, sizeof device);
    value_of(xml, end, "<backenddomain name=", backend, sizeof backend);
    if (strncmp(device, "/dev/", 5) == 0)
        snprintf(disk, SIM_DISK_MAX + 1, "%s:%s", backend[0] != '\0' ? backend : "dom0", device + 5);
}

struct sim_domain *sim_active(struct sim_hypervisor *sim, const char *name)
{
    for (size_t i = 0; i < sim->top; i++)
        if (sim->domains[i].xml != NULL && sim->domains[i].domid != VIRT_NO_DOMID &&
            strcmp(sim->domains[i].name, name) == 0)
            return &sim->domains[i];
    return NULL;
}

/* libvirt wants to know the backend, and each target once; whose the disk is besides it does not ask. */
int sim_take_disk(struct sim_hypervisor *sim, const struct sim_domain *domain, const char *disk,
                  const char *xml, const char *end, struct fault *why)
{
    char backend[32], target[16], other[16];
    struct span rest;
    (void)text_copy(backend, sizeof backend, span_split(span_of(disk), ':', &rest));
    if (strcmp(backend, "dom0") != 0 && sim_active(sim, backend) == NULL)
        return fault_set(why, ERR_HYPERVISOR, "there is no backend domain %s", backend);
    value_of(xml, end, "<target dev=", target, sizeof target);
    for (size_t i = 0; i < SIM_ATTACHED_MAX; i++) {
        const char *has = domain->plugged[i].xml;
        if (has == NULL)
            continue;
        value_of(has, has + strlen(has), "<target dev=", other, sizeof other);
        if (target[0] == '\0' || strcmp(target, other) == 0)
            return fault_set(why, ERR_HYPERVISOR, "target '%s' is there already, or none", target);
    }
    return 0;
}

unsigned sim_hypervisor_with_disks(const struct sim_hypervisor *sim)
{
    return sim->with_disks;
}
