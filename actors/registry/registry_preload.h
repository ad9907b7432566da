/* SPDX-License-Identifier: MIT
 * What the two files about preloaded disposables say to each other; in registry. */
#ifndef ACTORS_REGISTRY_REGISTRY_PRELOAD_H
#define ACTORS_REGISTRY_REGISTRY_PRELOAD_H

#include "actors/registry/registry.h"

enum drop_which { DROP_OUTDATED, DROP_UNUSABLE, DROP_ALL };

/* registry_preload_fill.c */
/* The list of `qid` is looked at after this time, or sooner where that was said before. */
void preload_look_at(struct registry *r, struct out *out, uint32_t qid, uint64_t after);
uint64_t preload_delay_of(const struct registry *r, uint32_t qid); /* before more are made */

/* registry_preload.c */
void preload_end_unused(struct registry *r, struct out *out, uint32_t qid);
/* Takes from its list those that are of this kind, and those behind the first `most`: how many. */
unsigned preload_drop_some(struct registry *r, struct out *out, uint32_t qid, enum drop_which which,
                           size_t most);

#endif
