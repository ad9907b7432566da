/* SPDX-License-Identifier: MIT
 * An ephemeral volume is given out under a key that is forgotten, and never without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/own.h"
#include "doors/pool_crypt.h"
#include "tests/unit/doors/pool_bench.h"
#include "tests/unit/doors/pool_rows.h"

static char dir[64], asked[2048], mapping[256];
static bool fails, mapped;
static struct pool_calls calls;
static struct fault why;

static int cryptsetup(const struct pool_program *program, struct pool_output *out)
{
    *out = (struct pool_output){.status = fails};
    struct tool_pool ours = {.group = ""};
    bool opens = false;
    snprintf(ours.directory, sizeof ours.directory, "%s", dir);
    must_fit_a_row(program, &ours);
    for (const char *const *at = program->argv; *at != NULL; at++) {
        opens |= strcmp(*at, "open") == 0;
        const char *word = *at, *name = strrchr(word, '/');
        snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%s%s", at > program->argv ? " " : "",
                 name != NULL && strchr(word, '=') == NULL ? name + 1 : word);
    }
    strcat(asked, "\n");
    if (!fails)
        mapped = opens;
    return 0;
}

static int stat_mapping(const char *path, struct stat *ret)
{
    if (strncmp(path, "/dev/mapper/", 12) != 0)
        return pool_calls_real.stat(path, ret);
    errno = ENOENT;
    return mapped ? 0 : -1;
}

static int open_mapping(const char *path, int flags, unsigned mode)
{
    return pool_calls_real.open(strncmp(path, "/dev/mapper/", 12) == 0 ? mapping : path, flags, mode);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/dev/shm/pool-crypt-test.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(mapping, sizeof mapping, "%s/mapping", dir);
    FILE *f = fopen(mapping, "w");
    assert_non_null(f);
    fputs("what was there before", f);
    fclose(f);
    asked[0] = '\0';
    fails = mapped = false;
    calls = pool_calls_real;
    calls.run = cryptsetup;
    calls.stat = stat_mapping;
    calls.open = open_mapping;
    return 0;
}

static int teardown(void **state)
{
    char line[128];
    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", dir);
    return run_quietly(line) ? 0 : -1;
}

static struct pool *pool_with(const char *more)
{
    char parameters[200];
    snprintf(parameters, sizeof parameters, "dir_path=%s/pool\nsetup_check=0%s", dir, more);
    struct pool *p = pool_at("file-reflink", parameters, &calls);
    assert_int_equal(pool_do(p, POOL_setup, NULL, NULL, &why), 0);
    return p;
}

#define OPEN                                                                                                 \
    "cryptsetup --key-file=/dev/urandom --cipher=aes-xts-plain64 --type=plain -- open volatile-dirty.img "   \
    "vm-volatile-my_uown_dvm-crypt@volatile\n"
#define CLOSE "cryptsetup -- close vm-volatile-my_uown_dvm-crypt@volatile\n"

static void it_is_started_under_a_key_and_closed_at_stop(void **state)
{
    struct volume v = volume_of("volatile", "vid=appvms/my_own-vm/volatile\nrw=True\nsize=32768");
    struct pool_errand e = {.volume = &v};
    AUTO_OUTCOME o = {0};
    char bytes[32];
    (void)state;
    struct pool *p = pool_with("\nephemeral_volatile=True");
    assert_int_equal(pool_do(p, POOL_create, &e, NULL, &why), 0);
    assert_int_equal(pool_do(p, POOL_start, &e, NULL, &why), 0);
    assert_string_equal(asked, OPEN);
    assert_int_equal(pool_do(p, POOL_look, &e, &o, &why), 0);
    assert_string_equal(o.path, "/dev/mapper/vm-volatile-my_uown_dvm-crypt@volatile");
    assert_string_equal(strrchr(o.own, '/'), "/volatile-dirty.img"); /* its own place is no mapping */
    FILE *f = fopen(mapping, "r");
    assert_int_equal(fread(bytes, 1, sizeof bytes, f), sizeof bytes);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    assert_int_equal(ftell(f), 65536);
    fclose(f);
    assert_true(bytes[0] == 0 && bytes[20] == 0);
    assert_int_equal(pool_do(p, POOL_start, &e, NULL, &why), 0);
    assert_string_equal(asked, OPEN CLOSE OPEN);
    v.ephemeral = EPHEMERAL_NO; /* changed meanwhile: the mapping goes all the same */
    assert_int_equal(pool_do(p, POOL_stop, &e, NULL, &why), 0);
    assert_string_equal(asked, OPEN CLOSE OPEN CLOSE);
    asked[0] = '\0';
    assert_int_equal(pool_do(p, POOL_start, &e, NULL, &why), 0);
    assert_string_equal(asked, "");
    pool_free(p);
}

static void one_made_read_only_stays_under_a_key(void **state)
{
    struct volume v =
        volume_of("volatile", "vid=appvms/my_own-vm/volatile\nrw=False\nephemeral=True\nsize=32768");
    struct pool_errand e = {.volume = &v};
    (void)state;
    struct pool *p = pool_with("");
    assert_int_equal(pool_do(p, POOL_start, &e, NULL, &why), 0);
    assert_string_equal(asked, OPEN);
    assert_int_equal(pool_do(p, POOL_stop, &e, NULL, &why), 0);
    assert_string_equal(asked, OPEN CLOSE);
    pool_free(p);
}

static void without_its_key_it_is_not_started(void **state)
{
    struct volume v = volume_of("volatile", "vid=appvms/a/volatile\nrw=True\nephemeral=True\nsize=32768");
    struct pool_errand e = {.volume = &v};
    AUTO_OUTCOME o = {0};
    (void)state;
    struct pool *p = pool_with("");
    fails = true;
    assert_int_equal(pool_do(p, POOL_start, &e, NULL, &why), -ERR_STORAGE);
    assert_int_equal(pool_do(p, POOL_look, &e, &o, &why), 0);
    assert_false(o.has_data);
    pool_free(p);
}

static void only_what_is_thrown_away_is_encrypted(void **state)
{
    struct volume v = volume_of("private", ORIGIN_LINES);
    struct pool_errand e = {.volume = &v};
    (void)state;
    struct pool *p = pool_with("\nephemeral_volatile=True");
    static const enum pool_verb day[] = {POOL_create, POOL_start, POOL_stop, POOL_remove};
    for (size_t i = 0; i < COUNT(day); i++)
        assert_int_equal(pool_do(p, day[i], &e, NULL, &why), 0);
    assert_string_equal(asked, "");
    pool_free(p);
}

static void mappings_of_logical_volumes_are_named_after_them(void **state)
{
    struct volume v = volume_of("volatile", "vid=vg-1/vm-a-volatile\nrw=True");
    char path[CRYPT_PATH_MAX + 1];
    (void)state;
    assert_true(crypt_path(path, &v, true));
    assert_string_equal(path, "/dev/mapper/vg--1-vm--a--volatile@crypt");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(it_is_started_under_a_key_and_closed_at_stop),
        TEST(one_made_read_only_stays_under_a_key),
        TEST(without_its_key_it_is_not_started),
        TEST(only_what_is_thrown_away_is_encrypted),
        TEST(mappings_of_logical_volumes_are_named_after_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
