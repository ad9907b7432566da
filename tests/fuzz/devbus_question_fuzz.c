/* SPDX-License-Identifier: MIT
 * Fuzzes what is asked about a device and what is answered: the first line is the agent's answer, the others
 * are what the device says of itself. Whatever comes, the question is one JSON text of printable ASCII, and
 * only "allow:" with a target's very name is a yes. */
#include <assert.h>
#include <string.h>

#include <jansson.h>

#include "actors/devbus/devbus_question.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const target[] = {"work", "work-2", "a"};

static void check_answer(struct span answer)
{
    int chosen = devbus_answer(answer, target, COUNT(target));
    assert(chosen >= -1 && chosen < (int)COUNT(target));
    if (chosen < 0)
        return;
    assert(answer.len == 6 + strlen(target[chosen]));
    assert(memcmp(answer.at, "allow:", 6) == 0);
    assert(memcmp(answer.at + 6, target[chosen], answer.len - 6) == 0);
}

static void check_words(const struct device_item *item)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(DEVBUS_QUESTION_MAX);
    static const char header[] = "device-agent.GUI dom0 name dom0";
    struct devbus_question_asked q = {.device_class = "usb",
                                      .backend = "sys-usb",
                                      .item = item,
                                      .target = {target[0], target[1], target[2]},
                                      .targets = COUNT(target),
                                      .icons = SPAN_LITERAL("\"dom0\": \"adminvm-black\"")};
    devbus_question_text(&text, &q);
    assert(text.failed == 0 && memcmp(text.at, header, sizeof header) == 0);
    for (size_t i = sizeof header; i < text.len; i++)
        assert(text.at[i] >= ' ' && text.at[i] < 0x7f);
    json_t *json =
        json_loadb(text.at + sizeof header, text.len - sizeof header, JSON_REJECT_DUPLICATES, NULL);
    assert(json_object_size(json) == 6);
    assert(json_array_size(json_object_get(json, "targets")) == COUNT(target));
    assert(strpbrk(json_string_value(json_object_get(json, "device_name")), "<>&") == NULL);
    json_decref(json);
}

static void take(char *to, size_t room, struct span *rest)
{
    struct span line = span_split(*rest, '\n', rest);
    size_t len = line.len < room - 1 ? line.len : room - 1;
    if (len > 0)
        memcpy(to, line.at, len);
    to[len] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    struct device_item item = {.port = "1-1"};
    check_answer(span_split(rest, '\n', &rest));
    take(item.interfaces, sizeof item.interfaces, &rest);
    take(item.vendor, sizeof item.vendor, &rest);
    take(item.product, sizeof item.product, &rest);
    take(item.manufacturer, sizeof item.manufacturer, &rest);
    take(item.name, sizeof item.name, &rest);
    take(item.serial, sizeof item.serial, &rest);
    take(item.parent_port, sizeof item.parent_port, &rest);
    check_words(&item);
    return 0;
}
