/* SPDX-License-Identifier: MIT
 * The callback driver over file-reflink: which command runs when, with what, and that its failure is the
 * verb's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/own.h"
#include "doors/pool_callback.h"
#include "tests/unit/doors/pool_bench.h"

static char dir[64], configuration[128], asked[4096], last[4096];
static const char *answer = "";
static int status;
static struct pool_calls calls;
static struct fault why;

/* Notes the event; its place in the line is the third word behind the command. */
static int bash(const struct pool_program *program, struct pool_output *out)
{
    static const char *const known[] = {"pre_sinit",          "pre_setup",          "pre_volume_create",
                                        "post_volume_create", "pre_volume_start",   "post_volume_start",
                                        "post_volume_stop",   "post_volume_remove", "pre_volume_resize"};
    *out = (struct pool_output){.status = status};
    if (strcmp(program->argv[0], "losetup") == 0)
        return 0; /* no loop device is on these images */
    assert_string_equal(program->argv[0], "/bin/bash");
    assert_string_equal(program->argv[1], "-c");
    snprintf(last, sizeof last, "%s", program->argv[2]);
    for (size_t i = 0; i < COUNT(known); i++) {
        char word[64];
        snprintf(word, sizeof word, "'%s'", known[i]);
        if (strstr(last, word) != NULL)
            strcat(strcat(asked, known[i]), " ");
    }
    if (strcmp(last, "own-command") == 0)
        strcat(asked, "own ");
    out->out = TEXT_WITH_LIMIT(100);
    text_add(&out->out, answer);
    return 0;
}

static int open_own(const char *path, int flags, unsigned mode)
{
    return pool_calls_real.open(strcmp(path, "/etc/qubes_callback.json") == 0 ? configuration : path, flags,
                                mode);
}

static void configure(const char *text)
{
    FILE *f = fopen(configuration, "w");
    assert_non_null(f);
    const char *here = strstr(text, "DIR");
    if (here == NULL)
        fputs(text, f);
    else
        fprintf(f, "%.*s%s%s", (int)(here - text), text, dir, here + 3);
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/dev/shm/pool-callback-test.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(configuration, sizeof configuration, "%s/conf.json", dir);
    asked[0] = last[0] = '\0';
    answer = "";
    status = 0;
    calls = pool_calls_real;
    calls.run = bash;
    calls.open = open_own;
    return 0;
}

static int teardown(void **state)
{
    char line[128];
    (void)state;
    snprintf(line, sizeof line, "rm -rf %s", dir);
    return run_quietly(line) ? 0 : -1;
}

#define BELOW                                                                                                \
    "\"bdriver\": \"file-reflink\", \"bdriver_args\": {\"dir_path\": \"DIR/pool\", \"setup_check\": false}"

static void commands_surround_the_verbs_of_the_driver_below(void **state)
{
    struct volume v = volume_of("private", ORIGIN_LINES);
    struct pool_errand e = {.volume = &v, .size = 65536};
    AUTO_OUTCOME o = {0};
    (void)state;
    configure(
        "{\"one\": {" BELOW
        ", \"cmd\": \"echo it's\", \"post_volume_stop\": \"own-command\", \"pre_volume_resize\": \"-\"}}");
    struct pool *p = pool_at("callback", "conf_id=one", &calls);
    assert_int_equal(pool_do(p, POOL_look, &e, &o, &why), 0);
    assert_int_equal(pool_do(p, POOL_usage, NULL, &o, &why), 0);
    assert_false(o.known);
    assert_string_equal(asked, ""); /* nothing runs before the first use */
    assert_int_equal(pool_do(p, POOL_setup, NULL, NULL, &why), 0);
    assert_string_equal(asked, "pre_setup ");
    assert_int_equal(pool_do(p, POOL_create, &e, NULL, &why), 0);
    assert_string_equal(asked, "pre_setup pre_sinit pre_volume_create post_volume_create ");
    assert_non_null(
        strstr(last, "echo it's 'p' 'file-reflink' 'post_volume_create' 'one' '{\n  \"bdriver\""));
    assert_non_null(strstr(last, "it'\"'\"'s")); /* within the quoted configuration */
    assert_non_null(strstr(last, "}' 'private' 'appvms/v-m/private' 'None'"));
    asked[0] = '\0';
    assert_int_equal(pool_do(p, POOL_start, &e, NULL, &why), 0);
    assert_int_equal(pool_do(p, POOL_resize, &e, NULL, &why), 0);
    assert_int_equal(pool_do(p, POOL_stop, &e, NULL, &why), 0);
    assert_string_equal(last, "own-command");
    assert_int_equal(pool_do(p, POOL_look, &e, &o, &why), 0);
    assert_int_equal(o.size, 65536);
    assert_int_equal(pool_do(p, POOL_remove, &e, NULL, &why), 0);
    assert_string_equal(asked, "pre_volume_start post_volume_start own post_volume_remove ");
    pool_free(p);
}

static void a_command_that_fails_fails_the_verb(void **state)
{
    struct volume v = volume_of("private", ORIGIN_LINES);
    struct pool_errand e = {.volume = &v};
    (void)state;
    configure("{\"one\": {" BELOW ", \"cmd\": \"x\"}}");
    struct pool *p = pool_at("callback", "conf_id=one", &calls);
    status = 1;
    assert_int_equal(pool_do(p, POOL_create, &e, NULL, &why), -ERR_STORAGE);
    assert_string_equal(asked, "pre_sinit ");
    status = 0;
    assert_int_equal(pool_do(p, POOL_setup, NULL, NULL, &why), 0);
    assert_int_equal(pool_do(p, POOL_create, &e, NULL, &why), 0);
    assert_string_equal(asked, "pre_sinit pre_setup pre_sinit pre_volume_create post_volume_create ");
    pool_free(p);
}

static void its_word_may_set_the_driver_below_up_again(void **state)
{
    struct volume v = volume_of("private", ORIGIN_LINES);
    char path[128];
    (void)state;
    configure("{\"one\": {" BELOW ", \"cmd\": \"x\", \"signal_back\": true}}");
    struct pool *p = pool_at("callback", "conf_id=one", &calls);
    answer = "mounted\nSIGNAL_setup\n";
    assert_int_equal(pool_do(p, POOL_create, &(struct pool_errand){.volume = &v}, NULL, &why), 0);
    snprintf(path, sizeof path, "%s/pool/vm-templates", dir);
    assert_int_equal(access(path, F_OK), 0);
    pool_free(p);
}

static void a_configuration_that_makes_no_sense_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"two\": {}}",
        "{\"one\": 1}",
        "{\"one\": {}}",
        "{\"one\": {\"bdriver\": \"nosuch\"}}",
        "{\"one\": {\"bdriver\": \"callback\", \"bdriver_args\": {\"conf_id\": \"one\"}}}",
        "{\"one\": {\"bdriver\": \"file-reflink\", \"bdriver_args\": {}}}",
    };
    struct pool *p = NULL;
    (void)state;
    assert_true(pool_open("p", span_of("driver=callback\nconf_id=one"), &calls, &p, &why) < 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        configure(bad[i]);
        why.text[0] = '\0';
        assert_true(pool_open("p", span_of("driver=callback\nconf_id=one"), &calls, &p, &why) < 0);
        assert_null(p);
        assert_true(why.text[0] != '\0');
    }
}

/* Who runs them is asked by a process that may be in foreign hands. */
static void only_the_administrators_commands_are_allowed(void **state)
{
    static const char *const good[] = {"own-command", "echo it's", "echo it's 'a' 'b c'",
                                       "echo it's 'it'\"'\"'s; id'", "echo it's ''"};
    static const char *const bad[] = {"",
                                      "-",
                                      "id",
                                      "own-command 'a'",
                                      "own-command; id",
                                      "echo it's; id",
                                      "echo it's 'a'; id",
                                      "echo it's 'a' $(id)",
                                      "echo it's 'a''; id'x",
                                      "echo it's 'a",
                                      "echo it's 'a'\"'\"'b",
                                      "echo it's 'a' ",
                                      "description"};
    struct callback_conf *conf = NULL;
    AUTO_TEXT lines = TEXT_WITH_LIMIT(1000);
    (void)state;
    configure("{\"one\": {" BELOW ", \"cmd\": \"echo it's\", \"post_volume_stop\": \"own-command\", "
              "\"description\": \"description\", \"pre_volume_resize\": \"-\"}}");
    assert_int_equal(callback_read(&calls, "two", &conf, &why), -ERR_STORAGE);
    assert_null(conf);
    assert_int_equal(callback_read(&calls, "one", &conf, &why), 0);
    for (size_t i = 0; i < COUNT(good); i++)
        if (!callback_allows(conf, good[i]))
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (callback_allows(conf, bad[i]))
            fail_msg("%s is allowed", bad[i]);
    assert_int_equal(callback_below(conf, &lines, &why), 0);
    assert_non_null(strstr(lines.at, "driver=file-reflink\ndir_path=/"));
    callback_conf_free(conf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(commands_surround_the_verbs_of_the_driver_below),
        TEST(a_command_that_fails_fails_the_verb),
        TEST(its_word_may_set_the_driver_below_up_again),
        TEST(a_configuration_that_makes_no_sense_is_refused),
        TEST(only_the_administrators_commands_are_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
