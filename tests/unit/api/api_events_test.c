/* SPDX-License-Identifier: MIT
 * Admin events: their order, to whom they go, resuming after a token, and that nothing is skipped
 * silently when a router or a delta is lost. */
#include "tests/unit/api/api_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ESTABLISHED "1||connection-established||"

static const struct scene_event started = {1, "domain-start", "start_guid", "True"};

static void a_subscriber_gets_records_in_order_after_the_first_one(void **state)
{
    static const struct scene_event two[] = {{1, "domain-feature-set:f1", "value", ""},
                                             {QID_GLOBAL, "domain-add", "vm", "work"}};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_happened(&s, &started, 1);
    uint64_t conn = scene_call(&s, "admin.Events dom0 name dom0", "");
    assert_true(s.stream[conn] && scene_got(&s, conn, ESTABLISHED));
    scene_happened(&s, &started, 1);
    scene_delta(&s, 11, NULL, two, 2);
    assert_true(scene_got(&s, conn,
                          ESTABLISHED "1|work|domain-start|start_guid|True||"
                                      "1|work|domain-feature-set:f1|value|||1||domain-add|vm|work||"));
    scene_close(&s);
}

static void a_single_vms_subscriber_hears_of_that_vm_only(void **state)
{
    static const struct scene_event other[] = {{2, "x", NULL, NULL}, {QID_GLOBAL, "y", NULL, NULL}};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.Events dom0 name work", "");
    scene_happened(&s, other, 2);
    scene_happened(&s, &started, 1);
    assert_true(scene_got(&s, conn, ESTABLISHED "1|work|domain-start|start_guid|True||"));
    scene_close(&s);
}

static void questions_that_the_reference_asks_itself_are_not_forwarded(void **state)
{
    static const struct scene_event hidden[] = {{1, "admin-permission:admin.vm.List", NULL, NULL},
                                                {1, "device-list:pci", NULL, NULL},
                                                {1, "domain-is-fully-usable", NULL, NULL},
                                                {1, "device-list-change:pci", NULL, NULL}};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.Events dom0 name dom0", "");
    scene_happened(&s, hidden, COUNT(hidden));
    assert_true(scene_got(&s, conn, ESTABLISHED "1|work|device-list-change:pci||"));
    scene_close(&s);
}

static void a_vm_keeps_its_name_in_the_delta_that_removes_it(void **state)
{
    static const struct scene_event last[] = {{1, "domain-shutdown", NULL, NULL},
                                              {QID_GLOBAL, "domain-delete", "vm", "work"}};
    struct change gone = {CHANGE_VM, 1, {NULL, 0}, {NULL, 0}, 1};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.Events dom0 name dom0", "");
    scene_delta(&s, 11, &gone, last, 2);
    assert_true(scene_got(&s, conn, ESTABLISHED "1|work|domain-shutdown||1||domain-delete|vm|work||"));
    assert_true(
        scene_refused(&s, scene_call(&s, "admin.vm.tag.List dom0 name work", ""), "QubesVMNotFoundError"));
    scene_close(&s);
}

static void the_removal_of_a_vms_disks_is_heard_by_who_listens_to_it_alone(void **state)
{
    static const struct scene_event last[] = {{QID_GLOBAL, "domain-delete", "vm", "work"},
                                              {1, "domain-remove-from-disk", NULL, NULL}};
    struct change gone = {CHANGE_VM, 1, {NULL, 0}, {NULL, 0}, 1};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t own = scene_call(&s, "admin.Events dom0 name work", "");
    uint64_t other = scene_call(&s, "admin.Events dom0 name away", "");
    uint64_t all = scene_call(&s, "admin.Events dom0 name dom0", "");
    uint64_t later = scene_call(&s, "bulkhead.Events dom0 name dom0", "");
    scene_delta(&s, 11, &gone, last, 2);
    assert_true(scene_got(&s, own, ESTABLISHED "1|work|domain-remove-from-disk||"));
    assert_true(scene_got(&s, other, ESTABLISHED));
    assert_true(scene_got(&s, all, ESTABLISHED "1||domain-delete|vm|work||"));
    assert_true(scene_got(&s, later,
                          "1||connection-established|number|7.0.4294967295||"
                          "1||domain-delete|vm|work|number|7.1.0||"));
    later = scene_call(&s, "bulkhead.Events+7.0.0 dom0 name dom0", "");
    assert_true(scene_got(&s, later, "1||domain-delete|vm|work|number|7.1.0||"));
    scene_close(&s);
}

static void events_that_came_before_the_snapshot_bear_the_names_of_their_time(void **state)
{
    static const struct scene_event last[] = {{9, "domain-x", NULL, NULL},
                                              {QID_GLOBAL, "domain-delete", "vm", "old"}};
    static const struct scene_event before = {9, "domain-start", NULL, NULL};
    struct change gone = {CHANGE_VM, 9, {NULL, 0}, {NULL, 0}, 1};
    struct scene s;
    (void)state;
    scene_begin(&s, 0);
    scene_hello(&s, 7);
    scene_happened(&s, &before, 1);
    scene_delta(&s, 9, &gone, last, 2);
    uint64_t conn = scene_call(&s, "bulkhead.Events+7.0.0 dom0 name dom0", "");
    scene_snapshot(&s, 0, 10);
    assert_true(scene_got(&s, conn,
                          "1|old|domain-start|number|7.1.0||1|old|domain-x|number|7.2.0||"
                          "1||domain-delete|vm|old|number|7.2.1||"));
    scene_close(&s);
}

static void resuming_after_a_token_leaves_no_gap_and_repeats_nothing(void **state)
{
    static const struct scene_event three[] = {
        {1, "a", NULL, NULL}, {1, "b", NULL, NULL}, {1, "c", NULL, NULL}};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t fresh = scene_call(&s, "bulkhead.Events dom0 name dom0", "");
    assert_true(scene_got(&s, fresh, "1||connection-established|number|7.0.4294967295||"));
    scene_happened(&s, three, 3);
    uint64_t conn = scene_call(&s, "bulkhead.Events+7.1.0 dom0 name dom0", "");
    scene_happened(&s, three, 1);
    assert_true(scene_got(&s, conn, "1|work|b|number|7.1.1||1|work|c|number|7.1.2||1|work|a|number|7.2.0||"));
    scene_close(&s);
}

static void what_qubesd_does_not_tell_only_those_hear_who_ask_for_it(void **state)
{
    static const struct scene_event own = {1, "bulkhead-volume-progress", "done", "7"};
    struct scene s;
    (void)state;
    scene_begin(&s, 0);
    scene_hello(&s, 7);
    uint64_t early = scene_call(&s, "bulkhead.Events+7.0.0 dom0 name dom0", "");
    scene_noticed(&s, &own, 1); /* before the model is there */
    scene_snapshot(&s, 0, 10);
    assert_true(scene_got(&s, early, "1|work|bulkhead-volume-progress|done|7|number|7.1.0||"));
    uint64_t plain = scene_call(&s, "admin.Events dom0 name dom0", "");
    uint64_t one = scene_call(&s, "admin.Events dom0 name work", "");
    scene_noticed(&s, &own, 1);
    assert_true(scene_got(&s, plain, ESTABLISHED) && scene_got(&s, one, ESTABLISHED));
    uint64_t late = scene_call(&s, "bulkhead.Events+7.1.0 dom0 name dom0", "");
    assert_true(scene_got(&s, late, "1|work|bulkhead-volume-progress|done|7|number|7.2.0||"));
    scene_close(&s);
}

static void a_token_that_is_too_old_or_of_another_epoch_is_told_so(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    s.number = 100; /* this api first heard event 101 */
    scene_happened(&s, &started, 1);
    uint64_t old = scene_call(&s, "bulkhead.Events+7.99.0 dom0 name dom0", "");
    uint64_t future = scene_call(&s, "bulkhead.Events+7.200.0 dom0 name dom0", "");
    uint64_t other = scene_call(&s, "bulkhead.Events+6.101.0 dom0 name dom0", "");
    uint64_t good = scene_call(&s, "bulkhead.Events+7.100.0 dom0 name dom0", "");
    assert_true(scene_got(&s, old, "1||gap||") && scene_got(&s, future, "1||gap||"));
    assert_true(scene_got(&s, other, "1||epoch-changed||"));
    assert_true(scene_got(&s, good, "1|work|domain-start|start_guid|True|number|7.101.0||"));
    scene_close(&s);
}

static void a_new_epoch_ends_every_stream(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t plain = scene_call(&s, "admin.Events dom0 name dom0", "");
    uint64_t numbered = scene_call(&s, "bulkhead.Events+7.0.0 dom0 name dom0", "");
    uint64_t trace = scene_call(&s, "bulkhead.Trace dom0 name dom0", "");
    scene_hello(&s, 8);
    assert_true(s.finished[plain] && s.finished[numbered] && s.finished[trace]);
    assert_true(scene_got(&s, plain, ESTABLISHED) && scene_got(&s, numbered, "1||epoch-changed||"));
    assert_int_equal(s.tells, 5); /* two in each epoch; host again, for no list came before the model */
    scene_close(&s);
}

static void a_missing_delta_means_another_snapshot_and_no_event_is_lost(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.Events dom0 name dom0", "");
    scene_delta(&s, 12, NULL, &started, 1);
    assert_int_equal(s.asks, 1);
    assert_int_equal(s.ask[0].e.type, MESSAGE_snapshot);
    uint64_t read = scene_call(&s, "admin.vm.tag.Get+one dom0 name work", "");
    assert_int_equal(s.got[read].len, 0);
    scene_snapshot(&s, 0, 12);
    assert_true(scene_got(&s, read, "0|1"));
    assert_true(scene_got(&s, conn, ESTABLISHED "1|work|domain-start|start_guid|True||"));
    scene_delta(&s, 13, NULL, NULL, 0);
    assert_int_equal(s.asks, 1);
    scene_close(&s);
}

static void a_refused_snapshot_is_asked_for_again(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s, 0);
    scene_hello(&s, 7);
    scene_answer(&s, 0, -ERR_BUSY, "busy", NULL);
    assert_int_not_equal(s.timer_at[1], 0);
    api_actor.timer(s.api, &s.out, 1);
    assert_int_equal(s.asks, 2);
    scene_snapshot(&s, 1, 3);
    assert_int_equal(s.readies, 1);
    scene_close(&s);
}

static void what_was_heard_before_is_not_heard_twice(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.Events dom0 name dom0", "");
    scene_happened(&s, &started, 1);
    s.number = 0;
    scene_happened(&s, &started, 1);
    assert_true(scene_got(&s, conn, ESTABLISHED "1|work|domain-start|start_guid|True||"));
    scene_close(&s);
}

static void the_router_is_told_what_was_seen_less_a_window(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    for (int i = 0; i < 2048 + 255; i++)
        scene_happened(&s, &started, 1);
    assert_int_equal(s.seen, 0);
    scene_happened(&s, &started, 1);
    assert_int_equal(s.seen, 256);
    scene_close(&s);
}

static void a_listener_whose_connection_broke_is_forgotten(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.Events dom0 name dom0", "");
    s.broken[conn] = true;
    scene_happened(&s, &started, 1);
    s.broken[conn] = false;
    scene_happened(&s, &started, 1);
    assert_true(scene_got(&s, conn, ESTABLISHED));
    scene_close(&s);
}

static void a_trace_is_told_to_the_router_and_ends_with_its_client(void **state)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(100);
    struct traced m = {.message = {"\x01\xaf", 2}};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "bulkhead.Trace+00000000000000010000000000000002 dom0 name dom0", "");
    assert_int_equal(s.traces, 1);
    assert_true(scene_refused(&s, scene_call(&s, "bulkhead.Trace dom0 name dom0", ""), "QubesException"));
    traced_encode(&body, &m);
    struct envelope e = {.type = MESSAGE_traced, .class = CLASS_EVENT, .body = text_span(&body)};
    api_actor.hear(s.api, &s.out, &e);
    assert_true(scene_got(&s, conn, "1||message|bytes|01af||"));
    api_client_gone(s.api, &s.out, conn);
    assert_int_equal(s.traces, 2);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subscriber_gets_records_in_order_after_the_first_one),
        cmocka_unit_test(a_single_vms_subscriber_hears_of_that_vm_only),
        cmocka_unit_test(questions_that_the_reference_asks_itself_are_not_forwarded),
        cmocka_unit_test(a_vm_keeps_its_name_in_the_delta_that_removes_it),
        cmocka_unit_test(the_removal_of_a_vms_disks_is_heard_by_who_listens_to_it_alone),
        cmocka_unit_test(events_that_came_before_the_snapshot_bear_the_names_of_their_time),
        cmocka_unit_test(resuming_after_a_token_leaves_no_gap_and_repeats_nothing),
        cmocka_unit_test(what_qubesd_does_not_tell_only_those_hear_who_ask_for_it),
        cmocka_unit_test(a_token_that_is_too_old_or_of_another_epoch_is_told_so),
        cmocka_unit_test(a_new_epoch_ends_every_stream),
        cmocka_unit_test(a_missing_delta_means_another_snapshot_and_no_event_is_lost),
        cmocka_unit_test(a_refused_snapshot_is_asked_for_again),
        cmocka_unit_test(what_was_heard_before_is_not_heard_twice),
        cmocka_unit_test(the_router_is_told_what_was_seen_less_a_window),
        cmocka_unit_test(a_listener_whose_connection_broke_is_forgotten),
        cmocka_unit_test(a_trace_is_told_to_the_router_and_ends_with_its_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
