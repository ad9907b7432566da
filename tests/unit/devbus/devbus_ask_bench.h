/* SPDX-License-Identifier: MIT
 * Whose devices are to be, on the bench: what registry and people are asked as short texts, and what they
 * answer. For the tests of devbus_ask.h. */
#ifndef TESTS_UNIT_DEVBUS_DEVBUS_ASK_BENCH_H
#define TESTS_UNIT_DEVBUS_DEVBUS_ASK_BENCH_H

#include "actors/devbus/devbus_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "proto/registry_values.h"

enum { BACK = 4, FRONT = 7, OTHER = 8, THIRD = 9, GENERATION = 3, TIMER = 5, OPEN = 32 };

/* FRONT asks, OTHER does not; so on by letters: f? is FRONT after asking. */
struct bench {
    struct devbus_table table;
    struct devbus_listing listing;
    struct devbus_ask ask;
    struct out out;
    uint64_t registry, offer; /* tags of its last questions to registry; 0: none since looked at */
    uint32_t only;
    char came[256];   /* the devices of the last one */
    char chosen[256]; /* "sda>7;" */
    uint64_t open[OPEN];
    unsigned opens, put;
    char targets[128]; /* of the last question */
    uint64_t rings;
    int refuses; /* -ERR_: what putting a question answers */
};

/* ---- what it says ---- */

static inline int take_send(void *shell, struct envelope *e)
{
    (void)shell, (void)e;
    return 0;
}

static inline int take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    struct devices_came came;
    struct device_chosen chosen;
    struct came_device device;
    size_t at = strlen(b->chosen);
    if (e->type == MESSAGE_device_chosen) {
        assert_int_equal(device_chosen_decode(&chosen, e->body), 0);
        snprintf(b->chosen + at, sizeof b->chosen - at, "%s>%u;", chosen.port, chosen.qid);
        b->offer = tag;
        return 0;
    }
    assert_int_equal(e->type, MESSAGE_devices_came);
    assert_int_equal(devices_came_decode(&came, e->body), 0);
    struct reader in = list_reader(&came.devices);
    b->came[0] = '\0';
    while (came_device_next(&in, &device) == 1)
        snprintf(b->came + strlen(b->came), sizeof b->came - strlen(b->came), "%s;", device.port);
    b->registry = tag;
    b->only = came.only;
    return 0;
}

static inline void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == TIMER)
        ((struct bench *)shell)->rings = at;
}

static inline void take_note(void *shell, struct span note)
{
    (void)shell, (void)note;
}

static inline int put(void *arg, uint64_t number, struct span text)
{
    struct bench *b = arg;
    if (b->refuses < 0)
        return b->refuses;
    assert_true(b->opens < OPEN);
    b->open[b->opens++] = number;
    b->put++;
    const char *json = text.at + strlen(text.at) + 1, *from = strstr(json, "\"targets\": ");
    assert_non_null(from);
    const char *to = strchr(from, ']');
    snprintf(b->targets, sizeof b->targets, "%.*s", (int)(to - from - 11), from + 11 + 1);
    b->targets[to - from - 12] = '\0';
    return 0;
}

static inline void withdraw(void *arg, uint64_t number)
{
    struct bench *b = arg;
    for (unsigned i = 0; i < b->opens; i++) {
        if (b->open[i] != number)
            continue;
        b->open[i] = b->open[--b->opens];
        return;
    }
    fail_msg("a question is withdrawn that is not open");
}

static inline void open_bench(struct bench *b)
{
    static const struct out_ops ops = {
        .send = take_send, .ask = take_ask, .timer = take_timer, .note = take_note};
    static const struct devbus_person_ops person = {put, withdraw};
    *b = (struct bench){.out = {&ops, b, 1000 * SECONDS}};
    b->table.device_class = "block";
    b->listing.table = &b->table;
    b->ask.listing = &b->listing;
    b->ask.timer = TIMER;
    devbus_ask_attach(&b->ask, &person, b);
}

static inline void close_bench(struct bench *b)
{
    devbus_ask_free(&b->ask);
    devbus_exposed_free(&b->listing.exposed);
}

/* ---- what it hears ---- */

/* What that backend exposes now: ports, each ended by a blank. */
static inline struct devbus_backend *expose(struct bench *b, uint32_t qid, const char *ports)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX);
    struct wire_list list = {0};
    struct span port, rest = span_of(ports);
    char name[32];
    while (rest.len > 0) {
        struct device_item item = {.device_id = ":None", .interfaces = "b******", .name = "stick"};
        port = span_split(rest, ' ', &rest);
        assert_int_equal(text_copy(item.port, sizeof item.port, port), 0);
        device_item_add(&list, &packed, &item);
    }
    snprintf(name, sizeof name, "back-%u", qid);
    return devbus_exposed_take(&b->listing.exposed, (struct subject){KIND_VM, qid, GENERATION}, name, &list);
}

static inline void come_to(struct bench *b, uint32_t qid, const char *ports)
{
    struct devbus_backend *of = expose(b, qid, ports);
    for (size_t i = 0; i < of->count; i++)
        devbus_ask_came(&b->ask, of, &of->item[i]);
    devbus_ask_settle(&b->ask, &b->out);
}

static inline void reply(struct bench *b, uint64_t tag, const struct text *body, int r)
{
    struct envelope e = {.body = text_span(body)};
    struct answer a = {.tag = tag, .e = &e, .r = r};
    assert_true(devbus_ask_answered(&b->ask, &b->out, &a));
}

/* Registry's answer: "0 7? 8; 1 7": device 0 is wanted by FRONT after asking and by OTHER, device 1 by FRONT.
 */
static inline void wanted_by(struct bench *b, const char *rows)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX), body = TEXT_WITH_LIMIT(BODY_MAX);
    struct devices_came_reply m = {0};
    struct span row, word, rest = span_of(rows);
    uint64_t tag = b->registry, device, qid;
    b->registry = 0;
    while (rest.len > 0) {
        row = span_trim(span_split(rest, ';', &rest));
        assert_int_equal(text_number(span_split(row, ' ', &row), 0, 255, &device), 0);
        while (row.len > 0) {
            word = span_split(row, ' ', &row);
            struct device_wanter w = {.device = (uint32_t)device, .generation = GENERATION};
            w.asks = word.at[word.len - 1] == '?';
            word.len -= w.asks;
            assert_int_equal(text_number(word, 1, 10000, &qid), 0);
            w.qid = (uint32_t)qid;
            snprintf(w.name, sizeof w.name, "vm-%u", w.qid);
            device_wanter_add(&m.wanters, &packed, &w);
        }
    }
    devices_came_reply_encode(&body, &m);
    reply(b, tag, &body, 0);
}

static inline void came(struct bench *b, const char *ports, const char *rows)
{
    come_to(b, BACK, ports);
    wanted_by(b, rows);
}

static inline void say(struct bench *b, const char *answer)
{
    assert_true(b->opens > 0);
    uint64_t number = b->open[0];
    b->open[0] = b->open[--b->opens];
    devbus_ask_said(&b->ask, &b->out, number, span_of(answer));
}

/* Whoever was chosen comes and takes it. */
static inline void arrive(struct bench *b, uint32_t qid, const char *port)
{
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key("back-4", port, key);
    devbus_ask_arrived(&b->ask, qid, "back-4", port);
    struct devbus_device *d = devbus_add(&b->table, key);
    assert_non_null(d);
    d->qid = qid;
    (void)devbus_happens(&b->table, &b->out, d, DEVBUS_THERE);
    devbus_ask_look(&b->ask, &b->out);
}

#endif
