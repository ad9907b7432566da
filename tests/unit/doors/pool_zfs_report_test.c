/* SPDX-License-Identifier: MIT
 * What zfs prints is read strictly: a list that makes no sense is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/own.h"
#include "doors/pool_zfs_inside.h"

static struct fault why;

static void a_list_that_makes_no_sense_is_refused(void **state)
{
#define ROW "tank/qubes\t-\t-\t24576\t7\t-\t-\toff\t-\n"
    static const char *const bad[] = {
        "",
        "tank/qubes",
        "\n",
        "tank/qubes\t-\t-\t24576\t7\t-\t-\toff\n",
        "tank/qubes\t-\t-\t24576\t7\t-\t-\toff\t-\t-\n",
        "tank/other\t-\t-\t24576\t7\t-\t-\toff\t-\n",
        ROW "tank/qubesX/a\t8192\t8192\t0\t8\t-\t-\toff\t-\n",
        ROW "tank/qubes/\t8192\t8192\t0\t8\t-\t-\toff\t-\n",
        ROW "tank/qubes/a/b\t8K\t8192\t0\t8\t-\t-\toff\t-\n",
        ROW "tank/qubes/a/b\t8192\t-8\t0\t8\t-\t-\toff\t-\n",
        ROW "tank/qubes/a/b\t8192\t8192\t0\t-\t-\t-\toff\t-\n",
        ROW "tank/qubes/a/b\t8192\t8192\t0\t0\t-\t-\toff\t-\n",
        ROW "tank/qubes/a/b\t8192\t8192\t0\t8\t-\tno\toff\t-\n",
        ROW "tank/qubes/a/b\t8192\t8192\t0\t8\t-\t-\toff\tyes\n",
        ROW "tank/qubes/a/b\t8192\t8192\t0\t8\t-\t-\toff\t-",
        ROW "\n",
        ("tank/qubes/a/b\t8192\t8192\t0\t8\t-\t-\toff\t-\n" ROW),
    };
    struct zfs_row *rows = NULL;
    size_t count = 7;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(zfs_report_read(span_of(bad[i]), "tank/qubes", &rows, &count, &why), -ERR_STORAGE);
        assert_null(rows);
        assert_int_equal(count, 7);
    }
}

static void a_list_is_read_as_it_is_meant(void **state)
{
    static const char list[] = ROW "tank/qubes/a\t-\t-\t24576\t8\t-\t-\toff\t-\n"
                                   "tank/qubes/a/b\t16384\t8192\t12\t9\ttank/qubes/c/b@x\t-\ton\ton\n"
                                   "tank/qubes/a/b@qubes:z:1.5\t16384\t-\t12\t10\t-\ton\t-\ton\n";
    struct zfs_row *rows = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(zfs_report_read(span_of(list), "tank/qubes", &rows, &count, &why), 0);
    assert_int_equal(count, 4);
    assert_false(rows[1].volume || rows[1].snapshot);
    assert_true(rows[2].volume && rows[2].readonly && rows[2].dirty && !rows[2].snapshot);
    assert_string_equal(rows[2].origin, "tank/qubes/c/b@x");
    assert_int_equal(rows[2].size + rows[2].block + rows[2].usage + rows[2].txg, 16384 + 8192 + 12 + 9);
    assert_true(rows[3].snapshot && rows[3].deferred && !rows[3].volume);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_list_is_read_as_it_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
