/* SPDX-License-Identifier: MIT
 * A whole model in the place of another: afterwards it is that one, and what lives was not touched. */
#include "tests/unit/model/fixture.h"

#include "model/long_text.h"

/* A copy of a model as changes, which a test may alter. */
struct list {
    struct change at[512];
    size_t count;
};

static int copy(void *arg, const struct change *c)
{
    struct list *l = arg;
    assert_true(l->count < COUNT(l->at));
    struct change *to = &l->at[l->count++];
    *to = *c;
    to->key.at = strndup(c->key.at, c->key.len);
    to->value.at = strndup(c->value.at, c->value.len);
    return 0;
}

static struct list list_of(const struct model *m)
{
    struct list l = {.count = 0};
    assert_int_equal(model_each(m, copy, &l), 0);
    return l;
}

static void list_free(struct list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free((char *)(uintptr_t)l->at[i].key.at);
        free((char *)(uintptr_t)l->at[i].value.at);
    }
}

static int add_line(void *arg, const struct change *c)
{
    if (c->kind != CHANGE_GENERATION) /* generations count on */
        text_format(arg, "%d %u %.*s=%.*s\n", (int)c->kind, c->qid, (int)c->key.len, c->key.at,
                    c->kind == CHANGE_VM ? 0 : (int)c->value.len, c->value.at);
    return 0;
}

static struct text print(const struct model *m)
{
    struct text t = TEXT_WITH_LIMIT(1 << 20);
    assert_int_equal(model_each(m, add_line, &t), 0);
    return t;
}

static int replace(struct scene *s, const struct list *l)
{
    return done(s, plan_replace(&s->k, l->at, l->count, &s->plan, &s->why));
}

static void the_same_model_is_no_change(void **state)
{
    struct scene *s = *state;
    struct list l = list_of(s->m);
    assert_int_equal(replace(s, &l), 0);
    assert_int_equal(s->plan.changes, 0);
    assert_string_equal(s->text, "");
    list_free(&l);
}

static void any_model_becomes_any_other(void **state)
{
    struct scene *s = *state;
    AUTO_TEXT before = print(s->m);
    struct list l = list_of(s->m);
    assert_int_equal(feature(s, "work", "x", "1"), 0);
    assert_int_equal(tag(s, "work", "t"), 0);
    assert_int_equal(set(s, "work", "memory", "500"), 0);
    assert_int_equal(set(s, "work", "netvm", "net"), 0);
    assert_int_equal(take_out(s, "hvm"), 0);
    assert_int_equal(create(s, CLASS_StandaloneVM, "", "name=late label=red"),
                     0); /* the same qid, another VM */
    assert_int_equal(done(s, plan_notes_set(&s->k, 0, qid_of(s, "net"), span_of("n"), &s->plan, &s->why)), 0);
    AUTO_TEXT second = print(s->m);
    struct list other = list_of(s->m);
    assert_int_equal(replace(s, &l), 0);
    assert_non_null(strstr(s->text, " domain-delete vm=late\n"));
    assert_non_null(strstr(s->text, " domain-add vm=hvm\n"));
    assert_non_null(strstr(s->text, "work property-reset:memory name=memory,oldvalue=500\n"));
    assert_non_null(strstr(s->text, "work domain-feature-delete:x feature=x\n"));
    assert_non_null(strstr(s->text, "work domain-tag-delete:t tag=t\n"));
    AUTO_TEXT back = print(s->m);
    assert_string_equal(before.at, back.at);
    assert_int_equal(replace(s, &other), 0);
    AUTO_TEXT again = print(s->m);
    assert_string_equal(second.at, again.at);
    list_free(&l);
    list_free(&other);
}

static void names_may_change_hands(void **state)
{
    struct scene *s = *state;
    struct list l = list_of(s->m);
    uint32_t work = qid_of(s, "work"), net = qid_of(s, "net");
    for (size_t i = 0; i < l.count; i++) {
        if (l.at[i].kind != CHANGE_PROPERTY || !span_is(l.at[i].key, "name"))
            continue;
        if (l.at[i].qid != work && l.at[i].qid != net)
            continue;
        free((char *)(uintptr_t)l.at[i].value.at);
        l.at[i].value = span_of(strdup(l.at[i].qid == work ? "net" : "work"));
    }
    assert_int_equal(replace(s, &l), 0);
    assert_int_equal(qid_of(s, "net"), work);
    assert_int_equal(qid_of(s, "work"), net);
    list_free(&l);
}

static void what_lives_stays_or_nothing_changes(void **state)
{
    struct scene *s = *state;
    struct list l = list_of(s->m);
    assert_int_equal(feature(s, "work", "x", "1"), 0);
    assert_int_equal(feature(s, "net", "x", "1"), 0);
    s->power[qid_of(s, "work")] = "Running";
    AUTO_TEXT before = print(s->m);
    assert_int_equal(replace(s, &l), -ERR_VM_NOT_HALTED);
    assert_string_equal(s->text, "");
    AUTO_TEXT after = print(s->m);
    assert_string_equal(before.at, after.at);
    s->power[qid_of(s, "work")] = NULL;
    s->power[qid_of(s, "hvm")] = "Running"; /* it stays as it is */
    assert_int_equal(replace(s, &l), 0);
    list_free(&l);
}

static void what_is_no_model_changes_nothing(void **state)
{
    struct scene *s = *state;
    struct list none = {.count = 0}, odd = {.count = 1};
    odd.at[0] = (struct change){
        .kind = CHANGE_FEATURE, .qid = 4000, .key = SPAN_LITERAL("x"), .value = SPAN_LITERAL("")};
    AUTO_TEXT before = print(s->m);
    assert_int_equal(replace(s, &none), -ERR_BAD);
    assert_true(replace(s, &odd) < 0);
    AUTO_TEXT after = print(s->m);
    assert_string_equal(before.at, after.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(the_same_model_is_no_change),      SCENE_TEST(any_model_becomes_any_other),
        SCENE_TEST(names_may_change_hands),           SCENE_TEST(what_lives_stays_or_nothing_changes),
        SCENE_TEST(what_is_no_model_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
