/* SPDX-License-Identifier: MIT
 * A thin pool of one's own in a volume group on a loop device, where the kernel has dm-thin. One at a time;
 * root only. Its file lies in memory: /dev/shm. */
#ifndef TESTS_UNIT_DOORS_POOL_THIN_H
#define TESTS_UNIT_DOORS_POOL_THIN_H

#include "tests/unit/doors/pool_bench.h"

#define THIN_GROUP "bulkheadtest"
#define THIN_PATH  "PATH=$PATH:/usr/sbin:/sbin; "

static inline bool thin_there(void)
{
    return geteuid() == 0 && run_quietly(THIN_PATH "dmsetup targets | grep -q '^thin-pool'");
}

/* The group on `device`, with a thin pool of `mib`. */
static inline bool thin_make_on(const char *device, unsigned mib)
{
    char line[512];
    snprintf(line, sizeof line,
             THIN_PATH "vgcreate -s 1M " THIN_GROUP " %s && lvcreate -L %uM --poolmetadatasize 4M "
                       "--poolmetadataspare n -T " THIN_GROUP "/pool",
             device, mib);
    return run_quietly(line);
}

static inline bool thin_make(unsigned mib)
{
    char line[512], device[64] = "";
    snprintf(line, sizeof line,
             THIN_PATH "f=/dev/shm/" THIN_GROUP
                       "; rm -f $f; truncate -s %uM $f && losetup -f --show $f; rm -f $f",
             mib + 16);
    FILE *said = popen(line, "re"); /* NOLINT: a fixed command of this test */
    bool one = said != NULL && fscanf(said, "%63s", device) == 1;
    if (said != NULL)
        pclose(said);
    return one && thin_make_on(device, mib);
}

static inline bool thin_end(void)
{
    return run_quietly(THIN_PATH "d=$(vgs --noheadings -o pv_name " THIN_GROUP " | tr -d ' '); "
                                 "vgremove -ff -y " THIN_GROUP " && pvremove -ff -y $d && losetup -d $d");
}

#endif
