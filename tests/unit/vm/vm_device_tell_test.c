/* SPDX-License-Identifier: MIT
 * What a VM has is told to its bus until that has come right: when libvirt did not answer, when a process
 * died in the middle, when a detachment was not seen. */
#include "tests/unit/vm/vm_device_bench.h"

static uint64_t ask_attach(struct bench *b)
{
    return BENCH_HEAR(b, vm_attach, .device_class = "pci", .backend = "dom0", .port = "00_19.0",
                      .device_id = "net", .device = SPAN_LITERAL("dom0:00_19.0:net"),
                      .options = SPAN_LITERAL("{}"));
}

static void bus_asks(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    vm_tell_encode(&body, NO_MESSAGE(vm_tell));
    bench_hear_from(b, (struct address){KIND_DEVBUS_PCI, 0}, MESSAGE_vm_tell, &body);
}

static void what_libvirt_could_not_show_is_looked_at_again(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    unsigned told = b.has_told;
    b.hold_tasks = true;
    bus_asks(&b);
    bench_run(&b);
    struct task *task = TAKE(b.task);
    struct done d = {.task = task, .what = task->what};
    task->r = fault_set(&task->why, ERR_NO_CONNECTION, "libvirtd has just gone");
    vm_actor.done(b.core, &b.out, &d);
    free(task);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(b.has_told, told);
    bench_timer_fires(&b, TIMER_AGAIN);
    bench_run(&b);
    assert_int_equal(b.has_told, told + 1);
    bench_end(&b);
}

/* libvirtd does what the dead process has asked of it when the next one has looked already. */
static void after_a_death_amid_an_attachment_it_is_told_once_more_when_libvirtd_has_settled(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    b.hold_tasks = true;
    ask_attach(&b);
    bench_run(&b);
    assert_non_null(b.task);
    bench_crash(&b, false);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(b.has, 0);
    bench_crash(&b, false); /* the next one has known it, and dies before it could */
    bench_run(&b);
    snprintf(b.world.plugged[0], sizeof b.world.plugged[0],
             "<hostdev type=\"pci\" managed=\"yes\"><source><address domain=\"0x0000\" bus=\"0x00\" "
             "slot=\"0x19\" function=\"0x0\"/></source></hostdev>");
    unsigned told = b.has_told;
    assert_true(b.timer[TIMER_TELL] != 0);
    bench_timer_fires(&b, TIMER_TELL);
    bench_run(&b);
    assert_int_equal(b.has_told, told + 1);
    assert_int_equal(b.has, 1);
    bench_crash(&b, false); /* it has been told */
    bench_run(&b);
    assert_int_equal(b.timer[TIMER_TELL], 0);
    bench_end(&b);
}

static void a_detachment_that_is_not_seen_is_told_as_it_is(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    ask_attach(&b);
    bench_run(&b);
    unsigned told = b.has_told;
    b.fail_type = MESSAGE_bus_confirm;
    b.fail_type_with = -ERR_TIMEOUT;
    uint64_t asked = BENCH_HEAR(&b, vm_detach, .device_class = "pci", .backend = "dom0", .port = "00_19.0",
                                .device = SPAN_LITERAL("dom0:00_19.0"));
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_TIMEOUT);
    assert_int_equal(b.has_told, told + 1);
    assert_int_equal(b.has, 0);
    bench_end(&b);
}

/* Which devices it was started with, the next process does not know. */
static void a_start_that_another_process_finishes_is_told(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.virt_mode = "hvm";
    bench_run(&b);
    BENCH_HEAR(&b, vm_start, .nothing = 0);
    while (b.note[0] == '\0' || strstr(b.note, "step=running") == NULL)
        assert_true(bench_run_once(&b));
    bench_crash(&b, false);
    bench_run(&b);
    assert_int_equal(b.core->life, VM_LIVING);
    assert_int_equal(b.has_told, 1);
    bench_end(&b);
}

/* The last words of a process that is killed may be lost with it, or have never been said. */
static void that_its_life_is_over_is_told_again_by_the_next_process(void **state)
{
    for (int row = 0; row < 4; row++) {
        bool lives_again = row % 2 != 0, said = row / 2 != 0;
        struct bench b;
        (void)state;
        open_living(&b);
        BENCH_HEAR(&b, vm_kill, .nothing = 0);
        while (strstr(b.note, "step=stopped") == NULL || (said && b.over_told == 0))
            assert_true(bench_run_once(&b));
        unsigned told = b.over_told, pci_told = b.has_told;
        assert_int_equal(told > 0, said);
        b.world.active = lives_again;
        bench_crash(&b, false);
        bench_run(&b);
        assert_true(b.over_told > told && b.over_told >= 2 * told);
        assert_true(b.has_told > pci_told);
        bench_end(&b);
    }
}

/* The look that finds it running is older than the word of its end. */
static void the_word_of_its_end_during_the_first_look_is_looked_at(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    bench_crash(&b, false);
    b.hold_tasks = true;
    bench_run(&b);
    assert_non_null(b.task);
    vm_actor.perform(&b.doors, b.task);
    struct done d = {.task = b.task, .what = b.task->what};
    b.world.active = false;
    bench_observe(&b, VIRT_EVENT_STOPPED);
    struct task *task = TAKE(b.task);
    vm_actor.done(b.core, &b.out, &d);
    free(task);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(b.core->life, VM_HALTED);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_libvirt_could_not_show_is_looked_at_again),
        cmocka_unit_test(after_a_death_amid_an_attachment_it_is_told_once_more_when_libvirtd_has_settled),
        cmocka_unit_test(a_detachment_that_is_not_seen_is_told_as_it_is),
        cmocka_unit_test(a_start_that_another_process_finishes_is_told),
        cmocka_unit_test(that_its_life_is_over_is_told_again_by_the_next_process),
        cmocka_unit_test(the_word_of_its_end_during_the_first_look_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
