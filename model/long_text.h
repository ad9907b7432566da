/* SPDX-License-Identifier: MIT
 * Texts of a VM that may be longer than one change can carry: notes and firewall rules. They are kept as
 * items with the keys "0", "1", ... whose values follow one another. A text that is there may be empty. */
#ifndef MODEL_LONG_TEXT_H
#define MODEL_LONG_TEXT_H

#include <stdbool.h>

#include "model/model.h"

struct plan;
struct doing;

/* One text, and all of them together: every process that follows the model holds them. */
enum { LONG_TEXT_MAX = 256000, LONG_TEXT_PART = 32768, LONG_TEXTS_MAX = 3 << 20 };

/* Appends it: false when there is none. */
bool long_text_known(const struct known *k, enum change_kind kind, uint32_t qid, struct text *to);

/* Calls fn for the changes that set it anew; `parts` is how many items there are of it so far. Stops at the
 * first negative result and returns it. */
int long_text_changes(enum change_kind kind, uint32_t qid, struct span text, size_t parts,
                      int (*fn)(void *arg, const struct change *c), void *arg);

/* The same into a plan. -ERR_TOO_BIG when all texts together would be too long. */
int do_long_text(struct doing *d, enum change_kind kind, uint32_t qid, struct span text);

#endif
