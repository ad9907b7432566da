/* SPDX-License-Identifier: MIT
 * What needs a halted VM against its start: never both win. And what registry does by itself when a life
 * ends and when the host has booted. */
#include "tests/unit/registry/registry_bench.h"

enum { TEMPLATE = 1, OTHER, WORK, BASE, DISP };

static void make(struct bench *b, const char *class_template, const char *payload)
{
    bench_operate(b, OPERATION_vm_create, QID_GLOBAL, class_template, payload);
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    bench_forget(b);
}

static void set(struct bench *b, uint32_t qid, const char *property, const char *value)
{
    bench_operate(b, OPERATION_property_set, qid, property, value);
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    bench_forget(b);
}

/* Two templates, an AppVM, a VM that disposables are based on, and one disposable. */
static void up(struct bench *b)
{
    bench_up(b);
    make(b, "TemplateVM", "name=tmpl label=black");
    make(b, "TemplateVM", "name=other label=black");
    make(b, "AppVM+tmpl", "name=work label=red");
    make(b, "AppVM+tmpl", "name=base label=red");
    set(b, BASE, "template_for_dispvms", "True");
    make(b, "DispVM+base", "name=disp label=red");
}

/* Every rule that asks for a halted VM; `claims`: the VM whose start is in its way. */
static const struct rule {
    const char *name;
    enum operation operation;
    uint32_t target;
    const char *key, *value;
    uint32_t claims;
    int refusal;
    bool removes;
} rules[] = {
    {"remove", OPERATION_vm_remove, WORK, "", "", WORK, ERR_VM_NOT_HALTED, true},
    {"template of an AppVM", OPERATION_property_set, WORK, "template", "other", WORK, ERR_VM_NOT_HALTED,
     false},
    {"template of a disposable", OPERATION_property_set, DISP, "template", "base", DISP, ERR_VM_NOT_HALTED,
     false},
    {"template under a disposable", OPERATION_property_set, BASE, "template", "other", DISP, ERR_VM_IN_USE,
     false},
    {"maxmem", OPERATION_property_set, WORK, "maxmem", "600", WORK, ERR_VM_NOT_HALTED, false},
    {"end of a disposable", OPERATION_disposable_end, DISP, "force", "", DISP, ERR_VM_NOT_HALTED, true},
};

static void a_start_that_comes_second_waits_for_the_commit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct rule *rule = &rules[i];
        struct bench b;
        up(&b);
        print_message("%s\n", rule->name);
        b.hold_tasks = true;
        uint64_t op = bench_operate(&b, rule->operation, rule->target, rule->key, rule->value);
        uint64_t version = b.core->version;
        bench_vm_says(&b, rule->claims, MESSAGE_claim, 0);
        assert_int_equal(bench_answer(&b, 1000 + rule->claims), 1);
        assert_false(b.core->claims[rule->claims].living);
        b.hold_tasks = false;
        bench_work(&b);
        assert_int_equal(bench_answer(&b, op), 0);
        /* a removal ends with the word that its last volume is gone */
        assert_int_equal(b.core->version, version + (rule->removes ? 2 : 1));
        assert_int_equal(bench_answer(&b, 1000 + rule->claims), rule->removes ? -ERR_VM_NOT_FOUND : 0);
        assert_int_equal(b.core->claims[rule->claims].living, !rule->removes);
        assert_int_equal(b.core->relied[rule->claims], 0);
        bench_down(&b);
    }
}

static void a_start_that_comes_first_wins(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct rule *rule = &rules[i];
        struct bench b;
        up(&b);
        bench_vm_says(&b, rule->claims, MESSAGE_claim, 0);
        uint64_t version = b.core->version;
        uint64_t op = bench_operate(&b, rule->operation, rule->target, rule->key, rule->value);
        assert_int_equal(bench_answer(&b, op), -rule->refusal);
        assert_int_equal(b.core->version, version);
        assert_int_equal(b.core->relied[rule->claims], 0);
        bench_down(&b);
    }
}

static void a_start_that_waited_lives_by_the_new_view(void **state)
{
    struct bench b;
    struct claim_reply m;
    (void)state;
    up(&b);
    b.hold_tasks = true;
    bench_operate(&b, OPERATION_property_set, WORK, "maxmem", "600");
    bench_vm_says(&b, WORK, MESSAGE_claim, 0);
    b.hold_tasks = false;
    bench_work(&b);
    assert_int_equal(claim_reply_decode(&m, b.said[bench_find(&b, MESSAGE_claim, 0)].e.body), 0);
    assert_int_equal(m.view.maxmem, 600);
    bench_down(&b);
}

static void a_commit_that_fails_lets_the_start_go_on(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    b.hold_tasks = true;
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, WORK, "", "");
    bench_vm_says(&b, WORK, MESSAGE_claim, 0);
    db_sim_fail(b.disk, 1, DB_SIM_FULL);
    b.hold_tasks = false;
    bench_work(&b);
    assert_true(bench_answer(&b, op) < 0);
    assert_int_equal(bench_answer(&b, 1000 + WORK), 0);
    assert_true(b.core->claims[WORK].living);
    bench_down(&b);
}

static void what_is_not_relied_on_starts_at_once(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    b.hold_tasks = true;
    bench_operate(&b, OPERATION_vm_remove, WORK, "", "");
    bench_vm_says(&b, BASE, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(&b, 1000 + BASE), 0);
    bench_down(&b);
}

/* ---- disposables ---- */

static const char *disposable(struct bench *b)
{
    static char name[32];
    struct operate_reply m;
    struct span rest;
    bench_operate(b, OPERATION_disposable_create, BASE, "", "");
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    assert_int_equal(operate_reply_decode(&m, b->said[bench_find(b, MESSAGE_operate, 0)].e.body), 0);
    assert_int_equal(text_copy(name, sizeof name, span_split(span_of(m.result), ' ', &rest)), 0);
    assert_int_equal(rest.len, 36);
    bench_forget(b);
    return name;
}

static uint32_t qid_of(struct bench *b, const char *name)
{
    const struct vm *vm = model_named(b->core->model, span_of(name));
    assert_non_null(vm);
    return vm_qid(vm);
}

static void a_disposable_is_gone_when_its_end_is_answered(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    const char *name = disposable(&b);
    uint32_t qid = qid_of(&b, name);
    bench_vm_says(&b, qid, MESSAGE_claim, 0);
    bench_vm_says(&b, qid, MESSAGE_release, 0);
    assert_non_null(model_named(b.core->model, span_of(name)));
    bench_forget(&b);
    b.hold_tasks = true;
    bench_vm_says(&b, qid, MESSAGE_release, 1);
    assert_int_equal(bench_answer(&b, 1000 + qid), 1);
    b.hold_tasks = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, 1000 + qid), 0);
    assert_null(model_named(b.core->model, span_of(name)));
    assert_true(bench_find(&b, MESSAGE_delta, 0) < bench_find(&b, MESSAGE_release, 0));
    bench_down(&b);
}

static void one_that_keeps_its_name_stays_unless_its_start_failed(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    bench_vm_says(&b, DISP, MESSAGE_claim, 0);
    bench_vm_says(&b, DISP, MESSAGE_release, 1);
    assert_non_null(model_vm(b.core->model, DISP));
    bench_vm_says(&b, DISP, MESSAGE_claim, 0);
    bench_vm_says(&b, DISP, MESSAGE_release, 2);
    assert_null(model_vm(b.core->model, DISP));
    bench_vm_says(&b, WORK, MESSAGE_release, 2);
    assert_non_null(model_vm(b.core->model, WORK));
    bench_down(&b);
}

static void killed_before_the_removal_is_committed_it_is_asked_again(void **state)
{
    struct bench b;
    char name[32];
    (void)state;
    up(&b);
    strcpy(name, disposable(&b));
    uint32_t qid = qid_of(&b, name);
    bench_vm_says(&b, qid, MESSAGE_claim, 0);
    b.hold_tasks = true;
    bench_vm_says(&b, qid, MESSAGE_release, 1);
    bench_kill(&b);
    b.hold_tasks = false;
    bench_begin(&b);
    bench_greet(&b, b.disk != NULL ? 1 : 0);
    assert_non_null(model_named(b.core->model, span_of(name)));
    bench_forget(&b);
    bench_vm_says(&b, qid, MESSAGE_release, 1);
    assert_int_equal(bench_answer(&b, 1000 + qid), 0);
    assert_null(model_named(b.core->model, span_of(name)));
    bench_down(&b);
}

static void a_number_rests_for_a_week(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    const char *name = disposable(&b);
    uint32_t dispid = (uint32_t)atoi(name + 4);
    assert_false(chore_dispid_rests(b.core, dispid));
    bench_operate(&b, OPERATION_vm_remove, qid_of(&b, name), "", "");
    assert_true(chore_dispid_rests(b.core, dispid));
    b.out.now += (uint64_t)(7 * 24 * 3600 - 1) * SECONDS;
    bench_create(&b, "one");
    assert_true(chore_dispid_rests(b.core, dispid));
    b.out.now += SECONDS;
    bench_create(&b, "two");
    assert_false(chore_dispid_rests(b.core, dispid));
    bench_down(&b);
}

static void after_the_boot_what_was_left_is_removed_once(void **state)
{
    struct bench b;
    char left[32], runs[32], fresh[32];
    (void)state;
    up(&b);
    strcpy(left, disposable(&b));
    strcpy(runs, disposable(&b));
    bench_host_says(&b, runs);
    assert_string_equal(b.note, "booted");
    assert_null(model_named(b.core->model, span_of(left)));
    assert_non_null(model_named(b.core->model, span_of(runs)));
    assert_non_null(model_vm(b.core->model, DISP)); /* it keeps itself */
    strcpy(fresh, disposable(&b));
    bench_kill(&b);
    bench_begin(&b);
    bench_greet(&b, 1);
    bench_host_says(&b, runs);
    assert_non_null(model_named(b.core->model, span_of(fresh))); /* it may be about to start */
    bench_down(&b);
}

static void before_host_has_spoken_nothing_is_removed(void **state)
{
    struct bench b;
    char left[32];
    (void)state;
    up(&b);
    strcpy(left, disposable(&b));
    bench_kill(&b);
    bench_begin(&b);
    bench_greet(&b, 0);
    assert_true(b.core->settled);
    assert_non_null(model_named(b.core->model, span_of(left)));
    assert_string_equal(b.note, "");
    bench_down(&b);
}

static void before_the_store_is_read_no_claim_is_refused_and_no_end_is_lost(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    uint32_t qid = qid_of(&b, disposable(&b));
    bench_vm_says(&b, qid, MESSAGE_claim, 0);
    bench_kill(&b);
    bench_forget(&b);
    b.hold_tasks = true;
    bench_begin(&b);
    registry_actor.hello(b.core, &b.out, 1, 1);
    for (int i = 0; i < 2; i++) {
        AUTO_TEXT body = TEXT_WITH_LIMIT(64);
        if (i == 0)
            claim_encode(&body, &(struct claim){.purpose = 0});
        else
            release_encode(&body, &(struct release){.after = 1});
        bench_hear(&b,
                   (struct envelope){.type = i == 0 ? MESSAGE_claim : MESSAGE_release,
                                     .class = CLASS_REQUEST,
                                     .source_kind = KIND_VM,
                                     .source_instance = qid,
                                     .subject_kind = KIND_VM,
                                     .subject_instance = qid,
                                     .subject_generation = 1,
                                     .correlation = (uint64_t)(500 + i)},
                   &body);
    }
    assert_int_equal(bench_answer(&b, 500), 1);
    assert_int_equal(bench_answer(&b, 501), -ERR_BUSY);
    b.hold_tasks = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, 500), 0);
    assert_true(b.core->claims[qid].living);
    bench_down(&b);
}

/* ---- starting with the host ---- */

static void answer_start(struct bench *b, unsigned which, int r)
{
    struct answer a = {.r = r};
    unsigned seen = 0;
    for (unsigned i = 0; i < b->count; i++)
        if (b->said[i].e.type == MESSAGE_vm_start && seen++ == which)
            a.tag = b->said[i].tag;
    registry_actor.answered(b->core, &b->out, &a);
}

static void what_starts_with_the_host_is_started_a_few_at_once(void **state)
{
    struct bench b;
    char name[32];
    (void)state;
    bench_up(&b);
    for (int i = 1; i <= REGISTRY_STARTS + 3; i++) {
        snprintf(name, sizeof name, "vm%d", i);
        bench_create(&b, name);
        if (i != 2)
            set(&b, (uint32_t)i, "autostart", "True");
    }
    bench_host_says(&b, "vm1");
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), REGISTRY_STARTS);
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_start, 0)].e.to_instance, 3);
    answer_start(&b, 0, -ERR_HYPERVISOR);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), REGISTRY_STARTS + 1);
    answer_start(&b, 1, 0);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), REGISTRY_STARTS + 1);
    bench_host_says(&b, "vm1");
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), REGISTRY_STARTS + 1);
    bench_create(&b, "meanwhile"); /* changes go on */
    bench_down(&b);
}

static void a_registry_that_was_killed_starts_nothing_again(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "one");
    set(&b, 1, "autostart", "True");
    bench_host_says(&b, "");
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 1);
    bench_kill(&b);
    bench_forget(&b);
    bench_begin(&b);
    bench_greet(&b, 1);
    bench_host_says(&b, "");
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 0);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_that_comes_second_waits_for_the_commit),
        cmocka_unit_test(a_start_that_comes_first_wins),
        cmocka_unit_test(a_start_that_waited_lives_by_the_new_view),
        cmocka_unit_test(a_commit_that_fails_lets_the_start_go_on),
        cmocka_unit_test(what_is_not_relied_on_starts_at_once),
        cmocka_unit_test(a_disposable_is_gone_when_its_end_is_answered),
        cmocka_unit_test(one_that_keeps_its_name_stays_unless_its_start_failed),
        cmocka_unit_test(killed_before_the_removal_is_committed_it_is_asked_again),
        cmocka_unit_test(a_number_rests_for_a_week),
        cmocka_unit_test(after_the_boot_what_was_left_is_removed_once),
        cmocka_unit_test(before_host_has_spoken_nothing_is_removed),
        cmocka_unit_test(before_the_store_is_read_no_claim_is_refused_and_no_end_is_lost),
        cmocka_unit_test(what_starts_with_the_host_is_started_a_few_at_once),
        cmocka_unit_test(a_registry_that_was_killed_starts_nothing_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
