/* SPDX-License-Identifier: MIT
 * Lines of dom0's policy come first, go again, and whatever others wrote there stays. */
#include "doors/policy.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"

#define LINE  "work back allow,user=root"
#define OTHER "play back allow,user=root"
#define MARK  "\n# bulkhead: until the device is attached\n"
#define FILE1 "qubes.USB+1-1"

struct bench {
    char path[64];
    int dir;
    struct fault why;
};

static int open_bench(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    strcpy(b->path, "/tmp/bulkhead-policy-XXXXXX");
    assert_non_null(mkdtemp(b->path));
    b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = b;
    return b->dir < 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    char command[96];
    close(b->dir);
    snprintf(command, sizeof command, "rm -rf '%s'", b->path);
    int r = system(command);
    free(b);
    return r;
}

static void writes(const struct bench *b, const char *name, const char *text)
{
    AUTO_FD file = openat(b->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    assert_true(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
}

/* NULL: there is no such file. */
static void holds(const struct bench *b, const char *name, const char *text)
{
    char bytes[1024] = "";
    AUTO_FD file = openat(b->dir, name, O_RDONLY | O_CLOEXEC);
    assert_int_equal(file >= 0, text != NULL);
    if (text == NULL)
        return;
    assert_true(read(file, bytes, sizeof bytes - 1) >= 0);
    assert_string_equal(bytes, text);
}

static void a_line_makes_its_file_and_goes_with_it(void **state)
{
    struct bench *b = *state;
    struct stat made, home;
    assert_int_equal(policy_add(b->dir, "1-1", LINE, &b->why), 0);
    holds(b, FILE1, LINE MARK);
    assert_int_equal(fstatat(b->dir, FILE1, &made, 0), 0);
    assert_int_equal(fstat(b->dir, &home), 0);
    assert_int_equal(made.st_mode & 07777, 0660);
    assert_int_equal(made.st_gid, home.st_gid);
    assert_int_equal(policy_remove(b->dir, "1-1", LINE, &b->why), 0);
    holds(b, FILE1, NULL);
    assert_int_equal(policy_remove(b->dir, "1-1", LINE, &b->why), 0);
    holds(b, FILE1, NULL);
}

static void done_twice_it_is_there_once(void **state)
{
    struct bench *b = *state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(policy_add(b->dir, "1-1", LINE, &b->why), 0);
    holds(b, FILE1, LINE MARK);
    assert_int_equal(policy_add(b->dir, "1-1", OTHER, &b->why), 0);
    holds(b, FILE1, OTHER MARK LINE MARK);
    assert_int_equal(policy_remove(b->dir, "1-1", LINE, &b->why), 0);
    holds(b, FILE1, OTHER MARK);
}

static void lines_of_others_stay_even_the_same_one(void **state)
{
    struct bench *b = *state;
    static const char *const theirs[] = {"a b deny\n" LINE "\n# of ours\n", "a b deny", "\n\n# x\n"};
    for (size_t i = 0; i < COUNT(theirs); i++) {
        char with[256];
        unsigned found;
        writes(b, FILE1, theirs[i]);
        snprintf(with, sizeof with, "%s%s%s", LINE, MARK, theirs[i]);
        assert_int_equal(policy_add(b->dir, "1-1", LINE, &b->why), 0);
        holds(b, FILE1, with);
        assert_int_equal(policy_remove(b->dir, "1-1", LINE, &b->why), 0);
        holds(b, FILE1, theirs[i]);
        assert_int_equal(policy_sweep(b->dir, &found, &b->why), 0);
        assert_int_equal(found, 0);
        holds(b, FILE1, theirs[i]);
    }
}

static void what_a_crash_left_is_found_wherever_it_is(void **state)
{
    struct bench *b = *state;
    unsigned found;
    assert_int_equal(policy_add(b->dir, "1-1", LINE, &b->why), 0);
    assert_int_equal(policy_add(b->dir, "1-1", OTHER, &b->why), 0);
    writes(b, "qubes.USB+2-1.4", "a b ask\n");
    assert_int_equal(policy_add(b->dir, "2-1.4", LINE, &b->why), 0);
    writes(b, ".bulkhead-qubes.USB", "half");
    writes(b, "qubes.Other+1-1", LINE MARK);
    assert_int_equal(policy_sweep(b->dir, &found, &b->why), 0);
    assert_int_equal(found, 2);
    holds(b, FILE1, NULL);
    holds(b, "qubes.USB+2-1.4", "a b ask\n");
    holds(b, ".bulkhead-qubes.USB", NULL);
    holds(b, "qubes.Other+1-1", LINE MARK);
    assert_int_equal(policy_sweep(b->dir, &found, &b->why), 0);
    assert_int_equal(found, 0);
}

static void what_is_no_port_or_no_line_makes_no_file(void **state)
{
    struct bench *b = *state;
    static const char *const ports[] = {"", "../x", "1-1/..", "1-1\n", "-1", "1-", "1..2", "*", "a-1"};
    static const char *const lines[] = {"", "a b allow\nx y allow", "# no", "a\rb"};
    struct stat none;
    for (size_t i = 0; i < COUNT(ports); i++)
        assert_int_equal(policy_add(b->dir, ports[i], LINE, &b->why), -ERR_BAD);
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_int_equal(policy_add(b->dir, "1-1", lines[i], &b->why), -ERR_BAD);
    assert_int_equal(fstatat(b->dir, FILE1, &none, 0), -1);
}

static void a_lock_that_another_holds_is_named_and_nothing_changed(void **state)
{
    struct bench *b = *state;
    writes(b, FILE1, "a b deny\n");
    AUTO_FD theirs = openat(b->dir, FILE1, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(theirs, LOCK_EX), 0);
    assert_int_equal(policy_add(b->dir, "1-1", LINE, &b->why), -ERR_BUSY);
    assert_non_null(strstr(b->why.text, FILE1));
    holds(b, FILE1, "a b deny\n");
}

static void what_is_no_file_is_not_followed(void **state)
{
    struct bench *b = *state;
    unsigned found;
    writes(b, "elsewhere", "a b deny\n");
    assert_int_equal(symlinkat("elsewhere", b->dir, FILE1), 0);
    assert_int_equal(policy_add(b->dir, "1-1", LINE, &b->why), -ERR_IO);
    assert_int_equal(mkfifoat(b->dir, "qubes.USB+1-2", 0600), 0);
    assert_int_equal(policy_add(b->dir, "1-2", LINE, &b->why), -ERR_IO);
    assert_int_equal(policy_sweep(b->dir, &found, &b->why), -ERR_IO);
    holds(b, "elsewhere", "a b deny\n");
}

static void a_file_without_bounds_is_left_as_it_is(void **state)
{
    struct bench *b = *state;
    struct stat was;
    AUTO_FD file = openat(b->dir, FILE1, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    assert_int_equal(ftruncate(file, POLICY_FILE_MAX + 1), 0);
    assert_int_equal(policy_add(b->dir, "1-1", LINE, &b->why), -ERR_TOO_BIG);
    assert_int_equal(fstatat(b->dir, FILE1, &was, 0), 0);
    assert_int_equal(was.st_size, POLICY_FILE_MAX + 1);
}

int main(void)
{
#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        BENCH(a_line_makes_its_file_and_goes_with_it),
        BENCH(done_twice_it_is_there_once),
        BENCH(lines_of_others_stay_even_the_same_one),
        BENCH(what_a_crash_left_is_found_wherever_it_is),
        BENCH(what_is_no_port_or_no_line_makes_no_file),
        BENCH(a_lock_that_another_holds_is_named_and_nothing_changed),
        BENCH(what_is_no_file_is_not_followed),
        BENCH(a_file_without_bounds_is_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
