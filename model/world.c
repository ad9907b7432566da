/* SPDX-License-Identifier: MIT
 * Asking the world, also one that knows nothing. */
#include "model/world.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"

const char *fact_name(enum fact fact)
{
    static const char *const names[FACTS] = {
#define FACT(name, whose, unit, meaning) [FACT_##name] = #name,
#include "model/fact.def"
    };
    return (unsigned)fact < FACTS ? names[fact] : "";
}

const char *world_fact(const struct world *w, uint32_t qid, enum fact fact)
{
    return w != NULL && w->fact != NULL ? w->fact(w->arg, qid, fact) : NULL;
}

enum kernel_state world_kernel(const struct world *w, const char *name)
{
    return w != NULL && w->kernel != NULL ? w->kernel(w->arg, name) : KERNEL_ABSENT;
}

const char *world_kernel_file(const struct world *w, const char *kernel, const char *file)
{
    return w != NULL && w->kernel_file != NULL ? w->kernel_file(w->arg, kernel, file) : NULL;
}

int world_local_time(const struct world *w, char text[WORLD_TIME])
{
    if (w == NULL || w->local_time == NULL)
        return -ERR_UNKNOWN;
    w->local_time(w->arg, text);
    return 0;
}

int world_is_being_made(const struct world *w, const char *name)
{
    return w != NULL && w->is_being_made != NULL && w->is_being_made(w->arg, name);
}

static int state_is(const struct world *w, uint32_t qid, const char *state)
{
    const char *now = world_fact(w, qid, FACT_power_state);
    return now != NULL && strcmp(now, state) == 0;
}

int world_is_halted(const struct world *w, uint32_t qid)
{
    const char *now = world_fact(w, qid, FACT_power_state);
    return now == NULL || strcmp(now, "Halted") == 0;
}

int world_is_running(const struct world *w, uint32_t qid)
{
    return !world_is_halted(w, qid) && !state_is(w, qid, "Crashed") && !state_is(w, qid, "Dying");
}

int world_is_paused(const struct world *w, uint32_t qid)
{
    return state_is(w, qid, "Paused");
}

const char *power_state_name(uint32_t state)
{
    static const char *const names[] = {
        [3] = "Paused", [4] = "Halting", [5] = "Dying", [6] = "Crashed", [7] = "Suspended",
    };
    return state < sizeof names / sizeof *names ? names[state] : NULL;
}
