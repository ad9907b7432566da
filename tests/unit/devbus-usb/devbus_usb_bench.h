/* SPDX-License-Identifier: MIT
 * What tests of devbus-usb have it hear: a backend called "back", which exposes devices, and a VM called
 * "front". */
#ifndef TESTS_UNIT_DEVBUS_USB_DEVBUS_USB_BENCH_H
#define TESTS_UNIT_DEVBUS_USB_DEVBUS_USB_BENCH_H

#include "actors/devbus-usb/devbus_usb.h"
#include "tests/unit/devbus/devbus_bench.h"

static inline struct asked service_ends(struct bench *b, int r, uint32_t status, const char *output)
{
    return ANSWER(b, usb_call, r, .status = status, .output = span_of(output));
}

static inline void is_named(struct bench *b, uint32_t qid)
{
    ANSWER(b, vm_named, 0, .found = qid != 0, .qid = qid, .generation = GENERATION);
}

/* "1-1 2-1=front " */
static inline void exposes(struct bench *b, const char *ports, bool changed)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list list = {0};
    struct span rest = span_of(ports);
    bench_forget(b);
    while (rest.len > 0) {
        struct span name, port = span_split(span_split(rest, ' ', &rest), '=', &name);
        struct device_item item = {.device_id = "1:2::u03****", .interfaces = "u03****"};
        assert_int_equal(text_copy(item.port, sizeof item.port, port), 0);
        (void)text_copy(item.attachment, sizeof item.attachment, name);
        device_item_add(&list, &packed, &item);
    }
    HEAR(b, bus_exposed, BACK, .device_class = "usb", .name = "back", .changed = changed, .devices = list);
    if (bench_is_called(b, "back", BACK))
        HEAR(b, bus_exposed, BACK, .device_class = "usb", .name = "back", .devices = list);
}

static inline void prepare(struct bench *b, uint32_t qid, bool again)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_prepare m = {.name = "front", .backend = "back", .port = "1-1", .device_id = "1:2::u03****"};
    if (qid == OTHER)
        memcpy(m.name, "other", sizeof "other");
    m.again = again;
    bus_prepare_encode(&body, &m);
    bench_hear(b, MESSAGE_bus_prepare, qid, &body);
}

static inline void plug(struct bench *b, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_plug m = {.name = "front", .backend = "back", .port = "1-1"};
    if (qid == OTHER)
        memcpy(m.name, "other", sizeof "other");
    bench_forget(b);
    bus_plug_encode(&body, &m);
    bench_hear(b, MESSAGE_bus_plug, qid, &body);
}

static inline void unplug(struct bench *b, uint32_t qid, bool again)
{
    bench_forget(b);
    HEAR(b, bus_unplug, qid, .name = "front", .backend = "back", .port = "1-1", .again = again);
}

static inline void attach(struct bench *b)
{
    prepare(b, FRONT, false);
    assert_int_equal(bench_last(b), 0);
    plug(b, FRONT);
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(bench_last(b), 0);
}

static inline int open_bench(void **state)
{
    return bench_open(state, &devbus_usb_actor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, bench_close)

#endif
