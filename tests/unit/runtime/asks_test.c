/* SPDX-License-Identifier: MIT
 * Open questions have numbers of their own and are bounded. */
#include "runtime/asks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_number_leads_to_its_tag_once(void **state)
{
    (void)state;
    struct asks *a = asks_new(0);
    uint64_t tag = 7, first = asks_add(a, 100), second = asks_add(a, 200);
    assert_int_not_equal(first, second);
    assert_true(asks_find(a, first, true, &tag)); /* progress keeps it open */
    assert_int_equal(tag, 100);
    assert_true(asks_find(a, first, false, &tag));
    tag = 7;
    assert_false(asks_find(a, first, false, &tag));
    assert_int_equal(tag, 7);
    assert_true(asks_take_any(a, &tag));
    assert_int_equal(tag, 200);
    assert_false(asks_take_any(a, &tag));
    asks_free(a);
}

static void numbers_begin_behind_those_of_an_earlier_incarnation(void **state)
{
    (void)state;
    struct asks *a = asks_new(5000);
    assert_true(asks_add(a, 1) > 5000);
    asks_free(a);
}

static void one_too_many_is_refused_until_another_is_answered(void **state)
{
    (void)state;
    struct asks *a = asks_new(0);
    uint64_t tag, some = 0;
    for (unsigned i = 0; i < ASKS_MAX; i++)
        assert_int_not_equal(some = asks_add(a, i), 0);
    assert_int_equal(asks_add(a, 1), 0);
    assert_true(asks_find(a, some, false, &tag));
    assert_int_not_equal(asks_add(a, 1), 0);
    asks_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_leads_to_its_tag_once),
        cmocka_unit_test(numbers_begin_behind_those_of_an_earlier_incarnation),
        cmocka_unit_test(one_too_many_is_refused_until_another_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
