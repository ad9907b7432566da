/* SPDX-License-Identifier: MIT
 * The outside calls of pools, made to fail or to kill at a chosen one; made from the rows of
 * doors/pool_call.def. */
#ifndef TESTS_UNIT_DOORS_POOL_SHIM_H
#define TESTS_UNIT_DOORS_POOL_SHIM_H

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "doors/pool_call.h"

enum { READS, CHANGES };

static struct {
    struct pool_calls below; /* what is done when nothing is to happen */
    unsigned made;           /* calls so far, and those that change something */
    unsigned fail_at;        /* 1: the next; 0: never */
    int with;                /* errno of the failure */
    bool only_changes;       /* count those alone */
    bool from_there_on;      /* every later one fails, too */
    unsigned kill_at;        /* dies before this one, or after it */
    bool after;
} shim;

static bool shim_before(int flags)
{
    if (flags == READS && shim.only_changes)
        return true;
    shim.made++;
    if (shim.kill_at == shim.made && !shim.after)
        kill(getpid(), SIGKILL);
    if (shim.fail_at == 0 || (shim.from_there_on ? shim.made < shim.fail_at : shim.made != shim.fail_at))
        return true;
    errno = shim.with;
    return false;
}

static void shim_after(int flags)
{
    int reason = errno;
    if (shim.kill_at == shim.made && shim.after && (flags == CHANGES || !shim.only_changes))
        kill(getpid(), SIGKILL);
    errno = reason;
}

#define POOL_CALL(result, name, flags, parameters, arguments)                                                \
    static result shim_##name parameters                                                                     \
    {                                                                                                        \
        if (!shim_before(flags))                                                                             \
            return -1;                                                                                       \
        result r = shim.below.name arguments;                                                                \
        shim_after(flags);                                                                                   \
        return r;                                                                                            \
    }
#include "doors/pool_call.def"

static const struct pool_calls shim_calls = {
#define POOL_CALL(result, name, flags, parameters, arguments) .name = shim_##name,
#include "doors/pool_call.def"
};

/* What was counted is forgotten, nothing fails. */
static inline void shim_reset(const struct pool_calls *below)
{
    memset(&shim, 0, sizeof shim);
    shim.below = *below;
}

#endif
