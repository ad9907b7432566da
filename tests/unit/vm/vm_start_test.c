/* SPDX-License-Identifier: MIT
 * Starts: the order of events, a failure at each call, refusals, and who may ask. */
#include "tests/unit/vm/vm_bench.h"

#define START_EVENTS                                                                                         \
    "domain-pre-start start_guid=True mem_required=None", "domain-verify-files",                             \
        "domain-pre-spawn start_guid=True", "property-reset:xid name=xid",                                   \
        "property-reset:stubdom_xid name=stubdom_xid", "property-reset:start_time name=start_time",          \
        "domain-spawn start_guid=True", "domain-qdb-create", "domain-pre-unpaused", "domain-unpaused",       \
        "domain-start start_guid=True"

static void a_start_tells_every_event_in_its_order(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.has_netvm = true;
    bench_run(&b);
    assert_true(b.ready);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    BENCH_HEARD(&b, 0, START_EVENTS);
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_second_start_is_success_without_an_event(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    unsigned before = b.events;
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    assert_int_equal(b.events, before);
    bench_end(&b);
}

static void a_start_that_is_prohibited_tells_only_that(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.refusal = "no";
    b.refusal_class = "QubesVMError";
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_VM);
    BENCH_HEARD(&b, 0, "domain-start-failed reason=no");
    assert_int_equal(b.world.creates, 0);
    assert_false(b.claimed);
    bench_end(&b);
}

static void a_start_whose_refusal_qubesd_does_not_tell_tells_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.refusal = "template for disposable must have template_for_dispvms=True";
    b.refusal_class = "QubesException";
    b.vetoed = 2;
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_QUBES);
    assert_int_equal(b.events, 0);
    assert_int_equal(b.world.creates, 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void what_vetoes_a_start_lets_it_be_announced_first(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.refusal = "no";
    b.refusal_class = "QubesVMNotHaltedError";
    b.vetoed = 1;
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_VM_NOT_HALTED);
    BENCH_HEARD(&b, 0, "domain-pre-start start_guid=True mem_required=None", "domain-start-failed reason=no");
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_vm_being_removed_starts_nothing_and_says_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    b.fail_type = MESSAGE_claim;
    b.fail_type_with = -ERR_VM_NOT_FOUND;
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_VM_NOT_FOUND);
    assert_int_equal(b.events, 0);
    bench_is_definite(&b);
    bench_end(&b);
}

/* One start with its n-th call of the hypervisor failing. False when there is no such call. */
static bool start_with_failing_call(unsigned n, int with, bool late)
{
    struct bench b;
    bench_setup(&b);
    bench_run(&b);
    unsigned before = b.world.calls;
    b.world.fail_call = before + n;
    b.world.fail_with = with;
    b.world.late = late;
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    bool met = b.world.calls >= before + n;
    for (int i = 0; i < 3 && b.core->life == VM_UNKNOWN; i++) {
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    assert_int_not_equal(bench_answer(&b, start), 1);
    if (bench_answer(&b, start) == 0)
        assert_true(b.world.active && !b.world.paused);
    else
        assert_false(b.world.active);
    bench_is_definite(&b);
    bench_end(&b);
    return met;
}

static void a_failing_call_undoes_the_start_or_does_not_hurt(void **state)
{
    static const int errors[] = {-ERR_HYPERVISOR, -ERR_NO_CONNECTION, -ERR_TIMEOUT};
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++)
        for (int late = 0; late < 2; late++)
            for (unsigned n = 1; start_with_failing_call(n, errors[i], late != 0 && i > 0); n++)
                assert_true(n < 100);
}

static void a_failing_question_undoes_the_start(void **state)
{
    static const uint16_t types[] = {MESSAGE_vm_start, MESSAGE_guest_open};
    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        struct bench b;
        bench_setup(&b);
        b.has_netvm = true;
        bench_run(&b);
        b.fail_type = types[i];
        b.fail_type_with = -ERR_LATE;
        uint64_t start = BENCH_HEAR(&b, vm_start, 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, start), -ERR_LATE);
        bench_is_definite(&b);
        assert_false(b.world.active || b.world.defined);
        bench_end(&b);
    }
}

/* A VM asks for it, as for its netvm. */
static uint64_t asks_to_start(struct bench *b, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16);
    write_array(&body, 0);
    return bench_hear_from(b, (struct address){KIND_VM, qid}, MESSAGE_vm_start, &body);
}

static void only_a_client_may_ask_its_netvm_to_start(void **state)
{
    static const struct {
        uint32_t qid;
        int r;
    } rows[] = {{CLIENT_QID, 0}, {CLIENT_QID + 1, -ERR_REFUSED}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b;
        bench_setup(&b);
        uint64_t start = asks_to_start(&b, rows[i].qid);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, start), rows[i].r);
        assert_int_equal(b.world.active, rows[i].r == 0);
        bench_end(&b);
    }
}

/* A process that rests is told nothing, and its VM has become somebody's netvm. */
static void a_client_of_a_moment_ago_may_ask_too(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.has_no_client = true;
    bench_run(&b);
    b.has_no_client = false;
    uint64_t start = asks_to_start(&b, CLIENT_QID);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    assert_true(b.world.active);
    bench_end(&b);
}

static void who_may_not_ask_leaves_nothing_behind(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    uint64_t start = asks_to_start(&b, CLIENT_QID + 1);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_REFUSED);
    assert_int_equal(b.core->note.step, STEP_NONE);
    assert_int_equal(b.events, 0);
    assert_int_equal(b.core->life, VM_HALTED);
    bench_end(&b);
}

static void a_kill_before_that_is_known_finds_nothing_to_end(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    uint64_t start = asks_to_start(&b, CLIENT_QID + 1);
    assert_int_equal(b.asks[0].type, MESSAGE_claim);
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    assert_int_equal(bench_answer(&b, kill), -ERR_VM_NOT_STARTED);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_REFUSED);
    assert_int_equal(b.events, 0);
    assert_int_equal(b.core->note.step, STEP_NONE);
    bench_end(&b);
}

static void a_halted_vm_retires_and_a_living_one_does_not(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    bench_timer_fires(&b, TIMER_REST);
    assert_true(b.retired);
    b.retired = false;
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    bench_timer_fires(&b, TIMER_REST);
    assert_false(b.retired);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_process_whose_vm_was_removed_ends_and_touches_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    vm_actor.bygone(b.core, &b.out);
    assert_true(b.retired);
    b.retired = false;
    uint64_t start = BENCH_HEAR(&b, vm_start, 0); /* it was on its way already */
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_GONE);
    assert_true(b.retired);
    assert_false(b.world.defined);
    assert_int_equal(b.events, 0);
    assert_string_equal(b.note, "");
    bench_end(&b);
}

/* One more call of the hypervisor than before fails for a reason of its own, on Xen. */
static void fails_on_xen(struct bench *b, const char *mode, unsigned call, const char *text)
{
    static const struct view_hvm hvm = {.linux_stubdom = 1};
    static const struct view_device required = {
        .backend = "dom0", .port = "00_19.0", .device_id = "*", .required = 1};
    bench_setup(b);
    b->virt_mode = mode;
    b->hvm = &hvm;
    b->assigned = &required;
    b->world.door.can = &bench_xen;
    bench_run(b);
    b->world.fail_call = b->world.calls + call;
    b->world.fail_with = -ERR_HYPERVISOR;
    uint64_t start = BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    assert_int_equal(bench_answer(b, start), -ERR_HYPERVISOR);
    assert_non_null(strstr(b->reply[b->replies - 1].text, text));
}

static void what_xen_did_not_build_is_explained_in_its_log(void **state)
{
    struct bench b;
    (void)state;
    fails_on_xen(&b, "hvm", 2, "libxl-driver.log");
    assert_null(strstr(b.reply[b.replies - 1].text, "IOMMU"));
    bench_end(&b);
    fails_on_xen(&b, "hvm", 5, "IOMMU");
    bench_end(&b);
    fails_on_xen(&b, "pv", 5, "libxl-driver.log");
    assert_null(strstr(b.reply[b.replies - 1].text, "IOMMU"));
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_xen_did_not_build_is_explained_in_its_log),
        cmocka_unit_test(a_start_tells_every_event_in_its_order),
        cmocka_unit_test(a_second_start_is_success_without_an_event),
        cmocka_unit_test(a_start_that_is_prohibited_tells_only_that),
        cmocka_unit_test(a_start_whose_refusal_qubesd_does_not_tell_tells_nothing),
        cmocka_unit_test(what_vetoes_a_start_lets_it_be_announced_first),
        cmocka_unit_test(a_vm_being_removed_starts_nothing_and_says_nothing),
        cmocka_unit_test(a_failing_call_undoes_the_start_or_does_not_hurt),
        cmocka_unit_test(a_failing_question_undoes_the_start),
        cmocka_unit_test(only_a_client_may_ask_its_netvm_to_start),
        cmocka_unit_test(a_client_of_a_moment_ago_may_ask_too),
        cmocka_unit_test(who_may_not_ask_leaves_nothing_behind),
        cmocka_unit_test(a_kill_before_that_is_known_finds_nothing_to_end),
        cmocka_unit_test(a_halted_vm_retires_and_a_living_one_does_not),
        cmocka_unit_test(a_process_whose_vm_was_removed_ends_and_touches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
