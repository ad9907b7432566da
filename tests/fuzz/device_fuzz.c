/* SPDX-License-Identifier: MIT
 * Fuzzes what clients write about devices: the first byte says which text it is. What is accepted keeps its
 * bounds, goes through the store, and is told as it was read. */
#include <assert.h>
#include <string.h>

#include "base/own.h"
#include "model/device_interface.h"
#include "model/names.h"
#include "model/plan_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void an_argument_is_stored_and_found(struct span text, char *room)
{
    AUTO_TEXT key = TEXT_WITH_LIMIT(1 << 18);
    struct device d, back;
    struct fault why;
    int r = device_argument_parse(DEVICE_usb, text, room, &d, &why);
    assert(r == 0 || r == -ERR_PROTOCOL);
    if (r < 0)
        return;
    assert(d.port.len > 0 && d.port.len <= DEVICE_PORT_MAX && d.id.len > 0 && d.id.len <= DEVICE_ID_MAX);
    if (memchr(d.backend.at, ' ', d.backend.len) != NULL)
        return; /* no such VM: the caller's to find */
    device_key_write(&key, &d);
    assert(device_key_read(text_span(&key), &back) == 0 && device_equal(&d, &back));
    assert(device_tried_order(&d, &back) == 0);
}

/* What was read is written and read again: the same pairs. Values that end in '=' cannot be told. */
static void a_line_comes_back(struct span text, char *room, char *again)
{
    static struct wire_pair pair[WIRE_PAIRS_MAX], back[WIRE_PAIRS_MAX];
    AUTO_TEXT line = TEXT_WITH_LIMIT(1 << 20);
    size_t count = 0, n = 0;
    struct fault why;
    int r = wire_parse(text, room, pair, &count, &why);
    assert(r == 0 || r == -ERR_PROTOCOL);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct span v = pair[i].value, k = pair[i].key;
        if ((v.len > 0 && v.at[v.len - 1] == '=') || (!pair[i].is_option && span_starts(k, "_")))
            return;
        assert(wire_put(&line, pair[i].is_option ? "_" : "", k, v, &why) == 0);
    }
    if (r < 0)
        return;
    assert(line.len <= (1 << 18));
    assert(wire_parse(text_span(&line), again, back, &n, &why) == 0 && n == count);
    for (size_t i = 0; i < n; i++)
        assert(span_equal(pair[i].key, back[i].key) && span_equal(pair[i].value, back[i].value) &&
               pair[i].is_option == back[i].is_option);
}

static void a_payload_is_stored_and_listed(struct span text, char *room)
{
    static struct device_payload said;
    struct device d = {DEVICE_usb, SPAN_LITERAL("sys-usb"), SPAN_LITERAL("1-1"), SPAN_LITERAL("*")};
    AUTO_TEXT options = TEXT_WITH_LIMIT(1 << 20);
    AUTO_TEXT key = TEXT_WITH_LIMIT(1 << 20);
    AUTO_TEXT value = TEXT_WITH_LIMIT(1 << 20);
    AUTO_TEXT line = TEXT_WITH_LIMIT(1 << 20);
    AUTO_TEXT map = TEXT_WITH_LIMIT(1 << 20);
    struct assignment a;
    struct fault why;
    if (device_payload_parse(&d, text, room, &said, &why) < 0)
        return;
    for (size_t i = 0; i < said.pairs; i++)
        if (said.pair[i].is_option)
            assignment_option_write(&options, said.pair[i].key, said.pair[i].value);
    d.id = said.id;
    device_key_write(&key, &d);
    assignment_value_write(&value, said.mode, said.frontend, text_span(&options));
    assert(assignment_read(text_span(&key), text_span(&value), &a) == 0);
    assert(a.mode == said.mode && device_equal(&a.device, &d));
    assert(assignment_line(&line, &a, SPAN_LITERAL("work"), &why) == 0);
    assert(memchr(line.at, '\n', line.len) == NULL);
    options_text(&map, a.options);
    assert(map.failed == 0 && map.len >= 2);
}

static void an_old_payload_is_options_or_nothing(struct span text)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(1 << 20);
    struct span rest, name, value;
    bool persistent = false;
    struct fault why;
    if (device_old_options(text, &lines, &persistent, &why) < 0)
        return;
    rest = text_span(&lines);
    while (assignment_option(&rest, &name, &value))
        assert(name.len > 0 && wire_is_key(name) && wire_is_value(value));
}

static void a_stored_item_of_any_bytes_is_read_or_refused(struct span text)
{
    struct span value, key = span_split(text, '\n', &value);
    AUTO_TEXT line = TEXT_WITH_LIMIT(1 << 20);
    struct assignment a;
    struct fault why;
    if (assignment_read(key, value, &a) == 0)
        (void)assignment_line(&line, &a, SPAN_LITERAL("work"), &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_MEMORY char *room = malloc(size + 1);
    AUTO_MEMORY char *again = malloc(4 * size + 4096);
    struct span which, text = {(const char *)data + 1, size > 0 ? size - 1 : 0};
    if (size == 0 || size > 65536 || room == NULL || again == NULL)
        return 0;
    switch (data[0] % 6) {
    case 0:
        an_argument_is_stored_and_found(text, room);
        break;
    case 1:
        a_line_comes_back(text, room, again);
        break;
    case 2:
        a_payload_is_stored_and_listed(text, room);
        break;
    case 3:
        an_old_payload_is_options_or_nothing(text);
        break;
    case 4:
        a_stored_item_of_any_bytes_is_read_or_refused(text);
        break;
    default:
        (void)device_category(text);
        (void)interface_denied(text, SPAN_LITERAL("u030001b******"), &which);
    }
    return 0;
}
