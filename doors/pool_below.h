/* SPDX-License-Identifier: MIT
 * What a pool's directory lies on. Read from sysfs, so only before a process's jail closes; never blocks.
 * Spec: storage 5.2. */
#ifndef DOORS_POOL_BELOW_H
#define DOORS_POOL_BELOW_H

#include <stdbool.h>

enum { POOL_THIN_MAX = 127 };

/* The thin pool of LVM, "group/pool", whose volume holds the directory's file system; of each symbolic link
 * what it leads to counts. False, and "", where there is none or nobody can tell. `sys`: "/sys". */
bool pool_thin_below(const char *sys, const char *directory, char to[POOL_THIN_MAX + 1]);

#endif
