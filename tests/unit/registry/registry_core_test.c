/* SPDX-License-Identifier: MIT
 * Registry's core: what becomes of an operation, in which order it is told, and what a failure leaves. */
#include "tests/unit/registry/registry_bench.h"

static void a_change_is_told_before_it_is_answered(void **state)
{
    struct bench b;
    struct delta m;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t version = b.core->version;
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    int delta = bench_find(&b, MESSAGE_delta, 0), reply = bench_find(&b, MESSAGE_operate, 0);
    assert_true(delta >= 0 && delta < reply);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(delta_decode(&m, b.said[delta].e.body), 0);
    assert_int_equal(m.version, version + 1);
    assert_int_equal(b.said[delta].e.correlation, version + 1);
    assert_int_equal(m.changes.count, 1);
    assert_true(m.events.count > 0);
    assert_true(span_is(bench_label(&b, 1), "blue"));
    bench_down(&b);
}

static void a_repeated_operation_gets_its_first_version_and_changes_nothing(void **state)
{
    struct bench b;
    struct operate_reply first, again;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(operate_reply_decode(&first, b.said[bench_find(&b, MESSAGE_operate, 0)].e.body), 0);
    bench_operate(&b, OPERATION_property_set, 1, "label", "green");
    bench_forget(&b);
    bench_operate_as(&b, op, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(operate_reply_decode(&again, b.said[bench_find(&b, MESSAGE_operate, 0)].e.body), 0);
    assert_int_equal(again.version, first.version);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_true(span_is(bench_label(&b, 1), "green"));
    bench_down(&b);
}

/* The VM is there: planning it again would be refused, but this very operation made it. */
static void a_repeated_creation_is_no_error(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    uint64_t op = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=work label=red");
    bench_forget(&b);
    bench_operate_as(&b, op, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=work label=red");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_int_equal(bench_count(&b, MESSAGE_happened), 0);
    bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=work label=red");
    assert_int_equal(bench_answer(&b, b.last_operation), -ERR_VM_EXISTS);
    bench_down(&b);
}

/* An api that has not heard yet that it was removed, and its number given to another. */
static void what_is_asked_of_a_vm_that_was_removed_is_not_done_to_the_next_of_its_number(void **state)
{
    static const enum operation operations[] = {OPERATION_vm_remove, OPERATION_property_set};
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    b.generation = vm_generation(model_vm(b.core->model, 1));
    bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    bench_create(&b, "other");
    assert_non_null(model_vm(b.core->model, 1));
    assert_true(vm_generation(model_vm(b.core->model, 1)) != b.generation);
    for (size_t i = 0; i < COUNT(operations); i++) {
        bool sets = operations[i] == OPERATION_property_set;
        bench_operate(&b, operations[i], 1, sets ? "label" : "", sets ? "blue" : "");
        assert_int_equal(bench_answer(&b, b.last_operation), -ERR_VM_NOT_FOUND);
        assert_string_equal(vm_name(model_vm(b.core->model, 1)), "other");
        assert_true(span_is(bench_label(&b, 1), "red"));
    }
    bench_down(&b);
}

static void a_refused_change_publishes_what_was_announced_and_changes_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    AUTO_TEXT before = bench_model(&b);
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "netvm", "work");
    AUTO_TEXT after = bench_model(&b);
    assert_true(bench_answer(&b, op) < 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_string_equal(before.at, after.at);
    int happened = bench_find(&b, MESSAGE_happened, 0), error = bench_find(&b, MESSAGE_error, 0);
    assert_true(happened < error);
    bench_down(&b);
}

static void a_commit_that_fails_is_an_error_and_the_next_works(void **state)
{
    static const enum db_sim_fault faults[] = {DB_SIM_FULL, DB_SIM_FAIL_BEFORE, DB_SIM_READ_ONLY};
    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct bench b;
        bench_up(&b);
        bench_create(&b, "work");
        uint64_t version = b.core->version;
        db_sim_fail(b.disk, 1, faults[i]);
        uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
        assert_true(bench_answer(&b, op) < 0);
        assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
        assert_true(span_is(bench_label(&b, 1), "red"));
        assert_int_equal(b.core->version, version);
        op = bench_operate(&b, OPERATION_property_set, 1, "label", "green");
        assert_int_equal(bench_answer(&b, op), 0);
        assert_int_equal(b.core->version, version + 1);
        bench_down(&b);
    }
}

static void a_removal_that_fails_gives_the_vm_back(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    db_sim_fail(b.disk, 1, DB_SIM_FULL);
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_true(bench_answer(&b, op) < 0);
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(&b, 1001), 0);
    bench_down(&b);
}

static void a_successor_tells_what_was_committed_and_not_told(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t told = b.core->version;
    db_sim_fail(b.disk, 1, DB_SIM_FAIL_AFTER);
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    bench_forget(&b);
    bench_kill(&b);
    bench_begin(&b);
    bench_greet(&b, told);
    assert_true(b.ready);
    int delta = bench_find(&b, MESSAGE_delta, 0);
    assert_true(delta >= 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 1);
    assert_int_equal(b.said[delta].e.correlation, told + 1);
    assert_true(span_is(bench_label(&b, 1), "blue"));
    bench_operate_as(&b, op, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 1);
    bench_down(&b);
}

static void killed_while_committing_it_begins_from_the_store(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    AUTO_TEXT before = bench_model(&b);
    b.hold_tasks = true;
    (void)bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    bench_kill(&b);
    bench_forget(&b);
    b.hold_tasks = false;
    bench_begin(&b);
    bench_greet(&b, 2);
    AUTO_TEXT after = bench_model(&b);
    assert_string_equal(before.at, after.at);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_told_before_it_is_answered),
        cmocka_unit_test(a_repeated_operation_gets_its_first_version_and_changes_nothing),
        cmocka_unit_test(a_repeated_creation_is_no_error),
        cmocka_unit_test(what_is_asked_of_a_vm_that_was_removed_is_not_done_to_the_next_of_its_number),
        cmocka_unit_test(a_refused_change_publishes_what_was_announced_and_changes_nothing),
        cmocka_unit_test(a_commit_that_fails_is_an_error_and_the_next_works),
        cmocka_unit_test(a_removal_that_fails_gives_the_vm_back),
        cmocka_unit_test(a_successor_tells_what_was_committed_and_not_told),
        cmocka_unit_test(killed_while_committing_it_begins_from_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
