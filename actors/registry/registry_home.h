/* SPDX-License-Identifier: MIT
 * Each VM's own directory below /var/lib/qubes: made when a VM is created, removed with it when nothing lies
 * in it any more. spec: storage 4 (verify), vm-model 8.1, 8.3 */
#ifndef ACTORS_REGISTRY_HOME_H
#define ACTORS_REGISTRY_HOME_H

#include <stdbool.h>

#include "base/text.h"

struct change_list;
struct model;
struct change;

/* Appends the directories of the VMs that end with these changes, a line each, as the model still knows
 * them. */
void home_name_those_that_end(const struct model *model, const struct change *changes, size_t count,
                              struct text *gone);
/* The changes are committed: makes and removes directories in `dir`. What cannot be done is logged. Blocks.
 */
void home_follow(int dir, const struct change_list *changes, struct span gone);
/* Whether it is there, in `dir` (-1: nobody knows, and it is). Looks at the disk. */
bool home_is_there(int dir, const char *folder, const char *name);

#endif
