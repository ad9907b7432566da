/* SPDX-License-Identifier: MIT
 * The balancer of memory for the VM of the bench: what it keeps, and its connection. */
#ifndef TESTS_UNIT_VM_VM_BENCH_BALANCER_H
#define TESTS_UNIT_VM_VM_BENCH_BALANCER_H

#include "tests/unit/vm/vm_bench.h"

static bool granted; /* the balancer keeps memory for it */

static void balancer_hears(void *arg, const char *line)
{
    (void)arg, (void)line;
    granted = true;
}

static void balancer_is_left(void *arg)
{
    (void)arg;
    granted = false;
}

static const struct vm_memory_ops balancer = {balancer_hears, balancer_is_left};

/* With its process the connection to the balancer has ended. */
static void reconnect(struct bench *b)
{
    granted = false;
    b->core->memory = &balancer;
}

#endif
