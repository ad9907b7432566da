/* SPDX-License-Identifier: MIT
 * The drivers file and linux-kernel: files as spec storage 8 and 10 have them, and what is asked of the
 * scripts that make snapshots. Every call fails once: contents stay whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/unit/doors/pool_bench.h"
#include "tests/unit/doors/pool_rows.h"
#include "tests/unit/doors/pool_shim.h"

static char dir[64];
static char asked[1024]; /* of the scripts, one line each, without what changes from run to run */
static char device[256];
static const char *missing; /* of the two scripts */
static struct pool_calls calls;
static struct pool *pool;
static struct fault why;

/* create-snapshot and destroy-snapshot; the device is a name that stat finds. */
static int script(const struct pool_program *program, struct pool_output *out)
{
    *out = (struct pool_output){0};
    struct tool_pool ours = {.group = ""};
    bool create = false;
    snprintf(ours.directory, sizeof ours.directory, "%s", dir);
    must_fit_a_row(program, &ours);
    for (const char *const *at = program->argv; *at != NULL; at++) {
        create |= strstr(*at, "/create-snapshot") != NULL;
        const char *word = *at, *name = strrchr(word, '/');
        size_t len = strlen(asked);
        snprintf(asked + len, sizeof asked - len, "%s%s", at > program->argv ? " " : "",
                 strchr(word, ':') != NULL ? "NAME"
                 : name != NULL            ? name + 1
                                           : *at);
    }
    strcat(asked, "\n");
    snprintf(device, sizeof device, "%s%s", create ? "/dev/mapper/" : "", create ? program->argv[1] : "");
    return 0;
}

static int device_stat(const char *path, struct stat *ret)
{
    errno = ENOENT;
    if (strncmp(path, "/usr/lib/qubes/", 15) == 0)
        return missing == NULL || strcmp(path + 15, missing) != 0 ? 0 : -1;
    if (strncmp(path, "/dev/mapper/", 12) != 0)
        return pool_calls_real.stat(path, ret);
    return strcmp(path, device) == 0 ? 0 : -1;
}

static int setup(void **state)
{
    char parameters[128];
    (void)state;
    snprintf(dir, sizeof dir, "/dev/shm/pool-file-test.XXXXXX");
    assert_non_null(mkdtemp(dir));
    asked[0] = device[0] = '\0';
    calls = pool_calls_real;
    calls.run = script;
    calls.stat = device_stat;
    snprintf(parameters, sizeof parameters, "dir_path=%s", dir);
    pool = pool_at("file", parameters, &calls);
    assert_int_equal(pool_do(pool, POOL_setup, NULL, NULL, &why), 0);
    return 0;
}

static int teardown(void **state)
{
    char line[128];
    (void)state;
    pool_free(pool);
    snprintf(line, sizeof line, "rm -rf %s", dir);
    return run_quietly(line) ? 0 : -1;
}

static int does(enum pool_verb verb, const struct volume *v)
{
    return pool_do(pool, verb, &(struct pool_errand){.volume = v, .size = SIZE, .success = true}, NULL, &why);
}

static void must(enum pool_verb verb, const struct volume *v)
{
    if (does(verb, v) < 0)
        fail_msg("%s: %s", pool_verb_name(verb), why.text);
}

static const char *at(const struct volume *v, const char *tail)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s%s", dir, v->vid, tail);
    return path;
}

static struct pool_outcome look(const struct volume *v)
{
    struct pool_outcome o = {0};
    assert_int_equal(pool_do(pool, POOL_look, &(struct pool_errand){.volume = v}, &o, &why), 0);
    return o;
}

static void a_saved_volume_is_written_in_place_behind_a_snapshot(void **state)
{
    struct volume v = volume_of(
        "private", "vid=appvms/a/private\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsize=1048576");
    AUTO_OUTCOME o = {0};
    (void)state;
    must(POOL_create, &v);
    assert_int_equal(does(POOL_create, &v), -ERR_STORAGE);
    must(POOL_verify, &v);
    must(POOL_start, &v);
    assert_string_equal(asked, "create-snapshot NAME private.img private-cow.img\n");
    assert_string_equal(look(&v).path, device);
    assert_string_equal(look(&v).own, at(&v, ".img"));
    assert_false(look(&v).dirty); /* the first write makes it so */
    FILE *f = fopen(at(&v, "-cow.img"), "r+");
    assert_non_null(f);
    fwrite("SnAp\1\0\0\0\1\0\0\0\0\1\0\0", 1, 16, f);
    fflush(f);
    assert_false(look(&v).dirty);
    fseek(f, 256L * 1024, SEEK_SET);
    fputc('x', f);
    fclose(f);
    assert_true(look(&v).dirty);
    assert_int_equal(does(POOL_export, &v), -ERR_STORAGE);
    must(POOL_stop, &v);
    assert_string_equal(asked, "create-snapshot NAME private.img private-cow.img\ndestroy-snapshot NAME\n");
    assert_false(look(&v).dirty);
    assert_int_equal(pool_do(pool, POOL_revisions, &(struct pool_errand){.volume = &v}, &o, &why), 0);
    assert_int_equal(strncmp(o.list.at, "old=", 4), 0);
    assert_int_equal(does(POOL_revert, &v), -ERR_NOT_IMPLEMENTED);
    must(POOL_export, &v);
    must(POOL_remove, &v);
    assert_int_not_equal(access(at(&v, ".img"), F_OK), 0);
    v.revisions_to_keep = 2;
    assert_int_equal(does(POOL_create, &v), -ERR_NOT_IMPLEMENTED);
}

static void a_snapshot_has_two_areas_and_loses_its_own(void **state)
{
    struct volume
        t = volume_of("root", "vid=vm-templates/t/root\nrw=True\nsave_on_stop=True\nsize=65536"),
        a = volume_of(
            "root", "vid=appvms/a/root\nrw=True\nsnap_on_start=True\nsource=vm-templates/t/root\nsize=65536");
    (void)state;
    must(POOL_create, &t);
    must(POOL_create, &a);
    must(POOL_start, &a);
    assert_string_equal(asked, "create-snapshot NAME root.img root-cow.img root-cow.img\n");
    assert_string_equal(look(&a).path, device);
    assert_false(look(&a).outdated);
    assert_int_equal(does(POOL_resize, &a), -ERR_STORAGE);
    must(POOL_stop, &a);
    assert_int_not_equal(access(at(&a, "-cow.img"), F_OK), 0);
    must(POOL_remove, &t);
    assert_int_equal(does(POOL_verify, &a), -ERR_STORAGE);
    assert_int_equal(does(POOL_start, &a), -ERR_STORAGE);
}

static void volatile_and_in_place_are_the_file_itself(void **state)
{
    struct volume v = volume_of("volatile", "vid=appvms/a/volatile\nrw=True\nsize=32768"),
                  p = volume_of(
                      "private",
                      "vid=appvms/a/private\nrevisions_to_keep=-1\nrw=True\nsave_on_stop=True\nsize=32768");
    (void)state;
    must(POOL_start, &v);
    write_pattern(at(&v, ".img"), 'v', SIZE);
    must(POOL_start, &v);
    assert_int_equal(read_pattern(at(&v, ".img"), NULL), '0');
    assert_string_equal(look(&v).path, at(&v, ".img"));
    must(POOL_stop, &v);
    assert_int_equal(read_pattern(at(&v, ".img"), NULL), '-');
    must(POOL_create, &p);
    must(POOL_start, &p);
    assert_string_equal(look(&p).path, at(&p, ".img"));
    must(POOL_stop, &p);
    assert_string_equal(asked, "");
}

static void contents_are_old_or_new_whatever_fails(void **state)
{
    static const struct {
        enum pool_verb verb;
        char new;
    } trials[] = {{POOL_import_fd, 'n'}, {POOL_clone, 's'}, {POOL_import_end, 'i'}, {POOL_import_begin, 'o'}};
    struct volume v = volume_of("private", "vid=appvms/a/private\nrw=True\nsave_on_stop=True\nsize=32768"),
                  s = volume_of("private", "vid=appvms/s/private\nrw=True\nsave_on_stop=True\nsize=32768");
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/material", dir);
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    write_pattern(path, 'n', SIZE);
    must(POOL_create, &s);
    write_pattern(at(&s, ".img"), 's', SIZE);
    struct pool *real = pool;
    struct pool_errand e = {.volume = &v, .source = &s, .fd = fd, .size = SIZE, .success = true};
    snprintf(path, sizeof path, "dir_path=%s", dir);
    for (size_t i = 0; i < COUNT(trials); i++)
        for (unsigned n = 1, r = 1; r != 0; n++) {
            must(POOL_remove, &v);
            must(POOL_create, &v);
            write_pattern(at(&v, ".img"), 'o', SIZE);
            if (trials[i].verb == POOL_import_end) {
                must(POOL_import_begin, &v);
                write_pattern(at(&v, "-import.img"), 'i', SIZE);
            }
            shim_reset(&calls);
            shim.fail_at = n;
            shim.with = ENOSPC;
            pool = pool_at("file", path, &shim_calls);
            r = pool_do(pool, trials[i].verb, &e, NULL, &why) < 0 || shim.made >= n;
            bool done = shim.made < n;
            pool_free(pool);
            pool = real;
            must(POOL_tidy, &v);
            char seen = read_pattern(at(&v, ".img"), NULL);
            assert_true(seen == trials[i].new || (!done && seen == 'o'));
        }
}

static void a_start_without_the_scripts_is_refused_before_it_begins(void **state)
{
    static const char *const scripts[] = {"create-snapshot", "destroy-snapshot"};
    struct volume v = volume_of(
        "private", "vid=appvms/a/private\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsize=1048576");
    struct volume passing = volume_of("volatile", "vid=appvms/a/volatile\nrw=True\nsize=1048576");
    (void)state;
    must(POOL_create, &v);
    for (size_t i = 0; i < COUNT(scripts); i++) {
        missing = scripts[i];
        v.revisions_to_keep = 1;
        assert_int_equal(does(POOL_verify, &v), -ERR_STORAGE);
        assert_non_null(strstr(why.text, scripts[i]));
        assert_non_null(strstr(why.text, "file-reflink")); /* what to do next */
        v.revisions_to_keep = -1;
        must(POOL_verify, &v); /* used in place: nothing is to be made */
        must(POOL_verify, &passing);
    }
    missing = NULL;
    v.revisions_to_keep = 1;
    must(POOL_verify, &v);
    assert_string_equal(asked, "");
}

static void a_kernel_is_looked_up_by_its_name(void **state)
{
    struct volume v = volume_of("kernel", "vid=6.1\nrw=False"), none = volume_of("kernel", "vid=\nrw=False"),
                  bad = volume_of("kernel", "vid=../6.1\nrw=False");
    char path[128], parameters[128];
    struct pool *real = pool;
    (void)state;
    snprintf(parameters, sizeof parameters, "dir_path=%s", dir);
    pool = pool_at("linux-kernel", parameters, NULL);
    must(POOL_verify, &none);
    assert_string_equal(look(&none).path, "");
    assert_int_equal(does(POOL_verify, &v), -ERR_STORAGE);
    assert_int_equal(does(POOL_verify, &bad), -ERR_STORAGE);
    static const char *const files[] = {"6.1", "6.1/vmlinuz", "6.1/modules.img"};
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        assert_int_equal(i == 0 ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0), 0);
        assert_string_equal(look(&v).path, i == 2 ? path : "");
        assert_string_equal(strrchr(look(&v).own, '/'), "/modules.img"); /* there or not */
    }
    must(POOL_verify, &v);
    must(POOL_start, &v);
    must(POOL_remove, &v); /* which takes nothing away */
    must(POOL_verify, &v);
    assert_int_equal(does(POOL_import_begin, &v), -ERR_NOT_IMPLEMENTED);
    v.rw = true;
    assert_int_equal(does(POOL_create, &v), -ERR_STORAGE);
    pool_free(pool);
    pool = real;
}

static void a_program_is_bounded_in_time_and_words(void **state)
{
    struct pool_output out = {0};
    struct pool_program quick = {.argv = (const char *[]){"sh", "-c", "echo out; echo err >&2; exit 3", NULL},
                                 .seconds = 20,
                                 .fd_in = -1},
                        slow = {.argv = (const char *[]){"sh", "-c", "sleep 60 & sleep 60", NULL},
                                .seconds = 1,
                                .fd_in = -1},
                        loud = {.argv = (const char *[]){"sh", "-c", "cat /dev/zero", NULL},
                                .seconds = 60,
                                .fd_in = -1},
                        none = {.argv = (const char *[]){"no-such-program", NULL}, .seconds = 1, .fd_in = -1};
    (void)state;
    assert_int_equal(pool_run(&quick, &out), 0);
    assert_int_equal(out.status, 3);
    assert_string_equal(out.out.at, "out\n");
    assert_string_equal(out.err.at, "err\n");
    text_free(&out.out);
    text_free(&out.err);
    const struct {
        struct pool_program *program;
        int with;
    } bad[] = {{&slow, ETIMEDOUT}, {&loud, EFBIG}, {&none, ENOENT}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(pool_run(bad[i].program, &out), -1);
        assert_int_equal(errno, bad[i].with);
        text_free(&out.out);
        text_free(&out.err);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_saved_volume_is_written_in_place_behind_a_snapshot),
        TEST(a_snapshot_has_two_areas_and_loses_its_own),
        TEST(volatile_and_in_place_are_the_file_itself),
        TEST(contents_are_old_or_new_whatever_fails),
        TEST(a_start_without_the_scripts_is_refused_before_it_begins),
        TEST(a_kernel_is_looked_up_by_its_name),
        cmocka_unit_test(a_program_is_bounded_in_time_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
