/* SPDX-License-Identifier: MIT
 * Who gets a device that VMs expose: one VM at a time. Nothing has to be done to such a device before it is
 * attached, so that to prepare one is to check and to hold it. In the core of a bus on demand. Spec: devices
 * 7, 16. */
#ifndef ACTORS_DEVBUS_DEVBUS_TAKE_H
#define ACTORS_DEVBUS_DEVBUS_TAKE_H

#include "actors/devbus/devbus_bus.h"

/* A device that a VM is to have; texts are the asker's. */
struct devbus_wish {
    struct subject vm;
    const char *name; /* of that VM */
    const char *backend, *port, *device_id;
    bool starts;             /* it is to start with it, which may take longer than an attachment */
    bool again, only_checks; /* as in bus_prepare */
};

/* What its backend exposes there now, or -ERR_DEVICE_UNRECOGNIZED. */
int devbus_wished(const struct devbus *bus, const struct devbus_wish *w, const struct device_item **item,
                  struct fault *why);
/* Holds it for that VM, with these options, unless another has it: 0, -ERR_DEVICE_ATTACHED or -ERR_BUSY. */
int devbus_take(struct devbus *bus, struct out *out, const struct devbus_wish *w, struct span options,
                const struct device_item *item, struct fault *why);
/* -ERR_DEVICE_ATTACHED: it is that VM's; "" is one whose name is not known. */
int devbus_is_attached(const char *backend, const char *port, const char *device_id, const char *holder,
                       struct fault *why);
/* The sender gives up what was prepared for it. */
void devbus_let_go(struct devbus *bus, struct out *out, const struct envelope *e,
                   const struct bus_release *m);

#endif
