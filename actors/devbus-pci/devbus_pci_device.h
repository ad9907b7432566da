/* SPDX-License-Identifier: MIT
 * One PCI device between dom0 and a VM: a state machine without anything around it. What a crash leaves is in
 * a note: devices on their way; those that have arrived are seen again. Spec: devbus-pci 7 to 11. */
#ifndef ACTORS_DEVBUS_PCI_DEVBUS_PCI_DEVICE_H
#define ACTORS_DEVBUS_PCI_DEVBUS_PCI_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum pci_state {
#define PCI_STATE(name, letter, meaning) PCI_##name,
#include "actors/devbus-pci/devbus_pci_state.def"
    PCI_STATES
};

enum pci_event {
    PCI_WANTED,      /* its holder, or anybody of a free one, is to have it */
    PCI_WANTED_ELSE, /* another VM is to have it */
    PCI_BOUND,       /* it was taken from its host driver */
    PCI_NOT_BOUND,   /* it could not be */
    PCI_THERE,       /* the hypervisor shows it as the holder's */
    PCI_NOT_THERE,   /* and does not */
    PCI_GIVEN_UP,    /* nobody waits for it any more */
    PCI_RETURNED,    /* it is with its host driver, or stays as it is: nothing more can be done */
    PCI_EVENTS
};

/* What is to be done now. */
enum pci_act { PCI_REST, PCI_BIND, PCI_RETURN, PCI_REFUSE };

struct pci_device {
    char sbdf[13];
    enum pci_state state;
    uint32_t qid, generation; /* of its holder */
    bool mine;                /* we took it from its host driver: undoing means to give it back */
    bool unsure;              /* an incarnation before may have died while binding it */
    bool unwanted;            /* given up while it was being bound */
    uint64_t until;           /* how long it is held without being attached */
    char name[32];            /* of its holder; "" not known */
    char port[256], device_id[1024];
};

/* Goes on; what is to be done, or PCI_REFUSE with the device as it was. */
enum pci_act pci_device_step(struct pci_device *d, enum pci_event event);
const char *pci_state_name(enum pci_state state);
/* Whether the note must hold it. */
bool pci_device_is_on_its_way(const struct pci_device *d);

/* Words with ';' behind each. Reading: 1 with the next device and the rest, 0 at the end, -ERR_BAD. */
void pci_device_note(struct text *note, const struct pci_device *d);
int pci_device_read(struct span *note, struct pci_device *d);

#endif
