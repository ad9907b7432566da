/* SPDX-License-Identifier: MIT
 * Pools as the model holds them: which process serves one, who uses it, what a volume is for its driver.
 * Pure; nothing allocates. Spec: storage 1 to 5. */
#ifndef MODEL_POOL_H
#define MODEL_POOL_H

#include "model/model.h"
#include "model/property.h"

enum { POOL_INSTANCES = 3000 }; /* as the row of storage in proto/who.def */

/* The instance of storage that serves a pool of this name: the same in every process and for ever. Two names
 * can share one; plan_pool_add refuses the second. */
uint32_t pool_instance(struct span name);
/* The pool that this instance serves: 1 with *name and *lines, or 0. */
int pool_at(const struct known *k, uint32_t instance, struct span *name, struct span *lines);
int pool_known(const struct known *k, struct span name, struct span *lines); /* 1 or 0 */

/* The directory that its process sees, at NULL for none; *reads: it writes nothing there. */
struct span pool_directory(struct span lines, bool *reads);

/* What its process is told before it is jailed: "lvm_thin GROUP/THINPOOL", "zfs CONTAINER", "callback
 * CONF_ID", "file /DIRECTORY"; nothing for a pool without a driver. 0, or -ERR_RANGE when it does not fit;
 * then *to is empty.
 */
enum { POOL_WHEREABOUTS = 280 };
int pool_whereabouts(struct span lines, char to[POOL_WHEREABOUTS + 1]);

/* A volume of a VM: 1 with *lines (and *pool), or 0. The kernel volume's vid is the VM's kernel. `lines` may
 * be written to `made`, which is the caller's and must outlive them. */
struct volume_known {
    struct span pool, lines;
    bool in_place; /* its source is used in place while its VM runs (storage 1.3) */
};
int volume_known(const struct known *k, uint32_t qid, struct span name, struct text *made,
                 struct volume_known *v);

/* The VM whose volume this one is a snapshot of, if that VM works on its only copy; else NULL. */
const struct vm *volume_source_in_place(const struct known *k, uint32_t qid, struct span name,
                                        struct span lines);

/* A VM with a volume in the pool, or NULL; the property of the system that names it, or NULL. */
const struct vm *pool_user(const struct known *k, struct span pool);
const char *pool_default_for(const struct known *k, struct span pool);
/* Whether `ephemeral` holds for the volume: its own word, else its pool's. */
bool volume_is_ephemeral(const struct known *k, struct span lines);

#endif
