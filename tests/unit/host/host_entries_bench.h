/* SPDX-License-Identifier: MIT
 * A bench for what host asks xenstored for VMs: the lines that it is given, the words on them, its answers.
 */
#ifndef TESTS_UNIT_HOST_HOST_ENTRIES_BENCH_H
#define TESTS_UNIT_HOST_HOST_ENTRIES_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/host/host.h"
#include "base/own.h"
#include "doors/xenstore_talk.h"

#define UUID  "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11"
#define MODEL "0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02"
enum { QID = 7, GENERATION = 3, DOMID = 12, LINES = 64, REPLIES = 128 };

struct line {
    uint64_t number;
    char asked[1024]; /* in words */
    unsigned open;
};

struct bench {
    struct host *core;
    struct out out;
    unsigned wanted; /* lines that were asked for and not handed yet */
    struct line line[LINES];
    unsigned lines, closed;
    bool deaf; /* nothing can be sent */
    struct entries_reply reply[REPLIES];
    int r[REPLIES];
    unsigned replies;
    uint64_t timer;
    uint64_t correlation;
};

static inline int take_reply(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct error m;
    if (e->class != CLASS_REPLY)
        return 0;
    assert_true(b->replies < REPLIES);
    if (e->type == MESSAGE_error) {
        assert_int_equal(error_decode(&m, e->body), 0);
        b->r[b->replies] = -(int)m.code;
    } else {
        assert_int_equal(entries_reply_decode(&b->reply[b->replies], e->body), 0);
    }
    b->replies++;
    return 0;
}

static inline int ask_nobody(void *shell, struct envelope *e, uint64_t tag)
{
    (void)shell, (void)e, (void)tag;
    return 0;
}

static inline void take_task(void *shell, struct task *task)
{
    (void)shell;
    free(task);
}

static inline void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == TIMER_ENTRIES)
        ((struct bench *)shell)->timer = at;
}

static inline void ready(void *shell)
{
    (void)shell;
}

static const struct out_ops out_ops = {
    .send = take_reply, .ask = ask_nobody, .task = take_task, .timer = take_timer, .ready = ready};

/* ---- the lines ---- */

static inline void open_line(void *arg)
{
    ((struct bench *)arg)->wanted++;
}

static inline struct line *line_of(struct bench *b, uint64_t number)
{
    for (unsigned i = 0; i < b->lines; i++)
        if (b->line[i].number == number)
            return &b->line[i];
    fail_msg("no line %u", (unsigned)number);
    return NULL;
}

/* "verb number path=value;" */
static inline void read_request(struct line *l, struct span *bytes)
{
    uint32_t header[4];
    assert_true(bytes->len >= sizeof header);
    memcpy(header, bytes->at, sizeof header);
    assert_true(bytes->len >= sizeof header + header[3]);
    const char *path = bytes->at + sizeof header, *value = path + strlen(path) + 1;
    size_t at = strlen(l->asked), len = header[3] - (size_t)(value - path);
    snprintf(l->asked + at, sizeof l->asked - at, "%u %u %s=%.*s;", header[0], header[1], path, (int)len,
             value);
    bytes->at += sizeof header + header[3];
    bytes->len -= sizeof header + header[3];
}

static inline int send_line(void *arg, uint64_t number, struct span bytes)
{
    struct bench *b = arg;
    struct line *l = line_of(b, number);
    assert_int_equal(l->open, 1);
    if (b->deaf)
        return -ERR_CLOSED;
    l->asked[0] = '\0';
    while (bytes.len > 0)
        read_request(l, &bytes);
    return 0;
}

static inline void close_line(void *arg, uint64_t number)
{
    struct bench *b = arg;
    struct line *l = line_of(b, number);
    assert_int_equal(l->open, 1);
    l->open = 0;
    b->closed++;
}

/* The supervisor hands down what was asked for. */
static inline struct line *hand(struct bench *b)
{
    assert_true(b->wanted > 0 && b->lines < LINES);
    b->wanted--;
    uint64_t number = host_entries_opened(b->core);
    if (number == 0)
        return NULL;
    struct line *l = &b->line[b->lines++];
    *l = (struct line){.number = number, .open = 1};
    host_entries_begin(b->core, &b->out, number);
    return l;
}

static inline void say_bytes(struct bench *b, const struct line *l, const void *at, size_t len)
{
    host_entries_heard(b->core, &b->out, l->number, (struct span){at, len});
}

static inline void say(struct bench *b, const struct line *l, uint32_t verb, uint32_t number,
                       const char *body)
{
    uint32_t header[4] = {verb, number, 0, (uint32_t)strlen(body)};
    say_bytes(b, l, header, sizeof header);
    if (body[0] != '\0')
        say_bytes(b, l, body, strlen(body));
}

static const struct host_line_ops lines = {open_line, send_line, close_line};

static inline void roster(struct bench *b)
{
    struct host_vm *vm = calloc(1, sizeof *vm);
    assert_non_null(vm);
    strcpy(vm->uuid, UUID);
    vm->qid = QID;
    vm->generation = GENERATION;
    HASH_ADD_STR(b->core->vms, uuid, vm);
    b->core->has_roster = true;
}

static inline int begin(void **state)
{
    static struct bench b;
    struct life life = {{KIND_HOST, 0}, 0, {NULL, 0}};
    memset(&b, 0, sizeof b);
    b.out = (struct out){&out_ops, &b, 1000 * SECONDS};
    b.core = calloc(1, host_actor.size);
    assert_non_null(b.core);
    assert_int_equal(host_actor.begin(b.core, &b.out, &life), 0);
    b.core->lines = &lines;
    b.core->lines_arg = &b;
    roster(&b);
    *state = &b;
    return 0;
}

static inline int end(void **state)
{
    struct bench *b = *state;
    unsigned open = 0;
    for (unsigned i = 0; i < b->lines; i++)
        open += b->line[i].open;
    host_actor.end(b->core);
    free(b->core);
    return open == 0 ? 0 : -1; /* none is left behind */
}

static inline void hear(struct bench *b, const struct entries *m, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    entries_encode(&body, m);
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_entries,
                         .class = CLASS_REQUEST,
                         .subject_kind = KIND_VM,
                         .subject_instance = qid,
                         .subject_generation = GENERATION,
                         .source_kind = KIND_VM,
                         .source_instance = qid,
                         .correlation = ++b->correlation,
                         .body = text_span(&body)};
    host_actor.hear(b->core, &b->out, &e);
}

static const struct entries all = {.domid = DOMID, .balanced = 1, .hotplug_kib = 4096000};
static const struct entries look = {.domid = DOMID};

/* One that was asked whose domain it is. */
static inline struct line *asked(struct bench *b, const struct entries *m)
{
    hear(b, m, QID);
    return hand(b);
}

static inline void its(struct bench *b, const struct line *l, const char *model)
{
    say(b, l, XENSTORE_READ, 1, "/vm/" UUID);
    say(b, l, model != NULL ? XENSTORE_READ : 16, 2, model != NULL ? model : "ENOENT");
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

#endif
