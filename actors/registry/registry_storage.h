/* SPDX-License-Identifier: MIT
 * What the registry and the pools' processes have to do with each other; in registry. */
#ifndef ACTORS_REGISTRY_REGISTRY_STORAGE_H
#define ACTORS_REGISTRY_REGISTRY_STORAGE_H

#include "actors/registry/registry.h"

/* registry_storage.c: what storage has to do for an operation, before its commit or after it. */
/* Takes it: it goes on when storage has answered, or later. Nothing: (more) is to be done before the commit.
 */
enum storage_turn { STORAGE_NOTHING, STORAGE_TAKES_IT, STORAGE_WAITS_FOR_DISK };
enum storage_turn storage_before(struct registry *r, struct out *out, const struct known *known,
                                 struct pending_operation *o);
bool storage_after(struct registry *r, struct out *out, struct pending_operation *o);
/* A commit beside the operation's own is due: it was begun. */
bool storage_goes_on(struct registry *r, struct out *out, struct pending_operation *o);
/* Its plan cannot be made any more: what storage has done is undone. True: it goes on later. */
bool storage_undo(struct registry *r, struct out *out, struct pending_operation *o);
/* A commit beside the operation's own; false: it is the operation's. */
bool storage_committed(struct registry *r, struct out *out, struct pending_operation *o);
/* A volume of its VM has other contents now. */
bool storage_gave_contents(const struct pending_operation *o);
struct op_id storage_op(const struct pending_operation *o); /* its own, whatever it commits now */
bool storage_is_beside(const struct pending_operation *o);  /* what it commits is not yet the operation */
/* A commit beside did not succeed; false: it was none. */
bool storage_commit_failed(struct registry *r, struct out *out, struct pending_operation *o, int e,
                           const struct fault *why);
bool storage_answered(struct registry *r, struct out *out, const struct answer *a);
/* The operation ends: of pools that it was to make, and that there are not, nobody keeps a place. */
void storage_withdraw(struct registry *r, const struct pending_operation *o);
void storage_work_free(struct pending_operation *o);
/* Whether an operation under way is making a VM of that name; `arg` is a struct registry. */
int storage_is_being_made(void *arg, const char *name);

/* registry_pool.c: pools and what their processes ask. */
void pools_place_all(struct registry *r);
void pool_place_lines(struct registry *r, struct span name, struct span lines);
void pools_follow(struct registry *r, struct out *out, const struct plan *p); /* after a commit */
void pool_tell_to(struct registry *r, struct out *out, const struct request *to);
void volume_tell_to(struct registry *r, struct out *out, const struct envelope *e,
                    const struct volume_tell *m);

/* registry_recover.c: what a pool that begins to serve is told of its volumes. */
void pool_volumes_tell(struct registry *r, struct out *out, const struct request *to,
                       const struct pool_volumes *m);
void leftovers_remove_of(struct registry *r, struct out *out, const struct plan_job *jobs);
void leftovers_remove(struct registry *r, struct out *out); /* once, when changes may begin */
/* An operation under way is at this leftover. */
bool storage_is_at(const struct registry *r, struct span leftover);
/* The pool that an operation under way sets up for this instance, or NULL. */
const struct plan_job *storage_new_pool(const struct registry *r, uint32_t instance);

#endif
