/* SPDX-License-Identifier: MIT
 * Who is removed must rest and leave no domain: its process is asked, again when it ended, and for an import
 * as well. */
#include "tests/unit/registry/registry_bench.h"

static void one_that_ends_unheard_is_asked_again(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_forget(&b);
    b.hold_vms = true;
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
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
    bench_up(&b);
    bench_create(&b, "work");
    bench_forget(&b);
    b.hold_vms = true;
    uint64_t version = b.core->version, op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
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
        cmocka_unit_test(one_that_ends_unheard_is_asked_again),
        cmocka_unit_test(one_that_never_answers_is_not_removed),
        cmocka_unit_test(an_import_that_removes_a_vm_asks_its_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
