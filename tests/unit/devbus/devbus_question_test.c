/* SPDX-License-Identifier: MIT
 * What a person is shown of a device that names itself, and that only one answer is a yes. */
#include "actors/devbus/devbus_question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

static void only_allow_and_a_targets_name_is_a_yes(void **state)
{
    static const char *const target[] = {"work", "work-2", "vault"};
    static const struct {
        struct span answer;
        int chosen;
    } rows[] = {
        {SPAN_LITERAL("allow:work"), 0},
        {SPAN_LITERAL("allow:work-2"), 1},
        {SPAN_LITERAL("allow:vault"), 2},
        {SPAN_LITERAL("deny"), -1},
        {SPAN_LITERAL(""), -1},
        {SPAN_LITERAL("allow:"), -1},
        {SPAN_LITERAL("allow"), -1},
        {SPAN_LITERAL("allow:wor"), -1},
        {SPAN_LITERAL("allow:work\n"), -1},
        {SPAN_LITERAL("allow:work\0"), -1},
        {SPAN_LITERAL("allow:work\0x"), -1},
        {SPAN_LITERAL("allow: work"), -1},
        {SPAN_LITERAL(" allow:work"), -1},
        {SPAN_LITERAL("Allow:work"), -1},
        {SPAN_LITERAL("allow:dom0"), -1},
        {SPAN_LITERAL("allow:nonsense"), -1},
        {SPAN_LITERAL("allow:work,vault"), -1},
        {SPAN_LITERAL("allow:allow:work"), -1},
        {SPAN_LITERAL("work"), -1},
        {SPAN_LITERAL("0\0allow:work"), -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(devbus_answer(rows[i].answer, target, COUNT(target)), rows[i].chosen);
    assert_int_equal(devbus_answer((struct span){NULL, 0}, target, COUNT(target)), -1);
    assert_int_equal(devbus_answer(SPAN_LITERAL("allow:work"), target, 0), -1);
}

static const char *words_of(const char *class, const struct device_item *item)
{
    static char words[1024];
    AUTO_TEXT text = TEXT_WITH_LIMIT(sizeof words - 1);
    devbus_description(&text, class, "sys-usb", item);
    assert_int_equal(text_copy(words, sizeof words, text_span(&text)), 0);
    return words;
}

static void a_device_is_described_by_the_best_that_is_known(void **state)
{
    struct device_item item = {.interfaces = "u080650"};
    (void)state;
    assert_string_equal(words_of("usb", &item), "USB_Storage: unknown vendor unknown usb device");
    memcpy(item.manufacturer, "M", 2);
    memcpy(item.serial, "S", 2);
    assert_string_equal(words_of("usb", &item), "USB_Storage: M S");
    memcpy(item.name, "N", 2);
    assert_string_equal(words_of("usb", &item), "USB_Storage: M N");
    memcpy(item.product, "P", 2);
    memcpy(item.vendor, "unknown", 8);
    assert_string_equal(words_of("usb", &item), "USB_Storage: M P");
    memcpy(item.vendor, "V", 2);
    assert_string_equal(words_of("usb", &item), "USB_Storage: V P");
    memcpy(item.interfaces, "?******u030001", 15);
    assert_string_equal(words_of("usb", &item), "Keyboard: V P");
    memcpy(item.interfaces, "uff0000", 8);
    assert_string_equal(words_of("usb", &item), "USB device: V P");
    struct device_item part = {.interfaces = "b******", .parent_port = "1-2", .manufacturer = "x"};
    assert_string_equal(words_of("block", &part), "sub-device of sys-usb:1-2");
}

static void a_device_cannot_write_markup_or_quotes_into_the_question(void **state)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(4096), icons = TEXT_WITH_LIMIT(1024);
    struct device_item item = {.port = "sda", .interfaces = "b******", .name = "<b>\"&\\,}\n\x01\xc3"};
    struct devbus_question_asked q = {
        .device_class = "block", .backend = "sys-usb", .item = &item, .target = {"a", "b"}, .targets = 2};
    static const char expected[] =
        "device-agent.GUI dom0 name dom0\0"
        "{\"source\": \"sys-usb\", \"device_name\": \"Block_Storage: unknown vendor _b_\\\"_\\\\,}___\", "
        "\"argument\": \"sda\", \"targets\": [\"a\", \"b\"], \"default_target\": \"\", "
        "\"icons\": {\"dom0\": \"adminvm-black\", \"@dispvm:disp1\": \"dispvm-red\"}}";
    (void)state;
    devbus_icon(&icons, "dom0", "adminvm-black");
    devbus_icon(&icons, "@dispvm:disp1", "dispvm-red");
    q.icons = text_span(&icons);
    devbus_question_text(&text, &q);
    assert_int_equal(text.failed, 0);
    assert_int_equal(text.len, sizeof expected - 1);
    assert_memory_equal(text.at, expected, text.len);
}

static void a_single_target_is_the_default(void **state)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(4096);
    struct device_item item = {.port = "sda", .interfaces = "b******"};
    struct devbus_question_asked q = {
        .device_class = "block", .backend = "b", .item = &item, .target = {"work"}, .targets = 1};
    (void)state;
    devbus_question_text(&text, &q);
    assert_non_null(strstr(text.at + strlen(text.at) + 1,
                           "\"targets\": [\"work\"], \"default_target\": \"work\", \"icons\": {}}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_allow_and_a_targets_name_is_a_yes),
        cmocka_unit_test(a_device_is_described_by_the_best_that_is_known),
        cmocka_unit_test(a_device_cannot_write_markup_or_quotes_into_the_question),
        cmocka_unit_test(a_single_target_is_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
