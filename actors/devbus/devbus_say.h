/* SPDX-License-Identifier: MIT
 * What a bus tells Admin API subscribers of devices that come and go; in its core. */
#ifndef ACTORS_DEVBUS_DEVBUS_SAY_H
#define ACTORS_DEVBUS_DEVBUS_SAY_H

#include "runtime/post.h"

struct devbus_said {
    const char *key;
    struct span value;
};

/* Each guest's process that lives is asked to tell what its VM exposes, be it nothing. */
void devbus_ask_guests(struct out *out);

/* One Admin event about that VM, with one argument; a NULL key: without. `seq` counts what was said, on from
 * the number that hello brings. */
void devbus_say(struct out *out, uint64_t *seq, struct subject vm, const char *name, const char *key,
                struct span value);
/* The same with several, or none. */
void devbus_say_all(struct out *out, uint64_t *seq, struct subject vm, const char *name,
                    const struct devbus_said *said, size_t count);

#endif
