/* SPDX-License-Identifier: MIT
 * What vm/<qid> wants of a hypervisor: one connection, read and write.
 *
 * Every call may block (an open has no time-out at all: call it on the worker thread,
 * under the caller's own deadline). At most one call is in flight per door; the caller
 * sees to that, because libvirt 9.0 dies of two. Once open, a call to a daemon that hangs
 * ends after about 4 s (keepalive 1 s, 3 times) and the door is dead: free it, open another.
 *
 * Every call returns 0, or -ERR_ with *why holding libvirt's message:
 *   ERR_NO_CONNECTION  not, or no longer, connected (a hung daemon ends here, too)
 *   ERR_NO_DOMAIN      no domain of that UUID
 *   ERR_UNSUPPORTED    the driver cannot do that
 *   ERR_STATE          not possible in the domain's present state
 *   ERR_TIMEOUT        no answer in time; it may have happened all the same
 *   ERR_HYPERVISOR     anything else
 * `uuid` is the 36 byte text. Domains are named by UUID because names can be re-used.
 * Behaviour: spec lifecycle 2 to 6. */
#ifndef DOORS_DOMAIN_H
#define DOORS_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "doors/virt_state.h"

/* What the driver behind a connection can do: a row of domain_driver.def. */
struct domain_can {
    const char *driver;      /* as libvirt names it: "Xen" */
    const char *domain_type; /* <domain type='xen'>        */
    bool start_paused;       /* else start_paused() creates, then suspends: a Started event, */
                             /* then a Suspended one that nobody asked for                   */
    bool pm_suspend, hotplug, detach_nodedev;
};

/* A domain as looked up. Written as a whole or not at all. */
struct domain_seen {
    bool exists, active;
    int domid; /* VIRT_NO_DOMID when inactive or absent */
    enum virt_state state;
    int reason;              /* libvirt's number, its meaning depends on state */
    uint64_t memory_kib;     /* what the guest has now; 0 when inactive        */
    uint64_t memory_max_kib; /* 0 when inactive                                */
    uint64_t cputime_ns;     /* 0 when inactive                                */
};

struct domain_door;

struct domain_ops {
    void (*close)(struct domain_door *door);
    int (*define)(struct domain_door *door, const char *xml, struct fault *why);
    int (*start_paused)(struct domain_door *door, const char *uuid, struct fault *why);
    int (*resume)(struct domain_door *door, const char *uuid, struct fault *why);
    int (*suspend)(struct domain_door *door, const char *uuid, struct fault *why);
    int (*shutdown)(struct domain_door *door, const char *uuid, struct fault *why); /* asks the guest */
    int (*destroy)(struct domain_door *door, const char *uuid, struct fault *why);
    int (*undefine)(struct domain_door *door, const char *uuid, struct fault *why);
    int (*pm_suspend)(struct domain_door *door, const char *uuid, struct fault *why); /* to RAM */
    int (*pm_wakeup)(struct domain_door *door, const char *uuid, struct fault *why);
    /* Hot-plugs one device into the running domain, and takes it out again. For a driver that cannot, a PCI
     * device or disk (XML beginning with <hostdev or <disk) is written into the domain's metadata instead, as
     * words in an element `attached`: "0000:c6:00.0" or "disk:BACKEND:xvdi:r:disk:/dev/sda" came after its
     * start,
     * "-0000:c6:00.0" went. Others: ERR_UNSUPPORTED.
     */
    int (*attach)(struct domain_door *door, const char *uuid, const char *device_xml, struct fault *why);
    int (*detach)(struct domain_door *door, const char *uuid, const char *device_xml, struct fault *why);
    /* An absent domain is no error here: 0 with seen->exists false. */
    int (*lookup)(struct domain_door *door, const char *uuid, struct domain_seen *seen, struct fault *why);
    /* Appends the domain's present XML to *xml, whose limit holds (ERR_TOO_BIG). */
    int (*xml)(struct domain_door *door, const char *uuid, struct text *xml, struct fault *why);
};

/* A connection. The implementations put this first in a struct of their own. */
struct domain_door {
    const struct domain_ops *ops;
    const struct domain_can *can; /* valid as long as the program */
};

/* Connects to a libvirt URI ("xen:///system", "test+unix:///default?socket=...").
 * On success the caller owns *ret and ends it with domain_door_free. Blocks; starts the
 * process's libvirt event thread at its first call. */
int domain_open_libvirt(const char *uri, struct domain_door **ret, struct fault *why);

/* The row of a driver; -ERR_UNSUPPORTED for one that has none. */
int domain_can_of(const char *driver, const struct domain_can **ret, struct fault *why);

/* Accepts NULL. May block as any call. */
static inline void domain_door_free(struct domain_door *door)
{
    if (door != NULL)
        door->ops->close(door);
}
DEFINE_AUTO(domain_door)

#endif
