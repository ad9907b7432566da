/* SPDX-License-Identifier: MIT
 * The core of vm/<qid>, for its program, the simulator and tests. Its doors: vm_task.h. */
#ifndef ACTORS_VM_VM_ACTOR_H
#define ACTORS_VM_VM_ACTOR_H

#include "runtime/core.h"

extern const struct actor vm_actor;

#endif
