/* SPDX-License-Identifier: MIT
 * The inside of the simulated hypervisor, for the sim_*.c files alone. */
#ifndef DOORS_SIM_INSIDE_H
#define DOORS_SIM_INSIDE_H

#include "doors/sim.h"

enum { SIM_DEVICES_MAX = 64, SIM_ATTACHED_MAX = 16, SIM_XML_MAX = 256 << 10, SIM_DISK_MAX = 63 };

/* A device in a running domain. */
struct sim_plugged {
    char *xml;                   /* as libvirt was given it; NULL: this place is empty */
    char sbdf[13];               /* of a PCI function; "": something else */
    char disk[SIM_DISK_MAX + 1]; /* "BACKEND:NAME" of what a backend exposes; "": something else */
    unsigned hidden;             /* so many pauses until xenstore shows it */
};

/* In use while `xml` is set. Defined or active, else it is forgotten. */
struct sim_domain {
    char uuid[VIRT_UUID_MAX + 1], name[VIRT_NAME_MAX + 1];
    char *xml;
    struct sim_plugged plugged[SIM_ATTACHED_MAX];
    bool defined;
    int domid; /* VIRT_NO_DOMID: not active */
    enum virt_state state;
    int reason;
    uint64_t memory_kib;
    bool equipped; /* with a PCI function, in this life */
    bool has_disk; /* of a backend's, likewise */
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
    size_t most, top; /* room; places that were ever used, all below this */
    int last_domid;
    unsigned era, calls, due, lives;
    enum sim_trouble trouble;
    bool gone, disobedient;
    struct sim_watch *watches;
    struct pci_node nodes[SIM_DEVICES_MAX];
    const char *driver[SIM_DEVICES_MAX]; /* of dom0 that holds each node; "": none */
    size_t node_count;
    bool breaks;                   /* the next bind ends half done */
    unsigned hides;                /* what is attached next is hidden so long */
    unsigned equipped, with_disks; /* lives of domains that had one */
    char breach[240];
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

/* sim_device.c: what a domain has. */
int sim_plug(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml, struct fault *why);
int sim_unplug(struct sim_hypervisor *sim, struct sim_domain *domain, const char *xml, struct fault *why);
/* What its definition names, as it starts; all or nothing. */
int sim_plug_all(struct sim_hypervisor *sim, struct sim_domain *domain, struct fault *why);
void sim_unplug_all(struct sim_domain *domain);
void sim_live_xml(const struct sim_domain *domain, struct text *xml);
/* A PCI function or a disk. */
bool sim_has(const struct sim_domain *domain, const char *name);
/* The active domain that has it; NULL for none. */
struct sim_domain *sim_holder(struct sim_hypervisor *sim, const char *name);
/* sim_disk.c: which disk of a backend's that <disk> is; "": none, but one of the domain's own. */
void sim_disk_of(const char *xml, const char *end, char disk[SIM_DISK_MAX + 1]);
int sim_take_disk(struct sim_hypervisor *sim, const struct sim_domain *domain, const char *disk,
                  const char *xml, const char *end, struct fault *why);
/* The active domain of that name; NULL for none. */
struct sim_domain *sim_active(struct sim_hypervisor *sim, const char *name);
/* sim_node.c: its place among the nodes; node_count for none. */
size_t sim_node_at(const struct sim_hypervisor *sim, const char *sbdf);

#endif
