/* SPDX-License-Identifier: MIT
 * A thin pool of one's own in a volume group on a loop device, where the kernel has dm-thin. One at a time;
 * root only. Its file lies in memory: /dev/shm. */
#ifndef TESTS_UNIT_DOORS_POOL_THIN_H
#define TESTS_UNIT_DOORS_POOL_THIN_H

#include "tests/unit/doors/pool_bench.h"

#ifndef THIN_GROUP
#define THIN_GROUP "bulkheadthin"
#endif
#define THIN_PATH "PATH=$PATH:/usr/sbin:/sbin; "

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

/* It lies on a disk of this name, so that LVM can be told to look at no other. */
static inline bool thin_make(unsigned mib)
{
    char line[512];
    snprintf(line, sizeof line,
             THIN_PATH "f=/dev/shm/" THIN_GROUP
                       "; rm -f $f; truncate -s %uM $f && d=$(losetup -f --show $f) && rm $f && "
                       "dmsetup create " THIN_GROUP " --table \"0 $(blockdev --getsz $d) linear $d 0\"",
             mib + 16);
    return run_quietly(line) && thin_make_on("/dev/mapper/" THIN_GROUP, mib);
}

static inline bool thin_end(void)
{
    return run_quietly(THIN_PATH "d=$(dmsetup deps -o blkdevname " THIN_GROUP
                                 " | sed 's/.*(\\(.*\\))/\\1/'); "
                                 "vgremove -ff -y " THIN_GROUP " && dmsetup remove --retry " THIN_GROUP
                                 " && losetup -d /dev/$d");
}

#endif
