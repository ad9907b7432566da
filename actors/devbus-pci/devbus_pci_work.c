/* SPDX-License-Identifier: MIT
 * The worker's part of attaching: look at a device, take it from its driver, give it back, see it in
 * xenstore. May block. Spec: devbus-pci 5, 7, 9. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/devbus-pci/devbus_pci.h"
#include "base/log.h"
#include "base/own.h"
#include "doors/sysfs.h"

/* How often, and for how long, xenstore is asked whether it shows what libvirt has done. */
enum { SEE_MILLISECONDS = 100, SEE_TRIES = 100 };

/* ---- look ---- */

static int find_node(struct pci_doors *doors, struct pci_task *t, struct fault *why)
{
    AUTO_MEMORY struct pci_node *nodes = NULL;
    size_t count = 0;
    int r = devbus_pci_nodes(doors, &nodes, &count, why);
    for (size_t i = 0; r == 0 && i < count; i++) {
        char sbdf[24];
        snprintf(sbdf, sizeof sbdf, "%04x:%02x:%02x.%x", nodes[i].segment, nodes[i].bus, nodes[i].slot,
                 nodes[i].function);
        if (strcmp(sbdf, t->sbdf) == 0 && devbus_pci_describe(doors, &nodes[i], &t->device) == 0)
            return 0;
    }
    return r < 0 ? r : fault_set(why, ERR_QUBES, "PCI device %s does not exist", t->sbdf);
}

/* A connection that is lost comes back with the next incarnation (devbus_pci_main.c). */
static int read_xenstore(struct pci_doors *doors, struct xenstore_pci **rows, size_t *count,
                         struct fault *why)
{
    if (doors->xenstore == NULL)
        return fault_set(why, ERR_CLOSED, "xenstore cannot be reached; does xenstored run?");
    return xenstore_pci_read(doors->xenstore, rows, count, why);
}

static int find_holder(struct pci_doors *doors, struct pci_task *t, struct fault *why)
{
    AUTO_MEMORY struct xenstore_pci *rows = NULL;
    size_t count = 0;
    if (!doors->on_xen)
        return 0;
    int r = read_xenstore(doors, &rows, &count, why);
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (strcmp(rows[i].sbdf, t->sbdf) != 0)
            continue;
        memcpy(t->holder, rows[i].domain, sizeof t->holder);
        t->holder_domid = rows[i].domid;
        if (rows[i].domid == t->domid)
            memcpy(t->guest, rows[i].guest, sizeof t->guest);
    }
    return r;
}

/* The path is what is assigned; where it leads today is looked up each time. */
static int look(struct pci_doors *doors, struct pci_task *t, struct fault *why)
{
    int r = devbus_pci_open(doors, why);
    if (r == 0 && (sysfs_sbdf_of(doors->sysfs, span_of(t->port), t->sbdf, why) < 0 ||
                   !sysfs_exists(doors->sysfs, t->sbdf)))
        return fault_set(why, ERR_QUBES, "Invalid PCI device: %.200s", t->port);
    if (r == 0)
        r = find_node(doors, t, why);
    if (r == 0)
        r = sysfs_facts_read(doors->sysfs, t->sbdf, &t->facts, why);
    return r < 0 ? r : find_holder(doors, t, why);
}

/* ---- bind and return ---- */

static void node_name(const char *sbdf, char name[32])
{
    snprintf(name, 32, "pci_%.12s", sbdf);
    for (char *c = name; *c != '\0'; c++)
        if (*c == ':' || *c == '.')
            *c = '_';
}

/* A driver that cannot is one that needs no binding: its VMs' devices exist in its own words only. */
static int unless_unsupported(struct pci_doors *doors, int r)
{
    if (r != -ERR_UNSUPPORTED)
        return r;
    if (!doors->cannot_bind)
        log_line(LOG_WARN, "libvirt's driver binds no PCI devices: they stay with dom0's drivers here");
    doors->cannot_bind = true;
    return 0;
}

/* libvirt's internal error means that it was done before, or that it failed: sysfs knows. */
static int bind(struct pci_doors *doors, struct pci_task *t, struct fault *why)
{
    char name[32], driver[SYSFS_DRIVER_MAX + 1];
    int r = devbus_pci_open(doors, why);
    if (r < 0)
        return r;
    node_name(t->sbdf, name);
    r = doors->nodedev->ops->detach(doors->nodedev, name, why);
    if (r == -ERR_UNSUPPORTED)
        return unless_unsupported(doors, r);
    if (r == -ERR_UNKNOWN)
        return fault_set(why, ERR_QUBES, "PCI device %s does not exist", t->sbdf);
    sysfs_driver_of(doors->sysfs, t->sbdf, driver);
    if (r == 0 && driver[0] != '\0' && doors->on_xen && !pci_driver_is_for_guests(driver))
        return fault_set(why, ERR_QUBES, "%s is still with dom0's driver %s; see libvirt's log", t->sbdf,
                         driver);
    return r;
}

/* Whatever holds it by now is left in peace; what no driver has, after a bind that broke off, is given back,
 * too. */
static int give_back(struct pci_doors *doors, struct pci_task *t, struct fault *why)
{
    char name[32], *driver = t->facts.driver;
    int r = devbus_pci_open(doors, why);
    if (r == 0)
        r = find_holder(doors, t, why);
    if (r < 0 || t->holder[0] != '\0')
        return r;
    sysfs_driver_of(doors->sysfs, t->sbdf, driver);
    if (driver[0] != '\0' && !pci_driver_is_for_guests(driver))
        return 0; /* it has it already */
    node_name(t->sbdf, name);
    r = unless_unsupported(doors, doors->nodedev->ops->reattach(doors->nodedev, name, why));
    sysfs_driver_of(doors->sysfs, t->sbdf, driver);
    if (r == 0 && doors->on_xen && pci_driver_is_for_guests(driver))
        return fault_set(why, ERR_STATE, "%s keeps it: it was loaded before the device's own driver", driver);
    return r;
}

/* ---- see ---- */

static int is_seen(struct pci_doors *doors, const struct pci_task *t, struct fault *why)
{
    AUTO_MEMORY struct xenstore_pci *rows = NULL;
    size_t count = 0;
    int r = read_xenstore(doors, &rows, &count, why);
    for (size_t i = 0; r == 0 && i < count; i++)
        if (rows[i].domid == t->domid && strcmp(rows[i].sbdf, t->sbdf) == 0)
            return 1;
    return r;
}

static int see(struct pci_doors *doors, const struct pci_task *t, struct fault *why)
{
    const struct timespec pause = {0, SEE_MILLISECONDS * 1000000L};
    for (int i = 0; i < SEE_TRIES; i++) {
        int r = is_seen(doors, t, why);
        if (r < 0 || (r == 1) == t->present)
            return r < 0 ? r : 0;
        nanosleep(&pause, NULL);
    }
    return fault_set(why, ERR_TIMEOUT, "xenstore does not show %s %s domain %u", t->sbdf,
                     t->present ? "with" : "gone from", (unsigned)t->domid);
}

static int act(struct pci_doors *doors, struct pci_task *t)
{
    switch ((enum pci_task_what)t->task.what) {
    case PCI_TASK_LOOK:
        return look(doors, t, &t->task.why);
    case PCI_TASK_BIND:
        return bind(doors, t, &t->task.why);
    case PCI_TASK_RETURN:
        return give_back(doors, t, &t->task.why);
    case PCI_TASK_SEE:
        return see(doors, t, &t->task.why);
    case PCI_TASK_LIST:
        break;
    }
    return -ERR_UNKNOWN;
}

void devbus_pci_perform(void *doors_, struct task *task)
{
    struct pci_doors *doors = doors_;
    struct pci_list_task *list = (struct pci_list_task *)task;
    if (task->what == PCI_TASK_LIST)
        task->r = devbus_pci_list(doors, &list->devices, &list->count, &task->why);
    else
        task->r = act(doors, (struct pci_task *)task);
    if (task->r == -ERR_NO_CONNECTION || task->r == -ERR_TIMEOUT) {
        nodedev_door_free(doors->nodedev); /* the next call connects anew */
        doors->nodedev = NULL;
    }
}
