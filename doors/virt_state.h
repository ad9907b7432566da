/* SPDX-License-Identifier: MIT
 * What libvirt says about a domain, in libvirt's own numbers (asserted in
 * virt.c), so that logs and traces agree with `virsh`. No foreign header. */
#ifndef DOORS_VIRT_STATE_H
#define DOORS_VIRT_STATE_H

/* virDomainState. */
enum virt_state {
    VIRT_NOSTATE,
    VIRT_RUNNING,
    VIRT_BLOCKED,
    VIRT_PAUSED,
    VIRT_SHUTDOWN, /* shutting down, still there */
    VIRT_SHUTOFF,
    VIRT_CRASHED,
    VIRT_PMSUSPENDED
};

/* virDomainEventType. */
enum virt_event {
    VIRT_EVENT_DEFINED,
    VIRT_EVENT_UNDEFINED,
    VIRT_EVENT_STARTED,
    VIRT_EVENT_SUSPENDED,
    VIRT_EVENT_RESUMED,
    VIRT_EVENT_STOPPED,
    VIRT_EVENT_SHUTDOWN,
    VIRT_EVENT_PMSUSPENDED,
    VIRT_EVENT_CRASHED
};

enum {
    VIRT_UUID_MAX = 36,  /* "6695eb01-f6a4-8304-79aa-97f2502e193f" */
    VIRT_NAME_MAX = 127, /* longer domain names are cut: ours have at most 31 bytes */
    VIRT_NO_DOMID = -1   /* not active */
};

#endif
