/* SPDX-License-Identifier: MIT
 * Suspend to RAM, resume, and which terminal is the console. */
#include "tests/unit/vm/vm_bench.h"

static void living(struct bench *b, bool can_pm)
{
    bench_setup(b);
    b->world.can_pm = can_pm;
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    bench_observe(b, VIRT_EVENT_RESUMED);
    bench_run(b);
}

static int suspend(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, vm_suspend, 0);
    bench_run(b);
    return bench_answer(b, asked);
}

static int resume(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, vm_resume, 0);
    bench_run(b);
    return bench_answer(b, asked);
}

static void a_vm_is_suspended_to_ram_without_a_word_and_resumed_with_one(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    unsigned from = b.events;
    assert_int_equal(suspend(&b), 0);
    assert_true(b.world.asleep);
    assert_string_equal(b.power_state, "Suspended");
    assert_int_equal(b.events, from);
    assert_int_equal(resume(&b), 0);
    assert_false(b.world.asleep);
    assert_string_equal(b.power_state, "Running");
    BENCH_HEARD(&b, from, "domain-resumed");
    bench_is_definite(&b);
    bench_end(&b);
}

static void where_the_hypervisor_cannot_a_suspend_is_a_pause_and_a_resume_an_unpause(void **state)
{
    struct bench b;
    (void)state;
    living(&b, false);
    unsigned from = b.events;
    assert_int_equal(suspend(&b), 0);
    assert_true(b.world.paused);
    assert_string_equal(b.power_state, "Paused");
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    bench_run(&b);
    assert_int_equal(resume(&b), 0);
    BENCH_HEARD(&b, from, "domain-pre-paused", "domain-paused", "domain-pre-unpaused", "domain-unpaused");
    bench_is_definite(&b);
    bench_end(&b);
}

static void what_does_not_run_is_not_suspended_and_what_is_not_paused_not_resumed(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    assert_int_equal(suspend(&b), -ERR_VM_NOT_RUNNING);
    assert_int_equal(resume(&b), -ERR_VM_NOT_PAUSED);
    bench_end(&b);
    living(&b, true);
    unsigned from = b.events;
    assert_int_equal(resume(&b), -ERR_VM_NOT_PAUSED);
    assert_int_equal(b.events, from);
    bench_end(&b);
}

static void a_paused_vm_that_would_have_to_be_told_is_not_suspended(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.qrexec = b.world.can_pm = true;
    bench_run(&b);
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    assert_int_equal(suspend(&b), -ERR_VM_NOT_RUNNING);
    assert_true(b.world.paused);
    bench_end(&b);
}

static void a_suspended_vm_survives_its_process_and_a_wake_from_outside_is_seen(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    assert_int_equal(suspend(&b), 0);
    unsigned from = b.events;
    bench_crash(&b, true);
    bench_run(&b);
    assert_string_equal(b.power_state, "Suspended");
    b.world.asleep = false;
    bench_observe(&b, VIRT_EVENT_STARTED);
    bench_run(&b);
    assert_string_equal(b.power_state, "Running");
    assert_int_equal(b.events, from);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_suspend_that_fails_changes_nothing(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    unsigned from = b.events;
    b.world.fail_call = b.world.calls + 2; /* behind the look before it */
    b.world.fail_with = -ERR_HYPERVISOR;
    assert_int_equal(suspend(&b), -ERR_HYPERVISOR);
    assert_int_equal(b.events, from);
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

/* How often the bus is asked what there is, after the start and after a resume. */
static void lists(const char *device_class, unsigned started, unsigned resumed)
{
    struct view_device automatic = {
        .backend = "usb", .port = "*", .device_id = "*", .backend_qid = 4, .automatic = 1};
    struct bench b;
    strcpy(automatic.device_class, device_class);
    bench_setup(&b);
    b.world.can_pm = true;
    b.assigned = &automatic;
    bench_run(&b);
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(b.asked_of[0], started);
    assert_int_equal(suspend(&b), 0);
    assert_int_equal(b.asked_of[0], started);
    assert_int_equal(resume(&b), 0);
    bench_run(&b);
    assert_int_equal(b.asked_of[0], resumed);
    bench_is_definite(&b);
    bench_end(&b);
}

static void after_a_resume_usb_devices_come_by_themselves_again_and_disks_do_not(void **state)
{
    (void)state;
    lists("usb", 1, 2);
    lists("block", 1, 1);
}

static void the_console_is_the_first_one_of_the_live_domain(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    b.world.live_xml = "<domain><devices><console type='pty' tty='/dev/pts/42'><target/></console>"
                       "<console tty='/dev/pts/43'/></devices></domain>";
    uint64_t asked = BENCH_HEAR(&b, vm_console, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_string_equal(b.console, "/dev/pts/42");
    b.world.live_xml = "<domain><devices/></domain>";
    asked = BENCH_HEAR(&b, vm_console, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_string_equal(b.console, "");
    b.world.live_xml = "<domain><devices>";
    asked = BENCH_HEAR(&b, vm_console, 0);
    bench_run(&b);
    assert_true(bench_answer(&b, asked) < 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_halted_vm_has_no_console(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_console, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_VM_NOT_RUNNING);
    bench_end(&b);
}

/* Every one of libvirt's states, as a VM that lives is seen in it. */
static void each_state_of_libvirt_has_its_power_state(void **state)
{
    static const struct {
        enum virt_state seen;
        enum vm_life life;
        const char *name;
    } rows[] = {
        {VIRT_NOSTATE, VM_LIVING, "Running"},      {VIRT_RUNNING, VM_LIVING, "Running"},
        {VIRT_BLOCKED, VM_LIVING, "Running"},      {VIRT_RUNNING, VM_STARTING, "Transient"},
        {VIRT_PAUSED, VM_LIVING, "Paused"},        {VIRT_PAUSED, VM_STARTING, "Paused"},
        {VIRT_SHUTDOWN, VM_LIVING, "Halting"},     {VIRT_SHUTOFF, VM_LIVING, "Dying"},
        {VIRT_CRASHED, VM_LIVING, "Crashed"},      {VIRT_PMSUSPENDED, VM_LIVING, "Suspended"},
        {VIRT_RUNNING, VM_HALTED, "Halted"},       {VIRT_RUNNING, VM_UNKNOWN, "NA"},
        {VIRT_PMSUSPENDED, VM_STOPPING, "Halted"},
    };
    struct vm vm = {.seen.active = true};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        vm.life = rows[i].life;
        vm.seen.state = rows[i].seen;
        assert_string_equal(vm_power_state(&vm), rows[i].name);
    }
    vm.life = VM_LIVING;
    vm.seen.active = false;
    assert_string_equal(vm_power_state(&vm), "Halted");
}

static void a_guest_with_qrexec_is_called_before_and_after_whatever_it_answers(void **state)
{
    static const struct service_reply ends[] = {{.status = 0}, {.status = 5, .said = "no"}};
    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct bench b;
        bench_setup(&b);
        b.world.can_pm = b.qrexec = true;
        b.service = ends[i];
        bench_run(&b);
        BENCH_HEAR(&b, vm_start, 0);
        bench_run(&b);
        bench_observe(&b, VIRT_EVENT_RESUMED);
        unsigned from = b.events;
        assert_int_equal(suspend(&b), 0);
        assert_true(b.world.asleep);
        assert_int_equal(b.services, 1);
        assert_int_equal(resume(&b), 0);
        assert_int_equal(b.services, 2);
        BENCH_HEARD(&b, from, "domain-cmd-pre-run start_guid=False", "domain-cmd-pre-run start_guid=False",
                    "domain-resumed");
        bench_end(&b);
    }
}

static void a_call_that_comes_to_nothing_suspends_all_the_same(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.world.can_pm = b.qrexec = true;
    b.fail_type = MESSAGE_service;
    b.fail_type_with = -ERR_TIMEOUT;
    bench_run(&b);
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(suspend(&b), 0);
    assert_true(b.world.asleep);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_resume_usb_devices_come_by_themselves_again_and_disks_do_not),
        cmocka_unit_test(a_guest_with_qrexec_is_called_before_and_after_whatever_it_answers),
        cmocka_unit_test(a_call_that_comes_to_nothing_suspends_all_the_same),
        cmocka_unit_test(a_vm_is_suspended_to_ram_without_a_word_and_resumed_with_one),
        cmocka_unit_test(where_the_hypervisor_cannot_a_suspend_is_a_pause_and_a_resume_an_unpause),
        cmocka_unit_test(what_does_not_run_is_not_suspended_and_what_is_not_paused_not_resumed),
        cmocka_unit_test(a_paused_vm_that_would_have_to_be_told_is_not_suspended),
        cmocka_unit_test(a_suspended_vm_survives_its_process_and_a_wake_from_outside_is_seen),
        cmocka_unit_test(a_suspend_that_fails_changes_nothing),
        cmocka_unit_test(the_console_is_the_first_one_of_the_live_domain),
        cmocka_unit_test(a_halted_vm_has_no_console),
        cmocka_unit_test(each_state_of_libvirt_has_its_power_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
