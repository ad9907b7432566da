/* SPDX-License-Identifier: MIT
 * Who is removed must rest and leave no domain: its process is asked, again when it ended, and for an import
 * as well. */
#include "tests/unit/registry/registry_bench.h"

/* A VM that the registry believes to rest is asked whether it does; its process has not answered yet. */
static uint64_t begin_removal(struct bench *b)
{
    bench_up(b);
    bench_create(b, "work");
    bench_forget(b);
    b->hold_vms = true;
    uint64_t op = bench_operate(b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_count(b, MESSAGE_vm_remove), 1);
    assert_int_equal(b->tasks, 0);
    return op;
}

static void a_living_vm_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    bench_vm_says(&b, 1, MESSAGE_release, 0);
    op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), 0);
    bench_down(&b);
}

/* A registry that has just begun may not have heard the claim of a VM that lives. */
static void a_vm_whose_process_says_that_it_lives_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_removal(&b), version = b.core->version;
    bench_vm_says(&b, 1, MESSAGE_claim, 0); /* meanwhile it goes on as before */
    assert_int_equal(bench_answer(&b, 1001), 0);
    bench_vm_answers(&b, -ERR_VM_NOT_HALTED);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    assert_int_equal(b.core->version, version);
    bench_down(&b);
}

/* The next VM of this qid is asked, and knows nothing of what happened before it. */
static void a_repeated_removal_is_answered_though_the_next_vm_of_the_qid_lives(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), 0);
    bench_create(&b, "other");
    assert_string_equal(vm_name(model_vm(b.core->model, 1)), "other");
    bench_forget(&b);
    b.hold_vms = true;
    bench_operate_as(&b, op, OPERATION_vm_remove, 1, "", "");
    bench_vm_answers(&b, -ERR_VM_NOT_HALTED);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_non_null(model_vm(b.core->model, 1));
    bench_down(&b);
}

static void a_vm_that_is_claimed_while_it_is_asked_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_removal(&b);
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(&b, 1001), 0);
    bench_vm_answers(&b, 0);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    bench_down(&b);
}

static void one_that_ends_unheard_is_asked_again(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_removal(&b);
    bench_vm_answers(&b, -ERR_GONE);
    assert_int_equal(b.tasks, 0);
    assert_int_equal(bench_count(&b, MESSAGE_vm_remove), 2);
    bench_vm_answers(&b, -ERR_VM_NOT_HALTED);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    b.hold_vms = false;
    op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), 0);
    bench_down(&b);
}

/* Nobody knows whether its domain is still defined. */
static void one_that_never_answers_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_removal(&b), version = b.core->version;
    for (int i = 0; i < 3; i++)
        bench_vm_answers(&b, -ERR_GONE);
    bench_work(&b);
    assert_int_equal(bench_count(&b, MESSAGE_vm_remove), 3);
    assert_int_equal(bench_answer(&b, op), -ERR_GONE);
    assert_non_null(model_vm(b.core->model, 1));
    assert_int_equal(b.core->version, version);
    bench_down(&b);
}

static int all_but_one(void *arg, const struct change *c)
{
    return c->qid == 1 ? 0 : change_list_add(arg, c);
}

static uint64_t import_without_it(struct bench *b)
{
    struct change_list list = {0};
    struct text report = {0};
    struct request from = {.context = {.op = {0, ++b->last_operation}}, .source = {KIND_API, 0}};
    from.correlation = b->last_operation;
    from.type = MESSAGE_transfer;
    assert_int_equal(model_each(b->core->model, all_but_one, &list), 0);
    change_list_done(&list);
    operate_given(b->core, &b->out, &from, &list, &report);
    bench_work(b);
    return from.correlation;
}

/* Its claim is not known to a registry that has just begun. */
static void an_import_that_removes_a_vm_asks_its_process(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_forget(&b);
    b.hold_vms = true;
    uint64_t version = b.core->version, op = import_without_it(&b);
    assert_int_equal(bench_count(&b, MESSAGE_vm_remove), 1);
    bench_vm_answers(&b, -ERR_VM_NOT_HALTED);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    assert_int_equal(b.core->version, version);
    b.hold_vms = false;
    op = import_without_it(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_null(model_vm(b.core->model, 1));
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vm_whose_process_says_that_it_lives_is_not_removed),
        cmocka_unit_test(a_repeated_removal_is_answered_though_the_next_vm_of_the_qid_lives),
        cmocka_unit_test(a_vm_that_is_claimed_while_it_is_asked_is_not_removed),
        cmocka_unit_test(a_living_vm_is_not_removed),
        cmocka_unit_test(one_that_ends_unheard_is_asked_again),
        cmocka_unit_test(one_that_never_answers_is_not_removed),
        cmocka_unit_test(an_import_that_removes_a_vm_asks_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
