/* SPDX-License-Identifier: MIT
 * A change of the netvm that was put off because the VM was paused. Planners as in model/plan.h. Spec:
 * net 3.1.
 */
#ifndef MODEL_PLAN_NETVM_H
#define MODEL_PLAN_NETVM_H

#include "model/plan.h"

/* Is one put off? */
bool netvm_put_off(const struct known *k, uint32_t qid);
/* It is made now: from the netvm that the running VM still has to the one that it should have. -ERR_STATE:
 * there is none, or the new netvm does not run yet. */
int plan_netvm_apply(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p, struct fault *why);
/* The VM has ended: its next life begins with the right one. */
int plan_netvm_forget(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p, struct fault *why);

#endif
