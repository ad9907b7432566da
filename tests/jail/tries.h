/* SPDX-License-Identifier: MIT
 * Ways out of a jail, as functions: 0 when it got through. Run inside, by prison_run. */
#ifndef TESTS_JAIL_TRIES_H
#define TESTS_JAIL_TRIES_H

#include "tests/jail/prison.h"

#define TRY(name, held_by, what) int try_##name(const struct inmate *me);
#include "tests/jail/tries.def"

#endif
