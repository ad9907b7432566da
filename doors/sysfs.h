/* SPDX-License-Identifier: MIT
 * Names of PCI functions: the address (SBDF, "0000:c6:00.0"), whose bus numbers may change, and
 * the path through the bridges ("c0_03.5-00_00.0-00_00.0"), which stays. Reads sysfs below `root`, a
 * directory descriptor of /sys or of a tree like it: short reads of a kernel file system, so
 * any thread will do. Spec: devbus-pci 1.2 to 1.5. */
#ifndef DOORS_SYSFS_H
#define DOORS_SYSFS_H

#include "base/err.h"
#include "base/text.h"

enum {
    SYSFS_SBDF_MAX = 12,  /* "0000:c6:00.0"                              */
    SYSFS_PATH_MAX = 255, /* some 30 bridges; a longer one is ERR_TOO_BIG */
};

/* Both: 0, -ERR_RANGE when the text is no such name (spec: ValueError), -ERR_UNKNOWN when it names
 * nothing (spec: none), -ERR_BAD when sysfs is not as it should be, -ERR_IO, -ERR_TOO_BIG. */

/* `sbdf` may begin with "pci_", leave out the segment, and use '_' for ':' and '.'. The path of
 * a function on a root bus is given without asking whether it exists. */
int sysfs_path_of(int root, struct span sbdf, char path[SYSFS_PATH_MAX + 1], struct fault *why);
/* The last function of the path need not exist; every bridge before it must. */
int sysfs_sbdf_of(int root, struct span path, char sbdf[SYSFS_SBDF_MAX + 1], struct fault *why);

/* Whether it is a path: its first part is on a root bus. */
bool sysfs_is_path(int root, struct span text);
/* Whether the function is there. `sbdf` in the full form. */
bool sysfs_exists(int root, const char *sbdf);

#endif
