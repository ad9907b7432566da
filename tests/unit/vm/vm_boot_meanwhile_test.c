/* SPDX-License-Identifier: MIT
 * A VM whose start waits for the agent in its guest runs: it is paused, given devices and another netvm, and
 * the start goes on. Spec: lifecycle 2.2, 3, 5, net 3. */
#include "tests/unit/vm/vm_bench_boot.h"

static const struct address registry = {KIND_REGISTRY, 0};

static void it_is_paused_and_unpaused_and_boots_on(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = booting(&b);
    pauses(&b);
    assert_true(b.paused_told);
    unpauses(&b);
    assert_string_equal(b.power_state, "Transient");
    assert_false(b.paused_told);
    assert_int_equal(bench_answer(&b, start), 1);
    agent_comes(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    BENCH_HEARD(&b, BEFORE, "domain-pre-paused", "domain-paused", "domain-pre-unpaused", "domain-unpaused",
                "domain-start start_guid=True");
    bench_is_definite(&b);
    bench_end(&b);
}

/* Its agent could not come: it gets all its time again, as often as it is paused, and no more often. */
static void the_time_that_it_sleeps_does_not_count(void **state)
{
    (void)state;
    for (int awake = 0; awake < 2; awake++) {
        struct bench b;
        uint64_t start = booting(&b);
        pauses(&b);
        if (awake)
            unpauses(&b);
        b.daemon[PROGRAM_QREXEC_DAEMON].status = 3; /* the agent did not come */
        b.hold_type = 0;
        bench_run_once(&b);
        b.hold_type = MESSAGE_daemon;
        bench_run(&b);
        assert_int_equal(bench_answer(&b, start), 1);
        unsigned told = b.progresses;
        for (int i = 0; i < 2; i++)
            bench_timer_fires(&b, TIMER_BOOT);
        assert_int_equal(b.progresses > told, !awake); /* who waits hears that it is to wait on */
        if (!awake)
            unpauses(&b);
        assert_int_equal(b.asked, 1); /* the agent is waited for again */
        assert_true(b.world.active);
        agent_comes(&b);
        assert_int_equal(bench_answer(&b, start), -ERR_VM);
        assert_false(b.world.active);
        assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
        bench_is_definite(&b);
        bench_end(&b);
    }
}

/* It is paused while its agent is waited for, and that has come too late. */
static uint64_t sleeping(struct bench *b)
{
    uint64_t start = booting(b);
    pauses(b);
    b->daemon[PROGRAM_QREXEC_DAEMON].status = 3;
    agent_comes(b);
    return start;
}

static void who_waits_for_one_that_sleeps_on_hears_it_and_the_start_goes_on_without_him(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = sleeping(&b);
    b.daemon[PROGRAM_QREXEC_DAEMON].status = 0;
    for (int i = 0; i < 10; i++)
        bench_timer_fires(&b, TIMER_BOOT);
    assert_int_equal(bench_answer(&b, start), -ERR_QUBES);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 0);
    unpauses(&b);
    assert_int_equal(bench_count(&b, "domain-start"), 1);
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

static void one_that_sleeps_when_its_agent_is_late_starts_when_it_wakes(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = sleeping(&b);
    b.daemon[PROGRAM_QREXEC_DAEMON].status = 0;
    assert_int_equal(bench_answer(&b, start), 1);
    unpauses(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    assert_int_equal(bench_count(&b, "domain-start"), 1);
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_kill_does_not_wait_for_its_waking(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = sleeping(&b);
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), 0);
    assert_int_equal(bench_answer(&b, start), -ERR_CANCELLED);
    bench_is_definite(&b);
    bench_end(&b);
}

static uint64_t attaches(struct bench *b)
{
    return BENCH_HEAR(b, vm_attach, .device_class = "pci", .backend = "dom0", .port = "00_19.0",
                      .device_id = "net", .permissive = 1, .device = SPAN_LITERAL("dom0:00_19.0:net"),
                      .options = SPAN_LITERAL("{}"));
}

static uint64_t detaches(struct bench *b)
{
    return BENCH_HEAR(b, vm_detach, .device_class = "pci", .backend = "dom0", .port = "00_19.0",
                      .device = SPAN_LITERAL("dom0:00_19.0"));
}

static void a_device_comes_and_goes_while_it_boots(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.virt_mode = "hvm";
    uint64_t start = boots(&b);
    uint64_t asked = attaches(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    snprintf(b.world.plugged[0], sizeof b.world.plugged[0], /* as libvirt shows it: without options */
             "<hostdev type=\"pci\" managed=\"yes\"><source><address domain=\"0x0000\" bus=\"0x00\" "
             "slot=\"0x19\" function=\"0x0\"/></source></hostdev>");
    asked = detaches(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.services, 0); /* its guest cannot be asked yet */
    assert_int_equal(bench_answer(&b, start), 1);
    agent_comes(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    BENCH_HEARD(&b, BEFORE, "device-pre-attach:pci device=dom0:00_19.0:net options={}",
                "device-attach:pci device=dom0:00_19.0:net options={}",
                "device-pre-detach:pci port=dom0:00_19.0", "device-detach:pci port=dom0:00_19.0",
                "domain-start start_guid=True");
    bench_is_definite(&b);
    bench_end(&b);
}

/* At whatever word or note its process is killed: the device is there or not, and the start is finished. */
static void killed_with_a_device_on_its_way_the_start_is_finished_all_the_same(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 12; at++) {
        struct bench b;
        bench_setup(&b);
        b.virt_mode = "hvm";
        boots(&b);
        b.die_at = b.said + at;
        attaches(&b);
        agent_comes(&b);
        bench_crash(&b, true);
        bench_run(&b);
        assert_int_equal(bench_count(&b, "domain-start"), 1);
        assert_true(bench_count(&b, "device-pre-attach:pci") <= 1);
        assert_string_equal(b.power_state, "Running");
        bench_is_definite(&b);
        bench_end(&b);
    }
}

/* One that ended meanwhile has failed to start. */
static void killed_with_a_device_on_its_way_the_end_of_the_guest_is_found(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.virt_mode = "hvm";
    boots(&b);
    b.hold_asks = true;
    attaches(&b);
    bench_run(&b);
    b.world.active = b.hold_asks = false;
    b.asked = 0;
    bench_crash(&b, true);
    agent_comes(&b);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    assert_string_equal(b.power_state, "Halted");
    bench_is_definite(&b);
    bench_end(&b);
}

static uint64_t prepares(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    prepare_encode(&body, &(struct prepare){.property = "netvm", .was = "net", .becomes = "other"});
    return bench_hear_from(b, registry, MESSAGE_prepare, &body);
}

#define LIVE                                                                                                 \
    "<domain><devices><interface type='ethernet'><backenddomain name='net'/></interface></devices></domain>"

static void its_netvm_changes_while_it_boots(void **state)
{
    struct bench b;
    (void)state;
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    bench_setup(&b);
    b.has_netvm = true;
    uint64_t start = boots(&b);
    b.world.live_xml = LIVE;
    uint64_t asked = prepares(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_non_null(strstr(b.world.no_interface, "\"net\""));
    b.world.live_xml = "<domain><devices/></domain>";
    finish_encode(&body, &(struct finish){.property = "netvm", .becomes = "net"});
    asked = bench_hear_from(&b, registry, MESSAGE_finish, &body);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_non_null(strstr(b.world.interface, "\"net\""));
    assert_int_equal(bench_answer(&b, start), 1);
    agent_comes(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    bench_end(&b);
}

/* Put off by a pause, the change is made up for when the VM has started: before, nobody in it is there. */
static void a_change_that_was_put_off_is_due_when_it_has_started(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.has_netvm = true;
    boots(&b);
    pauses(&b);
    b.core->view.netvm_put_off = 1;
    unpauses(&b);
    assert_int_equal(b.dues, 0);
    agent_comes(&b);
    assert_int_equal(b.dues, 1);
    bench_end(&b);
}

/* Behind a netvm that boots, say: there is no interface yet, and no reason to wait. */
static void a_vm_that_has_no_domain_yet_agrees_at_once_to_another_netvm(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.has_netvm = true;
    bench_run(&b);
    b.hold_type = MESSAGE_vm_start; /* its netvm does not come up */
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    uint64_t asked = prepares(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(bench_answer(&b, start), 1);
    b.hold_type = 0;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    bench_end(&b);
}

/* It starts behind the one that it has when its domain is made; and its disks are those that were started. */
static void a_start_whose_netvm_changes_meanwhile_asks_the_other_one(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.has_netvm = b.has_volumes = true;
    b.world.door.can = &bench_xen;
    bench_run(&b);
    b.hold_type = MESSAGE_guest_serve;
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    bench_sends_view(&b, "other", NETVM_QID + 1);
    b.hold_type = 0;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    assert_int_equal(b.netvm_asked, NETVM_QID + 1);
    assert_int_equal(b.serves, 2);
    assert_non_null(strstr(b.world.defined_xml, "other"));
    assert_int_equal(bench_disks, 2);
    assert_int_equal(bench_count(&b, "domain-pre-spawn"), 1);
    bench_end(&b);
}

static void who_starts_it_again_waits_and_a_client_of_a_netvm_that_sleeps_does_not(void **state)
{
    struct bench b;
    (void)state;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    uint64_t start = booting(&b);
    uint64_t again = BENCH_HEAR(&b, vm_start, 0);
    vm_start_encode(&body, NO_MESSAGE(vm_start));
    uint64_t client = bench_hear_from(&b, (struct address){KIND_VM, CLIENT_QID}, MESSAGE_vm_start, &body);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, client), 1);
    pauses(&b);
    assert_int_equal(bench_answer(&b, client), 0);
    assert_int_equal(bench_answer(&b, again), 1);
    agent_comes(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    assert_int_equal(bench_answer(&b, again), 0);
    bench_end(&b);
}

static void its_figures_are_those_of_the_moment(void **state)
{
    struct bench b;
    (void)state;
    uint64_t start = booting(&b);
    unsigned calls = b.world.calls;
    uint64_t asked = BENCH_HEAR(&b, vm_current, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_true(b.world.calls > calls || b.core->has_looked);
    assert_int_equal(bench_answer(&b, start), 1);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_paused_and_unpaused_and_boots_on),
        cmocka_unit_test(the_time_that_it_sleeps_does_not_count),
        cmocka_unit_test(who_waits_for_one_that_sleeps_on_hears_it_and_the_start_goes_on_without_him),
        cmocka_unit_test(one_that_sleeps_when_its_agent_is_late_starts_when_it_wakes),
        cmocka_unit_test(a_kill_does_not_wait_for_its_waking),
        cmocka_unit_test(a_device_comes_and_goes_while_it_boots),
        cmocka_unit_test(killed_with_a_device_on_its_way_the_start_is_finished_all_the_same),
        cmocka_unit_test(killed_with_a_device_on_its_way_the_end_of_the_guest_is_found),
        cmocka_unit_test(its_netvm_changes_while_it_boots),
        cmocka_unit_test(a_change_that_was_put_off_is_due_when_it_has_started),
        cmocka_unit_test(a_vm_that_has_no_domain_yet_agrees_at_once_to_another_netvm),
        cmocka_unit_test(a_start_whose_netvm_changes_meanwhile_asks_the_other_one),
        cmocka_unit_test(who_starts_it_again_waits_and_a_client_of_a_netvm_that_sleeps_does_not),
        cmocka_unit_test(its_figures_are_those_of_the_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
