/* SPDX-License-Identifier: MIT
 * How far a call about a volume has got, shown on a terminal while its answer is waited for. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/err.h"
#include "base/text.h"

struct cli;

/* Whether the call is one that may take long, and somebody looks on. */
bool progress_is_wanted(const struct cli *cli, const char *method);
/* As client_read, for a call of such a method of that VM. Without events it waits without a word. */
int progress_read(struct cli *cli, int fd, const char *method, const char *dest, struct text *reply,
                  struct fault *why);

/* The line that is shown of one event, into `line`; false when it is not about that volume. Pure. */
bool progress_line(const struct span *fields, size_t count, const char *dest, struct span volume,
                   struct text *line);

#endif
