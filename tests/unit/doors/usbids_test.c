/* SPDX-License-Identifier: MIT
 * Names out of a list like usb.ids: vendors and products, and nothing behind them. */
#include "doors/usbids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char list[] = "# a comment\n"
                           "\t0009  A product of nobody\n"
                           "1d6b  Linux Foundation\n"
                           "\t0003  3.0 root hub\n"
                           "\t\t0003  an interface\n"
                           "\t0002  2.0 root hub\n"
                           "046d  Logitech, Inc.\n"
                           "\tc077  Mouse\x01\n"
                           "04\n"
                           "C 03  Human Interface Device\n"
                           "\t0001  Boot\n"
                           "9999  Behind the classes\n"
                           "\t9999  Nothing\n";

static void is_called(const struct usbids *ids, const char *id, const char *vendor, const char *product)
{
    char v[32], p[32];
    usbids_name(ids, id, v, sizeof v, p, sizeof p);
    assert_string_equal(v, vendor);
    assert_string_equal(p, product);
}

static void a_product_has_its_own_and_its_vendors_name(void **state)
{
    AUTO(usbids) *ids = NULL;
    (void)state;
    assert_int_equal(usbids_read(list, sizeof list - 1, &ids), 0);
    is_called(ids, "1d6b:0002:serial:u090000", "Linux Foundation", "2.0 root hub");
    is_called(ids, "1d6b:0003", "Linux Foundation", "3.0 root hub");
    is_called(ids, "046d:c077", "Logitech, Inc.", "Mouse_");
}

static void what_the_list_does_not_name_is_unknown(void **state)
{
    static const char *const others[] = {"1d6b:0004", "0000:0009", "9999:9999", "0003:0001", "", "x", "1d6b"};
    AUTO(usbids) *ids = NULL;
    (void)state;
    assert_int_equal(usbids_read(list, sizeof list - 1, &ids), 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        is_called(ids, others[i], "unknown", "unknown");
    is_called(NULL, "1d6b:0002", "unknown", "unknown");
}

static void a_name_that_does_not_fit_is_cut(void **state)
{
    AUTO(usbids) *ids = NULL;
    char vendor[6], product[4];
    (void)state;
    assert_int_equal(usbids_read(list, sizeof list - 1, &ids), 0);
    usbids_name(ids, "1d6b:0002", vendor, sizeof vendor, product, sizeof product);
    assert_string_equal(vendor, "Linux");
    assert_string_equal(product, "2.0");
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct usbids *ids = NULL;
    struct fault why;
    (void)state;
    assert_int_equal(usbids_open("/nowhere/usb.ids", &ids, &why), -ERR_IO);
    assert_non_null(strstr(why.text, "/nowhere/usb.ids"));
    assert_null(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_has_its_own_and_its_vendors_name),
        cmocka_unit_test(what_the_list_does_not_name_is_unknown),
        cmocka_unit_test(a_name_that_does_not_fit_is_cut),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
