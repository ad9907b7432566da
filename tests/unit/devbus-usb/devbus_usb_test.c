/* SPDX-License-Identifier: MIT
 * devbus-usb between backends and VMs: one holder at a time; who has what is the backend's word; what comes
 * and goes is told once; it rests when there is nothing to know. */
#include "actors/devbus-usb/devbus_usb.h"

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

enum { BACK = 4, FRONT = 7, OTHER = 8, GENERATION = 3, ASKED = 16 };

struct asked {
    uint16_t type;
    uint64_t tag;
    uint32_t subject, attach;
    char words[96]; /* "sys-usb 1-1", or the name that registry is asked about */
};

struct bench {
    struct devbus_usb *self;
    struct out out;
    char note[DEVBUS_NOTE_MAX + 1];
    uint64_t correlation;
    int r; /* of the last reply; 1: there was none */
    char text[512], attachment[32];
    size_t replies, listed;
    char events[1024];  /* "4 device-added:usb back:1-1:id;" */
    char attached[512]; /* "7 back+1-1;" of each VM that api was told of */
    struct asked ask[ASKED];
    size_t asks;
    bool retired;
};

/* ---- what the core says ---- */

static void add(char *to, size_t size, const char *line)
{
    strncat(to, line, size - strlen(to) - 1);
}

static void take_event(struct bench *b, const struct envelope *e)
{
    struct happened m;
    struct event_item item;
    struct event_argument argument = {.value = SPAN_LITERAL("")};
    char line[256];
    assert_int_equal(happened_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.events);
    assert_int_equal(event_item_next(&in, &item), 1);
    struct reader arguments = list_reader(&item.arguments);
    (void)event_argument_next(&arguments, &argument);
    snprintf(line, sizeof line, "%u %.*s %.*s", item.qid, (int)item.name.len, item.name.at,
             (int)argument.value.len, argument.value.at != NULL ? argument.value.at : "");
    add(b->events, sizeof b->events, line);
    if (event_argument_next(&arguments, &argument) == 1) {
        snprintf(line, sizeof line, " %.*s", (int)argument.value.len, argument.value.at);
        add(b->events, sizeof b->events, line);
    }
    add(b->events, sizeof b->events, ";");
}

static void take_attached(struct bench *b, const struct envelope *e)
{
    struct attached m;
    struct attached_item item;
    char line[96];
    assert_int_equal(attached_decode(&m, e->body), 0);
    assert_string_equal(m.device_class, "usb");
    struct reader in = list_reader(&m.devices);
    snprintf(line, sizeof line, "%u", e->subject_instance);
    add(b->attached, sizeof b->attached, line);
    while (attached_item_next(&in, &item) == 1) {
        snprintf(line, sizeof line, " %s+%.40s", item.backend, item.port);
        add(b->attached, sizeof b->attached, line);
    }
    add(b->attached, sizeof b->attached, ";");
}

static void take_reply(struct bench *b, const struct envelope *e)
{
    struct bus_list_reply listed;
    struct device_item item;
    struct error error;
    b->replies++;
    b->r = 0;
    if (e->type == MESSAGE_error && error_decode(&error, e->body) == 0) {
        b->r = -(int)error.code;
        memcpy(b->text, error.text, sizeof b->text);
    } else if (e->type == MESSAGE_bus_list) {
        assert_int_equal(bus_list_reply_decode(&listed, e->body), 0);
        struct reader in = list_reader(&listed.devices);
        b->listed = listed.devices.count;
        if (device_item_next(&in, &item) == 1)
            memcpy(b->attachment, item.attachment, sizeof b->attachment);
    }
}

static int take(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct device_came came;
    assert_int_equal(envelope_permitted(e, (struct address){KIND_DEVBUS_USB, 0}), 0);
    if (e->class == CLASS_REPLY)
        take_reply(b, e);
    else if (e->type == MESSAGE_happened)
        take_event(b, e);
    else if (e->type == MESSAGE_attached)
        take_attached(b, e);
    else if (e->type == MESSAGE_device_came && device_came_decode(&came, e->body) == 0)
        add(b->events, sizeof b->events, "came;");
    return 0;
}

static int take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    struct usb_call call;
    struct vm_named named;
    assert_int_equal(envelope_permitted(e, (struct address){KIND_DEVBUS_USB, 0}), 0);
    assert_true(b->asks < ASKED);
    struct asked *a = &b->ask[b->asks++];
    *a = (struct asked){.type = e->type, .tag = tag, .subject = e->subject_instance};
    if (e->type == MESSAGE_usb_call && usb_call_decode(&call, e->body) == 0) {
        a->attach = call.attach;
        snprintf(a->words, sizeof a->words, "%s %s", call.backend, call.port);
    } else if (e->type == MESSAGE_vm_named && vm_named_decode(&named, e->body) == 0)
        memcpy(a->words, named.name, sizeof named.name);
    return 0;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell, (void)timer, (void)at;
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
    struct life life = {.self = {KIND_DEVBUS_USB, 0}, .note = span_of(note)};
    b->self = calloc(1, sizeof *b->self);
    assert_non_null(b->self);
    assert_int_equal(devbus_usb_actor.begin(b->self, &b->out, &life), 0);
    devbus_usb_actor.hello(b->self, &b->out, 1, 0);
}

static int open_bench(void **state)
{
    static const struct out_ops ops = {.send = take,
                                       .ask = take_ask,
                                       .timer = take_timer,
                                       .note = take_note,
                                       .ready = take_ready,
                                       .retire = take_retire};
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->out = (struct out){.ops = &ops, .shell = b, .now = 100 * SECONDS};
    begin(b);
    *state = b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    devbus_usb_actor.end(b->self);
    free(b->self);
    free(b);
    return 0;
}

static void killed(struct bench *b)
{
    devbus_usb_actor.end(b->self);
    free(b->self);
    b->asks = 0;
    begin(b);
}

/* ---- what it hears ---- */

static void hear(struct bench *b, uint16_t type, uint32_t qid, const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = message_rule(type)->class,
                         .source_kind = type == MESSAGE_bus_exposed ? KIND_GUEST : KIND_VM,
                         .source_instance = qid,
                         .to_kind = KIND_DEVBUS_USB,
                         .subject_kind = KIND_VM,
                         .subject_instance = qid,
                         .subject_generation = GENERATION,
                         .correlation = ++b->correlation,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(body)};
    b->r = 1;
    b->text[0] = '\0';
    devbus_usb_actor.hear(b->self, &b->out, &e);
}

#define HEAR(b, name, qid, ...)                                                                              \
    do {                                                                                                     \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_PART_MAX);                                                    \
        name##_encode(&body_, &(struct name){__VA_ARGS__});                                                  \
        hear(b, MESSAGE_##name, qid, &body_);                                                                \
    } while (0)

static void answer(struct bench *b, uint64_t tag, int r, uint16_t type, const struct text *body)
{
    struct envelope e = {.type = type, .class = CLASS_REPLY, .body = text_span(body)};
    struct answer a = {.tag = tag, .r = r, .e = &e};
    devbus_usb_actor.answered(b->self, &b->out, &a);
}

static struct asked taken(struct bench *b, uint16_t type)
{
    for (size_t i = 0; i < b->asks; i++) {
        struct asked a = b->ask[i];
        if (a.type != type)
            continue;
        b->ask[i] = b->ask[--b->asks];
        return a;
    }
    fail_msg("it has not asked");
    return b->ask[0];
}

static struct asked service_ends(struct bench *b, int r, uint32_t status, const char *output)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct asked a = taken(b, MESSAGE_usb_call);
    usb_call_reply_encode(&body, &(struct usb_call_reply){.status = status, .output = span_of(output)});
    answer(b, a.tag, r, MESSAGE_usb_call, &body);
    return a;
}

static void is_named(struct bench *b, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct asked a = taken(b, MESSAGE_vm_named);
    vm_named_reply_encode(&body,
                          &(struct vm_named_reply){.found = qid != 0, .qid = qid, .generation = GENERATION});
    answer(b, a.tag, 0, MESSAGE_vm_named, &body);
}

/* "1-1 2-1=front " */
static void exposes(struct bench *b, const char *ports, bool changed)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list list = {0};
    struct span rest = span_of(ports);
    b->events[0] = b->attached[0] = '\0';
    while (rest.len > 0) {
        struct span name, port = span_split(span_split(rest, ' ', &rest), '=', &name);
        struct device_item item = {.device_id = "1:2::u03****", .interfaces = "u03****"};
        assert_int_equal(text_copy(item.port, sizeof item.port, port), 0);
        (void)text_copy(item.attachment, sizeof item.attachment, name);
        device_item_add(&list, &packed, &item);
    }
    HEAR(b, bus_exposed, BACK, .device_class = "usb", .name = "back", .changed = changed, .devices = list);
}

static void prepare(struct bench *b, uint32_t qid, bool again)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_prepare m = {.name = "front", .backend = "back", .port = "1-1", .device_id = "1:2::u03****"};
    if (qid == OTHER)
        memcpy(m.name, "other", sizeof "other");
    m.again = again;
    bus_prepare_encode(&body, &m);
    hear(b, MESSAGE_bus_prepare, qid, &body);
}

static void plug(struct bench *b, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_plug m = {.name = "front", .backend = "back", .port = "1-1"};
    if (qid == OTHER)
        memcpy(m.name, "other", sizeof "other");
    b->events[0] = b->attached[0] = '\0';
    bus_plug_encode(&body, &m);
    hear(b, MESSAGE_bus_plug, qid, &body);
}

static void unplug(struct bench *b, uint32_t qid, bool again)
{
    b->events[0] = b->attached[0] = '\0';
    HEAR(b, bus_unplug, qid, .name = "front", .backend = "back", .port = "1-1", .again = again);
}

static void attach(struct bench *b)
{
    prepare(b, FRONT, false);
    assert_int_equal(b->r, 0);
    plug(b, FRONT);
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(b->r, 0);
}

/* ---- tests ---- */

static void a_device_is_connected_by_its_frontends_service_and_let_go_of_by_its_backends(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    assert_int_equal(b->r, 0);
    plug(b, FRONT);
    assert_int_equal(b->r, 1); /* nobody hears anything before the service has ended */
    struct asked a = service_ends(b, 0, 0, "");
    assert_int_equal(a.subject, FRONT);
    assert_int_equal(a.attach, 1);
    assert_string_equal(a.words, "back 1-1");
    assert_int_equal(b->r, 0);
    assert_string_equal(b->attached, "7 back+1-1;");
    unplug(b, FRONT, false);
    a = service_ends(b, 0, 0, "");
    assert_int_equal(a.subject, BACK);
    assert_int_equal(a.attach, 0);
    assert_int_equal(b->r, 0);
    assert_string_equal(b->attached, "7;");
    assert_string_equal(b->events, ""); /* who asked tells it */
}

static void one_device_has_one_holder(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    prepare(b, OTHER, false);
    assert_int_equal(b->r, -ERR_DEVICE_ATTACHED);
    plug(b, OTHER);
    assert_int_equal(b->r, -ERR_QUBES);
    plug(b, FRONT);
    (void)service_ends(b, 0, 0, "");
    prepare(b, FRONT, false);
    assert_int_equal(b->r, -ERR_DEVICE_ATTACHED);
    assert_string_equal(b->text, "'Device back:1-1:1:2::u03**** already attached to front'");
    prepare(b, FRONT, true); /* the same operation goes on */
    assert_int_equal(b->r, 0);
    plug(b, FRONT);
    assert_int_equal(b->r, 0);
    assert_int_equal(b->asks, 0);
}

static void what_is_not_there_and_what_has_options_is_refused(void **state)
{
    struct bench *b = *state;
    prepare(b, FRONT, false);
    assert_int_equal(b->r, -ERR_DEVICE_UNRECOGNIZED);
    exposes(b, "1-1 ", false);
    HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "1-1", .device_id = "other");
    assert_int_equal(b->r, -ERR_DEVICE_UNRECOGNIZED);
    HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "1-1",
         .options = SPAN_LITERAL("option:a=b\n"));
    assert_int_equal(b->r, -ERR_QUBES);
    assert_string_equal(b->text, "USB device attachment does not support user options");
    assert_int_equal(b->self->table.used, 0);
}

static void a_service_that_fails_leaves_the_device_free_and_its_words_are_the_error(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    (void)service_ends(b, 0, 1, "100%\x01 busy");
    assert_int_equal(b->r, -ERR_QUBES);
    assert_string_equal(b->text, "Device attach failed: 100__ busy ");
    assert_int_equal(b->self->table.used, 0);
    prepare(b, OTHER, false);
    plug(b, OTHER);
    (void)service_ends(b, 0, 127, "");
    assert_int_equal(b->r, -ERR_QUBES);
    assert_non_null(strstr(b->text, "usb-proxy not installed"));
    assert_int_equal(b->self->table.used, 0);
    attach(b);
    unplug(b, FRONT, false);
    (void)service_ends(b, 0, 1, "no");
    assert_int_equal(b->r, -ERR_QUBES);
    assert_int_equal(b->self->table.used, 1); /* it is still attached */
}

static void what_is_not_attached_is_not_detached_unless_it_was_just_now(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    unplug(b, FRONT, false);
    assert_int_equal(b->r, -ERR_QUBES);
    assert_string_equal(b->text, "Device 1-1 not connected to VM front");
    unplug(b, FRONT, true);
    assert_int_equal(b->r, 0);
    attach(b);
    unplug(b, OTHER, false);
    assert_int_equal(b->r, -ERR_QUBES);
    assert_int_equal(b->asks, 0);
}

static void what_a_backend_says_by_itself_is_told(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 2-1 ", false);
    assert_string_equal(b->events, ""); /* on first sight nothing is news */
    exposes(b, "1-1=front 3-1 ", true);
    is_named(b, FRONT);
    assert_string_equal(b->events, "4 device-list-change:usb ;4 device-removed:usb back:2-1;"
                                   "4 device-added:usb back:3-1:1:2::u03****;came;"
                                   "7 device-attach:usb back:1-1:1:2::u03**** {};");
    assert_string_equal(b->attached, "7 back+1-1;");
    exposes(b, "1-1=other 3-1 ", true);
    is_named(b, OTHER);
    assert_string_equal(b->events, "4 device-list-change:usb ;7 device-detach:usb back:1-1;"
                                   "8 device-attach:usb back:1-1:1:2::u03**** {};");
    assert_string_equal(b->attached, "7;8 back+1-1;");
    exposes(b, "", true);
    assert_string_equal(b->events, "4 device-list-change:usb ;8 device-detach:usb back:1-1;"
                                   "4 device-removed:usb back:1-1;4 device-removed:usb back:3-1;");
    assert_int_equal(b->self->table.used, 0);
    assert_int_equal(b->self->listing.exposed.count, 0);
}

static void with_its_backend_a_device_is_gone_and_its_list_has_changed(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front 2-1 ", false);
    is_named(b, FRONT);
    b->events[0] = b->attached[0] = '\0';
    HEAR(b, bus_exposed, BACK, .device_class = "usb", .name = "back", .over = 1);
    assert_string_equal(b->events, "4 device-list-change:usb ;7 device-detach:usb back:1-1;"
                                   "4 device-removed:usb back:1-1;4 device-removed:usb back:2-1;");
    assert_int_equal(b->self->table.used, 0);
    assert_int_equal(b->self->listing.exposed.count, 0);
}

static void what_is_attached_when_a_backend_is_first_heard_is_known_and_no_news(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front ", false);
    is_named(b, FRONT);
    assert_string_equal(b->events, "");
    assert_string_equal(b->attached, "7 back+1-1;");
    prepare(b, OTHER, false);
    assert_int_equal(b->r, -ERR_DEVICE_ATTACHED);
}

static void a_name_that_no_vm_has_is_nobody(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=nobody ", true);
    prepare(b, FRONT, false);
    assert_int_equal(b->r, -ERR_DEVICE_ATTACHED); /* until registry has said so */
    is_named(b, 0);
    assert_string_equal(b->attached, "");
    attach(b);
}

static void the_backends_word_about_our_own_attachment_is_no_second_event(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", true);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    exposes(b, "1-1=front ", true);
    is_named(b, FRONT);
    assert_string_equal(b->events, "4 device-list-change:usb ;");
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(b->r, 0);
    exposes(b, "1-1=front ", true);
    assert_string_equal(b->events, "4 device-list-change:usb ;");
    unplug(b, FRONT, false);
    exposes(b, "1-1 ", true);
    assert_string_equal(b->events, "4 device-list-change:usb ;");
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(b->r, 0);
    assert_int_equal(b->self->table.used, 0);
}

static void a_vm_that_ends_has_nothing_and_what_was_on_its_way_is_free(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 2-1=front ", false);
    is_named(b, FRONT);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    HEAR(b, bus_over, FRONT, .nothing = 0);
    assert_string_equal(b->events, "7 device-detach:usb back:2-1;");
    assert_int_equal(b->self->table.used, 0);
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(b->r, -ERR_QUBES);
    assert_int_equal(b->self->table.used, 0);
}

static void after_a_crash_a_hold_stands_and_backends_say_the_rest(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    killed(b);
    exposes(b, "1-1=front ", false);
    prepare(b, OTHER, false);
    assert_int_equal(b->r, -ERR_DEVICE_ATTACHED);
    plug(b, FRONT); /* the same operation asks again; the service has done its work already */
    (void)service_ends(b, 0, 1, "is connected");
    assert_int_equal(b->r, 0);
    is_named(b, FRONT);
    assert_string_equal(b->events, "");
}

static void it_rests_only_when_there_is_nothing_to_know(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    devbus_usb_actor.timer(b->self, &b->out, USB_TIMER_REST);
    assert_false(b->retired);
    exposes(b, "", true);
    devbus_usb_actor.timer(b->self, &b->out, USB_TIMER_REST);
    assert_true(b->retired);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_connected_by_its_frontends_service_and_let_go_of_by_its_backends),
        TEST(one_device_has_one_holder),
        TEST(what_is_not_there_and_what_has_options_is_refused),
        TEST(a_service_that_fails_leaves_the_device_free_and_its_words_are_the_error),
        TEST(what_is_not_attached_is_not_detached_unless_it_was_just_now),
        TEST(what_a_backend_says_by_itself_is_told),
        TEST(with_its_backend_a_device_is_gone_and_its_list_has_changed),
        TEST(what_is_attached_when_a_backend_is_first_heard_is_known_and_no_news),
        TEST(a_name_that_no_vm_has_is_nobody),
        TEST(the_backends_word_about_our_own_attachment_is_no_second_event),
        TEST(a_vm_that_ends_has_nothing_and_what_was_on_its_way_is_free),
        TEST(after_a_crash_a_hold_stands_and_backends_say_the_rest),
        TEST(it_rests_only_when_there_is_nothing_to_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
