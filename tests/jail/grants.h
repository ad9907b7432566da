/* SPDX-License-Identifier: MIT
 * For each row of effects.def a function that works inside a jail with that row and not without:
 * 0 when it works. The row is the inmate's argument, one end of a socket pair its extra descriptor. */
#ifndef TESTS_JAIL_GRANTS_H
#define TESTS_JAIL_GRANTS_H

#include "tests/jail/prison.h"

/* The check of a row (*act NULL: none but the kernel's own word in jail_report) and how deep it runs. */
enum depth grant_check(const struct effect *row, int (**act)(const struct inmate *me));

int runs_as_its_uid(const struct inmate *me);
int place_is_there(const struct inmate *me);
int bus_is_reachable(const struct inmate *me);
int no_host_files(const struct inmate *me);

#endif
