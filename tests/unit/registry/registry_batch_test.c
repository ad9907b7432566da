/* SPDX-License-Identifier: MIT
 * Operations that are committed together: each keeps what it would have had alone. */
#include "tests/unit/registry/registry_bench.h"

/* A VM, and one commit that is at the disk: what comes now is planned behind it. */
static uint64_t begin_busy(struct bench *b)
{
    bench_up(b);
    bench_create(b, "work");
    b->hold_tasks = true;
    return bench_operate(b, OPERATION_property_set, 1, "label", "blue");
}

/* The commit at the disk ends, with this fault where it is one. */
static void disk_ends(struct bench *b, enum db_sim_fault fault)
{
    assert_int_equal(b->tasks, 1);
    db_sim_fail(b->disk, fault == DB_SIM_NONE ? 0 : 1, fault);
    bench_do_one(b);
    db_sim_fail(b->disk, 0, DB_SIM_NONE);
}

static unsigned writes_at_disk(const struct bench *b)
{
    assert_int_equal(b->tasks, 1);
    return ((const struct store_task *)b->task[0])->write_count;
}

static void release(struct bench *b)
{
    b->hold_tasks = false;
    bench_work(b);
}

static void what_comes_during_a_commit_waits_for_the_disk_together(void **state)
{
    struct bench b;
    struct operate_reply m;
    (void)state;
    uint64_t first = begin_busy(&b), version = b.core->version;
    for (unsigned i = 0; i < 5; i++)
        bench_operate(&b, OPERATION_tag_set, 1, (const char *[]){"a", "b", "c", "d", "e"}[i], "");
    assert_int_equal(writes_at_disk(&b), 1);
    assert_int_equal(b.count, 0);
    disk_ends(&b, DB_SIM_NONE);
    assert_int_equal(bench_answer(&b, first), 0);
    assert_int_equal(bench_answer(&b, first + 1), 1);
    assert_int_equal(writes_at_disk(&b), 5);
    disk_ends(&b, DB_SIM_NONE);
    int at = -1;
    for (uint64_t op = first; op <= first + 5; op++) {
        int delta = bench_find(&b, MESSAGE_delta, (unsigned)(at + 1));
        assert_true(delta > at);
        assert_int_equal(b.said[delta].e.correlation, ++version);
        at = bench_find(&b, MESSAGE_operate, (unsigned)delta);
        assert_true(at > delta);
        assert_int_equal(b.said[at].e.correlation, op);
        assert_int_equal(operate_reply_decode(&m, b.said[at].e.body), 0);
        assert_int_equal(m.version, version);
    }
    bench_down(&b);
}

static void what_is_not_committed_is_shown_to_nobody(void **state)
{
    struct bench b;
    struct snapshot_reply m;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    (void)state;
    (void)begin_busy(&b);
    bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=late label=red");
    AUTO_TEXT before = bench_model(&b);
    assert_null(strstr(before.at, "late"));
    snapshot_encode(&body, NO_MESSAGE(snapshot));
    bench_hear(&b,
               (struct envelope){.type = MESSAGE_snapshot, .class = CLASS_REQUEST, .source_kind = KIND_API},
               &body);
    assert_int_equal(snapshot_reply_decode(&m, b.said[0].e.body), 0);
    assert_int_equal(m.version, b.core->version);
    assert_null(memmem(b.said[0].e.body.at, b.said[0].e.body.len, "late", 4));
    bench_down(&b);
}

static void a_refusal_waits_for_what_it_counts_on(void **state)
{
    struct bench b;
    (void)state;
    (void)begin_busy(&b);
    uint64_t made = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=late label=red");
    uint64_t again =
        bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=late label=red");
    assert_int_equal(bench_answer(&b, again), 1);
    release(&b);
    assert_int_equal(bench_answer(&b, made), 0);
    assert_int_equal(bench_answer(&b, again), -ERR_VM_EXISTS);
    bench_down(&b);
}

static void a_refusal_falls_with_what_it_counted_on(void **state)
{
    struct bench b;
    (void)state;
    uint64_t first = begin_busy(&b);
    uint64_t made = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "RemoteVM", "name=late label=red");
    uint64_t again = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "RemoteVM", "name=late label=blue");
    disk_ends(&b, DB_SIM_NONE);
    assert_int_equal(bench_answer(&b, first), 0);
    disk_ends(&b, DB_SIM_FULL); /* both together */
    assert_int_equal(bench_answer(&b, made), 1);
    disk_ends(&b, DB_SIM_FULL); /* the first by itself */
    assert_int_equal(bench_answer(&b, made), -ERR_IO);
    release(&b);
    assert_int_equal(bench_answer(&b, again), 0);
    assert_true(span_is(bench_label(&b, 2), "blue"));
    bench_down(&b);
}

static void a_commit_that_fails_takes_nobody_with_it_who_counted_on_nothing(void **state)
{
    struct bench b;
    (void)state;
    uint64_t first = begin_busy(&b), version = b.core->version;
    uint64_t behind = bench_operate(&b, OPERATION_tag_set, 1, "a", "");
    disk_ends(&b, DB_SIM_FULL);
    assert_int_equal(bench_answer(&b, first), -ERR_IO);
    release(&b);
    assert_int_equal(bench_answer(&b, behind), 0);
    assert_true(span_is(bench_label(&b, 1), "red"));
    assert_int_equal(b.core->version, version + 1);
    bench_down(&b);
}

static void of_several_each_has_its_own_error(void **state)
{
    struct bench b;
    (void)state;
    uint64_t first = begin_busy(&b), version = b.core->version;
    for (unsigned i = 0; i < 3; i++)
        bench_operate(&b, OPERATION_tag_set, 1, (const char *[]){"a", "b", "c"}[i], "");
    disk_ends(&b, DB_SIM_NONE);
    AUTO_TEXT before = bench_model(&b);
    disk_ends(&b, DB_SIM_FULL);
    AUTO_TEXT after = bench_model(&b);
    assert_string_equal(before.at, after.at);
    assert_int_equal(writes_at_disk(&b), 1);
    disk_ends(&b, DB_SIM_NONE);
    disk_ends(&b, DB_SIM_FULL);
    release(&b);
    assert_int_equal(bench_answer(&b, first + 1), 0);
    assert_int_equal(bench_answer(&b, first + 2), -ERR_IO);
    assert_int_equal(bench_answer(&b, first + 3), 0);
    assert_int_equal(b.core->version, version + 3);
    assert_null(model_item(b.core->model, 1, CHANGE_TAG, span_of("b")));
    assert_non_null(model_item(b.core->model, 1, CHANGE_TAG, span_of("c")));
    bench_down(&b);
}

static void a_repeated_one_among_several_changes_nothing_and_the_rest_is_planned_without_it(void **state)
{
    struct bench b;
    struct operate_reply m;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t old = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    bench_operate(&b, OPERATION_property_set, 1, "label", "green");
    bench_forget(&b);
    b.hold_tasks = true;
    uint64_t first = bench_operate(&b, OPERATION_tag_set, 1, "a", "");
    uint64_t second = bench_operate(&b, OPERATION_tag_set, 1, "b", "");
    bench_operate_as(&b, old, OPERATION_property_set, 1, "label", "blue");
    uint64_t third = bench_operate(&b, OPERATION_feature_set, 1, "f", "1");
    disk_ends(&b, DB_SIM_NONE);
    uint64_t fourth = bench_operate(&b, OPERATION_tag_set, 1, "d", "");
    disk_ends(&b, DB_SIM_NONE);
    assert_int_equal(bench_answer(&b, second), 0);
    assert_int_equal(bench_answer(&b, old), 0);
    assert_int_equal(bench_answer(&b, third), 1);
    release(&b);
    assert_int_equal(bench_answer(&b, first), 0);
    assert_int_equal(bench_answer(&b, third), 0);
    assert_int_equal(bench_answer(&b, fourth), 0);
    assert_true(span_is(bench_label(&b, 1), "green"));
    assert_int_equal(bench_count(&b, MESSAGE_delta), 4);
    for (unsigned i = 0; i < b.count; i++) {
        if (b.said[i].e.type != MESSAGE_operate || b.said[i].e.correlation != old)
            continue;
        assert_int_equal(operate_reply_decode(&m, b.said[i].e.body), 0);
        assert_int_equal(m.version, 4);
    }
    bench_down(&b);
}

static void the_same_operation_twice_in_a_row_happens_once(void **state)
{
    struct bench b;
    (void)state;
    (void)begin_busy(&b);
    uint64_t version = b.core->version;
    uint64_t op = bench_operate(&b, OPERATION_tag_set, 1, "a", "");
    bench_operate_as(&b, op, OPERATION_tag_set, 1, "a", "");
    release(&b);
    assert_int_equal(b.core->version, version + 2);
    assert_int_equal(bench_count(&b, MESSAGE_operate), 3);
    assert_int_equal(bench_count(&b, MESSAGE_error), 0);
    bench_down(&b);
}

/* What a living VM is asked about may not be undone by a disk that fails. */
static void a_vm_is_asked_when_all_before_is_committed(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_create(&b, "net");
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    bench_forget(&b);
    b.hold_tasks = true;
    bench_operate(&b, OPERATION_property_set, 2, "provides_network", "True");
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "netvm", "net");
    uint64_t behind = bench_operate(&b, OPERATION_tag_set, 2, "a", "");
    disk_ends(&b, DB_SIM_NONE);
    assert_int_equal(bench_count(&b, MESSAGE_prepare), 0);
    disk_ends(&b, DB_SIM_NONE);
    bench_work(&b);
    assert_int_equal(bench_count(&b, MESSAGE_prepare) + (unsigned)(bench_answer(&b, op) < 0), 1);
    release(&b);
    assert_int_equal(bench_answer(&b, behind), 0);
    bench_down(&b);
}

static void a_batch_has_a_bound(void **state)
{
    struct bench b;
    (void)state;
    (void)begin_busy(&b);
    for (unsigned i = 0; i < REGISTRY_BATCH_MAX + 5; i++)
        bench_operate(&b, OPERATION_tag_set, 1, i % 2 == 0 ? "a" : "b", "");
    disk_ends(&b, DB_SIM_NONE);
    assert_int_equal(writes_at_disk(&b), REGISTRY_BATCH_MAX);
    disk_ends(&b, DB_SIM_NONE);
    assert_int_equal(writes_at_disk(&b), 5);
    release(&b);
    assert_int_equal(bench_count(&b, MESSAGE_operate), REGISTRY_BATCH_MAX + 6);
    bench_down(&b);
}

static void a_vm_and_its_successor_of_the_same_qid_pass_through_one_batch(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create_remote(&b, "work");
    b.hold_tasks = true;
    bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "RemoteVM", "name=work label=green");
    uint64_t op = bench_operate(&b, OPERATION_tag_set, 1, "new", "");
    release(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_FOUND); /* it was meant for the one before */
    assert_true(span_is(bench_label(&b, 1), "green"));
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(&b, 1001), 0);
    AUTO_TEXT held = bench_model(&b);
    bench_kill(&b);
    bench_forget(&b);
    bench_begin(&b);
    bench_greet(&b, 0);
    AUTO_TEXT stored = bench_model(&b);
    assert_string_equal(held.at, stored.at);
    bench_down(&b);
}

static void told_to_stop_it_ends_what_is_at_the_disk_and_begins_nothing(void **state)
{
    struct bench b;
    (void)state;
    uint64_t first = begin_busy(&b);
    uint64_t behind = bench_operate(&b, OPERATION_tag_set, 1, "a", "");
    registry_actor.stop(b.core, &b.out);
    assert_false(b.left);
    release(&b);
    assert_true(b.left);
    assert_int_equal(bench_answer(&b, first), 0);
    assert_int_equal(bench_answer(&b, behind), 1);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_during_a_commit_waits_for_the_disk_together),
        cmocka_unit_test(what_is_not_committed_is_shown_to_nobody),
        cmocka_unit_test(a_refusal_waits_for_what_it_counts_on),
        cmocka_unit_test(a_refusal_falls_with_what_it_counted_on),
        cmocka_unit_test(a_commit_that_fails_takes_nobody_with_it_who_counted_on_nothing),
        cmocka_unit_test(of_several_each_has_its_own_error),
        cmocka_unit_test(a_repeated_one_among_several_changes_nothing_and_the_rest_is_planned_without_it),
        cmocka_unit_test(the_same_operation_twice_in_a_row_happens_once),
        cmocka_unit_test(a_vm_is_asked_when_all_before_is_committed),
        cmocka_unit_test(a_batch_has_a_bound),
        cmocka_unit_test(a_vm_and_its_successor_of_the_same_qid_pass_through_one_batch),
        cmocka_unit_test(told_to_stop_it_ends_what_is_at_the_disk_and_begins_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
