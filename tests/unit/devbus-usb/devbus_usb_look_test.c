/* SPDX-License-Identifier: MIT
 * What a service has said to have done is looked at in its backend: ten seconds behind the last one, and no
 * later than a minute behind the first. */
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

/* What that one has done is not written yet: an early look would find that it has lied. */
static void a_look_waits_for_the_service_that_has_ended_last(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    attach(b);
    b->out.now += 4 * SECONDS;
    lets_go(b);
    assert_int_equal(b->timer[USB_TIMER_LOOK], b->out.now + USB_LOOK_AFTER);
    unsigned asked = b->guests_asked;
    rings(b);
    assert_int_equal(b->guests_asked, asked + 1);
    assert_int_equal(b->timer[USB_TIMER_LOOK], 0);
}

static void a_look_waits_for_the_service_under_way(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    attach(b);
    unplug(b, FRONT, false);
    unsigned asked = b->guests_asked;
    rings(b);
    assert_int_equal(b->guests_asked, asked);
    assert_int_equal(b->timer[USB_TIMER_LOOK], b->out.now + USB_LOOK_AFTER);
    (void)service_ends(b, 0, 0, "");
    rings(b);
    assert_int_equal(b->guests_asked, asked + 1);
}

static void steady_calls_do_not_put_it_off_for_ever(void **state)
{
    enum { CALLS = 40, EVERY = 5 };
    struct bench *b = *state;
    uint64_t first = b->out.now;
    unsigned looks = 0;
    exposes(b, "1-1 ", false);
    for (int i = 0; i < CALLS; i++) {
        uint64_t now = first + (uint64_t)i * EVERY * SECONDS;
        while (b->timer[USB_TIMER_LOOK] != 0 && b->timer[USB_TIMER_LOOK] <= now) {
            assert_in_range(b->timer[USB_TIMER_LOOK], first,
                            first + (looks + 1) * (USB_LOOK_WITHIN + EVERY * SECONDS));
            rings(b);
            looks++;
        }
        b->out.now = now;
        b->replies = 0;
        (i % 2 == 0 ? attach : lets_go)(b);
    }
    assert_int_equal(looks, CALLS * EVERY / 65);
    rings(b);
    assert_int_equal(b->timer[USB_TIMER_LOOK], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(when_a_service_has_ended_well_its_backend_is_looked_at),
        TEST(a_look_waits_for_the_service_that_has_ended_last),
        TEST(a_look_waits_for_the_service_under_way),
        TEST(steady_calls_do_not_put_it_off_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
