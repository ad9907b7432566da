/* SPDX-License-Identifier: MIT
 * What every bus on demand is and hears: its part of the mailbox that does not depend on what its devices
 * are, and when it rests. A bus's own struct begins with a struct devbus; what is its own it gives as a
 * struct devbus_kind. In their core. Spec: devices 14, 16. */
#ifndef ACTORS_DEVBUS_DEVBUS_BUS_H
#define ACTORS_DEVBUS_DEVBUS_BUS_H

#include "actors/devbus/devbus_ask.h"

struct devbus;

/* Timers of every bus; a bus's own begin with the last. */
enum devbus_timer {
    DEVBUS_TIMER_HOLDS = 1,
    DEVBUS_TIMER_REST,
    DEVBUS_TIMER_ASK,
    DEVBUS_TIMER_NAMES,
    DEVBUS_TIMER_SETTLED,
    DEVBUS_TIMER_OWN
};

/* So long backends' processes may take to say who has what, when a bus has begun. */
#define DEVBUS_SETTLE (6 * SECONDS)

/* What makes a bus this one. A function that is NULL: it never does that, and refuses who asks (or does not
 * hear what is only told), but where another default is named. */
struct devbus_kind {
    const char *device_class;        /* "usb" */
    bool (*lists)(const char *port); /* whether a listing without a port shows it; NULL: every one */
    bool hears_vms; /* VMs' processes know what of it they have: asked after each hello, as guests' are */
    bool ends_say;  /* when a backend's life is over its list has changed, too, for subscribers */
    bool (*is_idle)(const struct devbus *bus); /* nothing of its own is waited for; NULL: never is anything */
    /* NULL: asked of the backend's guest process (devbus_listing.h). */
    void (*list)(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_list *m);
    void (*prepare)(struct devbus *bus, struct out *out, const struct envelope *e,
                    const struct bus_prepare *m);
    void (*confirm)(struct devbus *bus, struct out *out, const struct envelope *e,
                    const struct bus_confirm *m);
    void (*plug)(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_plug *m);
    void (*unplug)(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_unplug *m);
    void (*has)(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_has *m);
    /* The life of a VM is over. NULL: whatever it had is free, and subscribers hear it. */
    void (*over)(struct devbus *bus, struct out *out, struct subject vm);
    void (*sound)(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_sound *m);
    /* NULL: compared with what subscribers know, and they are told (devbus_news.h). */
    void (*exposed)(struct devbus *bus, struct out *out, const struct envelope *e,
                    const struct bus_exposed *m);
    /* On the way of that: what is exposed was read (`b` NULL: nothing is); they have been told; and, whatever
     * it was, the backend has told. NULL: nothing more is to be done. */
    void (*read)(struct devbus *bus, struct out *out, const char *backend, const struct devbus_backend *b);
    void (*told)(struct devbus *bus, struct out *out, const struct devbus_backend *b, bool is_news);
    void (*heard)(struct devbus *bus, struct out *out, const char *backend);
    /* NULL: what is exposed, and one VM has at a time (devbus_ask.h). */
    devbus_find_free *free;
    /* Answers that no listing waits for; rings of its own timers. */
    void (*answered)(struct devbus *bus, struct out *out, const struct answer *a);
    void (*timer)(struct devbus *bus, struct out *out, uint64_t number);
    /* Some seconds behind each hello who has what has been told, unless something of that is still asked:
     * then api hears that nobody else has any, of whom a bus before may have said it. NULL: VMs tell what
     * they have. */
    bool (*knows_all)(const struct devbus *bus);
    /* So it has. NULL: nothing more is to be done. */
    void (*settled)(struct devbus *bus, struct out *out);
    /* Releases what its own state holds; NULL: nothing. */
    void (*end)(struct devbus *bus);
};

struct devbus {
    const struct devbus_kind *kind;
    struct devbus_table table;
    struct devbus_listing listing;
    struct devbus_ask ask;
    uint64_t seq, refused;
    bool settled; /* where `knows_all`: of nobody else it is so */
};

/* Sets up the table and reads the note; the bus may change either before devbus_ready says that it serves. */
void devbus_begin(struct devbus *bus, struct out *out, const struct devbus_kind *kind, struct span note);
void devbus_ready(struct out *out);

/* The rest of a struct actor, as DEVBUS_ACTS; each takes the bus's own struct. */
void devbus_hello(void *bus, struct out *out, uint64_t epoch, uint64_t last_correlation);
void devbus_hear(void *bus, struct out *out, const struct envelope *e);
void devbus_answered(void *bus, struct out *out, const struct answer *a);
void devbus_rings(void *bus, struct out *out, uint64_t number);
void devbus_end(void *bus);
#define DEVBUS_ACTS                                                                                          \
    .hello = devbus_hello, .hear = devbus_hear, .answered = devbus_answered, .timer = devbus_rings,          \
    .end = devbus_end

/* VMs' processes, where they know, are asked to tell what they have, guests' what they expose. */
void devbus_ask_all(const struct devbus *bus, struct out *out);

/* With its life a VM's attachments end: nobody detaches them, but subscribers hear it. */
void devbus_say_ended(struct devbus *bus, struct out *out, struct subject vm);

#endif
