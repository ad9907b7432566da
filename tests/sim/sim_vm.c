/* SPDX-License-Identifier: MIT
 * What a VM's core believes, in words for a broken promise. (Its struct vm is not the model's.) */
#include "tests/sim/sim.h"

#include <stdio.h>

#include "actors/vm/vm.h"

const char *vm_words(const struct proc *p, char *words, size_t size)
{
    const struct vm *vm = p->core;
    uint64_t sent = 0, waiting = 0;
    if (vm == NULL)
        return "no process";
    (void)route_depth(p->sim->route, p->who, &sent, &waiting);
    snprintf(words, size,
             "life %d errand %d step %u hung %u before %d unwanted %d owes %d/%d queued %u waiting %u looks "
             "%d/%u; "
             "heard %llu of %llu",
             (int)vm->life, (int)vm->errand, vm->step, vm->hung, vm->hung_before, vm->unwanted,
             vm->owes_shutdown, vm->owes_clean, vm->queued, vm->waiting, vm->look_wanted, vm->looking,
             (unsigned long long)p->heard, (unsigned long long)sent);
    return words;
}
