/* SPDX-License-Identifier: MIT
 * Identities of devices: what an argument means, what is refused, what matches what, and which is tried
 * first. */
#include "model/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "model/device_interface.h"

static int parse(const char *argument, struct device *d)
{
    static char room[4096];
    struct fault why;
    return device_argument_parse(DEVICE_usb, span_of(argument), room, d, &why);
}

static void an_argument_names_backend_port_and_device(void **state)
{
    static const struct {
        const char *argument, *backend, *port, *id;
    } row[] = {
        {"sys-usb+1-1", "sys-usb", "1-1", "*"},
        {"sys-usb+1-1+0000+0000++_______", "sys-usb", "1-1", "0000:0000::?******"},
        {"sys-usb+1-1+_", "sys-usb", "1-1", "*"},
        {"sys-usb+_+dead", "sys-usb", "*", "dead"},
        {"sys-usb+_+_", "sys-usb", "*", "*"},
        {"sys-usb+1-1:dead:beef", "sys-usb", "1-1", "dead:beef"},
        {"sys-usb+1-1+", "sys-usb", "1-1", "*"},
        {"sys-usb+*:dead", "sys-usb", "*", "dead"},
        {"_+1-1", "*", "1-1", "*"},
        {"a+p+u03__02", "a", "p", "u03__02"},
        {"a+p+__", "a", "p", "__"},
        {"a+p+_______", "a", "p", "?******"},
        {"a+p+______________x", "a", "p", "?******?******x"},
        {"a+p+________", "a", "p", "?******_"},
        {"a+_______", "a", "_______", "*"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct device d;
        assert_int_equal(parse(row[i].argument, &d), 0);
        assert_true(span_is(d.backend, row[i].backend) && span_is(d.port, row[i].port));
        assert_true(span_is(d.id, row[i].id));
        assert_int_equal(d.class, DEVICE_usb);
    }
}

static void an_argument_that_names_no_device_is_refused_and_writes_nothing(void **state)
{
    static char longest[DEVICE_ID_MAX + 16] = "a+p+";
    const char *const bad[] = {"",  "a",      "sys-usb:1-1", "+1-1",  "sys-usb+",  "sys-usb++dead",
                               "+", "a+p\tq", "a+p+x\ny",    longest, "a+p q+dead"};
    (void)state;
    memset(longest + 4, 'x', DEVICE_ID_MAX + 1);
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct device d = {.port = {"kept", 4}};
        assert_int_equal(parse(bad[i], &d), -ERR_PROTOCOL);
        assert_true(span_is(d.port, "kept"));
    }
}

static void what_is_written_as_an_argument_is_read_as_the_same_device(void **state)
{
    static const char *const ids[] = {"*", "0x8086:0x1559::p020000", "0000:0000::?******", "a b",
                                      "x?******y"};
    static const char *const ports[] = {"*", "1-1.2", "00_1c.0-00_00.0"};
    (void)state;
    for (size_t i = 0; i < COUNT(ids) * COUNT(ports); i++) {
        AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
        struct device d = {DEVICE_usb, span_of(i % 2 ? "*" : "sys-usb"), span_of(ports[i % COUNT(ports)]),
                           span_of(ids[i / COUNT(ports)])};
        struct device back;
        device_argument_write(&t, &d);
        assert_int_equal(parse(t.at, &back), 0);
        assert_true(device_equal(&d, &back));
    }
}

static void a_key_of_the_store_keeps_spaces_of_the_id(void **state)
{
    struct device d = {DEVICE_block, SPAN_LITERAL("work"), SPAN_LITERAL("sda"), SPAN_LITERAL("a b  c")}, back;
    AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
    (void)state;
    device_key_write(&t, &d);
    assert_string_equal(t.at, "block work sda a b  c");
    assert_int_equal(device_key_read(text_span(&t), &back), 0);
    assert_true(device_equal(&d, &back));
    static const char *const bad[] = {
        "", "pci", "pci dom0", "pci dom0 x", "pci dom0 x ", "scsi dom0 x *", "pci  x *"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(device_key_read(span_of(bad[i]), &back), -ERR_BAD);
}

static struct device at(const char *backend, const char *port, const char *id)
{
    return (struct device){DEVICE_block, span_of(backend), span_of(port), span_of(id)};
}

static void a_pattern_means_devices_of_its_own_backend_only(void **state)
{
    struct device real = at("work", "sda", "dead"), other = real;
    static const struct {
        const char *backend, *port, *id;
        bool matches;
    } row[] = {
        {"work", "sda", "dead", true}, {"work", "sda", "*", true},     {"work", "*", "dead", true},
        {"work", "*", "*", true},      {"work", "sdb", "dead", false}, {"work", "sda", "beef", false},
        {"*", "sda", "dead", false},   {"net", "*", "*", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        struct device pattern = at(row[i].backend, row[i].port, row[i].id);
        assert_true(device_matches(&pattern, &real) == row[i].matches);
    }
    other.class = DEVICE_usb;
    assert_false(device_matches(&other, &real));
}

static int by_order(const void *a, const void *b)
{
    return device_tried_order(a, b);
}

static void the_most_specific_assignment_is_tried_first(void **state)
{
    struct device d[] = {at("work", "*", "*"),    at("work", "*", "id"),  at("work", "sda", "*"),
                         at("work", "sda", "id"), at("work", "sda", "a"), at("work", "sdb", "*"),
                         at("net", "sda", "id")};
    AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
    (void)state;
    qsort(d, COUNT(d), sizeof d[0], by_order);
    for (size_t i = 0; i < COUNT(d); i++) {
        device_text(&t, &d[i]);
        text_byte(&t, ' ');
    }
    assert_string_equal(t.at, "work:sdb:* work:sda:id work:sda:a work:sda:* work:*:id work:*:* net:sda:id ");
}

static void an_interface_belongs_to_the_category_that_says_most_about_it(void **state)
{
    static const struct {
        const char *code, *category;
    } row[] = {
        {"u030001", "Keyboard"},       {"u030002", "Mouse"},      {"u030000", "Input"},
        {"p090000", "Keyboard"},       {"p030000", "Display"},    {"u080650", "USB_Storage"},
        {"b******", "Block_Storage"},  {"m000000", "Microphone"}, {"p0c0330", "PCI_USB"},
        {"p0c0500", "PCI_Serial_Bus"}, {"ue00101", "Bluetooth"},  {"ue00000", "Network"},
        {"p0C0330", "Other"},          {"?******", "Other"},      {"u03", "Other"},
        {"u03000100", "Other"},        {"p020000", "Network"},    {"p060400", "PCI_Bridge"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(row); i++)
        assert_string_equal(device_category_name(device_category(span_of(row[i].code))), row[i].category);
}

static void a_deny_list_meets_any_interface_of_a_device(void **state)
{
    struct span which = {NULL, 0};
    (void)state;
    assert_int_equal(interface_denied(SPAN_LITERAL("b******u03**01"), SPAN_LITERAL("u080650u030001"), &which),
                     1);
    assert_true(span_is(which, "u030001"));
    assert_int_equal(interface_denied(SPAN_LITERAL("b******"), SPAN_LITERAL("u080650"), &which), 0);
    assert_int_equal(interface_denied(SPAN_LITERAL(""), SPAN_LITERAL("u080650"), &which), 0);
    assert_int_equal(interface_denied(SPAN_LITERAL("u08065*"), SPAN_LITERAL("u08065"), &which), 0);
    assert_false(interface_matches(SPAN_LITERAL("u080650"), SPAN_LITERAL("u08065*")));
    assert_true(interface_matches(SPAN_LITERAL("u08065*"), SPAN_LITERAL("u08065*")));
}

static void a_pci_devices_port_is_an_address_or_a_path(void **state)
{
    static const char *const good[] = {"00_19.0", "0000:00:19.0", "ff_1f.2", "0001_c0_03.5-00_00.0",
                                       "c0_03.5-00_00.0-01_00.7"};
    static const char *const bad[] = {
        "",           "bogus",    "1-1",      "00_19",           "00_19.0-",
        "00_19.0-1",  "00_1G.0",  "00_1F.2",  "0_19.0",          "00_19.00",
        "-00_19.0",   "00-19.0",  "00_19:0",  "000_00_19.0",     "00_19.0--00_00.0",
        "00000_0.0.", "00_19.0 ", "00_19.0_", "00_19.0-0:00_1.0"};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(device_port_is_pci(span_of(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(device_port_is_pci(span_of(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pci_devices_port_is_an_address_or_a_path),
        cmocka_unit_test(an_argument_names_backend_port_and_device),
        cmocka_unit_test(an_argument_that_names_no_device_is_refused_and_writes_nothing),
        cmocka_unit_test(what_is_written_as_an_argument_is_read_as_the_same_device),
        cmocka_unit_test(a_key_of_the_store_keeps_spaces_of_the_id),
        cmocka_unit_test(a_pattern_means_devices_of_its_own_backend_only),
        cmocka_unit_test(the_most_specific_assignment_is_tried_first),
        cmocka_unit_test(an_interface_belongs_to_the_category_that_says_most_about_it),
        cmocka_unit_test(a_deny_list_meets_any_interface_of_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
