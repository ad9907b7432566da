/* SPDX-License-Identifier: MIT
 * Exit statuses by which the supervisor knows what has ended. */
#ifndef RUNTIME_EXITS_H
#define RUNTIME_EXITS_H

enum {
    EXIT_RETIRED = 0,       /* nothing was left to do, or it was asked to stop */
    EXIT_CANNOT_START = 70, /* it has said why */
    EXIT_FRESH_JAIL = 75,   /* a door is lost: start another at once */
};

#endif
