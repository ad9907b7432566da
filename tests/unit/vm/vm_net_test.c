/* SPDX-License-Identifier: MIT
 * The interface of a VM that runs: before and after its netvm changes, and while it is paused. */
#include "tests/unit/vm/vm_bench.h"

#define LIVE(backend)                                                                                        \
    "<domain><devices><interface type='bridge'/><interface type='ethernet'><mac "                            \
    "address='00:16:3e:5e:6c:00'/>"                                                                          \
    "<backenddomain name='" backend "'/><script path='vif-route-qubes'/></interface></devices></domain>"
static const char bare[] = "<domain><devices/></domain>";

static const struct address registry = {KIND_REGISTRY, 0};

static void living(struct bench *b)
{
    bench_setup(b);
    b->world.door.can = &bench_xen;
    b->world.live_xml = bare;
    b->has_netvm = true;
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    bench_observe(b, VIRT_EVENT_RESUMED);
    bench_run(b);
    b->serves = b->fills = 0;
}

static int prepare(struct bench *b, bool paused)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    prepare_encode(
        &body, &(struct prepare){.property = "netvm", .was = "net", .becomes = "other", .paused = paused});
    uint64_t asked = bench_hear_from(b, registry, MESSAGE_prepare, &body);
    bench_run(b);
    return bench_answer(b, asked);
}

static int finish_when(struct bench *b, const char *becomes, bool deferred)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    struct finish m = {.property = "netvm", .deferred = deferred};
    snprintf(m.becomes, sizeof m.becomes, "%s", becomes);
    finish_encode(&body, &m);
    uint64_t asked = bench_hear_from(b, registry, MESSAGE_finish, &body);
    bench_run(b);
    return bench_answer(b, asked);
}

static int finish(struct bench *b, const char *becomes)
{
    return finish_when(b, becomes, false);
}

static void before_a_change_the_interface_goes_as_it_stands(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.live_xml = LIVE("net");
    assert_int_equal(prepare(&b, false), 0);
    assert_non_null(strstr(b.world.no_interface, "<interface type=\"ethernet\">"));
    assert_non_null(strstr(b.world.no_interface, "<backenddomain name=\"net\"/>"));
    assert_string_equal(b.world.interface, "");
    bench_end(&b);
}

static void an_interface_that_stays_refuses_the_change(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.live_xml = LIVE("net");
    b.world.plug_fails = true;
    assert_int_equal(prepare(&b, false), -ERR_HYPERVISOR);
    bench_end(&b);
}

static void after_a_change_guest_and_netvm_are_told_and_then_it_comes(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    assert_int_equal(finish(&b, "net"), 0);
    assert_int_equal(b.fills, 1);
    assert_int_equal(b.serves, 1);
    assert_non_null(strstr(b.world.interface, "<backenddomain name=\"net\"/>"));
    assert_int_equal(finish(&b, ""), 0); /* no netvm: only the guest is told */
    assert_int_equal(b.fills, 2);
    assert_int_equal(b.serves, 1);
    bench_end(&b);
}

static void what_is_there_is_not_attached_again_and_what_is_wrong_is_replaced(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.live_xml = LIVE("net");
    assert_int_equal(finish(&b, "net"), 0);
    assert_string_equal(b.world.interface, "");
    b.world.live_xml = LIVE("old");
    assert_int_equal(finish(&b, "net"), 0);
    assert_non_null(strstr(b.world.no_interface, "\"old\""));
    assert_non_null(strstr(b.world.interface, "\"net\""));
    bench_end(&b);
}

static void registry_is_back(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    vm_tell_encode(&body, NO_MESSAGE(vm_tell));
    bench_hear_from(b, registry, MESSAGE_vm_tell, &body);
    bench_run(b);
}

/* Killed between its commit and the end of the change, it knows nothing of that when it is back. */
static void a_change_that_registry_did_not_end_is_ended_when_it_is_back(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.live_xml = LIVE("old");
    assert_int_equal(prepare(&b, false), 0);
    b.world.live_xml = bare;
    registry_is_back(&b);
    assert_int_equal(b.fills, 1);
    assert_int_equal(b.serves, 1);
    assert_non_null(strstr(b.world.interface, "<backenddomain name=\"net\"/>"));
    registry_is_back(&b);
    assert_int_equal(b.fills, 1); /* once */
    bench_end(&b);
}

static void nor_does_it_stay_away_when_nobody_says_what_became_of_the_change(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.world.live_xml = LIVE("net");
    assert_int_equal(prepare(&b, false), 0);
    b.world.live_xml = bare;
    assert_true(b.timer[TIMER_NET] != 0);
    bench_timer_fires(&b, TIMER_NET);
    bench_run(&b);
    assert_non_null(strstr(b.world.interface, "<backenddomain name=\"net\"/>"));
    assert_int_equal(b.timer[TIMER_NET], 0);
    bench_end(&b);
}

static void a_change_that_was_ended_is_not_ended_again(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    assert_int_equal(prepare(&b, false), 0);
    assert_int_equal(finish(&b, "net"), 0);
    assert_int_equal(b.timer[TIMER_NET], 0);
    registry_is_back(&b);
    assert_int_equal(b.fills, 1);
    bench_end(&b);
}

static void while_it_is_paused_nothing_is_touched(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    bench_observe(&b, VIRT_EVENT_SUSPENDED);
    bench_run(&b);
    assert_true(b.paused_told);
    b.world.live_xml = LIVE("net");
    assert_int_equal(prepare(&b, false), -ERR_STATE); /* registry did not know of the pause */
    assert_int_equal(prepare(&b, true), 0);
    assert_int_equal(finish(&b, "net"), 0);
    assert_string_equal(b.world.no_interface, "");
    assert_string_equal(b.world.interface, "");
    assert_int_equal(b.serves, 0);
    BENCH_HEAR(&b, vm_unpause, 0);
    bench_run(&b);
    assert_false(b.paused_told);
    bench_end(&b);
}

static void only_its_netvm_says_that_the_netvm_has_started(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    (void)state;
    living(&b);
    netvm_is_encode(&body, &(struct netvm_is){.up = 1});
    bench_hear_from(&b, (struct address){KIND_VM, CLIENT_QID}, MESSAGE_netvm_is, &body);
    bench_run(&b);
    assert_string_equal(b.world.interface, "");
    bench_hear_from(&b, (struct address){KIND_VM, NETVM_QID}, MESSAGE_netvm_is, &body);
    bench_run(&b);
    assert_non_null(strstr(b.world.interface, "\"net\""));
    bench_end(&b);
}

static void a_process_that_comes_after_a_crash_looks_after_the_interface(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    bench_crash(&b, true);
    bench_run(&b);
    assert_non_null(strstr(b.world.interface, "\"net\""));
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_vm_that_rests_stands_in_no_ones_way(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    assert_int_equal(prepare(&b, false), 0);
    assert_int_equal(finish(&b, "net"), 0);
    assert_int_equal(b.fills, 0);
    bench_end(&b);
}

static void after_a_change_that_was_put_off_the_guest_says_when_it_has_its_uplink(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.qrexec = b.has_netvm = true;
    b.world.door.can = &bench_xen;
    b.world.live_xml = bare;
    bench_run(&b);
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(finish(&b, "net"), 0);
    assert_int_equal(b.services, 0);
    assert_int_equal(finish_when(&b, "net", true), 0);
    assert_int_equal(b.services, 1);
    assert_string_equal(b.called, "qubes.WaitForNetworkUplink root");
    assert_non_null(strstr(b.world.interface, "\"net\""));
    b.service.status = 1;
    assert_int_equal(finish_when(&b, "net", true), -ERR_QUBES);
    assert_int_equal(finish_when(&b, "", true), 0); /* no uplink is to come */
    assert_int_equal(b.services, 2);
    bench_is_definite(&b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_a_change_the_interface_goes_as_it_stands),
        cmocka_unit_test(an_interface_that_stays_refuses_the_change),
        cmocka_unit_test(after_a_change_guest_and_netvm_are_told_and_then_it_comes),
        cmocka_unit_test(what_is_there_is_not_attached_again_and_what_is_wrong_is_replaced),
        cmocka_unit_test(a_change_that_registry_did_not_end_is_ended_when_it_is_back),
        cmocka_unit_test(nor_does_it_stay_away_when_nobody_says_what_became_of_the_change),
        cmocka_unit_test(a_change_that_was_ended_is_not_ended_again),
        cmocka_unit_test(while_it_is_paused_nothing_is_touched),
        cmocka_unit_test(only_its_netvm_says_that_the_netvm_has_started),
        cmocka_unit_test(a_process_that_comes_after_a_crash_looks_after_the_interface),
        cmocka_unit_test(after_a_change_that_was_put_off_the_guest_says_when_it_has_its_uplink),
        cmocka_unit_test(a_vm_that_rests_stands_in_no_ones_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
