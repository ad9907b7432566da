/* SPDX-License-Identifier: MIT
 * What a start wants of xenstore: when host is asked, for what, and what becomes of a start that host cannot
 * serve; the device model's domain and its qrexec daemon. */
#include "tests/unit/vm/vm_bench.h"

#define MODEL "0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02"

static enum vm_memory_word word; /* what a balancer says */
static bool open_to_balancer;

static void ask(void *arg, const char *line)
{
    (void)arg, (void)line;
    open_to_balancer = true;
}

static void hang_up(void *arg)
{
    (void)arg;
    open_to_balancer = false;
}

static const struct vm_memory_ops balancer = {ask, hang_up};
static const struct view_hvm with_daemon = {.linux_stubdom = 1, .stubdom_qrexec = 1};
static const struct view_hvm without = {.linux_stubdom = 1};

static void up(struct bench *b, bool xen)
{
    bench_setup(b);
    if (xen)
        b->world.door.can = &bench_xen;
    b->entries.stubdom = 400;
    strcpy(b->entries.stubdom_uuid, MODEL);
    bench_run(b);
}

static void up_as_hvm(struct bench *b, bool xen, const struct view_hvm *hvm)
{
    bench_setup(b);
    if (xen)
        b->world.door.can = &bench_xen;
    b->virt_mode = "hvm";
    b->hvm = hvm;
    b->entries.stubdom = 400;
    strcpy(b->entries.stubdom_uuid, MODEL);
    bench_run(b);
}

static uint64_t start(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    if (b->core->memory_asked && b->core->asked != 0) {
        vm_memory_said(b->core, &b->out, word);
        bench_run(b);
    }
    return asked;
}

static void entries_are_made_where_memory_was_granted(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    b.core->memory = &balancer;
    word = VM_MEMORY_GRANTED;
    assert_int_equal(bench_answer(&b, start(&b)), 0);
    assert_int_equal(b.entries_asked, 1);
    assert_int_equal(b.last_entries.domid, b.world.domid);
    assert_int_equal(b.last_entries.balanced, 1);
    assert_false(open_to_balancer);
    bench_is_definite(&b);
    bench_end(&b);
}

static void without_a_balancer_nobody_is_asked(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    assert_int_equal(bench_answer(&b, start(&b)), 0);
    assert_int_equal(b.entries_asked, 0);
    bench_end(&b);
    up(&b, true);
    b.core->memory = &balancer;
    word = VM_MEMORY_NONE;
    assert_int_equal(bench_answer(&b, start(&b)), 0);
    assert_int_equal(b.entries_asked, 0);
    assert_int_equal(b.last_daemon.stubdom, 0);
    bench_end(&b);
}

static void a_host_that_cannot_make_them_fails_the_start_before_it_is_told(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    b.core->memory = &balancer;
    word = VM_MEMORY_GRANTED;
    b.fail_type = MESSAGE_entries;
    b.fail_type_with = -ERR_TIMEOUT;
    assert_int_equal(bench_answer(&b, start(&b)), -ERR_TIMEOUT);
    assert_int_equal(bench_count(&b, "domain-spawn"), 0);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    assert_false(open_to_balancer || b.world.active);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_host_without_xenstore_fails_only_where_xen_runs(void **state)
{
    static const bool xen[] = {true, false};
    (void)state;
    for (size_t i = 0; i < COUNT(xen); i++) {
        struct bench b;
        up(&b, xen[i]);
        b.core->memory = &balancer;
        word = VM_MEMORY_GRANTED;
        b.entries = (struct entries_reply){0};
        assert_int_equal(bench_answer(&b, start(&b)), xen[i] ? -ERR_NO_CONNECTION : 0);
        bench_is_definite(&b);
        bench_end(&b);
    }
}

static void an_hvm_learns_its_device_model_and_runs_no_daemon_for_it_unless_told(void **state)
{
    struct bench b;
    (void)state;
    up_as_hvm(&b, true, &without);
    assert_int_equal(bench_answer(&b, start(&b)), 0);
    assert_int_equal(b.last_entries.balanced, 0);
    assert_string_equal(b.stubdom, "400 " MODEL);
    assert_int_equal(b.left.stubdom, 0);
    bench_end(&b);
}

static void one_that_xenstore_does_not_name_stops_no_start_that_needs_none(void **state)
{
    struct bench b;
    (void)state;
    up_as_hvm(&b, true, &without);
    b.fail_type = MESSAGE_entries;
    b.fail_type_with = -ERR_CLOSED;
    assert_int_equal(bench_answer(&b, start(&b)), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void the_daemon_of_the_device_model_comes_before_the_vms_own(void **state)
{
    struct bench b;
    (void)state;
    up_as_hvm(&b, true, &with_daemon);
    b.hold_asks = true;
    uint64_t asked = BENCH_HEAR(&b, vm_start, 0);
    while (b.last_daemon.program != PROGRAM_QREXEC_DAEMON) {
        b.hold_asks = false;
        assert_true(bench_run_once(&b));
        b.hold_asks = true;
    }
    assert_int_equal(b.last_daemon.stubdom, 1);
    assert_int_equal(b.last_daemon.domid, 400);
    assert_string_equal(b.last_daemon.stubdom_uuid, MODEL);
    assert_string_equal(b.power_state, "Transient");
    b.hold_asks = false;
    bench_run(&b);
    assert_int_equal(b.last_daemon.stubdom, 0);
    assert_int_equal(bench_answer(&b, asked), 0);
    bench_end(&b);
}

static void a_device_model_whose_agent_does_not_come_undoes_the_start(void **state)
{
    struct bench b;
    (void)state;
    up_as_hvm(&b, true, &with_daemon);
    b.daemon[PROGRAM_QREXEC_DAEMON].status = 3;
    assert_int_equal(bench_answer(&b, start(&b)), -ERR_VM);
    assert_non_null(strstr(b.reply[0].text, "work-dm"));
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_device_model_that_is_not_named_has_no_daemon(void **state)
{
    static const bool xen[] = {true, false};
    (void)state;
    for (size_t i = 0; i < COUNT(xen); i++) {
        struct bench b;
        up_as_hvm(&b, xen[i], &with_daemon);
        b.entries = (struct entries_reply){.present = 1};
        assert_int_equal(bench_answer(&b, start(&b)), xen[i] ? -ERR_VM : 0);
        bench_is_definite(&b);
        bench_end(&b);
    }
}

static void who_takes_over_a_vm_that_lives_asks_once_more_and_forgets_it_with_its_life(void **state)
{
    struct bench b;
    (void)state;
    up_as_hvm(&b, true, &without);
    (void)start(&b);
    b.stubdom[0] = '\0';
    bench_crash(&b, true);
    bench_run(&b);
    assert_int_equal(b.entries_asked, 2);
    assert_int_equal(b.last_entries.balanced, 0);
    assert_string_equal(b.stubdom, "400 " MODEL);
    BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_string_equal(b.stubdom, " ");
    bench_is_definite(&b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_made_where_memory_was_granted),
        cmocka_unit_test(without_a_balancer_nobody_is_asked),
        cmocka_unit_test(a_host_that_cannot_make_them_fails_the_start_before_it_is_told),
        cmocka_unit_test(a_host_without_xenstore_fails_only_where_xen_runs),
        cmocka_unit_test(an_hvm_learns_its_device_model_and_runs_no_daemon_for_it_unless_told),
        cmocka_unit_test(one_that_xenstore_does_not_name_stops_no_start_that_needs_none),
        cmocka_unit_test(the_daemon_of_the_device_model_comes_before_the_vms_own),
        cmocka_unit_test(a_device_model_whose_agent_does_not_come_undoes_the_start),
        cmocka_unit_test(a_device_model_that_is_not_named_has_no_daemon),
        cmocka_unit_test(who_takes_over_a_vm_that_lives_asks_once_more_and_forgets_it_with_its_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
