/* SPDX-License-Identifier: MIT
 * What the plans of volumes and of pools share. */
#ifndef MODEL_PLAN_STORAGE_INSIDE_H
#define MODEL_PLAN_STORAGE_INSIDE_H

#include "model/plan_inside.h"
#include "model/plan_storage.h"

struct span storage_attribute(struct span lines, const char *key);
bool storage_is(struct span lines, const char *key); /* "True" */
bool storage_same(struct span a, struct span b);
/* As admin-api-methods 6 writes numbers and truth values; -ERR_PROTOCOL. */
int storage_number(struct span s, uint64_t *number, struct fault *why);
int storage_revisions(struct span s, int64_t *number, struct fault *why);
int storage_bool(struct span s, bool *value, struct fault *why);
struct span storage_with(struct doing *d, struct span lines, const char *key, struct span value);
/* One more job at the end of the plan; NULL: no room, which fails the plan. */
struct plan_job *storage_job(struct doing *d, const char *verb, struct span pool);
int storage_volume_job(struct doing *d, const char *verb, uint32_t qid, struct span name,
                       struct plan_job **ret);

#endif
