/* SPDX-License-Identifier: MIT
 * The state of guest/<qid>. */
#ifndef ACTORS_GUEST_GUEST_H
#define ACTORS_GUEST_GUEST_H

#include "runtime/post.h"

struct guest {
    bool open; /* its VM lives, as this domain */
    uint32_t domid;
    char name[32]; /* of the VM, while it is open */
    uint64_t refused;
};

extern const struct actor guest_actor;

#endif
