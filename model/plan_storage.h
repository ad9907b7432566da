/* SPDX-License-Identifier: MIT
 * Plans of pools and volumes: what storage has to do for them stands in the plan as jobs. Spec: storage 3 to
 * 5, 14, 15; admin-api-methods 5, 6, 11. */
#ifndef MODEL_PLAN_STORAGE_H
#define MODEL_PLAN_STORAGE_H

#include "model/plan.h"
#include "model/pool.h"

/* A volume's data for another pool: lent, taken, and given back whatever became of the taking. */
enum plan_stage { STAGE_LEND, STAGE_TAKE, STAGE_GIVE_BACK };

/* One verb of a volume (or, without one, of the pool). Spans live as long as the plan. */
struct plan_job {
    struct plan_job *next;
    const char *verb; /* constant text, as in doors/pool_verb.def, and clear */
    uint32_t qid;
    struct span pool, volume, lines, source, revision;
    bool in_place, success;
    bool stays; /* it could not be removed: it stays a leftover */
    uint64_t size;
    enum plan_stage stage; /* jobs of one stage are done side by side, when those before are done */
    struct span borrower;  /* the pool that is lent the volume's data, or has been */
};

/* Whether its volume is made, changed or removed; else only data are moved, for another job. */
bool job_is_of_its_volume(const struct plan_job *job);

/* Items CHANGE_LEFTOVER: volumes that are on the disk and of no VM: made for one that is to come, or not yet
 * removed after one. They are there from before a creation's first file until the VM is committed, and from
 * the commit that removes a VM until its last file is gone; whatever is found at a start is removed. */
void plan_leftovers(struct plan *p, const struct plan_job *jobs, bool gone);
/* The path that storage gave: behind what the plan has as its result. */
void plan_result_path(struct plan *p, const char *path);
/* Whether the job's volume is one. */
bool leftover_is(const struct known *k, const struct plan_job *job);
bool leftover_key_is(const struct plan_job *job, struct span key);

/* Where a size may follow (after one blank, or alone): what storage says that the volume has, once its part
 * is done. Without one, what is configured stays. */
int plan_volume_resize(const struct known *k, uint32_t qid, struct span volume, struct span size,
                       struct plan *p, struct fault *why);
int plan_volume_revert(const struct known *k, uint32_t qid, struct span volume, struct span revision,
                       struct plan *p, struct fault *why);
int plan_volume_clear(const struct known *k, uint32_t qid, struct span volume, struct span size,
                      struct plan *p, struct fault *why);
/* `source`: "<qid> <volume>[ <size>]". */
int plan_volume_clone(const struct known *k, uint32_t qid, struct span volume, struct span source,
                      struct plan *p, struct fault *why);
/* `size` empty: as large as it is. The answer is "<size> <path>", which storage completes. */
int plan_import_begin(const struct known *k, uint32_t qid, struct span volume, struct span size,
                      struct plan *p, struct fault *why);
/* `word`: ok, or fail. */
int plan_import_end(const struct known *k, uint32_t qid, struct span volume, struct span word, struct plan *p,
                    struct fault *why);
/* Only its event: the end itself did not succeed. */
int plan_import_failed(const struct known *k, uint32_t qid, struct span volume, struct plan *p,
                       struct fault *why);
int plan_volume_keep(const struct known *k, uint32_t qid, struct span volume, struct span number,
                     struct plan *p, struct fault *why);
int plan_volume_rw(const struct known *k, uint32_t qid, struct span volume, struct span word, struct plan *p,
                   struct fault *why);
int plan_volume_ephemeral(const struct known *k, uint32_t qid, struct span volume, struct span word,
                          struct plan *p, struct fault *why);
/* `lines`: its whole configuration. */
int plan_pool_add(const struct known *k, struct span name, struct span lines, struct plan *p,
                  struct fault *why);
int plan_pool_remove(const struct known *k, struct span name, struct plan *p, struct fault *why);
int plan_pool_keep(const struct known *k, struct span name, struct span number, struct plan *p,
                   struct fault *why);
int plan_pool_ephemeral(const struct known *k, struct span name, struct span word, struct plan *p,
                        struct fault *why);
/* What was found at a start: only a job; committed as gone when that is done. */
int plan_leftover_remove(const struct known *k, struct span key, struct plan *p, struct fault *why);

#endif
