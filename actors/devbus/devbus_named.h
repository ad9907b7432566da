/* SPDX-License-Identifier: MIT
 * By which name a VM exposes devices: its guest process says one, which may be another's. Registry is asked
 * whose it is, and only the name of the VM that the router has stamped on the message is taken. In the core
 * of a bus whose devices VMs expose. */
#ifndef ACTORS_DEVBUS_DEVBUS_NAMED_H
#define ACTORS_DEVBUS_DEVBUS_NAMED_H

#include "actors/devbus/devbus_exposed.h"

enum {
    DEVBUS_NAMES_MAX = 10001,  /* one for each qid: none is forgotten for another's sake */
    DEVBUS_NAMES_AT_ONCE = 64, /* so many are being asked for; the others wait for their turn */
};

enum devbus_word { DEVBUS_ASKED, DEVBUS_ITS_OWN, DEVBUS_ANOTHERS };

struct devbus_name {
    struct subject vm;
    char name[32];
    enum devbus_word word;
    bool changed;      /* what it exposes has, and nobody was told, for its name was not known yet */
    bool had_none;     /* it said so, and whatever it has later is new to subscribers */
    bool accused;      /* of saying another's: that is logged once */
    bool waits;        /* registry is to be asked, when others have been answered */
    uint64_t tag;      /* of what registry is asked; 0: nothing */
    uint64_t again_at; /* when it is asked once more; 0: it is not */
    unsigned tries;
};

/* Of all VMs that were heard. */
struct devbus_names {
    struct devbus_name *at; /* from malloc */
    size_t used, room, asked;
    uint64_t last_tag;
    uint64_t timer; /* its ring is answered with devbus_names_ring; set before all else */
};

/* ASKED: registry is, and devbus_named hears the answer. ANOTHERS also where there is no memory. */
enum devbus_word devbus_name_is(struct devbus_names *n, struct out *out, struct subject vm, const char *name);
/* Whether what this VM exposes can be believed now; where its name is not known yet, its process is made to
 * say it once more, and *changed is kept until then. */
bool devbus_believes(struct devbus_names *n, struct out *out, struct subject vm, const struct bus_exposed *m,
                     bool *changed);
/* Whether this is registry's answer to one of these; what it has decided, if it has: after many errors, which
 * it goes on to ask about, that nothing is known (ASKED). It is valid until the next call. */
bool devbus_named(struct devbus_names *n, struct out *out, const struct answer *a,
                  const struct devbus_name **decided);
void devbus_names_ring(struct devbus_names *n, struct out *out);
/* Registry has still to say something: what was told meanwhile is nowhere else. */
bool devbus_names_are_open(const struct devbus_names *n);
void devbus_names_free(struct devbus_names *n);

#endif
