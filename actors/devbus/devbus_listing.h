/* SPDX-License-Identifier: MIT
 * Listings of a bus whose devices VMs expose: each is asked of the backend's guest process, which reads its
 * QubesDB; in the bus's core. Spec: devices 16. */
#ifndef ACTORS_DEVBUS_DEVBUS_LISTING_H
#define ACTORS_DEVBUS_DEVBUS_LISTING_H

#include "actors/devbus/devbus_exposed.h"
#include "actors/devbus/devbus_named.h"
#include "actors/devbus/devbus_table.h"

enum { DEVBUS_QUESTIONS_MAX = 256 }; /* listings that are being asked for; the next is answered busy */

/* A listing: what its backend exposes is being read. */
struct devbus_question {
    struct request request;
    uint64_t tag;
    struct subject backend;
    bool awaits_name; /* it was read, and is read again when the name that it came with has proved right */
    char port[256];
};

struct devbus_listing {
    struct devbus_table *table;      /* who has what of it; set before the first listing */
    bool (*lists)(const char *port); /* whether a listing without a port shows it */
    /* Adds what guests' processes cannot know; may be NULL. */
    void (*describe)(void *arg, struct device_item *item);
    void *arg;
    struct devbus_exposed exposed;
    struct devbus_names names; /* of those who expose it */
    struct devbus_question question[DEVBUS_QUESTIONS_MAX];
    size_t questions;
    uint64_t last_tag;
};

/* "sys-usb:sda"; empty where nothing has so long a name. */
void devbus_key(const char *backend, const char *port, char key[DEVBUS_KEY_MAX + 1]);

void devbus_list(struct devbus_listing *l, struct out *out, const struct envelope *e,
                 const struct bus_list *m);
/* Whether this answers one of its questions; then whoever asked has his answer. */
bool devbus_listed(struct devbus_listing *l, struct out *out, const struct answer *a);
void devbus_list_cancel(struct devbus_listing *l, struct out *out, const struct envelope *e);

#endif
