/* SPDX-License-Identifier: MIT
 * A pool over a ZFS of files: what its tests share. No real ZFS is looked for. */
#ifndef TESTS_UNIT_DOORS_POOL_ZFS_BENCH_H
#define TESTS_UNIT_DOORS_POOL_ZFS_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "doors/pool_zfs_inside.h"
#include "tests/unit/doors/pool_zfs_fake.h"

#include "tests/unit/doors/pool_suite.h"

#define OWN "tank/qubes/v-m/private"

static const struct ground zfs_ground = {"zfs of files", "zfs", "tank/qubes/V/N", NULL, 0, true, true,
                                         true,           zf_at};
static struct pool_calls fake;

static inline bool stand(void)
{
    if (!zf_begin())
        return false;
    fake = zf_calls();
    ground = &zfs_ground;
    pool = pool_at("zfs", "container=tank/qubes", &fake);
    return pool_do(pool, POOL_setup, NULL, NULL, &why) == 0;
}

static inline bool leave(void)
{
    pool_free(pool);
    return zf_end();
}

static inline int up(void **state)
{
    return stand() ? setup(state) : -1;
}

static inline int down(void **state)
{
    (void)state;
    return leave() ? 0 : -1;
}

/* Rows whose name says `part`. */
static inline unsigned rows_with(const char *part)
{
    unsigned count = 0;
    for (size_t i = 0; i < zf.count; i++)
        count += strstr(zf.at[i].name, part) != NULL;
    return count;
}

#endif
