/* SPDX-License-Identifier: MIT
 * A file is replaced whole or not at all. */
#include "actors/registry/registry_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/own.h"

static char path[64];
static int dir = -1;

static int make(void **state)
{
    (void)state;
    strcpy(path, "/tmp/registry_file.XXXXXX");
    assert_non_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    unlinkat(dir, "qubes.xml", 0);
    close(dir);
    return rmdir(path); /* fails, and the test with it, when a temporary file is left */
}

static void assert_file_is(const char *expected)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(1 << 20);
    assert_int_equal(registry_file_read(dir, "qubes.xml", &bytes, NULL), 0);
    assert_string_equal(bytes.at, expected);
}

static void a_replaced_file_is_the_new_one_with_its_mode(void **state)
{
    (void)state;
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(3);
    assert_int_equal(registry_file_read(dir, "qubes.xml", &bytes, NULL), -ERR_UNKNOWN);
    for (int i = 0; i < 2; i++)
        assert_int_equal(registry_file_replace(dir, "qubes.xml", getgid(), 0660,
                                               span_of(i == 0 ? "first" : "second"), NULL),
                         0);
    assert_file_is("second");
    struct stat st;
    assert_int_equal(fstatat(dir, "qubes.xml", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(registry_file_read(dir, "qubes.xml", &bytes, NULL), -ERR_TOO_BIG);
    assert_int_equal(bytes.len, 0);
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(registry_file_replace(dir, "qubes.xml", REGISTRY_NO_GROUP, 0660, span_of("old"), NULL),
                     0);
    static char big[65536];
    memset(big, 'x', sizeof big);
    struct rlimit before, small = {4096, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct fault why = {0};
    int r = registry_file_replace(dir, "qubes.xml", REGISTRY_NO_GROUP, 0660, (struct span){big, sizeof big},
                                  &why);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(r, -ERR_IO);
    assert_non_null(strstr(why.text, "qubes.xml"));
    assert_file_is("old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_replaced_file_is_the_new_one_with_its_mode, make, clear),
        cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_the_old_file_and_nothing_else, make, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
