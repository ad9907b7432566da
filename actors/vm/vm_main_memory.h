/* SPDX-License-Identifier: MIT
 * vm/<qid>'s connection to the memory balancer: the supervisor makes it, one line goes out, one comes back.
 */
#ifndef ACTORS_VM_VM_MAIN_MEMORY_H
#define ACTORS_VM_VM_MAIN_MEMORY_H

#include "actors/vm/vm.h"
#include "runtime/shell.h"

/* The core asks through this one from now on. Once per process. */
void vm_main_memory(struct vm *vm, struct shell *shell);
/* For the shell: what was asked for has come (fd -1: it is not there). Owns fd. */
void vm_main_memory_handed(struct shell *shell, uint32_t what, int fd);

#endif
