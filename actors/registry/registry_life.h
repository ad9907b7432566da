/* SPDX-License-Identifier: MIT
 * The registry's life, as the table of its core names it; in `registry`. */
#ifndef ACTORS_REGISTRY_REGISTRY_LIFE_H
#define ACTORS_REGISTRY_REGISTRY_LIFE_H

#include "actors/registry/registry.h"

/* As in struct actor (runtime/core.h); `arg` is the struct registry. */
int registry_begin(void *arg, struct out *out, const struct life *life);
void registry_hello(void *arg, struct out *out, uint64_t epoch, uint64_t last_correlation);
void registry_answered(void *arg, struct out *out, const struct answer *a);
void registry_done(void *arg, struct out *out, const struct done *d);
void registry_due(void *arg, struct out *out, uint64_t number);
void registry_stop(void *arg, struct out *out);
void registry_end(void *arg);

/* What runs is known, or was waited for long enough: changes go on. */
void registry_settle(struct registry *r, struct out *out);
/* Answers a question about all that the store holds, which must have been read. */
void registry_tell(struct registry *r, struct out *out, const struct request *to);

#endif
