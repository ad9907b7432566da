/* SPDX-License-Identifier: MIT
 * What storage has to do for an operation: before the commit or after it, once, and never forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/plan_storage.h"
#include "tests/unit/registry/registry_bench.h"

static const char *const CREATE = "name=work label=red";

static uint64_t create(struct bench *b)
{
    return bench_operate(b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", CREATE);
}

static bool is_there(const struct bench *b)
{
    return model_named(b->core->model, span_of("work")) != NULL;
}

static unsigned leftovers(const struct bench *b)
{
    unsigned count = 0;
    for (const struct item *at = model_items(b->core->model, QID_GLOBAL, CHANGE_LEFTOVER); at != NULL;
         at = at->next)
        count++;
    return count;
}

/* How often storage was asked to do this since the last look. */
static unsigned asked(struct bench *b, const char *verb)
{
    unsigned count = 0;
    struct volume_change m;
    for (unsigned i = 0; i < b->count; i++)
        if (b->said[i].e.type == MESSAGE_volume_change && b->said[i].asks &&
            volume_change_decode(&m, b->said[i].e.body) == 0)
            count += strcmp(m.verb, verb) == 0;
    return count;
}

/* A fresh registry over the same store. */
static void again(struct bench *b)
{
    bench_kill(b);
    bench_begin(b);
    bench_greet(b, b->core->last_correlation);
}

static void a_vm_is_committed_when_its_volumes_are_made(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    b.hold_storage = true;
    uint64_t op = create(&b);
    assert_int_equal(asked(&b, "create"), 3); /* a kernel is nobody's to make */
    assert_false(is_there(&b));
    assert_int_equal(leftovers(&b), 3);
    assert_int_equal(bench_answer(&b, op), 1);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_true(is_there(&b));
    assert_int_equal(leftovers(&b), 0);
    bench_down(&b);
}

static void a_creation_that_fails_leaves_nothing_and_its_name_is_free(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    b.storage_fails = -ERR_STORAGE;
    b.hold_storage = true;
    uint64_t op = create(&b);
    for (int i = 0; i < 3; i++)
        bench_storage_answers(&b);
    b.storage_fails = 0;
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_STORAGE);
    assert_int_equal(asked(&b, "remove"), 3);
    assert_false(is_there(&b));
    assert_int_equal(leftovers(&b), 0);
    bench_forget(&b);
    op = create(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    bench_down(&b);
}

static void killed_while_volumes_are_made_their_remains_go_at_the_start(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    b.hold_storage = true;
    create(&b);
    again(&b);
    assert_false(is_there(&b));
    assert_int_equal(asked(&b, "remove"), 3);
    bench_forget(&b);
    uint64_t op = create(&b); /* the asker asks again: after the remains are gone */
    assert_int_equal(asked(&b, "create"), 0);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_true(is_there(&b));
    assert_int_equal(leftovers(&b), 0);
    bench_down(&b);
}

static void killed_while_volumes_are_removed_they_go_at_the_start(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    create(&b);
    b.hold_storage = true;
    bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_false(is_there(&b));
    assert_int_equal(leftovers(&b), 3);
    bench_forget(&b);
    again(&b);
    assert_int_equal(asked(&b, "remove"), 3);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(leftovers(&b), 0);
    bench_down(&b);
}

static void a_volume_that_cannot_be_removed_stays_known_and_the_vm_is_gone(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    create(&b);
    b.storage_fails = -ERR_STORAGE;
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_false(is_there(&b));
    assert_int_equal(leftovers(&b), 3);
    bench_forget(&b);
    op = create(&b); /* the way is tried to be cleared, and stays blocked */
    assert_int_equal(bench_answer(&b, op), -ERR_STORAGE);
    assert_int_equal(asked(&b, "create"), 0);
    b.storage_fails = 0;
    bench_forget(&b);
    op = create(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(leftovers(&b), 0);
    bench_down(&b);
}

static void a_change_of_a_volume_waits_for_storage_alone(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    create(&b);
    bench_create(&b, "other");
    b.hold_storage = true;
    uint64_t slow = bench_operate(&b, OPERATION_volume_resize, 1, "private", "4294967296");
    uint64_t same = bench_operate(&b, OPERATION_volume_resize, 1, "private", "5294967296");
    uint64_t else_ = bench_operate(&b, OPERATION_property_set, 1, "memory", "500");
    uint64_t other = bench_operate(&b, OPERATION_property_set, 2, "memory", "500");
    assert_int_equal(asked(&b, "resize"), 1);
    assert_int_equal(bench_answer(&b, else_), 0);
    assert_int_equal(bench_answer(&b, other), 0);
    bench_storage_answers(&b);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, slow), 0);
    assert_int_equal(bench_answer(&b, same), 1);
    assert_int_equal(asked(&b, "resize"), 2);
    bench_storage_answers(&b);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, same), 0);
    const struct item *item = model_item(b.core->model, 1, CHANGE_VOLUME, span_of("private"));
    assert_non_null(strstr(item->value, "size=5294967296"));
    bench_down(&b);
}

static void a_refused_change_changes_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    create(&b);
    uint64_t version = b.core->version;
    b.storage_fails = -ERR_STORAGE;
    uint64_t op = bench_operate(&b, OPERATION_volume_resize, 1, "private", "1");
    assert_int_equal(bench_answer(&b, op), -ERR_STORAGE);
    assert_int_equal(b.core->version, version);
    const struct item *item = model_item(b.core->model, 1, CHANGE_VOLUME, span_of("private"));
    assert_null(strstr(item->value, "size=1\n"));
    bench_down(&b);
}

static void a_start_waits_for_a_volume_that_is_being_changed(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    create(&b);
    b.hold_storage = true;
    bench_operate(&b, OPERATION_volume_revert, 1, "private", "1");
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(&b, 1001), 1);
    assert_false(b.core->claims[1].living);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, 1001), 0);
    assert_true(b.core->claims[1].living);
    bench_down(&b);
}

static void storage_that_died_is_asked_again_three_times(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    create(&b);
    bench_forget(&b);
    b.storage_fails = -ERR_GONE;
    uint64_t op = bench_operate(&b, OPERATION_volume_revert, 1, "private", "1");
    assert_int_equal(asked(&b, "revert"), 3);
    assert_int_equal(bench_answer(&b, op), -ERR_GONE);
    b.hold_storage = true;
    bench_forget(&b);
    op = bench_operate(&b, OPERATION_volume_revert, 1, "private", "1");
    bench_storage_answers(&b);
    b.storage_fails = 0;
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    bench_down(&b);
}

static void an_import_is_told_where_to_pour(void **state)
{
    struct bench b;
    struct operate_reply m;
    (void)state;
    bench_up(&b);
    create(&b);
    bench_forget(&b);
    uint64_t op = bench_operate(&b, OPERATION_import_begin, 1, "private", "1048576");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(operate_reply_decode(&m, b.said[bench_find(&b, MESSAGE_operate, 0)].e.body), 0);
    assert_string_equal(m.result, "1048576 /pool/a.img");
    bench_down(&b);
}

static void two_vms_of_one_name_are_never_made_at_once(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    b.hold_storage = true;
    uint64_t first = create(&b), second = create(&b);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, first), 0);
    assert_int_equal(bench_answer(&b, second), -ERR_VM_EXISTS);
    assert_int_equal(asked(&b, "create"), 3);
    assert_int_equal(asked(&b, "remove"), 0);
    bench_down(&b);
}

static void asked_twice_it_is_made_once_and_both_are_answered_so(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    b.hold_storage = true;
    uint64_t op = create(&b);
    bench_operate_as(&b, op, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", CREATE);
    assert_int_equal(bench_answer(&b, op), 1);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_count(&b, MESSAGE_operate), 2);
    assert_int_equal(bench_count(&b, MESSAGE_error), 0);
    assert_int_equal(asked(&b, "create"), 3);
    bench_down(&b);
}

static void two_vms_are_made_side_by_side(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    b.hold_storage = true;
    uint64_t first = create(&b);
    uint64_t second =
        bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=other label=red");
    assert_int_equal(asked(&b, "create"), 6);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(bench_answer(&b, first), 0);
    assert_int_equal(bench_answer(&b, second), 0);
    assert_true(is_there(&b) && model_named(b.core->model, span_of("other")) != NULL);
    assert_int_equal(leftovers(&b), 0);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vm_is_committed_when_its_volumes_are_made),
        cmocka_unit_test(a_creation_that_fails_leaves_nothing_and_its_name_is_free),
        cmocka_unit_test(killed_while_volumes_are_made_their_remains_go_at_the_start),
        cmocka_unit_test(killed_while_volumes_are_removed_they_go_at_the_start),
        cmocka_unit_test(a_volume_that_cannot_be_removed_stays_known_and_the_vm_is_gone),
        cmocka_unit_test(a_change_of_a_volume_waits_for_storage_alone),
        cmocka_unit_test(a_refused_change_changes_nothing),
        cmocka_unit_test(a_start_waits_for_a_volume_that_is_being_changed),
        cmocka_unit_test(storage_that_died_is_asked_again_three_times),
        cmocka_unit_test(an_import_is_told_where_to_pour),
        cmocka_unit_test(two_vms_of_one_name_are_never_made_at_once),
        cmocka_unit_test(asked_twice_it_is_made_once_and_both_are_answered_so),
        cmocka_unit_test(two_vms_are_made_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
