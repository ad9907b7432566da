/* SPDX-License-Identifier: MIT
 * Bounded text keeps its bounds. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/char.h"
#include "base/err.h"
#include "base/grow.h"
#include "base/own.h"

static void a_number_is_digits_within_its_bounds(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "11", "18446744073709551616"};
    uint64_t n = 7;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(text_number(span_of(bad[i]), 0, 10, &n), -ERR_RANGE);
        assert_int_equal(n, 7);
    }
    assert_int_equal(text_number(span_of("10"), 0, 10, &n), 0);
    assert_int_equal(n, 10);
}

static void a_plain_span_is_letters_digits_and_what_is_allowed_besides(void **state)
{
    (void)state;
    assert_true(span_is_plain(SPAN_LITERAL("sys-Net_01"), "-_"));
    assert_true(span_is_plain((struct span){NULL, 0}, ""));
    assert_false(span_is_plain(SPAN_LITERAL("sys-net"), "_"));
    assert_false(span_is_plain(SPAN_LITERAL("a\0b"), "-_"));
    assert_false(span_is_plain(SPAN_LITERAL("@"), ""));
    assert_false(span_is_plain(SPAN_LITERAL("\xc3\xa4"), "-_"));
}

static void a_hexadecimal_digit_is_in_lower_case(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++)
        assert_int_equal(char_hex("0123456789abcdef"[i]), i);
    for (const char *c = "A F g / : ` @"; *c != '\0'; c++)
        assert_int_equal(char_hex(*c), -1);
}

static void an_array_that_grows_keeps_what_it_holds(void **state)
{
    (void)state;
    AUTO_MEMORY int *list = NULL;
    size_t room = 0;
    for (size_t count = 0; count < 100; count++) {
        assert_int_equal(GROW(list, count, room, 3), 0);
        assert_true(list != NULL && room > count);
        if (list != NULL) /* the analyzer does not know that an assertion ends the test */
            list[count] = (int)count;
    }
    assert_int_equal(room, 192);
    for (size_t i = 0; list != NULL && i < 100; i++)
        assert_int_equal(list[i], i);
}

static void a_text_never_exceeds_its_limit_and_remembers_that_it_tried(void **state)
{
    (void)state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(5);
    text_add(&t, "abc");
    text_format(&t, "%d", 1234);
    assert_int_equal(t.failed, -ERR_TOO_BIG);
    text_add(&t, "d");
    assert_string_equal(t.at, "abc");
}

static void a_split_gives_the_part_before_and_what_follows(void **state)
{
    (void)state;
    struct span rest, first = span_split(span_of("a+b+c"), '+', &rest);
    assert_true(span_is(first, "a"));
    assert_true(span_is(rest, "b+c"));
    first = span_split(span_of("abc"), '+', &rest);
    assert_true(span_is(first, "abc"));
    assert_null(rest.at);
}

static void spans_are_ordered_by_bytes_and_the_shorter_comes_first(void **state)
{
    (void)state;
    static const char *const rising[] = {"", "a", "ab", "b", "\xff"};
    for (size_t i = 0; i < COUNT(rising); i++)
        for (size_t j = 0; j < COUNT(rising); j++) {
            int order = span_order(span_of(rising[i]), span_of(rising[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(span_equal(span_of(rising[i]), span_of(rising[j])), i == j);
        }
    assert_true(span_equal((struct span){NULL, 0}, span_of("")));
    assert_int_equal(span_order((struct span){NULL, 0}, span_of("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_digits_within_its_bounds),
        cmocka_unit_test(a_plain_span_is_letters_digits_and_what_is_allowed_besides),
        cmocka_unit_test(a_hexadecimal_digit_is_in_lower_case),
        cmocka_unit_test(an_array_that_grows_keeps_what_it_holds),
        cmocka_unit_test(a_text_never_exceeds_its_limit_and_remembers_that_it_tried),
        cmocka_unit_test(a_split_gives_the_part_before_and_what_follows),
        cmocka_unit_test(spans_are_ordered_by_bytes_and_the_shorter_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
