/* SPDX-License-Identifier: MIT
 * What devbus-block hears in its tests: of a backend, "back", and of frontends. */
#ifndef TESTS_UNIT_DEVBUS_BLOCK_DEVBUS_BLOCK_BENCH_H
#define TESTS_UNIT_DEVBUS_BLOCK_DEVBUS_BLOCK_BENCH_H

#include "actors/devbus-block/devbus_block.h"

#include "tests/unit/devbus/devbus_bench.h"

/* Ports with a space behind each; a '!' in front: read-only. */
static inline struct wire_list devices_of(struct text *packed, const char *ports)
{
    struct wire_list list = {0};
    struct span rest = span_of(ports);
    while (rest.len > 0) {
        struct span port = span_split(rest, ' ', &rest);
        struct device_item item = {.device_id = ":None", .interfaces = "b******"};
        item.read_only = span_starts(port, "!");
        if (item.read_only)
            port = (struct span){port.at + 1, port.len - 1};
        assert_int_equal(text_copy(item.port, sizeof item.port, port), 0);
        device_item_add(&list, packed, &item);
    }
    return list;
}

static inline void exposes(struct bench *b, const char *ports, bool changed)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    bench_forget(b);
    struct wire_list devices = devices_of(&packed, ports);
    HEAR(b, bus_exposed, BACK, .device_class = "block", .name = "back", .changed = changed,
         .devices = devices);
    if (!bench_is_called(b, "back", BACK))
        return;
    assert_int_equal(b->told_again, BACK); /* and it does */
    HEAR(b, bus_exposed, BACK, .device_class = "block", .name = "back", .devices = devices);
}

static inline uint64_t prepare(struct bench *b, uint32_t qid, const char *options, bool again)
{
    return HEAR(b, bus_prepare, qid, .name = "front", .backend = "back", .port = "sda", .device_id = ":None",
                .again = again, .options = span_of(options));
}

static inline uint64_t confirm(struct bench *b, uint32_t qid, bool present)
{
    return HEAR(b, bus_confirm, qid, .name = "front", .backend = "back", .port = "sda", .device_id = ":None",
                .present = present, .options = SPAN_LITERAL("option:frontend-dev=xvdi"));
}

static inline void has(struct bench *b, uint32_t qid, const char *port, bool over)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_has m = {.over = over, .name = "front"};
    struct bus_disk disk = {.backend = "back", .options = SPAN_LITERAL("option:frontend-dev=xvdi")};
    assert_int_equal(text_copy(disk.port, sizeof disk.port, span_of(port)), 0);
    if (port[0] != '\0')
        bus_disk_add(&m.disks, &packed, &disk);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    bus_has_encode(&body, &m);
    bench_hear(b, MESSAGE_bus_has, qid, &body);
}

static inline int open_bench(void **state)
{
    return bench_open(state, &devbus_block_actor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, bench_close)

#endif
