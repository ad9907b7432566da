/* SPDX-License-Identifier: MIT
 * devbus-usb: the USB devices that VMs expose, and who has them, which their backends say. Each backend's
 * guest process reads what there is; the services that connect one run through launcher. It begins when it is
 * first asked or told something, and retires when nothing is exposed or attached. Spec: devbus-usb-mic B. */
#ifndef ACTORS_DEVBUS_USB_DEVBUS_USB_H
#define ACTORS_DEVBUS_USB_DEVBUS_USB_H

#include "actors/devbus/devbus_take.h"
#include "doors/usbids.h"

enum {
    USB_CALLS_MAX = 64, /* services that run for us; the next is answered busy */
    USB_NAMES_MAX = 64, /* names that registry is asked about; what is more waits for the next change */
};

/* So long a backend may take to write what its service has done: then it is looked at. While services go on
 * ending that is put off, for an early look would find what is not written yet; but not for ever. */
#define USB_LOOK_AFTER  (10 * SECONDS)
#define USB_LOOK_WITHIN (60 * SECONDS)
enum usb_timer { USB_TIMER_NAMES = DEVBUS_TIMER_OWN, USB_TIMER_LOOK };

/* qubes.USBAttach in a frontend, or qubes.USBDetach in a backend. */
struct usb_run {
    struct request request;
    uint64_t tag; /* of what launcher is asked; 0: it waits for its backend's word */
    bool attaches, again;
    char key[DEVBUS_KEY_MAX + 1], name[32], backend[32], port[256];
};

/* A backend says that this VM has the device. */
struct usb_name {
    uint64_t tag;      /* of what registry is asked; 0: it has not answered, and is asked again */
    uint64_t again_at; /* then */
    unsigned tries;
    struct subject backend;
    char port[256], name[32];
    bool is_news; /* subscribers hear of it */
};

struct devbus_usb {
    struct devbus bus;
    const struct usbids *ids; /* the program's; NULL: nothing has a name */
    struct usb_run run[USB_CALLS_MAX];
    size_t runs;
    struct usb_name name[USB_NAMES_MAX];
    size_t names;
    uint64_t look_by; /* no later than then backends are looked at; 0: nothing is promised */
    uint64_t last_tag;
};

extern const struct actor devbus_usb_actor;

/* For the program: the names of vendors and products, borrowed. */
void devbus_usb_settle(struct devbus_usb *self, const struct usbids *ids);

/* ---- devbus_usb_list.c: to whom what is exposed is connected ---- */
void usb_read(struct devbus *bus, struct out *out, const char *backend, const struct devbus_backend *b);
void usb_told(struct devbus *bus, struct out *out, const struct devbus_backend *b, bool is_news);
/* Whether this says who a VM is. */
bool usb_named(struct devbus_usb *self, struct out *out, const struct answer *a);
/* What a service has said to have done may not be so: its backend is looked at later. */
void usb_look_later(struct devbus_usb *self, struct out *out);
/* The time has come for that, or to ask registry once more. */
void usb_rings(struct devbus *bus, struct out *out, uint64_t timer);

/* ---- devbus_usb_job.c: who gets what ---- */
void usb_prepare(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_prepare *m);
void usb_plug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_plug *m);
void usb_unplug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_unplug *m);
/* A backend has said who has what: what waits for that goes on. */
void usb_part_again(struct devbus_usb *self, struct out *out);
/* Whether this is the end of a service. */
bool usb_ran(struct devbus_usb *self, struct out *out, const struct answer *a);
/* A service runs for the device: what it changes is told by who asked for it. */
bool usb_is_under_way(const struct devbus_usb *self, const char *key);

#endif
