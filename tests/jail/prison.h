/* SPDX-License-Identifier: MIT
 * Runs a function inside a jail, as pid 1 of a new pid namespace, and brings its result back
 * through a pipe. The places are folders under one temporary directory. */
#ifndef TESTS_JAIL_PRISON_H
#define TESTS_JAIL_PRISON_H

#include <stdbool.h>

#include "runtime/jail/jail.h"

/* What stands outside every jail of one test program. */
struct prison {
    char root[64];                 /* the temporary directory */
    char places[PLACE_COUNT][128]; /* each holds a readable file "inside" and a listening socket "sock" */
    char outside[128];             /* as a place, but in no row */
    int listener[PLACE_COUNT];     /* of "sock" */
    int outside_listener, abstract_listener;
    char abstract[32]; /* its name, without the leading NUL */
};

/* Asserts on failure. Needs root; prison_is_possible says so first. */
bool prison_is_possible(void);
void prison_open(struct prison *p);
void prison_close(struct prison *p);
/* The one of a program whose tests share it, for the group's beginning and end. */
extern struct prison the_prison;
int prison_open_for_group(void **state);
int prison_close_for_group(void **state);
/* JAIL_REQUIRE and JAIL_KILL, all places, instance 0, no descriptor kept. */
struct jail_order prison_order(const struct prison *p, const char *kind);

/* FREE: no jail at all, still root, with mounts and a host name of its own: the control. */
enum depth { FREE, ENTERED, SEALED };

struct outcome {
    int r;      /* of jail_enter or jail_seal, if below 0: `value` means nothing */
    int value;  /* what the function returned */
    int error;  /* errno after it */
    int signal; /* what ended the process, 0: it ended itself */
    bool ran;   /* the function returned */
    struct jail_report report;
    struct fault why;
};

struct inmate {
    const struct prison *prison;
    const struct jail_order *order;
    enum depth depth;
    int extra;                                    /* one more descriptor to keep; -1: none */
    void (*before_seal)(const struct inmate *me); /* between enter and seal; NULL: nothing */
    int (*act)(const struct inmate *me);          /* 0: it worked */
    const void *argument;
    void *shared; /* whatever before_seal and act share, in the jailed process */
};

/* Blocks until the inmate has ended; one that hangs is killed after 20 s (signal SIGKILL). */
struct outcome prison_run(const struct inmate *inmate);

#endif
