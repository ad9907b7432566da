/* SPDX-License-Identifier: MIT
 * Which assignments mean a device that has come, and what its backend makes of disks. Pure. Spec: devices 14;
 * devbus-block 6. */
#ifndef MODEL_DEVICE_OFFER_H
#define MODEL_DEVICE_OFFER_H

#include "model/ask.h"
#include "model/device_wire.h"

enum { DEVICE_OFFERS_MAX = 256 }; /* devices of one change */

/* The most specific assignment of that VM, in any mode, that means this device: 1 with *best, else 0. Spans
 * point into the model. */
int device_offer_of(const struct known *k, uint32_t qid, const struct device *real, struct assignment *best);
/* Which of `count` devices that VM has assigned, as their numbers: those of its most specific assignments
 * first, of equal ones in the devices' order. Returns how many were written to `order`, which has room for
 * all. */
size_t device_offer_order(const struct known *k, uint32_t qid, const struct device *real, size_t count,
                          size_t *order);
/* Whether Xen's script for disks is named when this VM is the backend: dom0's are always, another's when its
 * agent is new enough, which is compared as text. */
bool device_has_script(const struct known *k, uint32_t backend);

#endif
