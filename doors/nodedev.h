/* SPDX-License-Identifier: MIT
 * What devbus-pci wants of libvirt: the PCI devices of this machine, and taking one away
 * from its host driver. Calls may block and follow the rules of doors/domain.h (one in
 * flight, the same errors). The URI is nodedev+unix:///system?socket=..., xen:///system, or
 * test:///ABSOLUTE/host.xml (a fixed list, read in this process). Spec: devbus-pci 1, 3, 9. */
#ifndef DOORS_NODEDEV_H
#define DOORS_NODEDEV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

enum {
    NODEDEV_NAME_MAX = 31,      /* "pci_0000_c6_00_0"                       */
    NODEDEV_TEXT_MAX = 255,     /* longer vendor and product names are cut  */
    NODEDEV_XML_MAX = 256 << 10 /* a longer node description is ERR_TOO_BIG */
};

/* A PCI function. Names and ids are as libvirt gives them: UTF-8, not sanitised. */
struct pci_node {
    char name[NODEDEV_NAME_MAX + 1];
    uint32_t segment; /* may exceed 16 bits: "pci_10000_00_14_0" */
    uint8_t bus, slot, function;
    char class_code[7]; /* six hex digits without 0x: "060000"; "" when libvirt gives none */
    char vendor_id[8];  /* "0x8086"; "" when absent */
    char product_id[8];
    char vendor[NODEDEV_TEXT_MAX + 1]; /* "" when absent */
    char product[NODEDEV_TEXT_MAX + 1];
};

struct nodedev_door;

struct nodedev_ops {
    void (*close)(struct nodedev_door *door);
    /* All PCI devices, sorted by name. *count is how many there are, written also when that is more
     * than `room`, which is -ERR_TOO_BIG. A device that goes away meanwhile, or whose description
     * cannot be read, is left out. */
    int (*list)(struct nodedev_door *door, struct pci_node *rows, size_t room, size_t *count,
                struct fault *why);
    /* Takes a device from its host driver (on Xen: binds it to pciback). It is fine if that
     * was done before. ERR_UNKNOWN: no such device. ERR_UNSUPPORTED: not by this driver. */
    int (*detach)(struct nodedev_door *door, const char *name, struct fault *why);
    /* Gives it back to its host driver; fine where that has it already. Errors as above. */
    int (*reattach)(struct nodedev_door *door, const char *name, struct fault *why);
};

struct nodedev_door {
    const struct nodedev_ops *ops;
};

/* Connects. On success the caller owns *ret. */
int nodedev_open_libvirt(const char *uri, struct nodedev_door **ret, struct fault *why);

/* Reads one node description (what virNodeDeviceGetXMLDesc gives). 0 with *node, -ERR_UNKNOWN when
 * it is no PCI function, -ERR_BAD when it cannot be read, -ERR_TOO_BIG. */
int nodedev_read(const char *xml, size_t len, struct pci_node *node, struct fault *why);

/* Accepts NULL. May block as any call. */
static inline void nodedev_door_free(struct nodedev_door *door)
{
    if (door != NULL)
        door->ops->close(door);
}
DEFINE_AUTO(nodedev_door)

#endif
