/* SPDX-License-Identifier: MIT
 * Names and values as clients write them. */
#include "model/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"

static void a_vm_name_starts_with_a_letter_and_means_nothing_else(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "dom0", "None", "a_b-c.d", "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"};
    static const char *const bad[] = {"",     "7a",          "_a",   "-a",
                                      ".a",   "a b",         "a\n",  "a+b",
                                      "@a",   "Domain-0",    "none", "default",
                                      "a-dm", "caf\xc3\xa9", "a/b",  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"};
    struct fault why;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(vm_name_check(span_of(good[i]), &why), 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(vm_name_check(span_of(bad[i]), &why), -ERR_VALUE);
    assert_int_equal(vm_name_check((struct span){"a\0b", 3}, &why), -ERR_VALUE);
}

static void a_number_is_plain_digits_of_at_most_nineteen(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "-", "+1", "01", "00", " 1", "1 ", "1_0", "12345678901234567890", "9999999999999999999"};
    int64_t n = 7;
    struct fault why;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(number_parse(span_of(bad[i]), true, &n, &why), -ERR_PROTOCOL);
        assert_int_equal(n, 7);
    }
    assert_int_equal(number_parse(span_of("-5"), false, &n, &why), -ERR_PROTOCOL);
    assert_int_equal(number_parse(span_of("-5"), true, &n, &why), 0);
    assert_int_equal(n, -5);
    assert_int_equal(number_parse(span_of("-0"), true, &n, &why), 0);
    assert_int_equal(n, 0);
}

static void an_integer_is_read_as_properties_have_it(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     " ",   "-",   "+",   "_1",  "1_",
                                      "1__0", "0x1", "1.5", "--1", "1 0", "+-1"};
    static const char *const good[][2] = {{"0", "0"},  {"-0", "0"},   {"007", "7"},      {" 12\n", "12"},
                                          {"+1", "1"}, {"-07", "-7"}, {"1_000", "1000"}, {"0_0", "0"}};
    char out[32];
    struct fault why;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(integer_canonical(span_of(bad[i]), out, &why), -ERR_VALUE);
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(integer_canonical(span_of(good[i][0]), out, &why), (int)strlen(good[i][1]));
        assert_string_equal(out, good[i][1]);
    }
}

static void an_address_has_one_canonical_form(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"::", "::"},
                                          {"0:0:0:0:0:0:0:1", "::1"},
                                          {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
                                          {"1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"},
                                          {"FE80::", "fe80::"},
                                          {"::1.2.3.4", "::102:304"},
                                          {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"}};
    static const char *const bad[] = {"", ":", "1.2.3.4", "::1%lo", ":::", "1:2:3:4:5:6:7:8:9", "::g"};
    static const char *const bad4[] = {"", "1.2.3", "01.2.3.4", "256.1.1.1", "::1", " 1.2.3.4"};
    char out[64];
    struct fault why;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(address_canonical(span_of(good[i][0]), true, out, &why), (int)strlen(good[i][1]));
        assert_string_equal(out, good[i][1]);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(address_canonical(span_of(bad[i]), true, out, &why), -ERR_VALUE);
    for (size_t i = 0; i < COUNT(bad4); i++)
        assert_int_equal(address_canonical(span_of(bad4[i]), false, out, &why), -ERR_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vm_name_starts_with_a_letter_and_means_nothing_else),
        cmocka_unit_test(a_number_is_plain_digits_of_at_most_nineteen),
        cmocka_unit_test(an_integer_is_read_as_properties_have_it),
        cmocka_unit_test(an_address_has_one_canonical_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
