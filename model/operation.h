/* SPDX-License-Identifier: MIT
 * Operations by number: the rows of model/operation.def and the planner of each. */
#ifndef MODEL_OPERATION_H
#define MODEL_OPERATION_H

#include "model/plan.h"

enum operation {
#define OPERATION(name, key, value, call) OPERATION_##name,
#include "model/operation.def"
    OPERATIONS
};

/* "property_set"; "unknown" for a number without a row. */
const char *operation_name(unsigned operation);

/* Plans it: see model/plan.h for what *p holds afterwards, also on failure.
 * -ERR_UNKNOWN for a number without a row. Pure. */
int operation_plan(const struct known *k, unsigned operation, uint32_t actor, uint32_t target,
                   struct span key, struct span value, struct plan *p, struct fault *why);

#endif
