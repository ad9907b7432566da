/* SPDX-License-Identifier: MIT
 * The pipes of running programs and the line to the supervisor, in launcher's process. No call here blocks.
 */
#ifndef ACTORS_LAUNCHER_LAUNCHER_PIPES_H
#define ACTORS_LAUNCHER_LAUNCHER_PIPES_H

#include "actors/launcher/launcher.h"
#include "runtime/shell.h"

struct pipes;

/* Runs programs for `core`, whose ops it becomes. NULL: no memory. */
struct pipes *pipes_new(struct launcher *core, struct shell *shell);

/* The supervisor's word on one of them: the rest of what it said is read, and the core is told. */
void pipes_ran(struct pipes *p, const struct control *ran);

#endif
