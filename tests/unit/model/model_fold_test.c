/* SPDX-License-Identifier: MIT
 * A model is the fold of its changes: nothing lost, nothing half done, not even without memory. */
#include "tests/unit/model/fixture.h"

#include <time.h>

/* The allocation after which none succeeds any more; negative: all succeed. */
static long memory_left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);

static bool memory_is_out(void)
{
    if (memory_left < 0)
        return false;
    if (memory_left == 0)
        return true;
    memory_left--;
    return false;
}

void *__wrap_malloc(size_t size)
{
    return memory_is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return memory_is_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return memory_is_out() ? NULL : __real_realloc(at, size);
}

struct listing {
    char *text;
    size_t at, room;
};

static int list_one(void *arg, const struct change *c)
{
    struct listing *l = arg;
    int n = snprintf(l->text + l->at, l->room - l->at, "%s %u %.*s=%.*s\n", change_kind_name(c->kind),
                     (unsigned)c->qid, (int)c->key.len, c->key.at, (int)c->value.len, c->value.at);
    l->at += (size_t)n;
    assert_true(l->at < l->room);
    return 0;
}

static char *listing_of(const struct model *m)
{
    struct listing l = {calloc(1, 1 << 18), 0, 1 << 18};
    assert_int_equal(model_each(m, list_one, &l), 0);
    return l.text;
}

static int apply_one(void *arg, const struct change *c)
{
    return model_apply(arg, c, NULL);
}

static void a_model_rebuilds_from_its_own_changes(void **state)
{
    struct scene *s = *state;
    AUTO(model)
    *copy = model_new();
    set(s, "", "clockvm", "net");
    tag(s, "work", "t");
    put(s, CHANGE_DEVICE, qid_of(s, "hvm"), "pci dom0 00_19.0 *", "mode=required\noption:a=b");
    put(s, CHANGE_DISABLED, qid_of(s, "hvm"), "", "bad record");
    put(s, CHANGE_NOTE, qid_of(s, "hvm"), "import", "left out: x");
    take_out(s, "work");
    assert_int_equal(model_each(s->m, apply_one, copy), 0);
    AUTO_MEMORY char *before = listing_of(s->m);
    AUTO_MEMORY char *after = listing_of(copy);
    assert_string_equal(before, after);
    assert_int_equal(model_last_generation(copy, 2), 1);
    assert_string_equal(vm_disabled(model_named(copy, span_of("hvm"))), "bad record");
}

static void vms_come_with_dom0_first_and_then_by_name(void **state)
{
    struct scene *s = *state;
    static const char *const want[] = {"dom0", "A8", "dvm", "hvm", "net", "tmpl", "work"};
    assert_int_equal(create(s, CLASS_AppVM, "", "name=A8 label=red"), 0);
    assert_int_equal(model_vm_count(s->m), COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++)
        assert_string_equal(vm_name(model_vm_at(s->m, i)), want[i]);
    assert_null(model_vm_at(s->m, COUNT(want)));
    assert_int_equal(vm_qid(model_vm_from(s->m, 1)), 1);
    assert_null(model_vm_from(s->m, 7));
}

static void a_change_that_makes_no_sense_moves_nothing(void **state)
{
    struct scene *s = *state;
    static const struct {
        enum change_kind kind;
        uint32_t qid;
        const char *key, *value;
        int gone;
        enum err code;
    } bad[] = {
        {CHANGE_VM, 20000, "", "1 AppVM", 0, ERR_RANGE},
        {CHANGE_VM, 9, "", "AppVM", 0, ERR_BAD},
        {CHANGE_VM, 9, "", "1 NoVM", 0, ERR_BAD},
        {CHANGE_VM, 9, "", "1 AdminVM", 0, ERR_BAD},
        {CHANGE_VM, 0, "", "1 AppVM", 0, ERR_BAD},
        {CHANGE_VM, 2, "", "1 TemplateVM", 0, ERR_EXISTS},
        {CHANGE_VM, 77, "", "", 1, ERR_VM_NOT_FOUND},
        {CHANGE_PROPERTY, 77, "memory", "1", 0, ERR_VM_NOT_FOUND},
        {CHANGE_PROPERTY, 2, "nosuch", "1", 0, ERR_NO_PROPERTY},
        {CHANGE_PROPERTY, 2, "dispid", "1", 0, ERR_NO_PROPERTY},
        {CHANGE_PROPERTY, 2, "qid", "3", 0, ERR_BAD},
        {CHANGE_PROPERTY, 2, "name", "net", 0, ERR_VM_EXISTS},
        {CHANGE_PROPERTY, 2, "name", "dom0", 0, ERR_BAD},
        {CHANGE_PROPERTY, 2, "name", "", 0, ERR_BAD},
        {CHANGE_PROPERTY, 2, "name", "", 1, ERR_BAD},
        {CHANGE_PROPERTY, 0, "name", "other", 0, ERR_BAD},
        {CHANGE_PROPERTY, QID_GLOBAL, "memory", "1", 0, ERR_NO_PROPERTY},
        {CHANGE_FEATURE, QID_GLOBAL, "f", "1", 0, ERR_UNKNOWN},
        {CHANGE_FEATURE, 2, "", "1", 0, ERR_UNKNOWN},
        {CHANGE_LABEL, 2, "pink", "9 0x123456", 0, ERR_UNKNOWN},
        {CHANGE_GENERATION, 2, "", "x", 0, ERR_BAD},
        {CHANGE_KINDS, 2, "", "x", 0, ERR_UNKNOWN},
    };
    AUTO_MEMORY char *before = listing_of(s->m);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct change c = {bad[i].kind, bad[i].qid, span_of(bad[i].key), span_of(bad[i].value), bad[i].gone};
        assert_int_equal(model_apply(s->m, &c, &s->why), -(int)bad[i].code);
    }
    struct change zero = {CHANGE_FEATURE, 2, span_of("f"), {"a\0b", 3}, 0};
    assert_int_equal(model_apply(s->m, &zero, &s->why), -ERR_BAD);
    AUTO_MEMORY char *after = listing_of(s->m);
    assert_string_equal(before, after);
}

static void a_change_without_memory_moves_nothing(void **state)
{
    struct scene *s = *state;
    static const struct change changes[] = {
        {CHANGE_VM, 40, {"", 0}, {"1 AppVM", 7}, 0},
        {CHANGE_PROPERTY, 2, {"memory", 6}, {"123", 3}, 0},
        {CHANGE_PROPERTY, 2, {"name", 4}, {"renamed", 7}, 0},
        {CHANGE_FEATURE, 2, {"f", 1}, {"v", 1}, 0},
        {CHANGE_FEATURE, 3, {"servicevm", 9}, {"2", 1}, 0},
        {CHANGE_DISABLED, 2, {"", 0}, {"why", 3}, 0},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        int r = -1;
        for (long n = 0; r < 0; n++) {
            AUTO_MEMORY char *before = listing_of(s->m);
            memory_left = n;
            r = model_apply(s->m, &changes[i], &s->why);
            memory_left = -1;
            AUTO_MEMORY char *after = listing_of(s->m);
            assert_int_equal(r == 0 || r == -ERR_NOMEM, 1);
            assert_int_equal(strcmp(before, after) == 0, r < 0);
        }
    }
}

static void a_plan_without_memory_is_an_error_with_no_changes(void **state)
{
    struct scene *s = *state;
    int r = -1;
    for (long n = 0; r < 0; n++) {
        memory_left = n;
        r = plan_vm_create(&s->k, 0, CLASS_DispVM, span_of("dvm"), span_of("name=d label=red"), false,
                           &s->plan, &s->why);
        memory_left = -1;
        assert_int_equal(r == 0 || r == -ERR_NOMEM, 1);
        assert_int_equal(s->plan.changes > 0, r == 0);
        plan_free(&s->plan);
    }
    for (long n = (r = -1, 0); r < 0; n++) {
        memory_left = n;
        r = plan_property_set(&s->k, 0, QID_GLOBAL, span_of("default_guivm"), span_of("net"), &s->plan,
                              &s->why);
        memory_left = -1;
        assert_int_equal(r == 0 || r == -ERR_NOMEM, 1);
        assert_int_equal(s->plan.changes > 0, r == 0);
        plan_free(&s->plan);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ten_thousand_vms_are_held_and_read(void **state)
{
    struct scene *s = *state;
    char name[32];
    double start = seconds();
    for (uint32_t qid = 10; qid < 9999; qid++) {
        snprintf(name, sizeof name, "vm%u", (unsigned)(qid * 7919 % 10000));
        put(s, CHANGE_VM, qid, "", "1 AppVM");
        put(s, CHANGE_PROPERTY, qid, "name", name);
        put(s, CHANGE_PROPERTY, qid, "template", "tmpl");
        put(s, CHANGE_TAG, qid, "guivm-dom0", "");
    }
    double loaded = seconds();
    for (uint32_t qid = 10; qid < 9999; qid++) {
        struct property_value v;
        property_get(&s->k, qid, PROPERTY_memory, &v);
        assert_true(span_is(v.text, "400"));
    }
    double read = seconds();
    assert_int_equal(
        plan_property_set(&s->k, 0, QID_GLOBAL, span_of("default_guivm"), span_of("net"), &s->plan, &s->why),
        0);
    assert_true(s->plan.changes > 19000);
    double planned = seconds();
    print_message("# load %.1f ms, inherited read %.2f us, plan over all %.1f ms\n", (loaded - start) * 1e3,
                  (read - loaded) * 1e6 / 9989, (planned - read) * 1e3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_model_rebuilds_from_its_own_changes),
        SCENE_TEST(vms_come_with_dom0_first_and_then_by_name),
        SCENE_TEST(a_change_that_makes_no_sense_moves_nothing),
        SCENE_TEST(a_change_without_memory_moves_nothing),
        SCENE_TEST(a_plan_without_memory_is_an_error_with_no_changes),
        SCENE_TEST(ten_thousand_vms_are_held_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
