/* SPDX-License-Identifier: MIT
 * Disposables that are started ahead of their use: what is wished for one disposable template, what is there.
 * Spec: vm-model 8.5 to 8.7. None of these allocates. */
#ifndef MODEL_PRELOAD_H
#define MODEL_PRELOAD_H

#include "model/property.h"

/* How many `qid` is to have: 0 unless it is based upon by disposables and says so, or dom0 for it. */
uint32_t preload_max(const struct known *k, uint32_t qid);
/* The names on its list, separated by single spaces; empty without one. */
struct span preload_list(const struct known *k, uint32_t qid);
size_t preload_count(struct span list);
bool preload_has(struct span list, struct span name);
/* Whether the services are offered that preloading waits for. */
bool preload_is_supported(const struct known *k, uint32_t qid);
/* Milliseconds to wait before more are made; negative: only when the list is empty. */
int64_t preload_delay(const struct known *k, uint32_t qid);
/* Does a property of the disposable differ from what its template would give it now? */
bool preload_is_outdated(const struct known *k, uint32_t qid);
/* Does a change of this property make disposables outdated? */
bool preload_property_matters(enum property p);
/* Was it started and paused, and does it wait for its use? */
bool preload_is_complete(const struct known *k, uint32_t qid);

#endif
