/* SPDX-License-Identifier: MIT
 * Pause and unpause, our own and others'; figures of the moment. */
#include "tests/unit/vm/vm_bench.h"

static void living(struct bench *b)
{
    bench_setup(b);
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
}

static void our_own_pause_and_unpause_are_told_once(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    unsigned from = b.events;
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, pause), 0);
    assert_string_equal(b.power_state, "Paused");
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    uint64_t unpause = BENCH_HEAR(&b, vm_unpause, 0);
    bench_run(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, unpause), 0);
    assert_string_equal(b.power_state, "Running");
    BENCH_HEARD(&b, from, "domain-pre-paused", "domain-paused", "domain-pre-unpaused", "domain-unpaused");
    bench_end(&b);
}

/* Its resume was heard before we knew that it was done, too: what is heard next may be old. */
static void a_pause_that_the_host_tells_before_it_is_known_to_be_done_is_told_at_once(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    unsigned from = b.events;
    b.hold_tasks = true;
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0);
    BENCH_HEAR(&b, observed, .active = 1, .domid = (uint32_t)b.world.domid, .state = VIRT_PAUSED,
               .event = VIRT_EVENT_SUSPENDED);
    BENCH_HEARD(&b, from, "domain-pre-paused");
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, pause), 0);
    BENCH_HEARD(&b, from, "domain-pre-paused", "domain-paused");
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    assert_int_equal(b.events - from, 2);
    bench_end(&b);
}

/* libvirtd goes just behind the call. */
static void what_was_done_is_known_though_the_look_behind_it_fails(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.fail_call = b.world.calls + 3; /* a look, the call, a look */
    b.world.fail_with = -ERR_NO_CONNECTION;
    b.hold_tasks = true;
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0);
    BENCH_HEAR(&b, observed, .active = 1, .domid = (uint32_t)b.world.domid, .state = VIRT_PAUSED,
               .event = VIRT_EVENT_SUSPENDED);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, pause), 0);
    assert_string_equal(b.power_state, "Paused");
    assert_int_equal(bench_count(&b, "domain-paused"), 1);
    b.world.fail_call = b.world.calls + 4; /* that connection is made anew first */
    uint64_t unpause = BENCH_HEAR(&b, vm_unpause, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, unpause), 0);
    assert_string_equal(b.power_state, "Running");
    bench_end(&b);
}

static void a_pause_that_fails_after_an_old_word_of_one_is_not_told(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    unsigned from = b.events;
    b.world.fail_call = b.world.calls + 2; /* after the look before it */
    b.world.fail_with = -ERR_HYPERVISOR;
    b.hold_tasks = true;
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0);
    BENCH_HEAR(&b, observed, .active = 1, .domid = (uint32_t)b.world.domid, .state = VIRT_PAUSED,
               .event = VIRT_EVENT_SUSPENDED);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, pause), -ERR_HYPERVISOR);
    BENCH_HEARD(&b, from, "domain-pre-paused");
    assert_string_equal(b.power_state, "Running");
    bench_end(&b);
}

static void a_word_of_the_host_that_comes_too_late_pauses_nothing(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    unsigned from = b.events;
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    BENCH_HEAR(&b, vm_unpause, 0);
    bench_run(&b);
    BENCH_HEAR(&b, observed, .active = 1, .domid = (uint32_t)b.world.domid, .state = VIRT_PAUSED,
               .event = VIRT_EVENT_SUSPENDED);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    bench_run(&b);
    BENCH_HEARD(&b, from, "domain-pre-paused", "domain-paused", "domain-pre-unpaused", "domain-unpaused");
    assert_string_equal(b.power_state, "Running");
    bench_end(&b);
}

static void a_word_of_the_host_that_comes_too_late_resumes_nothing(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    unsigned from = b.events;
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    BENCH_HEAR(&b, observed, .active = 1, .domid = (uint32_t)b.world.domid, .state = VIRT_RUNNING,
               .event = VIRT_EVENT_RESUMED);
    assert_string_equal(b.power_state, "Paused");
    uint64_t unpause = BENCH_HEAR(&b, vm_unpause, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, unpause), 0);
    assert_string_equal(b.power_state, "Running");
    BENCH_HEARD(&b, from, "domain-pre-paused", "domain-paused", "domain-pre-unpaused", "domain-unpaused");
    bench_end(&b);
}

static void a_resume_by_others_soon_after_our_pause_is_told(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    unsigned from = b.events;
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    b.world.paused = false;
    bench_observe(&b, VIRT_EVENT_RESUMED);
    bench_run(&b);
    assert_string_equal(b.power_state, "Running");
    BENCH_HEARD(&b, from, "domain-pre-paused", "domain-paused", "domain-unpaused");
    bench_end(&b);
}

static void a_pause_by_others_soon_after_our_resume_is_told_at_once(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    BENCH_HEAR(&b, vm_unpause, 0);
    bench_run(&b);
    unsigned before = b.events;
    b.world.paused = true;
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    bench_run(&b);
    assert_int_equal(b.events, before + 1);
    assert_string_equal(b.event[before], "domain-paused");
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    bench_run(&b);
    assert_int_equal(b.events, before + 1); /* once */
    bench_end(&b);
}

/* However late: many start at once. And host may hear of the resume while it still looks. */
static void a_pause_of_the_start_itself_is_not_told(void **state)
{
    static const uint64_t late[] = {0, 1 * SECONDS, 40 * SECONDS};
    static const uint32_t event[] = {VIRT_EVENT_SUSPENDED, VIRT_EVENT_RESUMED, VIRT_EVENT_RESUMED};
    (void)state;
    for (size_t i = 0; i < COUNT(late); i++) {
        struct bench b;
        living(&b);
        unsigned from = b.events;
        b.out.now += late[i];
        BENCH_HEAR(&b, observed, .active = 1, .domid = (uint32_t)b.world.domid, .state = VIRT_PAUSED,
                   .event = event[i]);
        bench_observe(&b, VIRT_EVENT_RESUMED);
        bench_run(&b);
        assert_int_equal(b.events, from);
        bench_end(&b);
    }
}

/* The call is made; that it was is heard later. */
static void perform_and_wait(struct bench *b)
{
    b->hold_tasks = true;
    vm_actor.perform(&b->doors, b->task);
}

static void return_now(struct bench *b)
{
    struct task *task = TAKE(b->task);
    struct done d = {.task = task, .what = task->what};
    b->hold_tasks = false;
    vm_actor.done(b->core, &b->out, &d);
    free(task);
    bench_run(b);
}

/* Somebody pauses it while the look behind our call is on its way to us: host has nothing new to tell then.
 */
static void a_word_of_the_host_is_younger_than_a_look_that_was_under_way(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    uint64_t unpause = BENCH_HEAR(&b, vm_unpause, 0);
    perform_and_wait(&b);
    b.world.paused = true;
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    unsigned from = b.events;
    return_now(&b);
    assert_int_equal(bench_answer(&b, unpause), 0);
    assert_string_equal(b.power_state, "Paused");
    BENCH_HEARD(&b, from, "domain-unpaused", "domain-paused");
    bench_end(&b);
}

static void a_word_of_the_host_during_a_look_counts_more_than_the_look(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    unsigned from = b.events;
    BENCH_HEAR(&b, vm_current, 0);
    perform_and_wait(&b);
    b.world.paused = true;
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    return_now(&b);
    assert_string_equal(b.power_state, "Paused");
    BENCH_HEARD(&b, from, "domain-paused");
    bench_end(&b);
}

static void what_others_pause_and_resume_is_told(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    unsigned from = b.events;
    b.world.paused = true;
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    b.world.paused = false;
    bench_observe(&b, VIRT_EVENT_RESUMED);
    bench_run(&b);
    BENCH_HEARD(&b, from, "domain-paused", "domain-unpaused");
    bench_end(&b);
}

static void a_pause_that_fails_changes_nothing(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_observe(&b, VIRT_EVENT_RESUMED);
    unsigned from = b.events;
    b.world.fail_call = b.world.calls + 2; /* after the look before it */
    b.world.fail_with = -ERR_HYPERVISOR;
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, pause), -ERR_HYPERVISOR);
    BENCH_HEARD(&b, from, "domain-pre-paused");
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

static void the_figures_come_from_the_hypervisor_or_from_the_last_look(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    uint64_t now = BENCH_HEAR(&b, vm_current, 0);
    assert_int_equal(bench_answer(&b, now), 1);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, now), 0);
    b.hold_tasks = true;
    BENCH_HEAR(&b, vm_pause, 0);
    uint64_t behind = BENCH_HEAR(&b, vm_current, 0);
    assert_int_equal(bench_answer(&b, behind), 0);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_pause_and_unpause_are_told_once),
        cmocka_unit_test(a_pause_that_the_host_tells_before_it_is_known_to_be_done_is_told_at_once),
        cmocka_unit_test(what_was_done_is_known_though_the_look_behind_it_fails),
        cmocka_unit_test(a_pause_that_fails_after_an_old_word_of_one_is_not_told),
        cmocka_unit_test(a_word_of_the_host_that_comes_too_late_pauses_nothing),
        cmocka_unit_test(a_word_of_the_host_that_comes_too_late_resumes_nothing),
        cmocka_unit_test(a_resume_by_others_soon_after_our_pause_is_told),
        cmocka_unit_test(a_pause_by_others_soon_after_our_resume_is_told_at_once),
        cmocka_unit_test(a_pause_of_the_start_itself_is_not_told),
        cmocka_unit_test(a_word_of_the_host_is_younger_than_a_look_that_was_under_way),
        cmocka_unit_test(a_word_of_the_host_during_a_look_counts_more_than_the_look),
        cmocka_unit_test(what_others_pause_and_resume_is_told),
        cmocka_unit_test(a_pause_that_fails_changes_nothing),
        cmocka_unit_test(the_figures_come_from_the_hypervisor_or_from_the_last_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
