/* SPDX-License-Identifier: MIT
 * The program host's lines to xenstored: made by the supervisor, one for each question of the core
 * (actors/host/host_entries.c), on the core's own thread. No call here waits. */
#ifndef ACTORS_HOST_HOST_MAIN_LINES_H
#define ACTORS_HOST_HOST_MAIN_LINES_H

#include "actors/host/host.h"
#include "runtime/shell.h"

void host_main_lines(struct host *h, struct shell *shell);
/* The supervisor has handed this down; fd < 0: there is none. The descriptor is its own from now on. */
void host_main_lines_handed(struct shell *shell, uint32_t what, int fd);

#endif
