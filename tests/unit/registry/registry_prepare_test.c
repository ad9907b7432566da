/* SPDX-License-Identifier: MIT
 * Changes that a living VM must agree to, and then finish. */
#include "tests/unit/registry/registry_bench.h"

static unsigned early_events(const struct bench *b)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->count; i++) {
        struct happened m;
        if (b->said[i].e.type != MESSAGE_happened)
            continue;
        assert_int_equal(happened_decode(&m, b->said[i].e.body), 0);
        count += m.events.count;
    }
    return count;
}

/* vm/1 lives and a change of its netvm waits for its word. */
static uint64_t begin_preparing(struct bench *b)
{
    bench_up(b);
    bench_create(b, "work");
    bench_create(b, "net");
    bench_create(b, "other");
    bench_operate(b, OPERATION_property_set, 2, "provides_network", "True");
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    bench_vm_says(b, 1, MESSAGE_claim, 0);
    bench_vm_says(b, 2, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(b, 1001), 0);
    bench_forget(b);
    uint64_t op = bench_operate(b, OPERATION_property_set, 1, "netvm", "net");
    assert_int_equal(bench_count(b, MESSAGE_prepare), 1);
    assert_int_equal(bench_answer(b, op), 1);
    return op;
}

static void prepared(struct bench *b, int r)
{
    const struct said *s = &b->said[bench_find(b, MESSAGE_prepare, 0)];
    struct answer a = {.tag = s->tag, .r = r};
    if (r < 0)
        (void)fault_set(&a.why, (enum err) - r, "the VM says no");
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
}

/* What is committed is done by the living VM before its asker hears of it. */
static void finished(struct bench *b, int r)
{
    assert_int_equal(bench_count(b, MESSAGE_finish), 1);
    const struct said *s = &b->said[bench_find(b, MESSAGE_finish, 0)];
    struct answer a = {.tag = s->tag, .r = r};
    if (r < 0)
        (void)fault_set(&a.why, (enum err) - r, "no interface");
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
}

static void preparing_delays_that_vm_alone(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    uint64_t same = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    uint64_t other = bench_operate(&b, OPERATION_property_set, 3, "label", "blue");
    assert_int_equal(bench_answer(&b, same), 1);
    assert_int_equal(bench_answer(&b, other), 0);
    prepared(&b, 0);
    finished(&b, 0);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(bench_answer(&b, same), 0);
    assert_true(span_is(property_stored(&b.core->known, 1, PROPERTY_netvm), "net"));
    bench_down(&b);
}

static void what_a_living_vm_cannot_finish_is_said_and_stays_committed(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    prepared(&b, 0);
    assert_int_equal(bench_answer(&b, op), 1);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 1);
    assert_int_equal(bench_count(&b, MESSAGE_view), 2);
    uint64_t same = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_answer(&b, same), 1);
    finished(&b, -ERR_HYPERVISOR);
    assert_int_equal(bench_answer(&b, op), -ERR_HYPERVISOR);
    assert_int_equal(bench_answer(&b, same), 0);
    assert_true(span_is(property_stored(&b.core->known, 1, PROPERTY_netvm), "net"));
    bench_down(&b);
}

static void a_preparer_that_refuses_leaves_the_old_value(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    prepared(&b, -ERR_VM);
    assert_int_equal(bench_answer(&b, op), -ERR_VM);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_null(property_stored(&b.core->known, 1, PROPERTY_netvm).at);
    bench_down(&b);
}

static void what_was_announced_before_preparing_is_not_announced_again(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    unsigned announced = early_events(&b);
    assert_true(announced > 0);
    /* What it is to become ends while the VM is being asked. */
    bench_vm_says(&b, 2, MESSAGE_release, 0);
    prepared(&b, 0);
    assert_true(bench_answer(&b, op) < 0);
    assert_int_equal(early_events(&b), announced);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preparing_delays_that_vm_alone),
        cmocka_unit_test(what_a_living_vm_cannot_finish_is_said_and_stays_committed),
        cmocka_unit_test(a_preparer_that_refuses_leaves_the_old_value),
        cmocka_unit_test(what_was_announced_before_preparing_is_not_announced_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
