/* SPDX-License-Identifier: MIT
 * What `host` wants: to hear what becomes of every domain, and the host's figures. A
 * read-only connection. Calls may block and follow the rules of doors/domain.h (one in
 * flight, the same errors). Reconnecting is the caller's business: when `closed` was heard, or
 * a call failed with ERR_NO_CONNECTION or ERR_TIMEOUT, free the watch and open another. */
#ifndef DOORS_HOSTWATCH_H
#define DOORS_HOSTWATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "doors/virt_state.h"

struct hostwatch_domain {
    char uuid[VIRT_UUID_MAX + 1];
    char name[VIRT_NAME_MAX + 1];
    int domid;
    enum virt_state state;
    int reason;
};

struct hostwatch_event {
    char uuid[VIRT_UUID_MAX + 1];
    char name[VIRT_NAME_MAX + 1];
    int domid; /* as the event brought it; trust the list, not this, after a stop */
    enum virt_event what;
    int detail; /* libvirt's number, its meaning depends on what */
};

/* Called on the door's own thread: copy, poke an eventfd, return. They must not block and must
 * not call the watch. The first may come before hostwatch_open_libvirt has returned; none comes
 * after hostwatch_free has. */
struct hostwatch_ears {
    void *user;
    void (*event)(void *user, const struct hostwatch_event *event);
    void (*closed)(void *user); /* once: the connection is lost */
};

struct hostwatch_figures {
    char driver[32];          /* "Xen", "QEMU", "TEST"                           */
    uint64_t memory_kib;      /* of the machine                                  */
    unsigned cpus;            /* of the machine                                  */
    uint64_t dom0_memory_kib; /* dom0's own present memory; 0 where there is none */
};

/* What a domain uses at this moment. */
struct hostwatch_sample {
    char uuid[VIRT_UUID_MAX + 1];
    int domid;
    uint64_t memory_kib, memory_max_kib, cputime_ns;
    unsigned vcpus;
};

struct hostwatch;

struct hostwatch_ops {
    void (*close)(struct hostwatch *watch);
    /* All active domains, dom0 left out. *count is how many there are, written also when that is
     * more than `room`, which is -ERR_TOO_BIG. */
    int (*list)(struct hostwatch *watch, struct hostwatch_domain *rows, size_t room, size_t *count,
                struct fault *why);
    int (*figures)(struct hostwatch *watch, struct hostwatch_figures *figures, struct fault *why);
    /* As list, of what they use; Xen's dom0 among them. One call, where the driver has it for all domains at
     * once. */
    int (*samples)(struct hostwatch *watch, struct hostwatch_sample *rows, size_t room, size_t *count,
                   struct fault *why);
};

struct hostwatch {
    const struct hostwatch_ops *ops;
};

/* Connects and listens; *ears is copied. On success the caller owns *ret. Blocks. List after opening:
 * what happens in between is then heard, maybe twice, never missed. */
int hostwatch_open_libvirt(const char *uri, const struct hostwatch_ears *ears, struct hostwatch **ret,
                           struct fault *why);

/* Accepts NULL. Not from within an ear. */
static inline void hostwatch_free(struct hostwatch *watch)
{
    if (watch != NULL)
        watch->ops->close(watch);
}
DEFINE_AUTO(hostwatch)

#endif
