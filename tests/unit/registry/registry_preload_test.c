/* SPDX-License-Identifier: MIT
 * Preloaded disposables: their list is filled, one is handed out, what is outdated is replaced. */
#include "tests/unit/registry/registry_preload_bench.h"

static void a_list_is_filled_and_one_is_handed_out(void **state)
{
    struct bench b;
    struct operate_reply m;
    struct span value;
    (void)state;
    uint32_t qid = up_with_one(&b);
    assert_int_equal(listed(&b), 1);
    assert_true(property_true(&b.core->known, qid, PROPERTY_is_preload));
    assert_true(ask_feature_true(&b.core->known, qid, CHAIN_OWN, "internal"));
    bench_forget(&b);
    bench_operate(&b, OPERATION_disposable_create, BASE, "", "");
    assert_int_equal(bench_answer(&b, b.last_operation), 0);
    assert_int_equal(operate_reply_decode(&m, b.said[bench_find(&b, MESSAGE_operate, 0)].e.body), 0);
    assert_true(span_is(span_split(span_of(m.result), ' ', &value), name_of(&b, qid)));
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_unpause, 0)].e.to_instance, qid);
    assert_int_equal(bench_count(&b, MESSAGE_vm_kill), 0);
    assert_false(property_true(&b.core->known, qid, PROPERTY_is_preload));
    assert_int_equal(ask_feature(&b.core->known, qid, CHAIN_OWN, SPAN_LITERAL("internal"), &value), 0);
    assert_true(ask_tag(&b.core->known, qid, SPAN_LITERAL("disp-created-by-dom0")));
    assert_int_equal(listed(&b), 0);
    assert_int_not_equal(one_comes(&b), qid);
    bench_down(&b);
}

static void without_one_that_is_ready_a_new_one_is_made(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS); /* it starts, no more */
    uint32_t starting = answer(&b, MESSAGE_vm_start, 0);
    size_t count = model_vm_count(b.core->model);
    operate(&b, OPERATION_disposable_create, BASE, "", "");
    assert_int_equal(model_vm_count(b.core->model), count + 1);
    assert_true(property_true(&b.core->known, starting, PROPERTY_is_preload));
    bench_down(&b);
}

static void one_that_does_not_pause_is_ended(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS);
    bench_vm_says(&b, answer(&b, MESSAGE_vm_start, 0), MESSAGE_claim, 0);
    uint32_t qid = answer(&b, MESSAGE_vm_pause, -ERR_HYPERVISOR);
    assert_int_equal(killed(&b), qid);
    its_life_ends(&b, qid);
    assert_int_equal(listed(&b), 0);
    bench_down(&b);
}

static void an_outdated_one_is_replaced(void **state)
{
    struct bench b;
    (void)state;
    uint32_t qid = up_with_one(&b);
    operate(&b, OPERATION_property_set, BASE, "label", "blue");
    assert_true(preload_is_outdated(&b.core->known, qid));
    bench_forget(&b);
    time_passes(&b, 29 * SECONDS);
    assert_int_equal(bench_count(&b, MESSAGE_vm_kill), 0);
    time_passes(&b, 1 * SECONDS);
    assert_int_equal(killed(&b), qid);
    its_life_ends(&b, qid);
    uint32_t next = one_comes(&b);
    assert_false(preload_is_outdated(&b.core->known, next));
    bench_down(&b);
}

static void what_ran_below_them_makes_all_of_them_old(void **state)
{
    struct bench b;
    (void)state;
    uint32_t qid = up_with_one(&b);
    bench_forget(&b);
    bench_vm_says(&b, TEMPLATE, MESSAGE_release, 0); /* its process woke, it did not run */
    assert_int_equal(listed(&b), 1);
    bench_vm_says(&b, TEMPLATE, MESSAGE_claim, 0);
    bench_forget(&b);
    bench_vm_says(&b, TEMPLATE, MESSAGE_release, 0);
    assert_int_equal(listed(&b), 0);
    assert_int_equal(killed(&b), qid);
    bench_down(&b);
}

static void what_it_is_based_on_can_be_removed(void **state)
{
    struct bench b;
    (void)state;
    uint32_t qid = up_with_one(&b);
    bench_forget(&b);
    bench_operate(&b, OPERATION_vm_remove, BASE, "", "");
    assert_int_equal(bench_answer(&b, b.last_operation), 0);
    assert_null(model_vm(b.core->model, BASE));
    assert_int_equal(killed(&b), qid);
    its_life_ends(&b, qid);
    bench_down(&b);
}

static struct vm_view view_of(struct bench *b, uint32_t qid)
{
    struct claim_reply m;
    bench_forget(b);
    bench_vm_says(b, qid, MESSAGE_claim, 1);
    assert_int_equal(claim_reply_decode(&m, b->said[bench_find(b, MESSAGE_claim, 0)].e.body), 0);
    return m.view;
}

static void until_it_is_complete_its_process_waits_for_its_guest(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    operate(&b, OPERATION_property_set, BASE, "qrexec_timeout", "77");
    time_passes(&b, 4 * SECONDS);
    uint32_t qid = b.said[bench_find(&b, MESSAGE_vm_start, 0)].e.to_instance;
    struct answer started = {.tag = b.said[bench_find(&b, MESSAGE_vm_start, 0)].tag};
    struct vm_view view = view_of(&b, qid);
    assert_int_equal(view.is_preload, 1);
    assert_int_equal(view.preload_waits, 1); /* dom0 shows its windows, and nobody says how late */
    assert_int_equal(view.qrexec_timeout, 77);
    operate(&b, OPERATION_feature_set, TEMPLATE, "gui", "1");
    operate(&b, OPERATION_feature_set, TEMPLATE, "supported-feature.late-gui-daemon", "1");
    assert_int_equal(view_of(&b, qid).preload_waits, 3);
    assert_int_equal(view_of(&b, BASE).preload_waits, 0);
    bench_vm_says(&b, qid, MESSAGE_claim, 0);
    registry_actor.answered(b.core, &b.out, &started);
    bench_work(&b);
    (void)answer(&b, MESSAGE_vm_pause, 0);
    assert_true(preload_is_complete(&b.core->known, qid));
    view = view_of(&b, qid);
    assert_int_equal(view.is_preload, 1);
    assert_int_equal(view.preload_waits, 0);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_filled_and_one_is_handed_out),
        cmocka_unit_test(without_one_that_is_ready_a_new_one_is_made),
        cmocka_unit_test(one_that_does_not_pause_is_ended),
        cmocka_unit_test(an_outdated_one_is_replaced),
        cmocka_unit_test(what_ran_below_them_makes_all_of_them_old),
        cmocka_unit_test(what_it_is_based_on_can_be_removed),
        cmocka_unit_test(until_it_is_complete_its_process_waits_for_its_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
