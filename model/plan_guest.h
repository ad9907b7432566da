/* SPDX-License-Identifier: MIT
 * What follows from what a guest said. The words come from guest/<qid>, which has bounded them and checked
 * their characters; here nothing is believed that the spec does not grant. Planners as in model/plan.h. */
#ifndef MODEL_PLAN_GUEST_H
#define MODEL_PLAN_GUEST_H

#include "model/plan.h"

/* The longest text of all words together, and what a word's key may hold: letters, digits and ._-:/ */
enum { GUEST_WORDS_BYTES = 32 * 1024, GUEST_WORDS = 256 };

/* qubes.FeaturesRequest and qubes.NotifyTools: `lines` are "key=value\n", in the order of the guest's
 * database. Spec: vm-model 5.2, events 4. */
int plan_features_request(const struct known *k, uint32_t qid, struct span lines, struct plan *p,
                          struct fault *why);

/* qubes.NotifyUpdates, of a guest or of dom0: `count` is digits. Spec: admin-api-methods 12. */
int plan_updates_notice(const struct known *k, uint32_t qid, struct span count, struct plan *p,
                        struct fault *why);

/* An entry below a watched path of the VM's QubesDB has changed: one event. Spec: lifecycle 9. */
int plan_qdb_change(const struct known *k, uint32_t qid, struct span watch, struct span path, struct plan *p,
                    struct fault *why);

/* One of "key=value" lines: 1 with *key and *value, and *lines behind it; 0 at the end. */
int guest_line_next(struct span *lines, struct span *key, struct span *value);

#endif
