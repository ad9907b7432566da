/* SPDX-License-Identifier: MIT
 * Calls that hang in libvirtd, over all VMs: before they hold half of its workers nothing new is begun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/registry/registry_bench.h"

enum { MOST = 9 }; /* below half of twenty */

static void says_hang(struct bench *b, uint32_t qid, uint32_t count)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    calls_hang_encode(&body, &(struct calls_hang){.count = count});
    bench_hear(b,
               (struct envelope){.type = MESSAGE_calls_hang,
                                 .class = CLASS_EVENT,
                                 .source_kind = KIND_VM,
                                 .source_instance = qid,
                                 .subject_kind = KIND_VM,
                                 .subject_instance = qid,
                                 .subject_generation = vm_generation(model_vm(b->core->model, qid))},
               &body);
}

static void up_with_vms(struct bench *b)
{
    bench_up(b);
    for (unsigned i = 1; i <= MOST + 1; i++) {
        char name[16];
        snprintf(name, sizeof name, "vm%u", i);
        bench_create(b, name);
    }
}

/* What the VMs were told last: 1, 0, or -1 for nothing. */
static int told(const struct bench *b)
{
    int last = -1, at = -1;
    struct calls_scarce m;
    while ((at = bench_find(b, MESSAGE_calls_scarce, (unsigned)(at + 1))) >= 0) {
        assert_int_equal(calls_scarce_decode(&m, b->said[at].e.body), 0);
        assert_int_equal(b->said[at].e.to_instance, EVERY_INSTANCE);
        last = (int)m.scarce;
    }
    return last;
}

static uint32_t claimed_scarce(struct bench *b, uint32_t qid)
{
    struct claim_reply m;
    bench_forget(b);
    bench_vm_says(b, qid, MESSAGE_claim, 0);
    int at = bench_find(b, MESSAGE_claim, 0);
    assert_true(at >= 0);
    assert_int_equal(claim_reply_decode(&m, b->said[at].e.body), 0);
    return m.view.calls_scarce;
}

static void below_half_of_the_workers_nobody_is_told(void **state)
{
    struct bench b;
    (void)state;
    up_with_vms(&b);
    for (uint32_t qid = 1; qid < MOST; qid++)
        says_hang(&b, qid, 1);
    assert_int_equal(told(&b), -1);
    assert_int_equal(claimed_scarce(&b, MOST + 1), 0);
    bench_down(&b);
}

static void before_half_of_the_workers_hang_every_vm_is_told_once(void **state)
{
    struct bench b;
    (void)state;
    up_with_vms(&b);
    for (uint32_t qid = 1; qid <= MOST; qid++)
        says_hang(&b, qid, 1);
    says_hang(&b, MOST, 1);
    assert_int_equal(told(&b), 1);
    assert_int_equal(bench_count(&b, MESSAGE_calls_scarce), 1);
    assert_int_equal(claimed_scarce(&b, MOST + 1), 1);
    bench_down(&b);
}

static void when_one_has_ended_they_are_told_again(void **state)
{
    struct bench b;
    (void)state;
    up_with_vms(&b);
    says_hang(&b, 1, 2);
    for (uint32_t qid = 2; qid < MOST; qid++)
        says_hang(&b, qid, 1);
    assert_int_equal(told(&b), 1);
    says_hang(&b, 1, 0);
    assert_int_equal(told(&b), 0);
    assert_int_equal(claimed_scarce(&b, MOST + 1), 0);
    bench_down(&b);
}

static void what_a_removed_vm_left_is_not_counted(void **state)
{
    struct bench b;
    (void)state;
    up_with_vms(&b);
    for (uint32_t qid = 1; qid <= MOST; qid++)
        says_hang(&b, qid, 1);
    bench_forget(&b);
    bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(told(&b), 0);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_half_of_the_workers_nobody_is_told),
        cmocka_unit_test(before_half_of_the_workers_hang_every_vm_is_told_once),
        cmocka_unit_test(when_one_has_ended_they_are_told_again),
        cmocka_unit_test(what_a_removed_vm_left_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
