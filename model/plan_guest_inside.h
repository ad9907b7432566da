/* SPDX-License-Identifier: MIT
 * What the files model/plan_guest*.c do for each other. */
#ifndef MODEL_PLAN_GUEST_INSIDE_H
#define MODEL_PLAN_GUEST_INSIDE_H

#include "model/plan_inside.h"

/* The value of the word with this key. */
bool word_find(struct span lines, const char *name, struct span *value);
/* Is there a word of this name with this value? */
bool word_is(struct span lines, struct span name, const char *wanted);
/* The VM's own feature, as planned so far. */
bool has_feature(const struct doing *d, uint32_t qid, struct span name, struct span *value);

/* plan_guest_agent.c: what the agents in a VM without template may say of it. */
int take_agent_words(struct doing *d, uint32_t qid, struct span lines);
/* plan_guest_boot.c: the boot modes that it offers. */
int take_boot_modes(struct doing *d, uint32_t qid, struct span lines);

#endif
