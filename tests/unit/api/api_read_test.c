/* SPDX-License-Identifier: MIT
 * What api answers from its replicas, and how it refuses what is malformed. */
#include "tests/unit/api/api_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "actors/api/api_request.h"

static struct span bytes_of(const char *text, char *room)
{
    size_t len = strlen(text);
    for (size_t i = 0; i <= len; i++)
        if ((room[i] = text[i]) == '|')
            room[i] = '\0';
    return (struct span){room, len};
}

static void a_request_is_cut_at_its_spaces_its_plus_and_its_first_nul(void **state)
{
    char room[100];
    struct api_request r;
    struct fault why;
    (void)state;
    assert_int_equal(api_request_parse(bytes_of("m+a+b dom0 name x y|p|q", room), &r, &why), 0);
    assert_true(span_is(r.method, "m") && span_is(r.argument, "a+b") && span_is(r.source, "dom0"));
    assert_true(span_is(r.dest, "x y"));
    assert_int_equal(r.payload.len, 3);
    assert_int_equal(api_request_parse(bytes_of("m dom0 keyword adminvm|", room), &r, &why), 0);
    assert_true(span_is(r.dest, "dom0") && r.argument.len == 0);
}

static void a_request_outside_the_framing_is_a_protocol_error_and_writes_nothing(void **state)
{
    static const char *const bad[] = {"",
                                      "|",
                                      "m dom0 name dom0",
                                      "m dom0 name|",
                                      "m dom0 keyword dispvm|",
                                      "m dom0 nam dom0|",
                                      "m+a b dom0 name dom0|",
                                      "m\xff dom0 name dom0|",
                                      "m d\x80 name dom0|",
                                      "m dom0 name d\x80|"};
    char room[100];
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct api_request r = {.method = {"kept", 4}};
        struct fault why = {0};
        assert_int_equal(api_request_parse(bytes_of(bad[i], room), &r, &why), -ERR_PROTOCOL);
        assert_true(span_is(r.method, "kept") && why.code == ERR_PROTOCOL);
    }
}

static void the_longest_request_has_65536_bytes(void **state)
{
    static char bytes[REQUEST_MAX + 1] = "m dom0 name dom0";
    struct api_request r;
    (void)state;
    assert_int_equal(api_request_parse((struct span){bytes, REQUEST_MAX}, &r, NULL), 0);
    assert_int_equal(api_request_parse((struct span){bytes, REQUEST_MAX + 1}, &r, NULL), -ERR_PROTOCOL);
}

static void each_read_is_answered_without_asking_anybody(void **state)
{
    static const struct {
        const char *request, *answer;
    } row[] = {
        {"admin.vmclass.List dom0 name dom0",
         "0|AdminVM\nAppVM\nDispVM\nRemoteVM\nStandaloneVM\nTemplateVM\n"},
        {"admin.deviceclass.List dom0 name dom0", "0|block\npci\n"},
        {"admin.vm.List dom0 name work",
         "0|work class=AppVM state=Halted uuid=611da028-c63e-4137-ad7c-9408e5ca7f90\n"},
        {"admin.vm.List+ dom0 keyword adminvm",
         "0|dom0 class=AdminVM state=Running uuid=00000000-0000-0000-0000-000000000000\n"
         "away class=RemoteVM state=Running uuid=711da028-c63e-4137-ad7c-9408e5ca7f90\n"
         "work class=AppVM state=Halted uuid=611da028-c63e-4137-ad7c-9408e5ca7f90\n"},
        {"admin.vm.List work name dom0", "0|"},
        {"admin.label.List dom0 name dom0", "0|red\nblack\n"},
        {"admin.label.Get+red dom0 name dom0", "0|0xcc0000"},
        {"admin.label.Get+1 dom0 name dom0", "0|0xcc0000"},
        {"admin.label.Index+black dom0 name dom0", "0|8"},
        {"admin.pool.List dom0 name dom0", "0|varlibqubes\nlinux-kernel\n"},
        {"admin.vm.volume.List dom0 name work", "0|root\nprivate\n"},
        {"admin.vm.property.Get+label dom0 name work", "0|default=False type=label red"},
        {"admin.vm.property.Get+label dom0 name uuid:611da028-c63e-4137-ad7c-9408e5ca7F90",
         "0|default=False type=label red"},
        {"admin.vm.property.Get+name dom0 name uuid:00000000-0000-0000-0000-000000000000",
         "0|default=True type=str dom0"},
        {"admin.vm.property.GetDefault+debug dom0 name work", "0|type=bool False"},
        {"admin.vm.property.GetDefault+label dom0 name work", "0|"},
        {"admin.property.Get+stats_interval dom0 name dom0", "0|default=True type=int 3"},
        {"admin.vm.feature.List dom0 name work", "0|zz\naa\n"},
        {"admin.vm.feature.Get+zz dom0 name work", "0|last"},
        {"admin.vm.feature.Get+aa dom0 name work", "0|"},
        {"admin.vm.feature.CheckWithAdminVM+admin-only dom0 name work", "0|from-dom0"},
        {"admin.vm.tag.List dom0 name work", "0|one\ntwo\n"},
        {"admin.vm.tag.Get+one dom0 name work", "0|1"},
        {"admin.vm.tag.Get+three dom0 name work", "0|0"},
        {"admin.vm.CurrentState dom0 name work", "0|mem=0 mem_static_max=0 cputime=0 power_state=Halted"},
        {"admin.vm.CurrentState dom0 name away", "0|mem=0 mem_static_max=0 cputime=0 power_state=Running"},
        {"admin.vm.device.pci.Available dom0 name work", "0|"},
        {"bulkhead.Version dom0 name dom0", "0|" BULKHEAD_VERSION},
    };
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    for (size_t i = 0; i < COUNT(row); i++) {
        uint64_t conn = scene_call(&s, row[i].request, "");
        if (!scene_got(&s, conn, row[i].answer))
            fail_msg("%s answered %.*s", row[i].request, (int)s.got[conn % SCENE_CONNS].len,
                     s.got[conn % SCENE_CONNS].at);
        assert_true(s.finished[conn % SCENE_CONNS]);
    }
    assert_int_equal(s.asks, 0);
    scene_close(&s);
}

static void what_breaks_a_rule_gets_its_exception_and_asks_nobody(void **state)
{
    static const struct {
        const char *request, *payload, *class;
    } row[] = {
        {"nosuch dom0 name dom0", "", "ProtocolError"},
        {"internal.GetSystemInfo dom0 name work", "", "ProtocolError"},
        {"admin.vm.List+x dom0 name dom0", "", "ProtocolError"},
        {"admin.vm.List dom0 name dom0", "x", "ProtocolError"},
        {"admin.vm.property.Get dom0 name work", "", "ProtocolError"},
        {"admin.label.List dom0 name work", "", "ProtocolError"},
        {"admin.label.Create+new dom0 name dom0", "", "ProtocolError"},
        {"admin.label.Create+123 dom0 name dom0", "0x000000", "QubesInvalidLabelError"},
        {"admin.label.Create+new dom0 name dom0", "black", "QubesInvalidLabelValueError"},
        {"admin.label.Get+pink dom0 name dom0", "", "QubesLabelNotFoundError"},
        {"admin.vm.List dom0 name nobody", "", "QubesVMNotFoundError"},
        {"nosuch dom0 name nobody", "", "QubesVMNotFoundError"},
        {"admin.vm.List nobody name dom0", "", "QubesVMNotFoundError"},
        {"admin.vm.List dom0 name @adminvm", "", "QubesValueError"},
        {"admin.vm.List dom0 name ", "", "QubesValueError"},
        {"admin.vm.List dom0 name a b", "", "QubesValueError"},
        {"admin.vm.List dom0 name UUID:00000000-0000-0000-0000-000000000000", "", "QubesValueError"},
        {"admin.vm.List dom0 name uuid:0000", "", "QubesVMInvalidUUIDError"},
        {"admin.vm.List dom0 name uuid:0000000A-0000-0000-0000-000000000000", "", "QubesVMInvalidUUIDError"},
        {"admin.vm.List dom0 name uuid:00000001-0000-0000-0000-000000000000", "", "QubesVMNotFoundError"},
        {"admin.vm.property.Get+nosuch dom0 name work", "", "QubesNoSuchPropertyError"},
        {"admin.vm.property.Set+memory dom0 name work", "abc", "QubesValueError"},
        {"admin.vm.property.Set+memory dom0 name work", "", "QubesValueError"},
        {"admin.vm.feature.Get+nosuch dom0 name work", "", "QubesFeatureNotFoundError"},
        {"admin.vm.feature.Set+a/b dom0 name work", "1", "ProtocolError"},
        {"admin.vm.feature.Set+preload-dispvm dom0 name work", "1", "PermissionDenied"},
        {"admin.vm.tag.Get+a.b dom0 name work", "", "QubesInvalidTagError"},
        {"admin.vm.tag.Set+created-by-x work name work", "", "PermissionDenied"},
        {"admin.vm.Shutdown+force+ dom0 name work", "", "ProtocolError"},
        {"admin.vm.Shutdown++ dom0 name work", "", "ProtocolError"},
        {"admin.vm.Start dom0 name dom0", "", "QubesVMNotHaltedError"},
        {"admin.vm.Kill dom0 name away", "", "QubesVMError"},
        {"admin.Events work name dom0", "", "PermissionDenied"},
        {"bulkhead.Events+x dom0 name dom0", "", "ProtocolError"},
        {"bulkhead.Trace+zz dom0 name dom0", "", "ProtocolError"},
    };
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    for (size_t i = 0; i < COUNT(row); i++) {
        uint64_t conn = scene_call(&s, row[i].request, row[i].payload);
        if (!scene_refused(&s, conn, row[i].class))
            fail_msg("%s answered %s", row[i].request, s.got[conn % SCENE_CONNS].at + 2);
    }
    assert_int_equal(s.asks, 0);
    scene_close(&s);
}

static void an_exception_quotes_no_percent_sign_and_nothing_unprintable(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.feature.Get+100%\x01 dom0 name work", "");
    assert_true(scene_refused(&s, conn, "QubesFeatureNotFoundError"));
    assert_true(scene_got(&s, conn, "2|QubesFeatureNotFoundError||work has no feature 100??|"));
    scene_close(&s);
}

static void a_method_is_served_at_its_own_socket_only(void **state)
{
    struct scene s;
    char room[100];
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_request(&s, SOCKET_INTERNAL, bytes_of("admin.vm.List dom0 name dom0|", room));
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    conn = scene_request(&s, SOCKET_ADMIN, bytes_of("internal.GetSystemInfo dom0 name dom0|", room));
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    conn = scene_request(&s, SOCKET_MISC, bytes_of("admin.vm.List dom0 name dom0|", room));
    assert_true(scene_refused(&s, conn, "ProtocolError"));
    scene_close(&s);
}

static void a_call_from_a_qube_cannot_speak_as_dom0(void **state)
{
    static const char *const sources[] = {"dom0", "uuid:00000000-0000-0000-0000-000000000000"};
    struct scene s;
    char text[200], room[200];
    (void)state;
    scene_open(&s, 1);
    for (size_t i = 0; i < COUNT(sources); i++) {
        snprintf(text, sizeof text, "admin.vm.property.Get+label %s name work|", sources[i]);
        uint64_t conn = scene_request(&s, SOCKET_QREXEC, bytes_of(text, room));
        assert_true(scene_refused(&s, conn, "PermissionDenied"));
    }
    uint64_t conn = scene_request(&s, SOCKET_QREXEC, bytes_of("admin.vm.tag.Get+one work name work|", room));
    assert_true(scene_got(&s, conn, "0|1"));
    scene_close(&s);
}

static void get_all_is_one_line_per_property(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.property.GetAll dom0 name work", "");
    assert_non_null(strstr(s.got[conn].at + 2, "\nkernelopts default=False type=str a\\nb\\\\c\n"));
    conn = scene_call(&s, "admin.vm.property.List dom0 name away", "");
    assert_true(
        scene_got(&s, conn,
                  "0|icon\ninclude_in_backups\nklass\nlabel\nname\nqid\nremote_name\ntransport_rpc\nuuid\n"
                  "relayvm\n"));
    scene_close(&s);
}

static void lists_follow_facts_and_deltas(void **state)
{
    struct scene s;
    struct change c = {CHANGE_TAG, 1, SPAN_LITERAL("three"), {NULL, 0}, 0};
    (void)state;
    scene_open(&s, 0);
    (void)scene_call(&s, "admin.vm.List dom0 name dom0", "");
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    uint64_t conn = scene_call(&s, "admin.vm.List dom0 name dom0", "");
    assert_non_null(strstr(s.got[conn].at + 2, "work class=AppVM state=Running"));
    (void)scene_call(&s, "internal.GetSystemInfo dom0 name dom0", "");
    scene_delta(&s, 11, &c, NULL, 0);
    conn = scene_call(&s, "internal.GetSystemInfo dom0 name dom0", "");
    assert_non_null(strstr(s.got[conn].at + 2,
                           "\"work\": {\"internal\": null, \"tags\": [\"two\", \"one\", \"three\"], "
                           "\"type\": \"AppVM\", \"template_for_dispvms\": false, "));
    assert_non_null(strstr(s.got[conn].at + 2, "\"power_state\": \"Running\""));
    scene_close(&s);
}

static void a_fact_about_an_earlier_vm_of_the_same_qid_is_not_believed(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 2, FACT_power_state, "Running");
    uint64_t conn = scene_call(&s, "admin.vm.List dom0 name work", "");
    assert_non_null(strstr(s.got[conn].at + 2, "state=Halted"));
    scene_close(&s);
}

static void requests_wait_for_the_snapshot_and_then_are_answered_in_order(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s, 0);
    uint64_t early = scene_call(&s, "admin.vm.tag.Get+one dom0 name work", "");
    uint64_t bad = scene_call(&s, "admin.vm.tag.Get+one", "");
    assert_true(scene_refused(&s, bad, "ProtocolError"));
    assert_int_equal(s.got[early].len, 0);
    scene_hello(&s, 7);
    assert_int_equal(s.readies, 0);
    assert_int_equal(s.tells, 2);
    scene_snapshot(&s, 0, 10);
    assert_true(scene_got(&s, early, "0|1"));
    assert_int_equal(s.readies, 1);
    scene_close(&s);
}

static void a_request_does_not_wait_for_ever(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.tag.Get+one dom0 name work", "");
    assert_int_not_equal(s.timer_at[2], 0);
    s.out.now = s.timer_at[2];
    api_actor.timer(s.api, &s.out, 2);
    assert_true(scene_refused(&s, conn, "QubesException"));
    assert_int_equal(s.timer_at[2], 0);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_cut_at_its_spaces_its_plus_and_its_first_nul),
        cmocka_unit_test(a_request_outside_the_framing_is_a_protocol_error_and_writes_nothing),
        cmocka_unit_test(the_longest_request_has_65536_bytes),
        cmocka_unit_test(each_read_is_answered_without_asking_anybody),
        cmocka_unit_test(what_breaks_a_rule_gets_its_exception_and_asks_nobody),
        cmocka_unit_test(an_exception_quotes_no_percent_sign_and_nothing_unprintable),
        cmocka_unit_test(a_method_is_served_at_its_own_socket_only),
        cmocka_unit_test(a_call_from_a_qube_cannot_speak_as_dom0),
        cmocka_unit_test(get_all_is_one_line_per_property),
        cmocka_unit_test(lists_follow_facts_and_deltas),
        cmocka_unit_test(a_fact_about_an_earlier_vm_of_the_same_qid_is_not_believed),
        cmocka_unit_test(requests_wait_for_the_snapshot_and_then_are_answered_in_order),
        cmocka_unit_test(a_request_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
