/* SPDX-License-Identifier: MIT
 * The block devices that a guest says it exposes: entries of its QubesDB, any of which may be a lie, as
 * records of plain characters and bounded size. Pure; in guest's worker. Spec: devbus-block 1, 2. */
#ifndef ACTORS_GUEST_GUEST_DEVICE_H
#define ACTORS_GUEST_GUEST_DEVICE_H

#include "base/err.h"
#include "proto/messages.h"

enum {
    GUEST_DEVICES_MAX = 128,  /* devices; what is more is left out */
    GUEST_ENTRIES_MAX = 4096, /* entries below the folder; with more nothing of it is believed */
    GUEST_PORT_MAX = 40,      /* bytes of a device's name */
    GUEST_DEVICE_TEXT = 255,  /* bytes of each word about it; the rest is cut off */
    GUEST_DEVICE_PARENTS = 8, /* a device that is part of a part of ... */
};

struct guest_device {
    char port[GUEST_PORT_MAX + 1];
    char desc[GUEST_DEVICE_TEXT + 1], parent[GUEST_DEVICE_TEXT + 1];
    uint64_t size;
    bool read_only;
};

struct guest_device_list {
    struct guest_device device[GUEST_DEVICES_MAX]; /* in the order of the database */
    size_t count, entries, left_out;
};

/* The folder in the database. */
#define GUEST_DEVICE_FOLDER "/qubes-block-devices/"

/* One entry for a struct guest_device_list: its path behind the folder, and its value. 0, or -ERR_PROTOCOL
 * where there is no end of them. */
int guest_device_take(void *list, struct span name, struct span value, struct fault *why);
/* The device as its bus hears of it; `backend` is its VM's name. */
void guest_device_item(const struct guest_device_list *list, const struct guest_device *d,
                       const char *backend, struct device_item *item);

#endif
