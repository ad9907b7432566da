/* SPDX-License-Identifier: MIT
 * What a guest's process makes of the block devices that its guest says it exposes: records of plain
 * characters, whatever was written. */
#include "actors/guest/guest_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct guest_device_list));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void put(struct guest_device_list *list, const char *name, const char *value)
{
    struct fault why;
    assert_int_equal(guest_device_take(list, span_of(name), span_of(value), &why), 0);
}

static struct device_item item_of(const struct guest_device_list *list, size_t i)
{
    struct device_item item;
    assert_true(i < list->count);
    guest_device_item(list, &list->device[i], "sys-usb", &item);
    return item;
}

static void a_description_becomes_a_serial_number_and_a_name(void **state)
{
    static const char *const rows[][3] = {
        {"Test_ (device)", "Test", "device"},
        {"Test_device", "Test device", "unknown"},
        {"Test_device (2)", "Test device", "2"},
        {"Test (device<>za\xc4\x87"
         "abc)",
         "Test", "device  zaabc"},
        {"", "unknown", "unknown"},
        {"A ()", "A", "unknown"},
        {"___ (___)", "unknown", "unknown"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct guest_device_list *list = *state;
        *list = (struct guest_device_list){.count = 0};
        put(list, "sda/desc", rows[i][0]);
        struct device_item item = item_of(list, 0);
        assert_string_equal(item.serial, rows[i][1]);
        assert_string_equal(item.name, rows[i][2]);
    }
}

static void size_and_mode_are_believed_only_in_their_form(void **state)
{
    struct guest_device_list *list = *state;
    put(list, "sda/size", "18446744073709551615");
    put(list, "sda/mode", "r");
    put(list, "sdb/size", "12 ");
    put(list, "sdb/mode", "rw");
    put(list, "sdc/size", "-1");
    assert_true(item_of(list, 0).size == UINT64_MAX && item_of(list, 0).read_only == 1);
    assert_true(item_of(list, 1).size == 0 && item_of(list, 1).read_only == 0);
    assert_true(item_of(list, 2).size == 0 && item_of(list, 2).read_only == 0);
}

static void an_id_is_that_of_its_parent_and_its_place_there(void **state)
{
    struct guest_device_list *list = *state;
    put(list, "sda/parent", "1-1.2:1.0");
    put(list, "sda1/parent", "sda");
    put(list, "sdb/desc", "");
    put(list, "sdb02/parent", "sdb");
    put(list, "sdc/parent", "nobody");
    put(list, "sdd/parent", ":1.0");
    static const char *const ids[] = {"0000:0000::?******:1.0",
                                      "0000:0000::?******:1.0:1",
                                      ":None",
                                      ":None:2",
                                      "0000:0000::?******:None",
                                      ":1.0"};
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_string_equal(item_of(list, i).device_id, ids[i]);
    struct device_item usb = item_of(list, 0), part = item_of(list, 1), whole = item_of(list, 2);
    assert_true(strcmp(usb.parent_port, "1-1.2") == 0 && strcmp(usb.parent_class, "usb") == 0);
    assert_true(strcmp(part.parent_port, "sda") == 0 && strcmp(part.parent_class, "block") == 0);
    assert_string_equal(part.manufacturer, "sub-device of sys-usb:sda");
    assert_string_equal(whole.manufacturer, "hosted by sys-usb");
    assert_string_equal(whole.parent_port, "");
}

static void devices_that_are_parts_of_each_other_end_every_walk(void **state)
{
    struct guest_device_list *list = *state;
    put(list, "sda/parent", "sdb");
    put(list, "sdb/parent", "sda");
    put(list, "sdc/parent", "sdc");
    for (size_t i = 0; i < list->count; i++)
        assert_true(strncmp(item_of(list, i).device_id, "0000:0000::?******", 18) == 0);
}

static void names_that_are_no_ports_and_entries_of_nothing_are_left_out(void **state)
{
    static const char *const bad[] = {"invalid port/desc",
                                      "invalid+port/desc",
                                      "invalid#/desc",
                                      "/desc",
                                      "a\xc3\xa9/desc",
                                      "sda",
                                      "",
                                      "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq/desc"};
    struct guest_device_list *list = *state;
    for (size_t i = 0; i < COUNT(bad); i++)
        put(list, bad[i], "x");
    assert_int_equal(list->count, 0);
    put(list, "mapper_dmroot/desc", "x");
    assert_int_equal(list->count, 1);
}

static void more_devices_than_fit_are_left_out_and_an_endless_list_is_an_error(void **state)
{
    struct guest_device_list *list = *state;
    struct fault why;
    char name[32];
    int r = 0;
    for (int i = 0; i < GUEST_ENTRIES_MAX; i++) {
        snprintf(name, sizeof name, "sd%d/desc", i);
        assert_int_equal(guest_device_take(list, span_of(name), span_of("x"), &why), 0);
    }
    assert_int_equal(list->count, GUEST_DEVICES_MAX);
    r = guest_device_take(list, span_of("sda/desc"), span_of("x"), &why);
    assert_int_equal(r, -ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_description_becomes_a_serial_number_and_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(size_and_mode_are_believed_only_in_their_form, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_is_that_of_its_parent_and_its_place_there, setup, teardown),
        cmocka_unit_test_setup_teardown(devices_that_are_parts_of_each_other_end_every_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_are_no_ports_and_entries_of_nothing_are_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(more_devices_than_fit_are_left_out_and_an_endless_list_is_an_error,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
