/* SPDX-License-Identifier: MIT
 * A process jails itself: its rows of effects.def become namespaces, a root, a uid, limits,
 * Landlock rules and a seccomp filter. The order is fixed (design: the start of an actor):
 *     exec -> jail_enter, while there is one thread -> open the bus -> jail_seal -> serve.
 * Both calls are for the start of a process; a process in which one failed must exit. */
#ifndef RUNTIME_JAIL_JAIL_H
#define RUNTIME_JAIL_JAIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/effects/effects.h"

enum jail_mode {
    JAIL_BEST,    /* take the layers that can be had; the report says which are missing */
    JAIL_REQUIRE, /* a missing mandatory layer is -ERR_UNSUPPORTED, its name in the text  */
};

/* What meets a system call outside the rows. */
enum jail_refusal {
    JAIL_KILL, /* SIGSYS ends the process */
    JAIL_TELL, /* EPERM, and a line in the kernel's audit log: for finding a missing row */
};

/* What to make. The caller owns all of it; nothing is kept. */
struct jail_order {
    const char *kind;
    unsigned instance;
    enum jail_mode mode;
    enum jail_refusal refusal;
    /* Absolute paths without ".." of what exists now; NULL: this installation has no such place,
     * and its row grants nothing. Inside the jail the same path leads there. */
    const char *places[PLACE_COUNT];
    /* Descriptors to keep, in any order. All others are closed; of 0, 1 and 2 those not
     * named here read and write nothing (/dev/null). */
    const int *keep;
    size_t keep_count;
    struct effects effects; /* {NULL, 0}: effects_table() */
};

/* What came of it. Fill with {0} before jail_enter; jail_seal adds to it. */
struct jail_report {
    uint32_t in_force; /* LAYER_BIT()s */
    uint32_t missing;  /* asked for by the rows, but not to be had here */
    int landlock_abi;  /* 0: the kernel has none */
    uint32_t uid;      /* as whom it runs */
};

/* One thread, before any library has started another: namespaces, root, descriptors, limits,
 * uid, capabilities, no_new_privs, non-dumpable, Landlock; the parent's death is SIGKILL.
 * A pid namespace cannot be entered, only be born into: it counts as in force for pid 1.
 * Blocks only on the file system. 0 with *report written, or
 *   -ERR_UNKNOWN      no such kind, or a place's path does not exist
 *   -ERR_RANGE        no such instance
 *   -ERR_UNSUPPORTED  JAIL_REQUIRE and a mandatory layer is missing
 *   -ERR_IO           the kernel refused what it should grant */
int jail_enter(const struct jail_order *order, struct jail_report *report, struct fault *why);

/* The same for a process that starts programs of the host ("storage:tools"): it stays what it is, in the
 * host's mounts and as root, and keeps of that what its rows name: limits, capabilities, Landlock, and no
 * forbidden call. What it starts keeps no more. One thread. Errors as jail_enter's. */
int jail_confine(const struct jail_order *order, struct jail_report *report, struct fault *why);

/* The filter of system calls, over every thread that lives and all that will. Any thread.
 * 0 with LAYER_SECCOMP in the report; -ERR_UNSUPPORTED or -ERR_IO. */
int jail_seal(const struct jail_order *order, struct jail_report *report, struct fault *why);

#endif
