/* SPDX-License-Identifier: MIT
 * What a service has said to have done is looked at in its backend: ten seconds later, whatever else is done
 * meanwhile. */
#include "tests/unit/devbus-usb/devbus_usb_bench.h"

static void rings(struct bench *b)
{
    b->out.now = b->timer[USB_TIMER_LOOK];
    b->timer[USB_TIMER_LOOK] = 0;
    bench_rings(b, USB_TIMER_LOOK);
}

static void lets_go(struct bench *b)
{
    unplug(b, FRONT, false);
    (void)service_ends(b, 0, 0, "");
}

/* The service of a frontend, or of a backend, may say what is not so. */
static void when_a_service_has_ended_well_its_backend_is_looked_at(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    attach(b);
    assert_int_equal(b->timer[USB_TIMER_LOOK], b->out.now + USB_LOOK_AFTER);
    unsigned asked = b->guests_asked;
    rings(b);
    assert_int_equal(b->guests_asked, asked + 1);
    exposes(b, "1-1 ", false);
    assert_string_equal(b->attached, "7;");
    assert_int_equal(bench_bus(b)->table.used, 0);
    attach(b);
    rings(b);
    unplug(b, FRONT, false);
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(b->timer[USB_TIMER_LOOK], b->out.now + USB_LOOK_AFTER);
    exposes(b, "1-1=front ", false);
    is_named(b, FRONT);
    assert_string_equal(b->attached, "7 back+1-1;");
}

static void a_look_comes_when_it_was_promised_whatever_else_ends_meanwhile(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    attach(b);
    uint64_t first = b->timer[USB_TIMER_LOOK];
    b->out.now += 4 * SECONDS;
    lets_go(b);
    assert_int_equal(b->timer[USB_TIMER_LOOK], first);
    unsigned asked = b->guests_asked;
    rings(b);
    assert_int_equal(b->guests_asked, asked + 1);
    assert_int_equal(b->timer[USB_TIMER_LOOK], first + 4 * SECONDS); /* the other has its own */
    rings(b);
    assert_int_equal(b->guests_asked, asked + 2);
    assert_int_equal(b->timer[USB_TIMER_LOOK], 0);
}

/* Of many that end within a second one look is enough. */
static void steady_calls_put_no_look_off_and_each_is_followed_by_one(void **state)
{
    enum { CALLS = 300, EVERY = 150 };
    struct bench *b = *state;
    uint64_t looked[CALLS] = {0}, ended[CALLS], began = b->out.now;
    size_t looks = 0;
    exposes(b, "1-1 ", false);
    for (size_t i = 0; i < CALLS; i++) {
        uint64_t now = began + i * EVERY * MILLISECONDS;
        while (b->timer[USB_TIMER_LOOK] != 0 && b->timer[USB_TIMER_LOOK] <= now) {
            rings(b);
            looked[looks++] = b->out.now;
        }
        ended[i] = b->out.now = now;
        b->replies = 0;
        (i % 2 == 0 ? attach : lets_go)(b);
    }
    while (b->timer[USB_TIMER_LOOK] != 0) {
        rings(b);
        looked[looks++] = b->out.now;
    }
    for (size_t i = 0, at = 0; i < CALLS; i++) {
        while (at < looks && looked[at] < ended[i] + USB_LOOK_AFTER - USB_LOOK_APART)
            at++;
        assert_true(at < looks && looked[at] <= ended[i] + USB_LOOK_AFTER);
    }
    assert_true(looks <= CALLS * EVERY / 1000 + 1);
}

static void a_timer_that_rings_before_its_time_looks_at_nobody(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    attach(b);
    uint64_t due = b->timer[USB_TIMER_LOOK];
    unsigned asked = b->guests_asked;
    b->timer[USB_TIMER_LOOK] = 0;
    bench_rings(b, USB_TIMER_LOOK);
    assert_int_equal(b->guests_asked, asked);
    assert_int_equal(b->timer[USB_TIMER_LOOK], due);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(when_a_service_has_ended_well_its_backend_is_looked_at),
        TEST(a_look_comes_when_it_was_promised_whatever_else_ends_meanwhile),
        TEST(steady_calls_put_no_look_off_and_each_is_followed_by_one),
        TEST(a_timer_that_rings_before_its_time_looks_at_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
