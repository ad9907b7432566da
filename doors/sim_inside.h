/* SPDX-License-Identifier: MIT
 * The inside of the simulated hypervisor, for the sim_*.c files alone. */
#ifndef DOORS_SIM_INSIDE_H
#define DOORS_SIM_INSIDE_H

#include "doors/sim.h"

enum { SIM_DEVICES_MAX = 64, SIM_ATTACHED_MAX = 16, SIM_XML_MAX = 256 << 10 };

/* In use while `xml` is set. Defined or active, else it is forgotten. */
struct sim_domain {
    char uuid[VIRT_UUID_MAX + 1], name[VIRT_NAME_MAX + 1];
    char *xml;
    char *attached[SIM_ATTACHED_MAX];
    bool defined;
    int domid; /* VIRT_NO_DOMID: not active */
    enum virt_state state;
    int reason;
    uint64_t memory_kib;
};

/* A connection: dead once it was told so, or once the daemon has gone since it was made. */
struct sim_link {
    struct sim_hypervisor *sim;
    unsigned era;
    bool dead, late;
};

struct sim_watch {
    struct hostwatch watch; /* first: the watch is this struct */
    struct sim_link link;
    struct hostwatch_ears ears;
    bool told; /* that the connection is lost */
    struct sim_watch *next;
};

struct sim_hypervisor {
    struct sim_domain *domains;
    size_t most;
    int last_domid;
    unsigned era, calls, due, lives;
    enum sim_trouble trouble;
    bool gone, disobedient;
    struct sim_watch *watches;
    struct pci_node nodes[SIM_DEVICES_MAX];
    size_t node_count;
};

/* Connects; counts as a call. */
int sim_connect(struct sim_hypervisor *sim, struct sim_link *link, struct fault *why);
/* Every call begins with enter (0: go on) and ends with leave, which gives what its caller hears. */
int sim_enter(struct sim_link *link, struct fault *why);
int sim_leave(struct sim_link *link, int r, struct fault *why);

struct sim_domain *sim_find(struct sim_hypervisor *sim, const char *uuid);
/* Starts, changes or ends the domain's life, and tells every watch. `detail` is libvirt's number. */
void sim_become(struct sim_hypervisor *sim, struct sim_domain *domain, enum virt_state state, int reason,
                enum virt_event what, int detail);
void sim_tell(struct sim_hypervisor *sim, const struct sim_domain *domain, enum virt_event what, int detail);
/* Forgets a domain that is neither defined nor active. */
void sim_settle(struct sim_domain *domain);
void sim_unplug_all(struct sim_domain *domain);

#endif
