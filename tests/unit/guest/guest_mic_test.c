/* SPDX-License-Identifier: MIT
 * What a VM says of who may hear the microphone: bounded records of names that VMs can have. */
#include "actors/guest/guest_mic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int open_list(void **state)
{
    *state = calloc(1, sizeof(struct guest_mic_list));
    return *state == NULL;
}

static int close_list(void **state)
{
    free(*state);
    return 0;
}

static int take(struct guest_mic_list *list, const char *name, const char *value)
{
    struct fault why;
    return guest_mic_take(list, span_of(name), span_of(value), &why);
}

static void each_vm_may_or_may_not_or_something_else_is_said(void **state)
{
    struct guest_mic_list *list = *state;
    static const char *const value[] = {"1", "0", "yes", "", "11"};
    static const char *const line[] = {"allowed=1", "allowed=0", "allowed=?", "allowed=?", "allowed=?"};
    for (size_t i = 0; i < 5; i++) {
        struct device_item item;
        assert_int_equal(take(list, "personal-web.2_b", value[i]), 0);
        guest_mic_item(&list->vm[i], &item);
        assert_string_equal(item.attachment, "personal-web.2_b");
        assert_string_equal(item.data, line[i]);
        assert_string_equal(item.port, "mic");
    }
    assert_int_equal(list->left_out, 0);
}

static void names_that_no_vm_can_have_are_left_out(void **state)
{
    static const char *const bad[] = {"9lives", "-a", ".",           "a/b",
                                      "a b",    "a%", "caf\xc3\xa9", "a123456789012345678901234567890x"};
    struct guest_mic_list *list = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(take(list, bad[i], "1"), 0);
    assert_int_equal(take(list, "", "1"), 0); /* the folder's own entry */
    assert_int_equal(list->count, 0);
    assert_int_equal(list->left_out, sizeof bad / sizeof bad[0]);
    assert_int_equal(take(list, "a123456789012345678901234567890", "1"), 0);
    assert_int_equal(list->count, 1);
}

static void what_is_too_much_is_left_out_and_what_is_endless_is_an_error(void **state)
{
    struct guest_mic_list *list = *state;
    for (int i = 0; i < GUEST_MIC_ENTRIES; i++)
        assert_int_equal(take(list, "work", "1"), 0);
    assert_int_equal(list->count, GUEST_MIC_MAX);
    assert_int_equal(list->left_out, GUEST_MIC_ENTRIES - GUEST_MIC_MAX);
    assert_int_equal(take(list, "work", "1"), -ERR_PROTOCOL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_list, close_list)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_vm_may_or_may_not_or_something_else_is_said),
        TEST(names_that_no_vm_can_have_are_left_out),
        TEST(what_is_too_much_is_left_out_and_what_is_endless_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
