/* SPDX-License-Identifier: MIT
 * What the plans of volumes and of pools share. */
#ifndef MODEL_PLAN_STORAGE_INSIDE_H
#define MODEL_PLAN_STORAGE_INSIDE_H

#include "model/plan_inside.h"
#include "model/plan_storage.h"

struct span storage_attribute(struct span lines, const char *key);
bool storage_is(struct span lines, const char *key); /* "True" */
/* As admin-api-methods 6 writes numbers and truth values; -ERR_PROTOCOL. */
int storage_number(struct span s, uint64_t *number, struct fault *why);
int storage_bool(struct span s, bool *value, struct fault *why);
struct span storage_with(struct doing *d, struct span lines, const char *key, struct span value);
/* The volume of this name, kept for the life of the plan; -ERR_PERMISSION. */
int storage_find(struct doing *d, uint32_t qid, struct span name, struct volume_known *v);
/* One of its attributes is to be another. */
void storage_put(struct doing *d, uint32_t qid, struct span volume, const char *key, struct span value);
/* It is as large now as storage says ("" for unknown), if that is kept. */
void storage_sized(struct doing *d, uint32_t qid, struct span volume, struct span size);
uint64_t storage_size(struct span lines); /* 0: none is configured */
bool storage_in_place(struct span lines); /* its VM works on its only copy (storage 1.3) */
bool storage_has_driver(struct doing *d, struct span lines, const char *driver);
bool storage_is_kernel(struct doing *d, struct span lines);
/* One more job at the end of the plan; NULL: no room, which fails the plan. */
struct plan_job *storage_job(struct doing *d, const char *verb, struct span pool);
int storage_volume_job(struct doing *d, const char *verb, uint32_t qid, struct span name,
                       struct plan_job **ret);

#endif
