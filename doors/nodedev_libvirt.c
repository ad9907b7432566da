/* SPDX-License-Identifier: MIT
 * This machine's PCI devices as libvirt lists them, for devbus-pci: runs on its worker thread. */
#include "doors/nodedev.h"

#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "doors/virt.h"

struct libvirt_nodes {
    struct nodedev_door door; /* first: the door is this struct */
    virConnectPtr link;
};

static virConnectPtr link_of(struct nodedev_door *door)
{
    return ((struct libvirt_nodes *)door)->link;
}

/* 1 with *node, 0 when it has gone or cannot be read, or -ERR_. */
static int describe(virNodeDevicePtr device, struct pci_node *node, struct fault *why)
{
    struct fault skipped = {0};
    AUTO_MEMORY char *xml = virNodeDeviceGetXMLDesc(device, 0);
    if (xml == NULL)
        return virGetLastErrorCode() == VIR_ERR_NO_NODE_DEVICE ? 0 : virt_fault(why, "read a device's XML");
    if (nodedev_read(xml, strlen(xml), node, &skipped) == 0)
        return 1;
    log_line(LOG_WARN, "a PCI device is left out of the list: %s", skipped.text);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pci_node *)a)->name, ((const struct pci_node *)b)->name);
}

static int fill(virNodeDevicePtr *devices, size_t found, struct pci_node *rows, size_t room, size_t *count,
                struct fault *why)
{
    size_t used = 0;
    for (size_t i = 0; i < found; i++) {
        struct pci_node node;
        int r = describe(devices[i], &node, why);
        if (r < 0)
            return r;
        if (r > 0 && used++ < room)
            rows[used - 1] = node;
    }
    *count = used;
    if (used > room)
        return fault_set(why, ERR_TOO_BIG, "the machine has %zu PCI devices, there is room for %zu", used,
                         room);
    qsort(rows, used, sizeof *rows, by_name);
    return 0;
}

static int nodes_list(struct nodedev_door *door, struct pci_node *rows, size_t room, size_t *count,
                      struct fault *why)
{
    virNodeDevicePtr *devices = NULL;
    int found =
        virConnectListAllNodeDevices(link_of(door), &devices, VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV);
    if (found < 0)
        return virt_fault(why, "list the PCI devices");
    int r = fill(devices, (size_t)found, rows, room, count, why);
    for (int i = 0; i < found; i++)
        virNodeDeviceFree(devices[i]);
    free(devices);
    return r;
}

/* libvirt says "internal error" when the device is detached already (spec devbus-pci 9). */
static int nodes_detach(struct nodedev_door *door, const char *name, struct fault *why)
{
    virNodeDevicePtr device = virNodeDeviceLookupByName(link_of(door), name);
    if (device == NULL)
        return virt_fault(why, "look the PCI device up");
    int r = 0;
    if (virNodeDeviceDetachFlags(device, NULL, 0) < 0) {
        bool was_done = virGetLastErrorCode() == VIR_ERR_INTERNAL_ERROR;
        r = virt_fault(why, "take the PCI device from its driver");
        if (was_done && r == -ERR_HYPERVISOR)
            r = 0;
    }
    virNodeDeviceFree(device);
    return r;
}

static int nodes_reattach(struct nodedev_door *door, const char *name, struct fault *why)
{
    virNodeDevicePtr device = virNodeDeviceLookupByName(link_of(door), name);
    if (device == NULL)
        return virt_fault(why, "look the PCI device up");
    int r = virNodeDeviceReAttach(device) < 0 ? virt_fault(why, "give the PCI device to its driver") : 0;
    virNodeDeviceFree(device);
    return r;
}

static void nodes_close(struct nodedev_door *door)
{
    virConnectClose(link_of(door));
    free(door);
}

static const struct nodedev_ops ops = {
    .close = nodes_close, .list = nodes_list, .detach = nodes_detach, .reattach = nodes_reattach};

int nodedev_open_libvirt(const char *uri, struct nodedev_door **ret, struct fault *why)
{
    struct libvirt_nodes *made = calloc(1, sizeof *made);
    if (made == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection to libvirt");
    int r = virt_open(uri, VIRT_OPEN_RW, &made->link, why);
    if (r < 0) {
        free(made);
        return r;
    }
    made->door.ops = &ops;
    *ret = &made->door;
    return 0;
}
