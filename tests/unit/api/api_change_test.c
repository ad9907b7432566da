/* SPDX-License-Identifier: MIT
 * What api asks of other processes: what it says, what it makes of answers, and that a lost question
 * is asked once more under the same operation. */
#include "tests/unit/api/api_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct operate operation_asked(const struct scene *s, size_t i)
{
    struct operate m;
    assert_int_equal(s->ask[i].e.type, MESSAGE_operate);
    assert_int_equal(s->ask[i].e.to_kind, KIND_REGISTRY);
    assert_int_equal(operate_decode(&m, s->ask[i].e.body), 0);
    return m;
}

static void each_change_is_one_operation_of_the_registry(void **state)
{
    static const struct {
        const char *request, *payload;
        enum operation operation;
        uint32_t target;
        const char *key, *value;
    } row[] = {
        {"admin.vm.property.Set+memory dom0 name work", "500", OPERATION_property_set, 1, "memory", "500"},
        {"admin.vm.CreateInPool.AppVM+work dom0 name dom0", "name=a label=red pool=p",
         OPERATION_vm_create_in_pool, QID_GLOBAL, "AppVM+work", "name=a label=red pool=p"},
        {"admin.vm.property.Reset+memory dom0 name work", "", OPERATION_property_reset, 1, "memory", ""},
        {"admin.property.Set+clockvm dom0 name dom0", "work", OPERATION_property_set, QID_GLOBAL, "clockvm",
         "work"},
        {"admin.vm.feature.Set+f dom0 name work", "v", OPERATION_feature_set, 1, "f", "v"},
        {"admin.vm.feature.Remove+f dom0 name work", "", OPERATION_feature_remove, 1, "f", ""},
        {"admin.vm.tag.Set+t dom0 name work", "", OPERATION_tag_set, 1, "t", ""},
        {"admin.vm.tag.Remove+t dom0 name work", "", OPERATION_tag_remove, 1, "t", ""},
        {"admin.label.Create+new dom0 name dom0", " 0xAB0000\n", OPERATION_label_create, QID_GLOBAL, "new",
         "0xAB0000"},
        {"admin.label.Remove+red dom0 name dom0", "", OPERATION_label_remove, QID_GLOBAL, "red", ""},
        {"admin.vm.Create.AppVM+tmpl dom0 name dom0", "name=a label=red", OPERATION_vm_create, QID_GLOBAL,
         "AppVM+tmpl", "name=a label=red"},
        {"admin.vm.Remove dom0 name work", "", OPERATION_vm_remove, 1, "", ""},
        {"admin.vm.device.pci.Assign+dom0+00_19.0 dom0 name work", "mode='required'", OPERATION_device_assign,
         1, "pci dom0+00_19.0", "mode='required'"},
        {"admin.vm.device.block.Unassign+work+sda+_ dom0 name work", "", OPERATION_device_unassign, 1,
         "block work+sda+_", ""},
        {"admin.vm.device.pci.Set.assignment+dom0+00_19.0 dom0 name work", "required", OPERATION_device_mode,
         1, "pci dom0+00_19.0", "required"},
        {"qubes.NotifyUpdates dom0 name dom0", " 12\n", OPERATION_updates_notice, 0, "", "12"},
    };
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    for (size_t i = 0; i < COUNT(row); i++) {
        uint64_t conn = scene_call(&s, row[i].request, row[i].payload);
        assert_int_equal(s.asks, 1);
        struct operate m = operation_asked(&s, 0);
        assert_int_equal(m.operation, row[i].operation);
        assert_int_equal(m.target, row[i].target);
        assert_true(span_is(m.key, row[i].key) && span_is(m.value, row[i].value));
        assert_true(s.ask[0].e.op_high != 0 && s.ask[0].e.deadline > s.out.now);
        assert_int_equal(s.got[conn].len, 0);
        scene_answer(&s, 0, 0, "", NULL);
        assert_true(scene_got(&s, conn, "0|") && s.finished[conn]);
        scene_forget_asks(&s);
    }
    scene_close(&s);
}

static void an_error_of_the_asked_process_keeps_its_class_and_its_text(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.Remove dom0 name work", "");
    scene_answer(&s, 0, -ERR_VM_IN_USE, "it is needed", NULL);
    assert_true(scene_got(&s, conn, "2|QubesVMInUseError||it is needed|"));
    scene_close(&s);
}

static void a_lost_question_is_asked_once_more_under_the_same_operation(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.tag.Set+t dom0 name work", "");
    scene_answer(&s, 0, -ERR_GONE, "gone", NULL);
    assert_int_equal(s.asks, 2);
    assert_int_equal(s.got[conn].len, 0);
    assert_true(s.ask[0].e.op_high == s.ask[1].e.op_high && s.ask[0].e.op_low == s.ask[1].e.op_low);
    assert_int_equal(s.ask[1].tag, s.ask[0].tag);
    assert_true(s.ask[0].body.len == s.ask[1].body.len &&
                memcmp(s.ask[0].body.at, s.ask[1].body.at, s.ask[0].body.len) == 0);
    scene_answer(&s, 1, -ERR_GONE, "gone", NULL);
    assert_int_equal(s.asks, 2);
    assert_true(scene_refused(&s, conn, "QubesException"));
    scene_close(&s);
}

static void a_question_lost_with_the_router_waits_for_the_next_one(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.tag.Set+t dom0 name work", "");
    struct answer a = {.tag = s.ask[0].tag, .r = -ERR_GONE};
    api_actor.answered(s.api, &s.out, &a);
    assert_int_equal(s.asks, 1);
    scene_hello(&s, 8);
    assert_int_equal(s.asks, 3); /* a snapshot, and the question */
    assert_int_equal(s.ask[2].e.type, MESSAGE_operate);
    assert_true(s.ask[2].e.op_low == s.ask[0].e.op_low);
    scene_answer(&s, 2, 0, "", NULL);
    assert_true(scene_got(&s, conn, "0|"));
    scene_close(&s);
}

static void a_question_that_finds_no_router_in_time_is_answered(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.tag.Set+t dom0 name work", "");
    struct answer a = {.tag = s.ask[0].tag, .r = -ERR_GONE};
    api_actor.answered(s.api, &s.out, &a);
    s.out.now = s.timer_at[2];
    api_actor.timer(s.api, &s.out, 2);
    assert_true(scene_refused(&s, conn, "QubesException"));
    scene_close(&s);
}

static void an_answer_for_a_client_that_has_left_is_dropped(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.tag.Set+t dom0 name work", "");
    api_client_gone(s.api, &s.out, conn);
    scene_answer(&s, 0, 0, "", NULL);
    assert_true(s.got[conn].len == 0 && !s.finished[conn]);
    scene_close(&s);
}

static void life_is_asked_of_the_vms_own_process_and_generation(void **state)
{
    static const struct {
        const char *request;
        uint16_t type;
    } row[] = {
        {"admin.vm.Start dom0 name work", MESSAGE_vm_start},
        {"admin.vm.Shutdown+wait+force+wait dom0 name work", MESSAGE_vm_shutdown},
        {"admin.vm.Kill dom0 name work", MESSAGE_vm_kill},
        {"admin.vm.Pause dom0 name work", MESSAGE_vm_pause},
        {"admin.vm.Unpause dom0 name work", MESSAGE_vm_unpause},
    };
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    for (size_t i = 0; i < COUNT(row); i++) {
        uint64_t conn = scene_call(&s, row[i].request, "");
        const struct envelope *e = &s.ask[0].e;
        assert_int_equal(s.asks, 1);
        assert_true(e->type == row[i].type && e->to_kind == KIND_VM && e->to_instance == 1);
        assert_true(e->subject_kind == KIND_VM && e->subject_instance == 1 && e->subject_generation == 3);
        assert_true(e->deadline >= s.out.now + 30 * SECONDS);
        scene_answer(&s, 0, 0, "", NULL);
        assert_true(scene_got(&s, conn, "0|"));
        scene_forget_asks(&s);
    }
    scene_close(&s);
}

static void a_vm_that_is_known_to_rest_is_not_woken_to_be_ended(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Halted");
    assert_true(
        scene_refused(&s, scene_call(&s, "admin.vm.Kill dom0 name work", ""), "QubesVMNotStartedError"));
    assert_true(
        scene_refused(&s, scene_call(&s, "admin.vm.Shutdown dom0 name work", ""), "QubesVMNotStartedError"));
    assert_true(
        scene_refused(&s, scene_call(&s, "admin.vm.Pause dom0 name work", ""), "QubesVMNotRunningError"));
    assert_true(
        scene_refused(&s, scene_call(&s, "admin.vm.Unpause dom0 name work", ""), "QubesVMNotPausedError"));
    assert_int_equal(s.asks, 0);
    scene_close(&s);
}

static void the_history_is_asked_of_registry_and_names_vms_as_they_are_called_now(void **state)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(10000);
    AUTO_TEXT body = TEXT_WITH_LIMIT(10000);
    struct logbook_reply reply = {0};
    struct logbook m;
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "bulkhead.History dom0 name dom0", "since=5 number=7 vm=work");
    assert_int_equal(s.asks, 1);
    assert_int_equal(s.ask[0].e.type, MESSAGE_logbook);
    assert_int_equal(logbook_decode(&m, s.ask[0].e.body), 0);
    assert_true(m.since == 5 && m.most == 7 && m.only == 1 && m.qid == 1);
    logbook_row_add(&reply.rows, &elements,
                    &(struct logbook_row){.version = 9,
                                          .time = 1000,
                                          .op_low = 0xab,
                                          .target = 4000,
                                          .method = "m",
                                          .before = span_of("a"),
                                          .after = span_of("b")});
    logbook_reply_encode(&body, &reply);
    scene_answer(&s, 0, 0, "", &body);
    assert_true(scene_got(&s, conn, "0|9|1000|000000000000000000000000000000ab|dom0|m|#4000|a|b|"));
    assert_true(scene_refused(&s, scene_call(&s, "bulkhead.History dom0 name dom0", "vm=nobody"),
                              "QubesVMNotFoundError"));
    assert_true(
        scene_refused(&s, scene_call(&s, "bulkhead.History dom0 name dom0", "number=0"), "ProtocolError"));
    assert_int_equal(s.asks, 1);
    scene_close(&s);
}

static void what_dom0_uses_is_asked_of_host_and_nothing_where_it_is_no_domain(void **state)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(1000);
    AUTO_TEXT body = TEXT_WITH_LIMIT(1000);
    struct sample_reply m = {.time_ns = 1};
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t first = scene_call(&s, "admin.vm.CurrentState dom0 name dom0", "");
    uint64_t second = scene_call(&s, "admin.vm.CurrentState dom0 name dom0", "");
    uint64_t third = scene_call(&s, "admin.vm.CurrentState dom0 name dom0", "");
    assert_int_equal(s.asks, 3);
    assert_int_equal(s.ask[0].e.type, MESSAGE_sample);
    sample_item_add(&m.samples, &elements,
                    &(struct sample_item){"611da028-c63e-4137-ad7c-9408e5ca7f90", 4, 2, 1, 1, 1, 0, 0, 0});
    sample_reply_encode(&body, &m);
    scene_answer(&s, 0, 0, "", &body);
    assert_true(scene_got(&s, first, "0|mem=0 mem_static_max=4194304 cputime=0 power_state=Running"));
    sample_item_add(
        &m.samples, &elements,
        &(struct sample_item){"00000000-0000-0000-0000-000000000000", 0, 2, 2000, 9, 77, 0, 0, 0});
    text_clear(&body);
    sample_reply_encode(&body, &m);
    scene_answer(&s, 1, 0, "", &body);
    assert_true(scene_got(&s, second, "0|mem=2000 mem_static_max=4194304 cputime=77 power_state=Running"));
    scene_answer(&s, 2, -ERR_GONE, "gone", NULL);
    assert_true(scene_got(&s, third, "0|mem=0 mem_static_max=4194304 cputime=0 power_state=Running"));
    assert_int_equal(s.asks, 3);
    scene_close(&s);
}

static void the_state_of_a_living_vm_is_asked_and_its_facts_stand_in(void **state)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(1000);
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    scene_fact(&s, 1, 3, FACT_mem_kib, "1000");
    uint64_t first = scene_call(&s, "admin.vm.CurrentState dom0 name work", "");
    uint64_t second = scene_call(&s, "admin.vm.CurrentState dom0 name work", "");
    assert_int_equal(s.asks, 2);
    vm_current_reply_encode(&body, &(struct vm_current_reply){2000, 5, "Paused"});
    scene_answer(&s, 0, 0, "", &body);
    scene_answer(&s, 1, -ERR_GONE, "gone", NULL);
    assert_true(scene_got(&s, first, "0|mem=2000 mem_static_max=0 cputime=5 power_state=Paused"));
    assert_true(scene_got(&s, second, "0|mem=1000 mem_static_max=0 cputime=0 power_state=Running"));
    assert_int_equal(s.asks, 2);
    scene_close(&s);
}

static void pci_devices_are_sorted_and_their_names_escaped(void **state)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(10000);
    AUTO_TEXT body = TEXT_WITH_LIMIT(10000);
    struct bus_list_reply m = {0};
    struct scene s;
    (void)state;
    device_item_add(&m.devices, &elements,
                    &(struct device_item){.port = "00_14.0",
                                          .device_id = "8086:1e31::p0c0330",
                                          .data = "sbdf=0000:00:14.0",
                                          .interfaces = "p0c0330",
                                          .vendor = "Intel's",
                                          .product = "xHCI"});
    device_item_add(&m.devices, &elements,
                    &(struct device_item){.port = "00_02.0",
                                          .device_id = "1:2::p030000",
                                          .data = "sbdf=0000:00:02.0",
                                          .interfaces = "p030000"});
    m.devices.elements = text_span(&elements);
    bus_list_reply_encode(&body, &m);
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.device.pci.Available dom0 name dom0", "");
    scene_answer(&s, 0, 0, "", &body);
    assert_true(scene_got(&s, conn,
                          "0|00_02.0:1:2::p030000 device_id='1:2::p030000' port_id='00_02.0' devclass='pci' "
                          "backend_domain='dom0'  interfaces='p030000' _sbdf='0000:00:02.0'\n"
                          "00_14.0:8086:1e31::p0c0330 device_id='8086:1e31::p0c0330' port_id='00_14.0' "
                          "devclass='pci' backend_domain='dom0' vendor='Intel\\'s' product='xHCI' "
                          "interfaces='p0c0330' _sbdf='0000:00:14.0'\n"));
    scene_close(&s);
}

static void disposable_said(struct scene *s, size_t i, const char *result)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct operate_reply m = {.version = 11};
    strcpy(m.result, result);
    operate_reply_encode(&body, &m);
    scene_answer(s, i, 0, "", &body);
}

static void a_disposable_is_answered_by_its_name_or_its_uuid(void **state)
{
    static const char uuid[] = "disp77 6071d028-6777-402e-836d-a22cfb12fd1b";
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t name = scene_call(&s, "admin.vm.CreateDisposable dom0 name work", "");
    uint64_t by_uuid = scene_call(&s, "admin.vm.CreateDisposable dom0 name dom0", "uuid");
    uint64_t untold = scene_call(&s, "admin.vm.CreateDisposable dom0 name work", "");
    uint64_t preload = scene_call(&s, "admin.vm.CreateDisposable+preload dom0 name work", "");
    assert_int_equal(s.asks, 4);
    assert_int_equal(operation_asked(&s, 0).operation, OPERATION_disposable_create);
    assert_int_equal(operation_asked(&s, 0).target, 1);
    assert_int_equal(operation_asked(&s, 1).target, 0);
    assert_int_equal(operation_asked(&s, 3).operation, OPERATION_preload_start);
    disposable_said(&s, 0, uuid);
    disposable_said(&s, 1, uuid);
    disposable_said(&s, 2, "");
    disposable_said(&s, 3, "");
    assert_true(scene_got(&s, name, "0|disp77"));
    assert_true(scene_got(&s, by_uuid, "0|uuid:6071d028-6777-402e-836d-a22cfb12fd1b"));
    assert_true(scene_refused(&s, untold, "QubesException"));
    assert_true(scene_got(&s, preload, "0|"));
    scene_close(&s);
}

static void what_a_disposable_is_not_asked_with_is_refused_here(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t payload = scene_call(&s, "admin.vm.CreateDisposable dom0 name work", "x");
    uint64_t argument = scene_call(&s, "admin.vm.CreateDisposable+x dom0 name work", "");
    uint64_t both = scene_call(&s, "admin.vm.CreateDisposable+x dom0 name work", "x");
    assert_int_equal(s.asks, 0);
    assert_true(scene_refused(&s, payload, "ProtocolError"));
    assert_true(scene_refused(&s, argument, "PermissionDenied"));
    assert_true(scene_refused(&s, both, "PermissionDenied"));
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_one_operation_of_the_registry),
        cmocka_unit_test(an_error_of_the_asked_process_keeps_its_class_and_its_text),
        cmocka_unit_test(a_lost_question_is_asked_once_more_under_the_same_operation),
        cmocka_unit_test(a_question_lost_with_the_router_waits_for_the_next_one),
        cmocka_unit_test(a_question_that_finds_no_router_in_time_is_answered),
        cmocka_unit_test(an_answer_for_a_client_that_has_left_is_dropped),
        cmocka_unit_test(life_is_asked_of_the_vms_own_process_and_generation),
        cmocka_unit_test(a_vm_that_is_known_to_rest_is_not_woken_to_be_ended),
        cmocka_unit_test(the_history_is_asked_of_registry_and_names_vms_as_they_are_called_now),
        cmocka_unit_test(what_dom0_uses_is_asked_of_host_and_nothing_where_it_is_no_domain),
        cmocka_unit_test(the_state_of_a_living_vm_is_asked_and_its_facts_stand_in),
        cmocka_unit_test(a_disposable_is_answered_by_its_name_or_its_uuid),
        cmocka_unit_test(what_a_disposable_is_not_asked_with_is_refused_here),
        cmocka_unit_test(pci_devices_are_sorted_and_their_names_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
