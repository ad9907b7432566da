/* SPDX-License-Identifier: MIT
 * What sysfs says of a PCI function before it changes hands: resets, driver, IOMMU group, neighbours. Reads
 * below `root` as sysfs.h; nothing is written. */
#ifndef DOORS_SYSFS_FACTS_H
#define DOORS_SYSFS_FACTS_H

#include "doors/sysfs.h"

enum { SYSFS_NEIGHBOURS_MAX = 32, SYSFS_DRIVER_MAX = 31 };

struct sysfs_neighbour {
    char sbdf[SYSFS_SBDF_MAX + 1];
    char driver[SYSFS_DRIVER_MAX + 1]; /* "": none */
    bool is_bridge;
};

struct sysfs_facts {
    bool is_whole;   /* a kernel's own sysfs: what is absent there does not exist */
    bool can_reset;  /* the kernel knows some kind of reset */
    char resets[64]; /* which: "flr bus"; "" where the kernel does not say */
    bool is_bridge;  /* to another PCI bus: never given away */
    char driver[SYSFS_DRIVER_MAX + 1];
    char bridge[SYSFS_SBDF_MAX + 1]; /* that it lies behind; "" on a root bus */
    bool has_groups;                 /* some function of this machine is in an IOMMU group */
    bool has_group;
    uint64_t group;
    bool has_reserved; /* firmware wants memory of the group mapped as it is (RMRR) */
    struct sysfs_neighbour member[SYSFS_NEIGHBOURS_MAX]; /* of its group, without itself */
    size_t members;
    struct sysfs_neighbour sibling[SYSFS_NEIGHBOURS_MAX]; /* behind the same bridge, without itself */
    size_t siblings;
};

/* `sbdf` in the full form. 0 with *facts, or -ERR_UNKNOWN for a function that is not there. */
int sysfs_facts_read(int root, const char *sbdf, struct sysfs_facts *facts, struct fault *why);
/* The driver that holds it now; "" for none. */
void sysfs_driver_of(int root, const char *sbdf, char driver[SYSFS_DRIVER_MAX + 1]);

#endif
