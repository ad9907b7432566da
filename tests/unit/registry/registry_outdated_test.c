/* SPDX-License-Identifier: MIT
 * What a VM says of its template's updates is believed unless it runs from an older one: its pools say. */
#include "tests/unit/registry/registry_bench.h"

static uint32_t qid(const struct bench *b, const char *name)
{
    return vm_qid(model_named(b->core->model, span_of(name)));
}

static void begin(struct bench *b)
{
    bench_up(b);
    bench_operate(b, OPERATION_vm_create, QID_GLOBAL, "TemplateVM", "name=tmpl label=black");
    bench_operate(b, OPERATION_vm_create, QID_GLOBAL, "AppVM+tmpl", "name=app label=red");
    assert_non_null(model_named(b->core->model, SPAN_LITERAL("app")));
    bench_host_says(b, "");
    bench_vm_says(b, qid(b, "app"), MESSAGE_claim, 0);
    bench_forget(b);
}

static void found_updates(struct bench *b, const char *vm, uint64_t count)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    guest_count_encode(&body, &(struct guest_count){.count = count});
    bench_hear(
        b,
        (struct envelope){.type = MESSAGE_guest_count,
                          .class = CLASS_REQUEST,
                          .source_kind = KIND_GUEST,
                          .source_instance = qid(b, vm),
                          .subject_kind = KIND_VM,
                          .subject_instance = qid(b, vm),
                          .subject_generation = vm_generation(model_named(b->core->model, span_of(vm))),
                          .op_high = 3,
                          .op_low = 4,
                          .correlation = 77},
        &body);
}

static void pool_says(struct bench *b, bool outdated)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    assert_int_equal(b->storings, 1);
    struct answer a = {.tag = b->storing[0]};
    b->storings = 0;
    volume_change_reply_encode(&body, &(struct volume_change_reply){.outdated = outdated});
    struct envelope e = {.type = MESSAGE_volume_change, .class = CLASS_REPLY, .body = text_span(&body)};
    a.e = &e;
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
}

static bool is_told(const struct bench *b)
{
    return model_item(b->core->model, qid(b, "tmpl"), CHANGE_FEATURE, SPAN_LITERAL("updates-available")) !=
           NULL;
}

static void its_pool_is_asked_for_what_it_is_a_snapshot_of(void **state)
{
    struct bench b;
    struct volume_change m;
    (void)state;
    begin(&b);
    b.hold_storage = true;
    found_updates(&b, "app", 3);
    assert_false(is_told(&b));
    int i = bench_find(&b, MESSAGE_volume_change, 0);
    assert_true(i >= 0);
    assert_int_equal(volume_change_decode(&m, b.said[i].e.body), 0);
    assert_string_equal(m.verb, "look");
    assert_string_equal(m.volume, "root");
    pool_says(&b, false);
    assert_true(is_told(&b));
    assert_int_equal(bench_answer(&b, 77), 0);
    bench_down(&b);
}

static void outdated_it_is_not_believed(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    b.hold_storage = true;
    found_updates(&b, "app", 3);
    pool_says(&b, true);
    assert_false(is_told(&b));
    assert_int_equal(bench_answer(&b, 77), 0);
    bench_down(&b);
}

static void of_no_updates_nobody_is_asked(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    b.hold_storage = true;
    found_updates(&b, "app", 0);
    assert_int_equal(bench_count(&b, MESSAGE_volume_change), 0);
    assert_int_equal(bench_answer(&b, 77), 0);
    bench_down(&b);
}

static void what_a_template_says_of_itself_is_believed(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    found_updates(&b, "tmpl", 3);
    assert_int_equal(bench_count(&b, MESSAGE_volume_change), 0);
    assert_true(is_told(&b));
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_pool_is_asked_for_what_it_is_a_snapshot_of),
        cmocka_unit_test(outdated_it_is_not_believed),
        cmocka_unit_test(of_no_updates_nobody_is_asked),
        cmocka_unit_test(what_a_template_says_of_itself_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
