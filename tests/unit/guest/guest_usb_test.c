/* SPDX-License-Identifier: MIT
 * What a guest says of its USB devices: bounded records of plain characters, whatever it writes. */
#include "actors/guest/guest_usb.h"

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
    *state = calloc(1, sizeof(struct guest_usb_list));
    return *state == NULL;
}

static int close_list(void **state)
{
    free(*state);
    return 0;
}

static void take(struct guest_usb_list *list, const char *name, const char *value)
{
    struct fault why;
    assert_int_equal(guest_usb_take(list, span_of(name), span_of(value), &why), 0);
}

static struct device_item only(const struct guest_usb_list *list)
{
    struct device_item item;
    assert_int_equal(list->count, 1);
    assert_true(guest_usb_item(&list->device[0], &item));
    return item;
}

static void a_device_is_what_its_four_words_say(void **state)
{
    take(*state, "2-1_4_1/desc", "046d:c077 Logitech USB_Mouse SN01");
    take(*state, "2-1_4_1/interfaces", ":030102:");
    take(*state, "2-1_4_1/connected-to", "work");
    struct device_item item = only(*state);
    assert_string_equal(item.port, "2-1.4.1");
    assert_string_equal(item.manufacturer, "Logitech");
    assert_string_equal(item.name, "USB_Mouse");
    assert_string_equal(item.serial, "SN01");
    assert_string_equal(item.interfaces, "u030102");
    assert_string_equal(item.device_id, "046d:c077:SN01:u030102");
    assert_string_equal(item.attachment, "work");
}

static void another_description_is_a_name_and_nothing_more(void **state)
{
    static const char *const odd[] = {"046d:c077 Logitech Mouse",
                                      "046d:c077 a b c d",
                                      "zzzz:c077 a b c",
                                      "046dc077 a b c",
                                      "a  b c",
                                      "046d:c07 a b c"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct guest_usb_list *list = *state;
        list->count = 0;
        take(list, "1-1/desc", odd[i]);
        struct device_item item = only(list);
        assert_string_equal(item.manufacturer, "unknown");
        assert_string_equal(item.serial, "unknown");
        assert_null(strchr(item.name, ' '));
        assert_string_equal(item.device_id, "0000:0000::?******");
    }
}

static void names_that_no_kernel_gives_are_left_out(void **state)
{
    static const char *const bad[] = {"1",     "1-",   "-1",   "1-1_", "1-1__2", "1-1.2", "a-1",   "1-1a",
                                      "1-1_a", "1--1", "usb1", "",     "1-1 ",   "1-2-3", "../1-1"};
    struct guest_usb_list *list = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/desc", bad[i]);
        take(list, name, "x");
    }
    take(list, "11111111111111111111-1111111111111111111111/desc", "too long");
    assert_int_equal(list->count, 0);
    assert_int_equal(list->left_out, sizeof bad / sizeof *bad + 1);
    take(list, "1-1", "the device itself says nothing");
    assert_int_equal(list->count, 0);
}

static void escapes_are_undone_and_what_is_not_printable_is_replaced(void **state)
{
    take(*state, "1-1/desc", "1234:5678 A\\x20B \\x41\\\\x\\xff\x01 50\\x25\\'q");
    struct device_item item = only(*state);
    assert_string_equal(item.manufacturer, "A B");
    assert_string_equal(item.name, "A\\x__");
    assert_string_equal(item.serial, "50%'q");
    assert_string_equal(item.device_id, "1234:5678:50__q:?******"); /* an id is typed, and said in errors */
}

static void a_device_whose_interfaces_are_no_codes_is_left_out_for_a_deny_list_could_not_see_it(void **state)
{
    static const char *const bad[] = {"03010g", "0301022", "030102:xx", "03\n", " 030102"};
    struct device_item item;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct guest_usb_list *list = *state;
        list->count = 0;
        take(list, "1-1/interfaces", bad[i]);
        assert_int_equal(list->count, 1);
        assert_false(guest_usb_item(&list->device[0], &item));
    }
    struct guest_usb_list *list = *state;
    list->count = 0;
    take(list, "1-1/interfaces", "E00101::08");
    item = only(list);
    assert_string_equal(item.interfaces, "ue00101u08****"); /* in the case that deny lists have */
}

static void more_interfaces_than_a_record_holds_leave_the_device_out(void **state)
{
    char codes[8 * 40 + 1] = "";
    struct device_item item;
    struct guest_usb_list *list = *state;
    for (int i = 0; i < GUEST_USB_INTERFACES; i++)
        strcat(codes, "030102:");
    take(list, "1-1/interfaces", codes);
    assert_true(guest_usb_item(&list->device[0], &item));
    strcat(codes, "030102");
    take(list, "1-1/interfaces", codes);
    assert_false(guest_usb_item(&list->device[0], &item));
}

static void only_a_name_of_a_vm_is_an_attachment(void **state)
{
    static const char *const bad[] = {"", "1vm", "a b", "-x", "vm+1", "a-name-that-is-longer-than-31-bytes"};
    struct guest_usb_list *list = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        take(list, "1-1/connected-to", "work");
        take(list, "1-1/connected-to", bad[i]);
        assert_string_equal(only(list).attachment, "");
    }
    take(list, "1-1/connected-to", "a.b_c-1");
    assert_string_equal(only(list).attachment, "a.b_c-1");
}

static void more_devices_than_fit_are_left_out_and_an_endless_list_is_an_error(void **state)
{
    struct guest_usb_list *list = *state;
    struct fault why;
    char name[32];
    int r = 0;
    for (int i = 0; i < GUEST_USB_ENTRIES; i++) {
        snprintf(name, sizeof name, "1-%d/desc", i);
        assert_int_equal(guest_usb_take(list, span_of(name), span_of("x"), &why), 0);
    }
    assert_int_equal(list->count, GUEST_USB_MAX);
    assert_int_equal(list->left_out, GUEST_USB_ENTRIES - GUEST_USB_MAX);
    r = guest_usb_take(list, span_of("1-1/desc"), span_of("x"), &why);
    assert_int_equal(r, -ERR_PROTOCOL);
    assert_int_equal(list->count, GUEST_USB_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_list, close_list)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_what_its_four_words_say),
        TEST(another_description_is_a_name_and_nothing_more),
        TEST(names_that_no_kernel_gives_are_left_out),
        TEST(escapes_are_undone_and_what_is_not_printable_is_replaced),
        TEST(a_device_whose_interfaces_are_no_codes_is_left_out_for_a_deny_list_could_not_see_it),
        TEST(more_interfaces_than_a_record_holds_leave_the_device_out),
        TEST(only_a_name_of_a_vm_is_an_attachment),
        TEST(more_devices_than_fit_are_left_out_and_an_endless_list_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
