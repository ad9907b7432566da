/* SPDX-License-Identifier: MIT
 * devbus-block between backends and VMs: one holder at a time, wherever it is killed; what comes and goes is
 * told once; it rests when there is nothing to know. */
#include "actors/devbus-block/devbus_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/devbus-block/devbus_block_options.h"
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
    uint64_t settles;
    bool retired;
    uint64_t guest_asked;
};

/* ---- what the core says ---- */

static void take_event(struct bench *b, const struct envelope *e)
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

static void take_attached(struct bench *b, const struct envelope *e)
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

static void take_reply(struct bench *b, const struct envelope *e)
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

static int take(void *shell, struct envelope *e)
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
    else if (e->type == MESSAGE_vm_lose && vm_lose_decode(&lost, e->body) == 0)
        snprintf(line, sizeof line, "lose %u %.200s;", e->to_instance, lost.port);
    else if (e->type == MESSAGE_device_came && device_came_decode(&came, e->body) == 0)
        snprintf(line, sizeof line, "came %u %.200s;", e->subject_instance, came.port);
    strncat(b->sent, line, sizeof b->sent - strlen(b->sent) - 1);
    return 0;
}

static int take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    assert_int_equal(envelope_permitted(e, (struct address){KIND_DEVBUS_BLOCK, 0}), 0);
    assert_int_equal(e->type, MESSAGE_guest_devices);
    b->guest_asked = tag;
    return 0;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == BLOCK_TIMER_SETTLED)
        ((struct bench *)shell)->settles = at;
}

static void take_note(void *shell, struct span note)
{
    assert_int_equal(text_copy(((struct bench *)shell)->note, DEVBUS_NOTE_MAX + 1, note), 0);
}

static void take_ready(void *shell)
{
    (void)shell;
}

static void take_retire(void *shell)
{
    ((struct bench *)shell)->retired = true;
}

static void begin(struct bench *b)
{
    char note[DEVBUS_NOTE_MAX + 1];
    memcpy(note, b->note, sizeof note);
    struct life life = {.self = {KIND_DEVBUS_BLOCK, 0}, .note = span_of(note)};
    b->self = calloc(1, sizeof *b->self);
    assert_non_null(b->self);
    assert_int_equal(devbus_block_actor.begin(b->self, &b->out, &life), 0);
    devbus_block_actor.hello(b->self, &b->out, 1, 0);
}

static void end(struct bench *b)
{
    devbus_block_actor.end(b->self);
    free(b->self);
}

static void open_bench(struct bench *b)
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

static void killed(struct bench *b)
{
    end(b);
    b->out.now += MILLISECONDS;
    begin(b);
}

/* ---- what it hears ---- */

static uint64_t hear(struct bench *b, uint16_t type, uint32_t qid, const struct text *body)
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

static const struct reply *reply_to(const struct bench *b, uint64_t correlation)
{
    for (unsigned i = 0; i < b->replies; i++)
        if (b->reply[i].correlation == correlation)
            return &b->reply[i];
    return NULL;
}

static int result_of(const struct bench *b, uint64_t correlation)
{
    assert_non_null(reply_to(b, correlation));
    return reply_to(b, correlation)->r;
}

/* Ports with a space behind each; a '!' in front: read-only. */
static struct wire_list devices_of(struct text *packed, const char *ports)
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

static void exposes(struct bench *b, const char *ports, bool changed)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    b->events[0] = b->sent[0] = '\0';
    HEAR(b, bus_exposed, BACK, .device_class = "block", .name = "back", .changed = changed,
         .devices = devices_of(&packed, ports));
}

static uint64_t prepare(struct bench *b, uint32_t qid, const char *options, bool again)
{
    return HEAR(b, bus_prepare, qid, .name = "front", .backend = "back", .port = "sda", .device_id = ":None",
                .again = again, .options = span_of(options));
}

static uint64_t confirm(struct bench *b, uint32_t qid, bool present)
{
    return HEAR(b, bus_confirm, qid, .name = "front", .backend = "back", .port = "sda", .device_id = ":None",
                .present = present, .options = SPAN_LITERAL("option:frontend-dev=xvdi"));
}

static void has(struct bench *b, uint32_t qid, const char *port, bool over)
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

/* ---- tests ---- */

static void a_disk_is_held_for_one_vm_and_shown_when_it_is_there(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda ", false);
    uint64_t first = prepare(&b, FRONT, "option:read-only=ON", false), second = prepare(&b, OTHER, "", false);
    assert_int_equal(result_of(&b, first), 0);
    assert_string_equal(reply_to(&b, first)->options, "option:read-only=yes");
    assert_int_equal(result_of(&b, second), -ERR_DEVICE_ATTACHED);
    assert_int_equal(result_of(&b, confirm(&b, FRONT, true)), 0);
    assert_string_equal(b.attached, "back+sda+:None option:frontend-dev=xvdi;");
    assert_int_equal(result_of(&b, prepare(&b, FRONT, "", false)), -ERR_DEVICE_ATTACHED);
    assert_int_equal(result_of(&b, prepare(&b, FRONT, "", true)), 0); /* the same attachment, asked again */
    assert_int_equal(result_of(&b, confirm(&b, FRONT, false)), 0);
    assert_string_equal(b.attached, "");
    assert_int_equal(result_of(&b, prepare(&b, OTHER, "", false)), 0);
    end(&b);
}

static void what_is_not_exposed_or_has_another_id_is_not_given(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    assert_int_equal(result_of(&b, prepare(&b, FRONT, "", false)), -ERR_DEVICE_UNRECOGNIZED);
    exposes(&b, "sda ", false);
    uint64_t other = HEAR(&b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "sda",
                          .device_id = "0000:0000::?******:1.0");
    assert_int_equal(result_of(&b, other), -ERR_DEVICE_UNRECOGNIZED);
    assert_int_equal(b.self->table.used, 0);
    end(&b);
}

static void options_are_checked_before_anything_is_held(void **state)
{
    static const char *const bad[] = {
        "option:read-only=maybe", "option:read-only=",         "option:frontend-dev=hda",
        "option:devtype=tape",    "option:color=red",          "option:frontend-dev=xvd i",
        "option:read-only=no",    "option:frontend-dev=xvda/", "option:frontend-dev=xvdaaaaaaaaaaaaaaaaa"};
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "!sda ", false);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(result_of(&b, prepare(&b, FRONT, bad[i], false)), -ERR_VALUE);
    assert_int_equal(b.self->table.used, 0);
    uint64_t good = prepare(&b, FRONT, "option:devtype=cdrom\noption:frontend-dev=sdb", false);
    assert_int_equal(result_of(&b, good), 0);
    assert_string_equal(reply_to(&b, good)->options,
                        "option:devtype=cdrom\noption:frontend-dev=sdb\noption:read-only=yes");
    end(&b);
}

static void news_is_what_differs_and_what_was_there_at_first_is_none(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda sdb ", false);
    assert_string_equal(b.events, "");
    exposes(&b, "sdb sdc mapper_x ", true);
    assert_string_equal(b.events, "4 device-list-change:block ;4 device-removed:block back:sda;"
                                  "4 device-added:block back:sdc::None;");
    assert_string_equal(b.sent, "came 4 sdc;");
    exposes(&b, "sdb sdc ", true);
    assert_string_equal(b.events, "4 device-list-change:block ;");
    exposes(&b, "", false); /* its life has ended */
    assert_string_equal(b.events, "4 device-removed:block back:sdb;4 device-removed:block back:sdc;");
    assert_int_equal(b.self->listing.exposed.count, 0);
    end(&b);
}

static void the_first_device_of_a_vm_that_says_so_is_news(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda ", true);
    assert_string_equal(b.events, "4 device-list-change:block ;4 device-added:block back:sda::None;");
    end(&b);
}

static void a_disk_that_vanishes_is_taken_from_who_has_it(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda ", false);
    prepare(&b, FRONT, "", false);
    confirm(&b, FRONT, true);
    exposes(&b, "", true);
    assert_string_equal(b.sent, "lose 7 sda;");
    assert_int_equal(result_of(&b, confirm(&b, FRONT, false)), 0);
    assert_int_equal(b.self->table.used, 0);
    end(&b);
}

static void the_end_of_a_vm_ends_what_it_has_and_what_it_waits_for(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda sdb ", false);
    prepare(&b, FRONT, "", false);
    confirm(&b, FRONT, true);
    b.events[0] = '\0';
    has(&b, FRONT, "", true);
    assert_string_equal(b.events, "7 device-detach:block back:sda;");
    prepare(&b, FRONT, "", false);
    has(&b, FRONT, "", true);
    assert_int_equal(b.self->table.used, 0);
    assert_int_equal(result_of(&b, prepare(&b, OTHER, "", false)), 0);
    end(&b);
}

static void killed_it_gives_nothing_to_another_until_it_has_heard_who_has_what(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda ", false);
    prepare(&b, FRONT, "", false);
    confirm(&b, FRONT, true);
    killed(&b);
    uint64_t asked = prepare(&b, OTHER, "", false);
    assert_null(reply_to(&b, asked));
    exposes(&b, "sda ", false);
    assert_string_equal(b.events, "");
    has(&b, FRONT, "sda", false);
    assert_string_equal(b.attached, "back+sda+:None option:frontend-dev=xvdi;");
    assert_true(b.settles > b.out.now);
    b.out.now = b.settles;
    devbus_block_actor.timer(b.self, &b.out, BLOCK_TIMER_SETTLED);
    assert_int_equal(result_of(&b, asked), -ERR_DEVICE_ATTACHED);
    end(&b);
}

static void killed_between_holding_and_attaching_it_still_holds(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda ", false);
    prepare(&b, FRONT, "", false);
    killed(&b);
    exposes(&b, "sda ", false);
    assert_int_equal(result_of(&b, prepare(&b, OTHER, "", false)), -ERR_DEVICE_ATTACHED);
    assert_int_equal(result_of(&b, confirm(&b, FRONT, true)), 0);
    assert_int_equal(result_of(&b, confirm(&b, OTHER, true)), -ERR_DEVICE_ATTACHED);
    end(&b);
}

static void what_nobody_attaches_is_given_up_in_the_end(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda ", false);
    prepare(&b, FRONT, "", false);
    HEAR(&b, bus_release, OTHER, .backend = "back", .port = "sda");
    assert_int_equal(b.self->table.used, 1);
    HEAR(&b, bus_release, FRONT, .backend = "back", .port = "sda");
    assert_int_equal(b.self->table.used, 0);
    prepare(&b, FRONT, "", false);
    b.out.now += DEVBUS_HOLD_ATTACH;
    devbus_block_actor.timer(b.self, &b.out, BLOCK_TIMER_HOLDS);
    assert_int_equal(b.self->table.used, 0);
    assert_string_equal(b.note, "");
    end(&b);
}

static uint64_t ask_list(struct bench *b, const char *port)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_list m = {.backend = BACK};
    assert_int_equal(text_copy(m.port, sizeof m.port, span_of(port)), 0);
    bus_list_encode(&body, &m);
    return hear(b, MESSAGE_bus_list, BACK, &body);
}

static void guest_says(struct bench *b, const char *ports, int r)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX), body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct guest_devices_reply m = {.name = "back", .devices = devices_of(&packed, ports)};
    guest_devices_reply_encode(&body, &m);
    struct envelope e = {.class = CLASS_REPLY, .body = text_span(&body)};
    struct answer a = {.tag = b->guest_asked, .e = &e, .r = r};
    if (r < 0)
        (void)fault_set(&a.why, (enum err) - r, "the guest's daemon hangs");
    devbus_block_actor.answered(b->self, &b->out, &a);
}

static void a_list_is_what_the_guests_process_reads_now(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    uint64_t asked = ask_list(&b, "");
    guest_says(&b, "sda mapper_x sdb ", 0);
    assert_int_equal(reply_to(&b, asked)->devices, 2);
    assert_string_equal(b.events, ""); /* a look is no news */
    asked = ask_list(&b, "mapper_x");
    guest_says(&b, "sda mapper_x sdb ", 0);
    assert_int_equal(reply_to(&b, asked)->devices, 1);
    asked = ask_list(&b, "");
    guest_says(&b, "", -ERR_TIMEOUT);
    assert_int_equal(result_of(&b, asked), -ERR_TIMEOUT);
    prepare(&b, FRONT, "", false);
    confirm(&b, FRONT, true);
    asked = ask_list(&b, "sda");
    guest_says(&b, "sda ", 0);
    assert_string_equal(reply_to(&b, asked)->attachment, "front");
    end(&b);
}

static void it_rests_only_when_there_is_nothing_to_know(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    exposes(&b, "sda ", false);
    devbus_block_actor.timer(b.self, &b.out, BLOCK_TIMER_REST);
    assert_false(b.retired);
    exposes(&b, "", true);
    devbus_block_actor.timer(b.self, &b.out, BLOCK_TIMER_REST);
    assert_true(b.retired);
    b.retired = false;
    has(&b, FRONT, "sdz", false); /* of a backend that is gone */
    devbus_block_actor.timer(b.self, &b.out, BLOCK_TIMER_REST);
    assert_false(b.retired);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_is_held_for_one_vm_and_shown_when_it_is_there),
        cmocka_unit_test(what_is_not_exposed_or_has_another_id_is_not_given),
        cmocka_unit_test(options_are_checked_before_anything_is_held),
        cmocka_unit_test(news_is_what_differs_and_what_was_there_at_first_is_none),
        cmocka_unit_test(the_first_device_of_a_vm_that_says_so_is_news),
        cmocka_unit_test(a_disk_that_vanishes_is_taken_from_who_has_it),
        cmocka_unit_test(the_end_of_a_vm_ends_what_it_has_and_what_it_waits_for),
        cmocka_unit_test(killed_it_gives_nothing_to_another_until_it_has_heard_who_has_what),
        cmocka_unit_test(killed_between_holding_and_attaching_it_still_holds),
        cmocka_unit_test(what_nobody_attaches_is_given_up_in_the_end),
        cmocka_unit_test(a_list_is_what_the_guests_process_reads_now),
        cmocka_unit_test(it_rests_only_when_there_is_nothing_to_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
