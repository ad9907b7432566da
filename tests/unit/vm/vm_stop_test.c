/* SPDX-License-Identifier: MIT
 * Ends: kill, shutdown, a guest that ends by itself, and calls that hang. */
#include "tests/unit/vm/vm_bench.h"

#define END_EVENTS                                                                                           \
    "domain-stopped", "property-reset:xid name=xid", "property-reset:stubdom_xid name=stubdom_xid",          \
        "property-reset:start_time name=start_time", "domain-shutdown"

static void living(struct bench *b)
{
    bench_setup(b);
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    bench_observe(b, VIRT_EVENT_RESUMED);
    bench_run(b);
    bench_is_definite(b);
}

static void a_kill_is_answered_when_its_end_was_told(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    unsigned from = b.events;
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), 0);
    BENCH_HEARD(&b, from, END_EVENTS);
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_run(&b);
    bench_is_definite(&b);
    assert_false(b.world.defined);
    bench_end(&b);
}

static void what_is_halted_cannot_be_killed_shut_down_paused_or_unpaused(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0), shutdown = BENCH_HEAR(&b, vm_shutdown, .wait = 1);
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0), unpause = BENCH_HEAR(&b, vm_unpause, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), -ERR_VM_NOT_STARTED);
    assert_int_equal(bench_answer(&b, shutdown), -ERR_VM_NOT_STARTED);
    assert_int_equal(bench_answer(&b, pause), -ERR_VM_NOT_RUNNING);
    assert_int_equal(bench_answer(&b, unpause), -ERR_VM_NOT_PAUSED);
    assert_int_equal(b.events, 0);
    bench_end(&b);
}

static void a_guest_that_ends_by_itself_is_told_once(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    unsigned from = b.events;
    b.world.active = false;
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_run(&b);
    bench_observe(&b, 255);
    bench_run(&b);
    BENCH_HEARD(&b, from, END_EVENTS);
    bench_is_definite(&b);
    bench_end(&b);
}

static void an_old_look_of_the_host_ends_nothing(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    unsigned from = b.events;
    BENCH_HEAR(&b, observed, .active = 0, .event = VIRT_EVENT_STOPPED);
    bench_run(&b);
    assert_int_equal(b.events, from);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_shutdown_with_wait_is_answered_when_the_guest_has_ended(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    unsigned from = b.events;
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, .wait = 1);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, shutdown), 1);
    b.world.active = false;
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, shutdown), 0);
    BENCH_HEARD(&b, from, "domain-pre-shutdown force=False", END_EVENTS);
    bench_end(&b);
}

static void a_guest_that_does_not_obey_is_late_and_lives(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, .wait = 1), at_once = BENCH_HEAR(&b, vm_shutdown, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, at_once), 0);
    bench_timer_fires(&b, TIMER_WAITERS);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, shutdown), -ERR_VM_SHUTDOWN_TIMEOUT);
    assert_int_equal(bench_count(&b, "domain-shutdown-failed"), 1);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_vm_with_living_clients_is_shut_down_by_force_alone(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.is_living_client = true;
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, shutdown), -ERR_VM_IN_USE);
    assert_int_equal(bench_count(&b, "domain-shutdown-failed"), 1);
    uint64_t forced = BENCH_HEAR(&b, vm_shutdown, .force = 1);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, forced), 0);
    bench_end(&b);
}

static void a_paused_vm_is_shut_down_by_force_alone(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.paused = true;
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, shutdown), -ERR_VM_NOT_RUNNING);
    uint64_t forced = BENCH_HEAR(&b, vm_shutdown, .force = 1, .wait = 1);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, forced), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void who_shows_windows_or_plays_sound_is_not_shut_down_but_by_force(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    unsigned from = b.events;
    b.gui_user = "game";
    uint64_t first = BENCH_HEAR(&b, vm_shutdown, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, first), -ERR_VM);
    b.gui_user = NULL;
    b.audio_user = "radio";
    uint64_t second = BENCH_HEAR(&b, vm_shutdown, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, second), -ERR_VM_IN_USE);
    assert_int_equal(b.events - from, 4);
    assert_true(strncmp(b.event[from + 1], "domain-shutdown-failed", 22) == 0);
    assert_true(b.world.active);
    uint64_t forced = BENCH_HEAR(&b, vm_shutdown, .force = 1);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, forced), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

/* The call in the worker's hands passes its deadline. */
static void overdue(struct bench *b)
{
    struct done d = {.what = b->task->what, .overdue = true};
    assert_null(b->parked);
    b->out.now = b->task->deadline;
    b->parked = TAKE(b->task);
    vm_actor.done(b->core, &b->out, &d);
}

/* The call that hung returns, having done its work. */
static void cleared(struct bench *b)
{
    struct task *task = TAKE(b->parked);
    struct done d = {.task = task, .what = task->what, .cleared = true};
    vm_actor.perform(&b->doors, task);
    vm_actor.done(b->core, &b->out, &d);
    free(task);
}

/* Runs up to the task of this kind and keeps it in the worker's hands. */
static void run_to(struct bench *b, enum vm_task_what what)
{
    for (int i = 0; i < 100; i++) {
        b->hold_tasks = true;
        bench_run(b);
        if (b->task == NULL || b->task->what == (uint32_t)what)
            return;
        b->hold_tasks = false;
        perform(b);
    }
}

static void a_kill_is_heard_while_a_start_hangs(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    run_to(&b, VM_CREATE_TASK);
    unsigned progresses = b.progresses;
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    assert_int_equal(b.progresses, progresses + 1);
    assert_int_equal(bench_answer(&b, kill), 1);
    overdue(&b);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), 0);
    assert_int_equal(bench_answer(&b, start), -ERR_CANCELLED);
    assert_non_null(strstr(b.note, "abandoned=1"));
    uint64_t again = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, again), -ERR_BUSY);
    cleared(&b); /* and now the domain has been created after all */
    bench_run(&b);
    assert_int_equal(b.world.creates, 1);
    assert_false(b.world.active);
    bench_is_definite(&b);
    again = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, again), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_kill_ends_a_start_that_waits_for_its_netvm_at_once(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.has_netvm = true;
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    while (b.core->note.step != STEP_CLAIMED || b.asks[0].type != MESSAGE_vm_start) {
        struct bench_ask ask = b.asks[0];
        b.asked = 0;
        answer(&b, &ask);
    }
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_CANCELLED);
    assert_int_equal(bench_answer(&b, kill), 0);
    assert_int_equal(b.world.creates, 0);
    bench_is_definite(&b);
    bench_end(&b);
}

/* Killed while each of its start's tasks is in the worker's hands. */
static void a_kill_during_any_call_of_a_start_leaves_it_halted(void **state)
{
    static const enum vm_task_what tasks[] = {VM_DEFINE_TASK, VM_CREATE_TASK, VM_RESUME_TASK};
    (void)state;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct bench b;
        bench_setup(&b);
        bench_run(&b);
        BENCH_HEAR(&b, vm_start, 0);
        run_to(&b, tasks[i]);
        uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
        b.hold_tasks = false;
        bench_run(&b);
        assert_int_equal(bench_answer(&b, kill), 0);
        assert_false(b.world.active);
        bench_is_definite(&b);
        bench_end(&b);
    }
}

/* libvirt has resumed it and does not destroy it: it runs, and is shown so. */
static void what_stays_in_spite_of_a_kill_is_shown_as_it_is(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    run_to(&b, VM_RESUME_TASK);
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    b.world.fail_call = b.world.calls + 5; /* each has a look before it and behind it */
    b.world.fail_with = -ERR_HYPERVISOR;
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_CANCELLED);
    assert_int_equal(bench_answer(&b, kill), -ERR_CANCELLED);
    assert_true(b.world.active && !b.world.paused);
    assert_string_equal(b.power_state, "Running");
    kill = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

/* libvirtd stands still: callers hear it by their deadline, and all is well when it goes on. */
static void a_look_that_hangs_is_answered_and_recovers(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    run_to(&b, VM_LOOK_TASK);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    overdue(&b);
    assert_true(b.ready);
    assert_int_equal(bench_answer(&b, start), -ERR_TIMEOUT);
    uint64_t again = BENCH_HEAR(&b, vm_start, 0);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, again), -ERR_BUSY);
    cleared(&b);
    bench_run(&b);
    uint64_t last = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, last), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void the_end_is_told_when_the_router_is_back(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.deaf = true;
    b.world.active = false;
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_run(&b);
    assert_int_equal(bench_count(&b, "domain-stopped"), 0);
    b.deaf = false;
    vm_actor.hello(b.core, &b.out, 2, 0);
    bench_run(&b);
    bench_is_definite(&b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kill_is_answered_when_its_end_was_told),
        cmocka_unit_test(what_is_halted_cannot_be_killed_shut_down_paused_or_unpaused),
        cmocka_unit_test(a_guest_that_ends_by_itself_is_told_once),
        cmocka_unit_test(an_old_look_of_the_host_ends_nothing),
        cmocka_unit_test(a_shutdown_with_wait_is_answered_when_the_guest_has_ended),
        cmocka_unit_test(a_guest_that_does_not_obey_is_late_and_lives),
        cmocka_unit_test(a_vm_with_living_clients_is_shut_down_by_force_alone),
        cmocka_unit_test(a_paused_vm_is_shut_down_by_force_alone),
        cmocka_unit_test(who_shows_windows_or_plays_sound_is_not_shut_down_but_by_force),
        cmocka_unit_test(a_kill_is_heard_while_a_start_hangs),
        cmocka_unit_test(a_kill_ends_a_start_that_waits_for_its_netvm_at_once),
        cmocka_unit_test(a_kill_during_any_call_of_a_start_leaves_it_halted),
        cmocka_unit_test(what_stays_in_spite_of_a_kill_is_shown_as_it_is),
        cmocka_unit_test(a_look_that_hangs_is_answered_and_recovers),
        cmocka_unit_test(the_end_is_told_when_the_router_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
