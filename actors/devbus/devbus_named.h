/* SPDX-License-Identifier: MIT
 * By which name a VM exposes devices: its guest process says one, which may be another's. Registry is asked
 * whose it is, and only the name of the VM that the router has stamped on the message is taken. In the core
 * of a bus whose devices VMs expose. */
#ifndef ACTORS_DEVBUS_DEVBUS_NAMED_H
#define ACTORS_DEVBUS_DEVBUS_NAMED_H

#include "actors/devbus/devbus_exposed.h"

enum devbus_word { DEVBUS_ASKED, DEVBUS_ITS_OWN, DEVBUS_ANOTHERS };

struct devbus_name {
    struct subject vm;
    char name[32];
    enum devbus_word word;
    bool changed;  /* what it exposes has, and nobody was told, for its name was not known yet */
    bool had_none; /* it said so, and whatever it has later is new to subscribers */
    bool accused;  /* of saying another's: that is logged once */
    uint64_t tag;
    unsigned tries;
};

/* Of the VMs that were heard last. */
struct devbus_names {
    struct devbus_name at[DEVBUS_BACKENDS_MAX];
    size_t used, next;
    uint64_t last_tag;
};

/* ASKED: registry is, and devbus_named hears the answer. */
enum devbus_word devbus_name_is(struct devbus_names *n, struct out *out, struct subject vm, const char *name);
/* Whether what this VM exposes can be believed now; where its name is not known yet, its process is made to
 * say it once more, and *changed is kept until then. */
bool devbus_believes(struct devbus_names *n, struct out *out, struct subject vm, const struct bus_exposed *m,
                     bool *changed);
/* What an answer has decided; NULL: it was none of these, or nothing is decided yet. */
const struct devbus_name *devbus_named(struct devbus_names *n, struct out *out, const struct answer *a);

#endif
