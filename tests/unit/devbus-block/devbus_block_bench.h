/* SPDX-License-Identifier: MIT
 * A bench for the core of devbus-block: what it says is collected, what it hears comes from a backend, its
 * guest's process, and from frontends. */
#ifndef TESTS_UNIT_DEVBUS_BLOCK_DEVBUS_BLOCK_BENCH_H
#define TESTS_UNIT_DEVBUS_BLOCK_DEVBUS_BLOCK_BENCH_H

#include "actors/devbus-block/devbus_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "proto/rules.h"

enum { BACK = 4, FRONT = 7, OTHER = 8, GENERATION = 3, REPLIES = 64 };

struct reply {
    uint64_t correlation;
    int r;
    char text[512], options[256];
    size_t devices;
    char attachment[32];
};

struct bench {
    struct devbus_block *self;
    struct out out;
    char note[DEVBUS_NOTE_MAX + 1];
    struct reply reply[REPLIES];
    unsigned replies;
    uint64_t correlation, tag;
    char events[1024];  /* "4 device-added:block back:sda:id;" */
    char attached[512]; /* of the last VM that api was told of */
    char sent[512];     /* "vm_lose 7 sda;" and the like */
    uint64_t settles, sweeps;
    unsigned guests_asked; /* all of them, at once */
    bool retired;
    uint64_t guest_asked;
};

/* ---- what the core says ---- */

static inline void take_event(struct bench *b, const struct envelope *e)
{
    struct happened m;
    struct event_item item;
    struct event_argument argument = {.value = SPAN_LITERAL("")};
    assert_int_equal(happened_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.events);
    assert_int_equal(event_item_next(&in, &item), 1);
    struct reader arguments = list_reader(&item.arguments);
    (void)event_argument_next(&arguments, &argument);
    size_t at = strlen(b->events);
    snprintf(b->events + at, sizeof b->events - at, "%u %.*s %.*s;", item.qid, (int)item.name.len,
             item.name.at, (int)argument.value.len, argument.value.at != NULL ? argument.value.at : "");
}

static inline void take_attached(struct bench *b, const struct envelope *e)
{
    struct attached m;
    struct attached_item item;
    assert_int_equal(attached_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.devices);
    b->attached[0] = '\0';
    while (attached_item_next(&in, &item) == 1) {
        size_t at = strlen(b->attached);
        snprintf(b->attached + at, sizeof b->attached - at, "%s+%s+%s %.*s;", item.backend, item.port,
                 item.device_id, (int)item.options.len, item.options.at);
    }
}

static inline void take_reply(struct bench *b, const struct envelope *e)
{
    struct reply *reply = &b->reply[b->replies++];
    struct bus_prepare_reply prepared;
    struct bus_list_reply listed;
    struct device_item item;
    struct error error;
    *reply = (struct reply){.correlation = e->correlation};
    if (e->type == MESSAGE_error && error_decode(&error, e->body) == 0) {
        reply->r = -(int)error.code;
        memcpy(reply->text, error.text, sizeof reply->text);
    } else if (e->type == MESSAGE_bus_prepare) {
        assert_int_equal(bus_prepare_reply_decode(&prepared, e->body), 0);
        (void)text_copy(reply->options, sizeof reply->options, prepared.options);
    } else if (e->type == MESSAGE_bus_list) {
        assert_int_equal(bus_list_reply_decode(&listed, e->body), 0);
        struct reader in = list_reader(&listed.devices);
        reply->devices = listed.devices.count;
        if (device_item_next(&in, &item) == 1)
            memcpy(reply->attachment, item.attachment, sizeof reply->attachment);
    }
}

static inline int take(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct vm_lose lost;
    struct device_came came;
    char line[300] = "";
    assert_int_equal(envelope_permitted(e, (struct address){KIND_DEVBUS_BLOCK, 0}), 0);
    if (e->class == CLASS_REPLY)
        take_reply(b, e);
    else if (e->type == MESSAGE_happened)
        take_event(b, e);
    else if (e->type == MESSAGE_attached)
        take_attached(b, e);
    else if (e->type == MESSAGE_guest_tell)
        b->guests_asked++;
    else if (e->type == MESSAGE_vm_lose && vm_lose_decode(&lost, e->body) == 0)
        snprintf(line, sizeof line, "lose %u %.200s;", e->to_instance, lost.port);
    else if (e->type == MESSAGE_device_came && device_came_decode(&came, e->body) == 0)
        snprintf(line, sizeof line, "came %u %.200s;", e->subject_instance, came.port);
    strncat(b->sent, line, sizeof b->sent - strlen(b->sent) - 1);
    return 0;
}

static inline int take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    assert_int_equal(envelope_permitted(e, (struct address){KIND_DEVBUS_BLOCK, 0}), 0);
    assert_int_equal(e->type, MESSAGE_guest_devices);
    b->guest_asked = tag;
    return 0;
}

static inline void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == BLOCK_TIMER_SETTLED)
        ((struct bench *)shell)->settles = at;
    if (timer == BLOCK_TIMER_SWEEP)
        ((struct bench *)shell)->sweeps = at;
}

static inline void take_note(void *shell, struct span note)
{
    assert_int_equal(text_copy(((struct bench *)shell)->note, DEVBUS_NOTE_MAX + 1, note), 0);
}

static inline void take_ready(void *shell)
{
    (void)shell;
}

static inline void take_retire(void *shell)
{
    ((struct bench *)shell)->retired = true;
}

static inline void begin(struct bench *b)
{
    char note[DEVBUS_NOTE_MAX + 1];
    memcpy(note, b->note, sizeof note);
    struct life life = {.self = {KIND_DEVBUS_BLOCK, 0}, .note = span_of(note)};
    b->self = calloc(1, sizeof *b->self);
    assert_non_null(b->self);
    assert_int_equal(devbus_block_actor.begin(b->self, &b->out, &life), 0);
    devbus_block_actor.hello(b->self, &b->out, 1, 0);
}

static inline void end(struct bench *b)
{
    devbus_block_actor.end(b->self);
    free(b->self);
}

static inline void open_bench(struct bench *b)
{
    static const struct out_ops ops = {.send = take,
                                       .ask = take_ask,
                                       .timer = take_timer,
                                       .note = take_note,
                                       .ready = take_ready,
                                       .retire = take_retire};
    *b = (struct bench){.out = {.ops = &ops, .shell = b, .now = 100 * SECONDS}};
    begin(b);
}

static inline void killed(struct bench *b)
{
    end(b);
    b->out.now += MILLISECONDS;
    begin(b);
}

/* ---- what it hears ---- */

static inline uint64_t hear(struct bench *b, uint16_t type, uint32_t qid, const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = message_rule(type)->class,
                         .source_kind = type == MESSAGE_bus_exposed ? KIND_GUEST : KIND_VM,
                         .source_instance = qid,
                         .to_kind = KIND_DEVBUS_BLOCK,
                         .subject_kind = KIND_VM,
                         .subject_instance = qid,
                         .subject_generation = GENERATION,
                         .correlation = ++b->correlation,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(body)};
    devbus_block_actor.hear(b->self, &b->out, &e);
    return e.correlation;
}

#define HEAR(b, name, qid, ...)                                                                              \
    __extension__({                                                                                          \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_PART_MAX);                                                    \
        name##_encode(&body_, &(struct name){__VA_ARGS__});                                                  \
        hear(b, MESSAGE_##name, qid, &body_);                                                                \
    })

static inline const struct reply *reply_to(const struct bench *b, uint64_t correlation)
{
    for (unsigned i = 0; i < b->replies; i++)
        if (b->reply[i].correlation == correlation)
            return &b->reply[i];
    return NULL;
}

static inline int result_of(const struct bench *b, uint64_t correlation)
{
    assert_non_null(reply_to(b, correlation));
    return reply_to(b, correlation)->r;
}

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
    b->events[0] = b->sent[0] = '\0';
    HEAR(b, bus_exposed, BACK, .device_class = "block", .name = "back", .changed = changed,
         .devices = devices_of(&packed, ports));
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
    hear(b, MESSAGE_bus_has, qid, &body);
}

#endif
