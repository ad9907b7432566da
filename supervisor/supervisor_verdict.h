/* SPDX-License-Identifier: MIT
 * Whether a process that says nothing hangs, or is only not given the processor. Pure: no clock, no /proc.
 * All times are nanoseconds. */
#ifndef SUPERVISOR_VERDICT_H
#define SUPERVISOR_VERDICT_H

#include <stdint.h>

/* It was never seen wanting the processor. */
#define NEVER_WANTED UINT64_MAX

/* What is known of a silent process. */
struct sight {
    uint64_t silent;  /* since its last word, while something waits for it */
    uint64_t late;    /* of that, time in which the supervisor itself did not run: nobody's word was heard */
    uint64_t used;    /* processor time of its loop and its bus since the first look; workers do not count */
    uint64_t wanting; /* since it, or who must bring it its messages, was last seen without the processor it
                         wanted */
    char state;       /* of its main thread, as /proc/PID/stat has it; 0: nobody knows */
};

/* How long it may be silent, how much processor time it may use meanwhile, and how long at the very most. */
struct bounds {
    uint64_t most, used, hard;
};

enum verdict {
    VERDICT_WELL,       /* its time is not over */
    VERDICT_STARVED,    /* it would speak if it ran: it gets more time */
    VERDICT_HUNG,       /* it is stopped, sleeps, or ran without a word */
    VERDICT_STARVED_OUT /* starved up to the hard bound: it is replaced, and not to blame */
};

enum verdict verdict_of(const struct sight *sight, const struct bounds *bounds);

#endif
