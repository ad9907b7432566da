/* SPDX-License-Identifier: MIT
 * What would happen if a device were attached: a pure function over what was read. Attaching runs the same
 * checks. Spec: devbus-pci 7, 9, 12. */
#ifndef ACTORS_DEVBUS_PCI_DEVBUS_PCI_PLAN_H
#define ACTORS_DEVBUS_PCI_DEVBUS_PCI_PLAN_H

#include "doors/sysfs_facts.h"

enum pci_level { PCI_OK, PCI_WARNING, PCI_REFUSED };

struct pci_check {
    const char *name; /* "reset" */
    enum pci_level level;
    char text[256];
};

enum { PCI_CHECKS_MAX = 16 };
struct pci_plan {
    struct pci_check check[PCI_CHECKS_MAX];
    size_t count;
};

/* What the plan is made of. Texts are borrowed. */
struct pci_case {
    const char *sbdf, *port;
    const char *wanted_id, *device_id; /* "" or "*": any; what is at the port now */
    const char *holder;                /* the VM that has it, or ""; another's than the asker's */
    bool on_xen, no_strict_reset;
    const struct sysfs_facts *facts;
};

void pci_plan_make(const struct pci_case *c, struct pci_plan *plan);
const char *pci_level_name(enum pci_level level);
/* The first refusal: NULL where there is none. */
const struct pci_check *pci_plan_refusal(const struct pci_plan *plan);
/* Whether this driver only holds devices for VMs. */
bool pci_driver_is_for_guests(const char *driver);

#endif
