/* SPDX-License-Identifier: MIT
 * The worker's part of devbus-pci: libvirt's node devices, named by sysfs and the list of names.
 * Spec: devbus-pci 1.2, 2 to 4, 6. */
#include "actors/devbus-pci/devbus_pci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "doors/sysfs.h"

static const char *or_unknown(const char *text)
{
    return text[0] != '\0' ? text : "unknown";
}

/* An id as it stands in device ids: what is no letter, digit or _.- becomes '_'. */
static void take_id(char to[8], const char *id)
{
    snprintf(to, 8, "%.7s", id[0] != '\0' ? id : "0000");
    for (char *c = to; *c != '\0'; c++)
        if (strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-", *c) == NULL)
            *c = '_';
}

int devbus_pci_describe(struct pci_doors *doors, const struct pci_node *node, struct device_item *item)
{
    char vendor[8], product[8], class_name[PCIIDS_NAME_MAX + 1] = "unknown";
    struct fault why;
    *item = (struct device_item){0};
    if (node->class_code[0] == '\0')
        return -ERR_UNKNOWN;
    if (sysfs_path_of(doors->sysfs, span_of(node->name), item->port, &why) < 0)
        return -ERR_UNKNOWN;
    if (doors->ids != NULL)
        pciids_class(doors->ids, node->class_code, class_name);
    take_id(vendor, node->vendor_id);
    take_id(product, node->product_id);
    snprintf(item->data, sizeof item->data, "sbdf=%04x:%02x:%02x.%x", node->segment, node->bus, node->slot,
             node->function);
    snprintf(item->interfaces, sizeof item->interfaces, "p%s", node->class_code);
    snprintf(item->device_id, sizeof item->device_id, "%s:%s::%s", vendor, product, item->interfaces);
    snprintf(item->vendor, sizeof item->vendor, "%s", or_unknown(node->vendor));
    snprintf(item->product, sizeof item->product, "%s", or_unknown(node->product));
    snprintf(item->description, sizeof item->description, "%s: %s %s", class_name, item->vendor,
             item->product);
    return 0;
}

/* As lines "port:id" sort: a device behind a bridge stands before the bridge. */
static int by_port(const void *a_, const void *b_)
{
    const struct device_item *a = a_, *b = b_;
    char left[sizeof a->port + 1], right[sizeof b->port + 1];
    snprintf(left, sizeof left, "%s:", a->port);
    snprintf(right, sizeof right, "%s:", b->port);
    return strcmp(left, right);
}

int devbus_pci_open(struct pci_doors *doors, struct fault *why)
{
    struct fault names;
    if (doors->sysfs < 0)
        return fault_set(why, ERR_IO, "sysfs cannot be opened; PCI devices have no names without it");
    if (doors->ids == NULL && pciids_open(doors->ids_file, &doors->ids, &names) < 0)
        log_line(LOG_WARN, "PCI classes stay without names: %s", names.text);
    return doors->nodedev != NULL ? 0 : nodedev_open_libvirt(doors->uri, &doors->nodedev, why);
}

int devbus_pci_nodes(struct pci_doors *doors, struct pci_node **nodes, size_t *count, struct fault *why)
{
    size_t room = 64;
    int r = -ERR_TOO_BIG;
    *nodes = NULL;
    while (r == -ERR_TOO_BIG && room <= PCI_DEVICES_MAX) {
        free(*nodes);
        *nodes = calloc(room, sizeof **nodes);
        if (*nodes == NULL)
            return fault_set(why, ERR_NOMEM, "no memory for %zu PCI devices", room);
        r = doors->nodedev->ops->list(doors->nodedev, *nodes, room, count, why);
        room *= 4;
    }
    return r;
}

int devbus_pci_list(struct pci_doors *doors, struct device_item **devices, size_t *count, struct fault *why)
{
    AUTO_MEMORY struct pci_node *nodes = NULL;
    size_t all = 0, kept = 0;
    int r = devbus_pci_open(doors, why);
    if (r == 0)
        r = devbus_pci_nodes(doors, &nodes, &all, why);
    if (r < 0) {
        nodedev_door_free(TAKE(doors->nodedev)); /* the next listing connects anew */
        return r;
    }
    AUTO_MEMORY struct device_item *items = calloc(all + 1, sizeof *items);
    if (items == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for %zu PCI devices", all);
    for (size_t i = 0; i < all; i++)
        kept += devbus_pci_describe(doors, &nodes[i], &items[kept]) == 0;
    qsort(items, kept, sizeof *items, by_port);
    *devices = TAKE(items);
    *count = kept;
    return 0;
}
