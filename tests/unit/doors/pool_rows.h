/* SPDX-License-Identifier: MIT
 * What a driver wants to run is what its runner allows: the TOOL rows of runtime/effects/programs.def. A
 * driver that says another word than its row would be refused everything in a real house, and nowhere else.
 */
#ifndef TESTS_UNIT_DOORS_POOL_ROWS_H
#define TESTS_UNIT_DOORS_POOL_ROWS_H

#include <stdio.h>
#include <stdlib.h>

#include "doors/pool_call.h"
#include "runtime/effects/tools.h"

static inline void must_fit_a_row(const struct pool_program *program, const struct tool_pool *pool)
{
    struct tool_values values;
    if (tool_match(program->argv, &values) >= 0 && tool_is_of(&values, pool))
        return;
    fprintf(stderr, "no row of programs.def allows");
    for (const char *const *at = program->argv; *at != NULL; at++)
        fprintf(stderr, " %s", *at);
    fprintf(stderr, "\n");
    abort();
}

#endif
