/* SPDX-License-Identifier: MIT
 * How an actor's program begins, the same for every kind (ARCHITECTURE.md, "The start of an actor"):
 * arguments -> jail while there is one thread -> bus -> seccomp over all threads -> serve. */
#ifndef RUNTIME_PROGRAM_H
#define RUNTIME_PROGRAM_H

#include "runtime/effects/effects.h"
#include "runtime/shell.h"

enum { PROGRAM_OPTIONS = 48 };

/* What the supervisor said on the command line. */
struct program {
    struct address self;
    uint32_t generation;
    uint64_t incarnation;
    bool jail_required;
    const char *place[PLACE_COUNT];      /* NULL: this installation has none */
    const char *option[PROGRAM_OPTIONS]; /* "key=value", without the "option." in front */
    int options;
};

/* The value of an option, or `otherwise`. Lives as long as the process. */
const char *program_option(const struct program *p, const char *key, const char *otherwise);
/* The path of a place, inside the jail as outside, or NULL. */
const char *program_place(const struct program *p, enum place place);

/* What makes a program of a core. */
struct program_parts {
    const struct actor *actor;
    /* Before the jail, alone and as root: opens the one thing that only root may open. Its descriptor, which
     * stays open, or -1 for none. It may add a place of p that only root can find. May be NULL. */
    int (*early)(struct program *p);
    /* After the jail, before the bus: settings for the core and the doors. 0 or -ERR_. May be NULL. */
    int (*open)(const struct program *p, struct shell *shell, struct fault *why);
    const struct worker_doors *doors; /* may be NULL */
    void (*handed)(void *self, struct shell *shell, uint32_t what, struct control_fds *fds);
    void (*told)(void *self, struct shell *shell, const struct control *record);
};

/* The whole life of the process; returns its exit status. */
int program_run(const struct program_parts *parts, int argc, char **argv);

#endif
