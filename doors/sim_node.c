/* SPDX-License-Identifier: MIT
 * The PCI functions of the simulated hypervisor's machine, and who holds each in dom0; the door of
 * devbus-pci. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/sim_inside.h"

struct sim_nodes {
    struct nodedev_door door; /* first: the door is this struct */
    struct sim_link link;
};

int sim_devices(struct sim_hypervisor *sim, const struct pci_node *nodes, size_t count)
{
    if (count > SIM_DEVICES_MAX)
        return -ERR_RANGE;
    if (count > 0)
        memcpy(sim->nodes, nodes, count * sizeof *nodes);
    for (size_t i = 0; i < count; i++)
        sim->driver[i] = "host";
    sim->node_count = count;
    return 0;
}

size_t sim_node_at(const struct sim_hypervisor *sim, const char *sbdf)
{
    size_t i = 0;
    for (; i < sim->node_count; i++) {
        const struct pci_node *n = &sim->nodes[i];
        char name[24];
        snprintf(name, sizeof name, "%04x:%02x:%02x.%x", n->segment, n->bus, n->slot, n->function);
        if (strcmp(name, sbdf) == 0)
            break;
    }
    return i;
}

const char *sim_device_driver(const struct sim_hypervisor *sim, const char *sbdf)
{
    size_t at = sim_node_at(sim, sbdf);
    return at == sim->node_count ? NULL : sim->driver[at];
}

void sim_bind_breaks(struct sim_hypervisor *sim)
{
    sim->breaks = true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pci_node *)a)->name, ((const struct pci_node *)b)->name);
}

static int list_nodes(const struct sim_hypervisor *sim, struct pci_node *rows, size_t room, size_t *count,
                      struct fault *why)
{
    *count = sim->node_count;
    if (sim->node_count > room)
        return fault_set(why, ERR_TOO_BIG, "the machine has %zu PCI devices, there is room for %zu",
                         sim->node_count, room);
    if (sim->node_count > 0)
        memcpy(rows, sim->nodes, sim->node_count * sizeof *rows);
    qsort(rows, sim->node_count, sizeof *rows, by_name);
    return 0;
}

static int nodes_list(struct nodedev_door *door, struct pci_node *rows, size_t room, size_t *count,
                      struct fault *why)
{
    struct sim_link *link = &((struct sim_nodes *)door)->link;
    int r = sim_enter(link, why);
    return r < 0 ? r : sim_leave(link, list_nodes(link->sim, rows, room, count, why), why);
}

static const struct pci_node *find_node(const struct sim_hypervisor *sim, const char *name)
{
    for (size_t i = 0; i < sim->node_count; i++)
        if (strcmp(sim->nodes[i].name, name) == 0)
            return &sim->nodes[i];
    return NULL;
}

static bool is_in_use(struct sim_hypervisor *sim, const struct pci_node *n)
{
    char sbdf[24];
    snprintf(sbdf, sizeof sbdf, "%04x:%02x:%02x.%x", n->segment, n->bus, n->slot, n->function);
    return sim_holder(sim, sbdf) != NULL;
}

/* As virNodeDeviceDetachFlags: what a domain has is left alone, and that counts as done before. */
static int detach_it(struct sim_hypervisor *sim, const char *name, struct fault *why)
{
    const struct pci_node *n = find_node(sim, name);
    if (n == NULL)
        return fault_set(why, ERR_UNKNOWN, "no node device '%.31s'", name);
    if (is_in_use(sim, n))
        return 0;
    bool breaks = sim->breaks && strcmp(sim->driver[n - sim->nodes], "pciback") != 0;
    sim->driver[n - sim->nodes] = breaks ? "" : "pciback";
    sim->breaks = sim->breaks && !breaks;
    return breaks ? fault_set(why, ERR_HYPERVISOR, "pciback does not take it") : 0;
}

static int reattach_it(struct sim_hypervisor *sim, const char *name, struct fault *why)
{
    const struct pci_node *n = find_node(sim, name);
    if (n == NULL)
        return fault_set(why, ERR_UNKNOWN, "no node device '%.31s'", name);
    if (is_in_use(sim, n))
        return fault_set(why, ERR_HYPERVISOR, "PCI device %.31s is in use", name);
    sim->driver[n - sim->nodes] = "host";
    return 0;
}

static int nodes_detach(struct nodedev_door *door, const char *name, struct fault *why)
{
    struct sim_link *link = &((struct sim_nodes *)door)->link;
    int r = sim_enter(link, why);
    return r < 0 ? r : sim_leave(link, detach_it(link->sim, name, why), why);
}

static int nodes_reattach(struct nodedev_door *door, const char *name, struct fault *why)
{
    struct sim_link *link = &((struct sim_nodes *)door)->link;
    int r = sim_enter(link, why);
    return r < 0 ? r : sim_leave(link, reattach_it(link->sim, name, why), why);
}

static void nodes_close(struct nodedev_door *door)
{
    free(door);
}

static const struct nodedev_ops node_ops = {
    .close = nodes_close, .list = nodes_list, .detach = nodes_detach, .reattach = nodes_reattach};

int nodedev_open_sim(struct sim_hypervisor *sim, struct nodedev_door **ret, struct fault *why)
{
    struct sim_nodes *made = calloc(1, sizeof *made);
    if (made == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection");
    made->door.ops = &node_ops;
    int r = sim_connect(sim, &made->link, why);
    if (r < 0) {
        free(made);
        return r;
    }
    *ret = &made->door;
    return 0;
}
