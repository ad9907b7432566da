/* SPDX-License-Identifier: MIT
 * devbus-pci: the PCI devices that dom0 exposes. The core answers from a list that the worker
 * makes anew when it is older than a second. Spec: devbus-pci 1 to 4, 6. */
#ifndef ACTORS_DEVBUS_PCI_DEVBUS_PCI_H
#define ACTORS_DEVBUS_PCI_DEVBUS_PCI_H

#include "doors/nodedev.h"
#include "doors/pciids.h"
#include "proto/messages.h"
#include "runtime/core.h"
#include "runtime/post.h"

enum {
    PCI_DEVICES_MAX = 4096, /* as proto/devbus.def */
    PCI_WAITING_MAX = 256,  /* questions that wait for one listing; the next is answered busy */
};
#define PCI_FRESH    (1 * SECONDS)  /* a list of this age still answers */
#define PCI_PATIENCE (20 * SECONDS) /* for one listing */

struct devbus_pci {
    struct device_item *devices; /* sorted as the listing shows them */
    size_t count;
    uint64_t listed_at; /* 0: never */
    bool listing;
    uint64_t refused;
    struct pci_question {
        struct request request;
        char port[256];
        bool nobodys; /* asked of a backend that exposes none */
    } waiting[PCI_WAITING_MAX];
    size_t questions;
};

enum pci_task_what { PCI_TASK_LIST = 1 };

/* The worker fills devices (from malloc); whoever hears of the end owns them. */
struct pci_list_task {
    struct task task;
    struct device_item *devices;
    size_t count;
};

/* What the worker works with; each of its threads has its own. `nodedev` is opened at first use, and
 * again after its connection was lost. */
struct pci_doors {
    const char *uri;
    const char *ids_file;
    int sysfs;
    struct nodedev_door *nodedev;
    struct pciids *ids;
};

extern const struct actor devbus_pci_actor;

/* On the worker: every PCI device as the answer shows it. 0 with *devices, which the caller owns. */
int devbus_pci_list(struct pci_doors *doors, struct device_item **devices, size_t *count, struct fault *why);
/* One device; -ERR_UNKNOWN for one that is left out of lists. */
int devbus_pci_describe(struct pci_doors *doors, const struct pci_node *node, struct device_item *item);
void devbus_pci_perform(void *doors, struct task *task);

#endif
