/* SPDX-License-Identifier: MIT
 * devbus-pci between dom0 and VMs: one holder at a time, who hears of it, and what goes back to its driver.
 */
#include "tests/unit/devbus-pci/devbus_pci_bench.h"

static void a_device_is_bound_held_and_told_when_it_is_seen(void **state)
{
    struct bench *b = *state;
    uint64_t asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_string_equal(reply_to(b, asked)->sbdf, CARD);
    assert_true(is_bound(b));
    assert_string_equal(b->attached, "");
    asked = confirm(b, WORK, 1);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_string_equal(b->attached, PORT);
    nothing_is_half_done(b, true);
    (void)confirm(b, WORK, 0);
    bench_run(b);
    assert_string_equal(b->attached, "");
    assert_int_equal(b->self->table.used, 0);
    assert_true(is_bound(b)); /* as the reference leaves it */
}

static void two_that_race_end_in_one_attachment_and_one_refusal(void **state)
{
    struct bench *b = *state;
    uint64_t first = prepare(b, WORK, 0, 0), second = prepare(b, OTHER, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, first)->r, 0);
    assert_int_equal(reply_to(b, second)->r, -ERR_DEVICE_ATTACHED);
    confirm(b, WORK, 1);
    uint64_t third = prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, third)->r, -ERR_DEVICE_ATTACHED);
    uint64_t again = prepare(b, WORK, 0, 1);
    bench_run(b);
    assert_int_equal(reply_to(b, again)->r, 0);
    assert_int_equal(b->binds, 1);
    nothing_is_half_done(b, true);
}

static void what_is_not_attached_in_time_goes_back_to_its_driver(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    lease_ends(b);
    assert_int_equal(b->returns, 1);
    nothing_is_half_done(b, false);
}

static void what_was_bound_before_stays_bound_when_it_is_given_up(void **state)
{
    struct bench *b = *state;
    set_driver(b, "pciback");
    prepare(b, WORK, 0, 0);
    bench_run(b);
    HEAR(b, bus_release, WORK, .sbdf = CARD);
    bench_run(b);
    assert_int_equal(b->returns, 0);
    assert_true(is_bound(b));
    assert_int_equal(b->self->table.used, 0);
    assert_string_equal(b->note, "");
}

static void another_vm_can_neither_release_nor_confirm_what_is_not_its(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    HEAR(b, bus_release, OTHER, .sbdf = CARD);
    confirm(b, OTHER, 1);
    bench_run(b);
    assert_int_equal(b->self->table.used, 1);
    assert_int_equal(b->self->table.device[0].qid, WORK);
    assert_int_equal(b->self->table.device[0].state, DEVBUS_HELD);
}

static void a_driver_that_does_not_let_go_is_the_askers_error_and_nothing_is_held(void **state)
{
    struct bench *b = *state;
    b->bind_fails = true;
    uint64_t asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_HYPERVISOR);
    nothing_is_half_done(b, false);
}

static void what_is_made_ready_for_a_start_that_does_not_require_it_is_nobodys(void **state)
{
    struct bench *b = *state;
    uint64_t asked = prepare(b, WORK, 2, 1);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_true(is_bound(b));
    assert_int_equal(b->self->table.used, 0);
    prepare(b, OTHER, 0, 0);
    confirm(b, OTHER, 1);
    asked = prepare(b, WORK, 2, 1);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_int_equal(b->self->table.device[0].qid, OTHER);
}

static void a_life_that_is_over_holds_nothing(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 1, 1);
    bench_run(b);
    HEAR(b, bus_has, WORK, .over = 1);
    bench_run(b);
    nothing_is_half_done(b, false);
    assert_string_equal(b->attached, "");
}

/* Killed by hand, its VM does not wait for the answer. */
static void what_is_being_made_ready_when_a_life_ends_is_not_kept(void **state)
{
    struct bench *b = *state;
    for (int bound = 0; bound < 2; bound++) {
        uint64_t asked = prepare(b, WORK, 1, 1);
        for (int i = 0; i < bound; i++)
            bench_run_one(b);
        HEAR(b, bus_has, WORK, .over = 1);
        bench_run(b);
        assert_non_null(reply_to(b, asked));
        nothing_is_half_done(b, false);
    }
    uint64_t other = prepare(b, OTHER, 1, 1);
    bench_run(b);
    assert_int_equal(reply_to(b, other)->r, 0);
}

/* The worker was busy, or xenstore slow. */
static void what_is_confirmed_of_a_life_that_has_ended_meanwhile_is_nobodys(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    uint64_t plan = HEAR(b, bus_plan, OTHER, .port = PORT, .device_id = "*");
    uint64_t asked = confirm(b, WORK, 1);
    HEAR(b, bus_has, WORK, .over = 1);
    bench_run(b);
    assert_non_null(reply_to(b, plan));
    assert_non_null(reply_to(b, asked));
    nothing_is_half_done(b, false);
    assert_string_equal(b->attached, "");
}

/* Its VM says so. */
static uint64_t has_card(struct bench *b)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(1024);
    struct bus_address address = {.sbdf = CARD};
    struct wire_list list = {0};
    set_driver(b, "pciback");
    bus_address_add(&list, &packed, &address);
    return HEAR(b, bus_has, WORK, .over = 0, .devices = list);
}

static void a_new_incarnation_learns_from_vms_what_they_have(void **state)
{
    struct bench *b = *state;
    uint64_t said = has_card(b);
    assert_null(reply_to(b, said)); /* it has no name for that device yet, and api has not heard of it */
    bench_run(b);
    assert_int_equal(reply_to(b, said)->r, 0);
    assert_string_equal(reply_to(b, said)->attached, PORT);
    uint64_t asked = prepare(b, OTHER, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_DEVICE_ATTACHED);
}

static void what_has_no_name_yet_is_told_when_libvirt_lists_again(void **state)
{
    struct bench *b = *state;
    b->lists_fail = 3;
    has_card(b);
    bench_run(b);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(b->attached, "");
        assert_true(b->names_timer > b->out.now);
        b->out.now = b->names_timer;
        b->names_timer = 0;
        b->doors.nodedev = &b->nodes; /* it was closed */
        devbus_pci_actor.timer(b->self, &b->out, PCI_TIMER_NAMES);
        bench_run(b);
    }
    assert_string_equal(b->attached, PORT);
    assert_int_equal(b->names_timer, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_begin, bench_end)
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_bound_held_and_told_when_it_is_seen),
        TEST(two_that_race_end_in_one_attachment_and_one_refusal),
        TEST(what_is_not_attached_in_time_goes_back_to_its_driver),
        TEST(what_was_bound_before_stays_bound_when_it_is_given_up),
        TEST(another_vm_can_neither_release_nor_confirm_what_is_not_its),
        TEST(a_driver_that_does_not_let_go_is_the_askers_error_and_nothing_is_held),
        TEST(what_is_made_ready_for_a_start_that_does_not_require_it_is_nobodys),
        TEST(a_life_that_is_over_holds_nothing),
        TEST(what_is_being_made_ready_when_a_life_ends_is_not_kept),
        TEST(what_is_confirmed_of_a_life_that_has_ended_meanwhile_is_nobodys),
        TEST(a_new_incarnation_learns_from_vms_what_they_have),
        TEST(what_has_no_name_yet_is_told_when_libvirt_lists_again),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
