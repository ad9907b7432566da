/* SPDX-License-Identifier: MIT
 * What starting and stopping a file-reflink volume does, decided from what is there. Pure. Spec: storage 6.3.
 */
#ifndef DOORS_POOL_REFLINK_PLAN_H
#define DOORS_POOL_REFLINK_PLAN_H

#include "doors/pool_volume.h"

enum reflink_step {
    REFLINK_END,
#define REFLINK_STEP(name, help) REFLINK_##name,
#include "doors/pool_reflink_step.def"
    REFLINK_STEPS
};

struct reflink_seen {
    bool clean, dirty;
    bool fresh; /* there is a precache, of the size and time of clean */
};

/* Rows ended by REFLINK_END, in the order in which they are done; static. */
const enum reflink_step *reflink_plan_start(const struct volume *v, const struct reflink_seen *seen);
const enum reflink_step *reflink_plan_stop(const struct volume *v, const struct reflink_seen *seen);

#endif
