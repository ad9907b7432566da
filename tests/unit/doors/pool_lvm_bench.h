/* SPDX-License-Identifier: MIT
 * A pool of logical volumes over the fake of its tools, with a few volumes: what its tests share. */
#ifndef TESTS_UNIT_DOORS_POOL_LVM_BENCH_H
#define TESTS_UNIT_DOORS_POOL_LVM_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"
#include "doors/pool_lvm_inside.h"
#include "tests/unit/doors/pool_lvm_fake.h"

#define LINES(name, keep)                                                                                    \
    "vid=vg/vm-" name "\nrevisions_to_keep=" keep "\nrw=True\nsave_on_stop=True\nsize=32768"

static struct pool_calls calls;
static struct pool *pool;
static struct volume root, private, app;
static struct fault why;
static int material = -1;

static inline int setup(void **state)
{
    (void)state;
    memset(&lvm_fake, 0, sizeof lvm_fake);
    snprintf(lvm_fake.dev, sizeof lvm_fake.dev, "/dev/shm/pool-lvm-test.XXXXXX");
    assert_non_null(mkdtemp(lvm_fake.dev));
    lvm_fake.clock = INT64_C(1521065904) * 1000000;
    calls = lvm_fake_calls();
    pool = pool_at("lvm_thin", "volume_group=vg\nthin_pool=pool", &calls);
    root = volume_of("root", LINES("t-root", "2"));
    private = volume_of("private", LINES("a-private", "2"));
    app = volume_of("root", "vid=vg/vm-a-root\nrw=True\nsnap_on_start=True\nsource=vg/vm-t-root\nsize=32768");
    return 0;
}

static inline int teardown(void **state)
{
    char line[128];
    (void)state;
    pool_free(pool);
    snprintf(line, sizeof line, "rm -rf %s", lvm_fake.dev);
    return run_quietly(line) ? 0 : -1;
}

static inline int does(enum pool_verb verb, const struct volume *v)
{
    return pool_do(
        pool, verb,
        &(struct pool_errand){.volume = v, .source = &root, .fd = material, .size = SIZE, .success = true},
        NULL, &why);
}

static inline void must(enum pool_verb verb, const struct volume *v)
{
    if (does(verb, v) < 0)
        fail_msg("%s: %s", pool_verb_name(verb), why.text);
}

static inline void session(const struct volume *v, char word)
{
    char name[128];
    snprintf(name, sizeof name, "%s-snap", v->vid + 3);
    must(POOL_start, v);
    write_pattern(fake_path(name), word, SIZE);
    must(POOL_stop, v);
}

static inline char word(const char *name)
{
    return read_pattern(fake_path(name), NULL);
}

static inline unsigned revisions(const struct volume *v)
{
    AUTO_OUTCOME o = {0};
    unsigned count = 0;
    assert_int_equal(pool_do(pool, POOL_revisions, &(struct pool_errand){.volume = v}, &o, &why), 0);
    for (size_t i = 0; i < o.list.len; i++)
        count += o.list.at[i] == '\n';
    return count;
}

#endif
