/* SPDX-License-Identifier: MIT
 * Devices go back to dom0's driver: after a bind that broke off, when it cannot be done at once, and when it
 * is asked for. */
#include "tests/unit/devbus-pci/devbus_pci_bench.h"

static bool has_driver(const struct bench *b, const char *wanted)
{
    char driver[SYSFS_DRIVER_MAX + 1];
    sysfs_driver_of(b->doors.sysfs, CARD, driver);
    return strcmp(driver, wanted) == 0;
}

static void rings(struct bench *b)
{
    assert_true(b->timer > b->out.now);
    b->out.now = b->timer;
    devbus_pci_actor.timer(b->self, &b->out, PCI_TIMER_HOLDS);
    bench_run(b);
}

static uint64_t ask_back(struct bench *b)
{
    uint64_t asked = HEAR(b, bus_return, 0, .port = PORT);
    bench_run(b);
    return asked;
}

static void a_bind_that_breaks_off_gives_the_device_back(void **state)
{
    struct bench *b = *state;
    b->bind_breaks = true;
    uint64_t asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, -ERR_HYPERVISOR);
    assert_int_equal(b->returns, 1);
    assert_true(has_driver(b, "iwlwifi"));
    nothing_is_half_done(b, false);
}

static void a_bind_that_does_nothing_asks_for_nothing_back(void **state)
{
    struct bench *b = *state;
    b->bind_fails = true;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    assert_int_equal(b->returns, 0);
    nothing_is_half_done(b, false);
}

static void what_cannot_be_given_back_is_tried_again(void **state)
{
    struct bench *b = *state;
    b->returns_fail = 3;
    prepare(b, WORK, 0, 0);
    HEAR(b, bus_release, WORK, .sbdf = CARD);
    bench_run(b);
    HEAR(b, bus_release, WORK, .sbdf = CARD);
    bench_run(b);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(b->returns, i);
        assert_true(is_bound(b));
        rings(b);
    }
    assert_int_equal(b->returns, 4);
    nothing_is_half_done(b, false);
    assert_int_equal(b->timer, 0);
}

static void what_can_never_be_given_back_is_left_where_it_is(void **state)
{
    struct bench *b = *state;
    b->returns_fail = 1000;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    HEAR(b, bus_release, WORK, .sbdf = CARD);
    bench_run(b);
    while (b->timer != 0)
        rings(b);
    assert_int_equal(b->returns, DEVBUS_RETURNS_MOST + 1);
    assert_int_equal(b->self->table.used, 0);
    assert_true(is_bound(b));
}

static void while_it_waits_to_go_back_another_vm_may_take_it(void **state)
{
    struct bench *b = *state;
    b->returns_fail = 1;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    HEAR(b, bus_release, WORK, .sbdf = CARD);
    bench_run(b);
    uint64_t asked = prepare(b, OTHER, 0, 0);
    bench_run(b);
    assert_int_equal(reply_to(b, asked)->r, 0);
    assert_int_equal(b->self->table.device[0].qid, OTHER);
    assert_true(is_bound(b));
    HEAR(b, bus_release, OTHER, .sbdf = CARD);
    bench_run(b);
    nothing_is_half_done(b, false); /* it was dom0's before both */
}

static void killed_while_it_waits_to_go_back_it_goes_back(void **state)
{
    struct bench *b = *state;
    b->returns_fail = 1;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    HEAR(b, bus_release, WORK, .sbdf = CARD);
    bench_run(b);
    crash(b, false);
    assert_int_equal(b->returns, 2);
    assert_false(is_bound(b));
    lease_ends(b);
    nothing_is_half_done(b, false);
}

static void after_a_detachment_it_goes_back_when_that_is_asked_and_again_is_the_same(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 0, 0);
    confirm(b, WORK, 1);
    bench_run(b);
    confirm(b, WORK, 0);
    bench_run(b);
    assert_true(is_bound(b));
    for (int i = 0; i < 2; i++) {
        const struct reply *reply = reply_to(b, ask_back(b));
        assert_int_equal(reply->r, 0);
        assert_string_equal(reply->sbdf, CARD);
        assert_string_equal(reply->driver, "iwlwifi");
        assert_int_equal(b->returns, 1);
        nothing_is_half_done(b, false);
    }
}

static void while_a_vm_has_it_or_is_to_have_it_it_does_not_go_back(void **state)
{
    struct bench *b = *state;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    for (int i = 0; i < 2; i++) {
        const struct reply *reply = reply_to(b, ask_back(b));
        assert_int_equal(reply->r, -ERR_DEVICE_ATTACHED);
        assert_non_null(strstr(reply->text, "work has it"));
        assert_int_equal(b->returns, 0);
        assert_true(is_bound(b));
        confirm(b, WORK, 1);
        bench_run(b);
    }
}

static void what_is_not_there_cannot_go_back(void **state)
{
    struct bench *b = *state;
    uint64_t asked = HEAR(b, bus_return, 0, .port = "00_1f.7");
    bench_run(b);
    assert_non_null(strstr(reply_to(b, asked)->text, "Invalid PCI device"));
    nothing_is_half_done(b, false);
}

/* Asked again by api under the same operation, as after every crash. */
static void killed_anywhere_while_it_is_asked_back_and_asked_again_it_goes_back(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++) {
        bool died = true;
        for (unsigned at = 1; died; at++) {
            void *made;
            bench_begin(&made);
            struct bench *b = made;
            set_driver(b, "pciback");
            b->die_at = b->said + at;
            uint64_t asked = ask_back(b);
            died = b->dead;
            if (died) {
                crash(b, does != 0);
                b->die_at = 0;
                asked = ask_back(b);
            }
            assert_int_equal(reply_to(b, asked)->r, 0);
            assert_string_equal(reply_to(b, asked)->driver, "iwlwifi");
            lease_ends(b);
            nothing_is_half_done(b, false);
            assert_true(at < 40);
            bench_end(&made);
        }
    }
}

static void what_cannot_go_back_now_is_an_error_and_tried_again(void **state)
{
    struct bench *b = *state;
    set_driver(b, "pciback");
    b->returns_fail = 1;
    assert_int_equal(reply_to(b, ask_back(b))->r, -ERR_HYPERVISOR);
    rings(b);
    nothing_is_half_done(b, false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_begin, bench_end)
    const struct CMUnitTest tests[] = {
        TEST(a_bind_that_breaks_off_gives_the_device_back),
        TEST(a_bind_that_does_nothing_asks_for_nothing_back),
        TEST(what_cannot_be_given_back_is_tried_again),
        TEST(what_can_never_be_given_back_is_left_where_it_is),
        TEST(while_it_waits_to_go_back_another_vm_may_take_it),
        TEST(killed_while_it_waits_to_go_back_it_goes_back),
        TEST(after_a_detachment_it_goes_back_when_that_is_asked_and_again_is_the_same),
        TEST(while_a_vm_has_it_or_is_to_have_it_it_does_not_go_back),
        TEST(what_is_not_there_cannot_go_back),
        cmocka_unit_test(killed_anywhere_while_it_is_asked_back_and_asked_again_it_goes_back),
        TEST(what_cannot_go_back_now_is_an_error_and_tried_again),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
