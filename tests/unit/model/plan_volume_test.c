/* SPDX-License-Identifier: MIT
 * What is kept of volumes and pools is what was meant, in one way of writing it. */
#include "tests/unit/model/fixture.h"

static const char *volume_has(struct scene *s, const char *vm, const char *volume, const char *key)
{
    static char text[64];
    const struct item *item = model_item(s->m, qid_of(s, vm), CHANGE_VOLUME, span_of(volume));
    struct span value = {"", 0};
    assert_non_null(item);
    ask_attribute((struct span){item->value, item->value_len}, key, &value);
    assert_int_equal(text_copy(text, sizeof text, value), 0);
    return text;
}

static int keep(struct scene *s, struct span number)
{
    return done(
        s, plan_volume_keep(&s->k, qid_of(s, "hvm"), SPAN_LITERAL("private"), number, &s->plan, &s->why));
}

static int pool_keep(struct scene *s, struct span number)
{
    return done(s, plan_pool_keep(&s->k, SPAN_LITERAL("r"), number, &s->plan, &s->why));
}

static void add_pools(struct scene *s)
{
    put(s, CHANGE_POOL, QID_GLOBAL, "r", "dir_path=/r\ndriver=file-reflink\nrevisions_to_keep=3");
    put(s, CHANGE_POOL, QID_GLOBAL, "l",
        "volume_group=g\nthin_pool=t\ndriver=lvm_thin\nrevisions_to_keep=-1");
    put(s, CHANGE_POOL, QID_GLOBAL, "z", "container=c\ndriver=zfs\nrevisions_to_keep=0");
    put(s, CHANGE_POOL, QID_GLOBAL, "f", "dir_path=/f\ndriver=file\nrevisions_to_keep=-1");
    put(s, CHANGE_POOL, QID_GLOBAL, "c", "driver=callback\nconf_id=c");
}

static void a_number_of_revisions_is_kept_as_the_number_that_it_is(void **state)
{
    struct scene *s = *state;
    add_pools(s);
    assert_int_equal(keep(s, SPAN_LITERAL("-0")), 0);
    assert_string_equal(volume_has(s, "hvm", "private", "revisions_to_keep"), "0");
    assert_int_equal(keep(s, SPAN_LITERAL("-1")), 0);
    assert_string_equal(volume_has(s, "hvm", "private", "revisions_to_keep"), "-1");
    assert_int_equal(pool_keep(s, SPAN_LITERAL("-0")), 0);
    struct span lines, value;
    assert_int_equal(pool_known(&s->k, SPAN_LITERAL("r"), &lines), 1);
    assert_int_equal(ask_attribute(lines, "revisions_to_keep", &value), 1);
    assert_true(span_is(value, "0"));
}

static void what_is_no_number_of_revisions_changes_nothing(void **state)
{
    const struct span bad[] = {SPAN_LITERAL(""),    SPAN_LITERAL("-"),
                               SPAN_LITERAL("--1"), SPAN_LITERAL("01"),
                               SPAN_LITERAL("-01"), SPAN_LITERAL("+1"),
                               SPAN_LITERAL("1 "),  SPAN_LITERAL("1\n"),
                               SPAN_LITERAL("1\0"), SPAN_LITERAL("99999999999999999999")};
    struct scene *s = *state;
    add_pools(s);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(keep(s, bad[i]), -ERR_PROTOCOL);
        assert_int_equal(pool_keep(s, bad[i]), -ERR_PROTOCOL);
    }
    assert_int_equal(keep(s, SPAN_LITERAL("-2")), -ERR_VALUE);
    assert_int_equal(pool_keep(s, SPAN_LITERAL("-2")), -ERR_PROTOCOL);
    assert_string_equal(volume_has(s, "hvm", "private", "revisions_to_keep"), "1");
}

static void a_truth_value_ends_where_its_word_ends(void **state)
{
    const struct span bad[] = {SPAN_LITERAL(""), SPAN_LITERAL("True\0"), SPAN_LITERAL("0\0"),
                               SPAN_LITERAL("True\n"), SPAN_LITERAL(" on")};
    struct scene *s = *state;
    uint32_t hvm = qid_of(s, "hvm");
    add_pools(s);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(done(s, plan_volume_rw(&s->k, hvm, SPAN_LITERAL("root"), bad[i], &s->plan, &s->why)),
                         -ERR_PROTOCOL);
        assert_int_equal(
            done(s, plan_volume_ephemeral(&s->k, hvm, SPAN_LITERAL("volatile"), bad[i], &s->plan, &s->why)),
            -ERR_PROTOCOL);
        assert_int_equal(done(s, plan_pool_ephemeral(&s->k, SPAN_LITERAL("r"), bad[i], &s->plan, &s->why)),
                         -ERR_PROTOCOL);
    }
    assert_int_equal(
        done(s, plan_volume_rw(&s->k, hvm, SPAN_LITERAL("root"), SPAN_LITERAL("oFF"), &s->plan, &s->why)), 0);
    assert_string_equal(volume_has(s, "hvm", "root", "rw"), "False");
}

static void a_new_volume_keeps_as_many_revisions_as_its_pool_says(void **state)
{
    static const struct {
        const char *pool, *saved, *fresh;
    } want[] = {{"r", "3", "3"}, {"l", "-1", "-1"}, {"z", "0", "0"}, {"f", "-1", "0"}, {"c", "1", "0"}};
    struct scene *s = *state;
    char payload[64], name[8];
    add_pools(s);
    for (size_t i = 0; i < COUNT(want); i++) {
        snprintf(name, sizeof name, "t%zu", i);
        snprintf(payload, sizeof payload, "name=%s label=red pool=%s", name, want[i].pool);
        assert_int_equal(create(s, CLASS_TemplateVM, "", payload), 0);
        assert_string_equal(volume_has(s, name, "root", "revisions_to_keep"), want[i].saved);
        assert_string_equal(volume_has(s, name, "private", "revisions_to_keep"), want[i].saved);
        assert_string_equal(volume_has(s, name, "volatile", "revisions_to_keep"), want[i].fresh);
        assert_string_equal(volume_has(s, name, "kernel", "revisions_to_keep"), "0");
        snprintf(payload, sizeof payload, "name=a%zu label=red", i);
        assert_int_equal(create(s, CLASS_AppVM, name, payload), 0);
        name[0] = 'a'; /* its root lies where that of the template does */
        assert_string_equal(volume_has(s, name, "root", "revisions_to_keep"), want[i].fresh);
        assert_string_equal(volume_has(s, name, "private", "revisions_to_keep"), "1");
    }
}

static void a_clone_is_told_with_the_id_of_the_volume_that_it_came_from(void **state)
{
    struct scene *s = *state;
    char source[32];
    snprintf(source, sizeof source, "%u private", (unsigned)qid_of(s, "work"));
    assert_int_equal(done(s, plan_volume_clone(&s->k, qid_of(s, "hvm"), SPAN_LITERAL("root"), span_of(source),
                                               &s->plan, &s->why)),
                     0);
    assert_string_equal(s->text, "hvm domain-import-volume name=root,source=appvms/work/private\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_number_of_revisions_is_kept_as_the_number_that_it_is),
        SCENE_TEST(what_is_no_number_of_revisions_changes_nothing),
        SCENE_TEST(a_truth_value_ends_where_its_word_ends),
        SCENE_TEST(a_new_volume_keeps_as_many_revisions_as_its_pool_says),
        SCENE_TEST(a_clone_is_told_with_the_id_of_the_volume_that_it_came_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
