/* SPDX-License-Identifier: MIT
 * What a directory lies on, by a sysfs of files. */
#include "doors/pool_below.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <cmocka.h>

#include "base/own.h"

static char sys[] = "/tmp/pool-below.XXXXXX";

/* The device of `sys` itself is made of this one. */
static void is_made_of(const char *slave, const char *name)
{
    char line[512];
    struct stat is;
    assert_int_equal(stat(sys, &is), 0);
    snprintf(line, sizeof line,
             "d=%s/dev/block/%u:%u/slaves; rm -rf $d; mkdir -p $d/%s/dm && printf %%s '%s' >$d/%s/dm/name",
             sys, major(is.st_dev), minor(is.st_dev), slave, name, slave);
    assert_int_equal(system(line), 0); /* NOLINT(cert-env33-c): words of this file */
}

static void a_thin_volume_names_its_pool(void **state)
{
    static const char *const rows[][2] = {
        {"vg-pool-tpool\n", "vg/pool"},
        {"qubes_dom0-vm--pool-tpool\n", "qubes_dom0/vm-pool"},
        {"a--b--c-d--tpool-tpool\n", "a-b-c/d-tpool"},
    };
    char found[POOL_THIN_MAX + 1];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        is_made_of("dm-3", rows[i][0]);
        assert_true(pool_thin_below(sys, sys, found));
        assert_string_equal(found, rows[i][1]);
    }
}

static void anything_else_is_none(void **state)
{
    static const char *const names[] = {
        "",
        "\n",
        "vg-pool\n",
        "vg-pool-tpool",
        "-tpool\n",
        "vg-tpool\n",
        "-pool-tpool\n",
        "vg--pool-tpool\n",
        "a-b-c-tpool\n",
        "vg-pool-tpool-real\n",
        ("vgggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg-"
         "poooooooooooooooooooooooooool-tpool\n"),
    };
    char found[POOL_THIN_MAX + 1];
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        is_made_of("dm-3", names[i]);
        found[0] = 'x';
        assert_false(pool_thin_below(sys, sys, found));
        assert_string_equal(found, "");
    }
    is_made_of("sda1", "");
    assert_false(pool_thin_below(sys, "/nonexistent", found));
    assert_false(pool_thin_below("/nonexistent", sys, found));
}

static int end(void **state)
{
    char line[64];
    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", sys);
    return system(line); /* NOLINT(cert-env33-c): as above */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thin_volume_names_its_pool),
        cmocka_unit_test(anything_else_is_none),
    };
    if (mkdtemp(sys) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, end);
}
