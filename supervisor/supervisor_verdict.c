/* SPDX-License-Identifier: MIT
 * Hung or starved; see supervisor_verdict.h. */
#include "supervisor/supervisor_verdict.h"

#include <stddef.h>
#include <string.h>

/* A look is one moment, and one of several threads may have had its turn just then: who wanted the processor
 * so lately is still starved. */
#define LATELY UINT64_C(1000000000)

/* Stopped, traced, or dead: no processor time makes it speak. */
static int cannot_run(char state)
{
    return state == '\0' || strchr("TtZXx", state) != NULL;
}

enum verdict verdict_of(const struct sight *sight, const struct bounds *bounds)
{
    uint64_t silent = sight->silent > sight->late ? sight->silent - sight->late : 0;
    if (silent <= bounds->most)
        return VERDICT_WELL;
    if (cannot_run(sight->state) || sight->used >= bounds->used || sight->wanting > LATELY)
        return VERDICT_HUNG;
    return silent > bounds->hard ? VERDICT_STARVED_OUT : VERDICT_STARVED;
}
