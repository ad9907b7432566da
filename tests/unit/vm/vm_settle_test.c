/* SPDX-License-Identifier: MIT
 * libvirtd does what a killed process has asked of it, a while later: nothing is decided before that is over,
 * and the VM cannot be removed meanwhile. */
#include "tests/unit/vm/vm_bench.h"

/* A start that has come to its creation, which has not been done yet. */
static void creating(struct bench *b)
{
    bench_setup(b);
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    for (int i = 0; i < 20; i++) {
        b->hold_tasks = b->task != NULL && b->task->what == VM_CREATE_TASK;
        if (b->hold_tasks)
            return;
        (void)bench_run_once(b);
    }
    fail_msg("the start came to no creation");
}

static void lands(struct bench *b)
{
    b->world.active = b->world.paused = true;
    b->world.creates++;
    b->world.domid++;
}

static void a_creation_that_outlives_its_process_is_undone(void **state)
{
    struct bench b;
    (void)state;
    creating(&b);
    bench_crash(&b, false);
    b.hold_tasks = false;
    bench_run(&b);
    assert_true(b.claimed);
    assert_true(b.ready);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 0);
    lands(&b);
    bench_timer_fires(&b, TIMER_AGAIN);
    bench_run(&b);
    assert_false(b.world.active);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    bench_is_definite(&b);
    bench_end(&b);
}

static void after_five_seconds_without_one_the_vm_is_free(void **state)
{
    struct bench b;
    (void)state;
    creating(&b);
    bench_crash(&b, false);
    b.hold_tasks = false;
    bench_run(&b);
    uint64_t since = b.out.now;
    while (b.claimed && b.out.now < since + 10 * SECONDS) {
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    assert_in_range(b.out.now, since + 5 * SECONDS, since + 6 * SECONDS);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    bench_is_definite(&b);
    bench_end(&b);
}

/* What libvirtd was asked by the first of them it has done or dropped; the others have only looked. */
static void killed_again_and_again_meanwhile_the_vm_is_free_as_soon(void **state)
{
    struct bench b;
    (void)state;
    creating(&b);
    uint64_t since = b.out.now;
    for (int i = 0; b.claimed && i < 40; i++) {
        bench_crash(&b, false);
        b.hold_tasks = false;
        b.out.now += 200 * MILLISECONDS;
        bench_run(&b);
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    assert_in_range(b.out.now, since + 5 * SECONDS, since + 7 * SECONDS);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_start_that_is_asked_meanwhile_waits_and_is_done(void **state)
{
    struct bench b;
    (void)state;
    creating(&b);
    bench_crash(&b, false);
    b.hold_tasks = false;
    bench_run(&b);
    uint64_t again = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, again), 1);
    assert_false(b.world.active);
    for (int i = 0; i < 8; i++) {
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    assert_int_equal(bench_answer(&b, again), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void overdue(struct bench *b)
{
    struct done d = {.what = b->task->what, .overdue = true};
    assert_null(b->parked);
    b->parked = TAKE(b->task);
    b->hold_tasks = false;
    vm_actor.done(b->core, &b->out, &d);
}

static void cleared(struct bench *b)
{
    struct task *task = TAKE(b->parked);
    struct done d = {.task = task, .what = task->what, .cleared = true};
    vm_actor.done(b->core, &b->out, &d);
    free(task);
}

static void a_creation_that_hangs_keeps_its_claim_until_it_has_ended(void **state)
{
    struct bench b;
    (void)state;
    creating(&b);
    overdue(&b);
    bench_run(&b);
    assert_int_equal(b.core->life, VM_HALTED);
    assert_true(b.claimed);
    vm_actor.hello(b.core, &b.out, 2, b.last_correlation); /* registry may be another one now */
    bench_run(&b);
    assert_true(b.claimed);
    cleared(&b);
    bench_run(&b);
    assert_false(b.claimed);
    bench_is_definite(&b);
    bench_end(&b);
}

static void what_it_made_after_all_is_destroyed_before_the_vm_is_free(void **state)
{
    struct bench b;
    (void)state;
    creating(&b);
    overdue(&b);
    bench_run(&b);
    lands(&b);
    cleared(&b);
    bench_run(&b);
    assert_false(b.world.active);
    assert_false(b.claimed);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_hung_creation_of_the_process_before_keeps_the_claim_for_a_minute(void **state)
{
    struct bench b;
    (void)state;
    creating(&b);
    overdue(&b);
    bench_run(&b);
    bench_crash(&b, false);
    bench_run(&b);
    assert_true(b.claimed);
    uint64_t since = b.out.now;
    while (b.claimed && b.timer[TIMER_AGAIN] != 0) {
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    assert_false(b.claimed);
    assert_in_range(b.out.now, since + 60 * SECONDS, since + 61 * SECONDS);
    bench_is_definite(&b);
    bench_end(&b);
}

/* The task that waits is done, in libvirt's own words; nothing is to be seen of a domain. */
static void is_left_open(struct bench *b, int r)
{
    struct vm_task *t = (struct vm_task *)b->task;
    struct done d = {.task = TAKE(b->task), .what = t->task.what};
    t->task.r = fault_set(&t->task.why, (enum err) - r, "the bench wants this to fail");
    t->is_seen = t->is_xen = true;
    b->hold_tasks = false;
    vm_actor.done(b->core, &b->out, &d);
    free(t);
}

/* Xen's driver makes a domain while its scripts prepare the disks, and may lose us over that: its lock is
 * held then, and the destruction is not answered either. */
static void left_open_twice(struct bench *b)
{
    bench_setup(b);
    b->has_volumes = true;
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    for (int i = 0; i < 60 && b->core->errand != ERRAND_UNDO; i++) {
        b->hold_tasks = b->task != NULL && b->task->what == VM_CREATE_TASK;
        if (b->hold_tasks)
            is_left_open(b, -ERR_NO_CONNECTION);
        else
            (void)bench_run_once(b);
    }
    assert_non_null(b->task);
    assert_int_equal(b->task->what, VM_DESTROY_TASK);
    b->asked_of_storage[0] = '\0';
    is_left_open(b, -ERR_TIMEOUT);
    bench_run(b);
}

static void nothing_is_taken_from_under_a_domain_that_may_still_come(void **state)
{
    struct bench b;
    (void)state;
    left_open_twice(&b);
    assert_int_equal(b.core->life, VM_HALTED);
    assert_string_equal(b.asked_of_storage, "");
    assert_true(b.claimed);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    lands(&b);
    bench_timer_fires(&b, TIMER_AGAIN);
    bench_run(&b);
    assert_false(b.world.active);
    assert_non_null(strstr(b.asked_of_storage, "stop root;stop private;"));
    bench_is_definite(&b);
    bench_end(&b);
}

static void one_that_does_not_come_in_a_minute_is_cleaned_up_after(void **state)
{
    struct bench b;
    (void)state;
    left_open_twice(&b);
    uint64_t since = b.out.now;
    while (b.claimed && b.timer[TIMER_AGAIN] != 0) {
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    assert_false(b.claimed);
    assert_in_range(b.out.now, since + 60 * SECONDS, since + 61 * SECONDS);
    assert_non_null(strstr(b.asked_of_storage, "stop root;stop private;release;"));
    bench_is_definite(&b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_creation_that_outlives_its_process_is_undone),
        cmocka_unit_test(after_five_seconds_without_one_the_vm_is_free),
        cmocka_unit_test(killed_again_and_again_meanwhile_the_vm_is_free_as_soon),
        cmocka_unit_test(a_start_that_is_asked_meanwhile_waits_and_is_done),
        cmocka_unit_test(a_creation_that_hangs_keeps_its_claim_until_it_has_ended),
        cmocka_unit_test(what_it_made_after_all_is_destroyed_before_the_vm_is_free),
        cmocka_unit_test(a_hung_creation_of_the_process_before_keeps_the_claim_for_a_minute),
        cmocka_unit_test(nothing_is_taken_from_under_a_domain_that_may_still_come),
        cmocka_unit_test(one_that_does_not_come_in_a_minute_is_cleaned_up_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
