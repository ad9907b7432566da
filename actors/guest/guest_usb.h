/* SPDX-License-Identifier: MIT
 * The USB devices that a guest says it exposes: entries of its QubesDB, any of which may be a lie, as records
 * of plain characters and bounded size. Pure; in guest's worker. Spec: devbus-usb-mic B.1. */
#ifndef ACTORS_GUEST_GUEST_USB_H
#define ACTORS_GUEST_GUEST_USB_H

#include "base/err.h"
#include "proto/messages.h"

enum {
    GUEST_USB_MAX = 128,       /* devices; what is more is left out */
    GUEST_USB_ENTRIES = 4096,  /* entries below the folder; with more nothing of it is believed */
    GUEST_USB_PORT_MAX = 40,   /* bytes of a device's name */
    GUEST_USB_TEXT = 255,      /* bytes of each word about it; the rest is cut off */
    GUEST_USB_INTERFACES = 31, /* a device with more is left out: what it is nobody could tell */
    GUEST_USB_CODES = 7 * GUEST_USB_INTERFACES,
};

struct guest_usb {
    char port[GUEST_USB_PORT_MAX + 1]; /* as the kernel names it: 1-1.2 */
    char ids[10];                      /* "1d6b:0002" */
    char manufacturer[GUEST_USB_TEXT + 1], name[GUEST_USB_TEXT + 1], serial[GUEST_USB_TEXT + 1];
    char interfaces[GUEST_USB_CODES + 1]; /* u080650u030101 */
    char attachment[32];                  /* the name of a VM, or "" */
    bool is_malformed;                    /* its interfaces are no such codes */
};

struct guest_usb_list {
    struct guest_usb device[GUEST_USB_MAX]; /* in the order of the database */
    size_t count, entries, left_out;
};

/* The folder in the database. */
#define GUEST_USB_FOLDER "/qubes-usb-devices/"

/* One entry for a struct guest_usb_list: its path behind the folder, and its value. 0, or -ERR_PROTOCOL where
 * there is no end of them. */
int guest_usb_take(void *list, struct span name, struct span value, struct fault *why);
/* The device as its bus hears of it; false: it is left out. Vendor and product are the bus's to name. */
bool guest_usb_item(const struct guest_usb *d, struct device_item *item);

#endif
