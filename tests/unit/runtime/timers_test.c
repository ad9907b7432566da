/* SPDX-License-Identifier: MIT
 * A timer has one time, which may move or end. */
#include "runtime/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"

static void a_timer_is_due_once_at_the_time_it_was_moved_to(void **state)
{
    (void)state;
    struct timers t = {0};
    uint64_t number = 0;
    assert_int_equal(timers_next(&t), 0);
    assert_int_equal(timers_set(&t, 5, 100), 0);
    assert_int_equal(timers_set(&t, 6, 50), 0);
    assert_int_equal(timers_set(&t, 5, 40), 0);
    assert_int_equal(timers_next(&t), 40);
    assert_false(timers_due(&t, 39, &number));
    assert_true(timers_due(&t, 40, &number));
    assert_int_equal(number, 5);
    assert_false(timers_due(&t, 49, &number));
    assert_int_equal(timers_next(&t), 50);
    timers_free(&t);
}

static void a_timer_that_is_ended_is_never_due(void **state)
{
    (void)state;
    struct timers t = {0};
    uint64_t number = 7;
    assert_int_equal(timers_set(&t, 1, 0), 0); /* one that never was */
    assert_int_equal(timers_set(&t, 1, 10), 0);
    assert_int_equal(timers_set(&t, 2, 20), 0);
    assert_int_equal(timers_set(&t, 1, 0), 0);
    assert_true(timers_due(&t, UINT64_MAX, &number));
    assert_int_equal(number, 2);
    assert_false(timers_due(&t, UINT64_MAX, &number));
    timers_free(&t);
}

static void one_too_many_is_refused_and_the_others_stay(void **state)
{
    (void)state;
    struct timers t = {0};
    for (uint64_t i = 1; i <= TIMERS_MAX; i++)
        assert_int_equal(timers_set(&t, i, 1000 + i), 0);
    assert_int_equal(timers_set(&t, TIMERS_MAX + 1, 5), -ERR_BUSY);
    assert_int_equal(timers_set(&t, 3, 4), 0);
    assert_int_equal(timers_next(&t), 4);
    assert_int_equal(t.count, TIMERS_MAX);
    timers_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_is_due_once_at_the_time_it_was_moved_to),
        cmocka_unit_test(a_timer_that_is_ended_is_never_due),
        cmocka_unit_test(one_too_many_is_refused_and_the_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
