/* SPDX-License-Identifier: MIT
 * firewall.xml to and from a list of rules (model/firewall.h). Pure. spec: net 5.1 */
#ifndef ACTORS_REGISTRY_FIREWALL_H
#define ACTORS_REGISTRY_FIREWALL_H

#include "base/err.h"
#include "base/text.h"

/* Versions 1 and 2, at `now` (Unix time): what has expired keeps its place. Appends to *list.
 * -ERR_BAD with line and column for what is not such a file or holds a rule that is none; -ERR_TOO_BIG,
 * -ERR_NOMEM. *list is then as it was. */
int registry_firewall_read(struct span bytes, uint64_t now, struct text *list, struct fault *why);

/* Version 2, without the expired rules, appended to *out. */
int registry_firewall_write(struct span list, struct text *out, struct fault *why);

#endif
