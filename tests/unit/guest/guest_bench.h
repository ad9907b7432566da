/* SPDX-License-Identifier: MIT
 * A bench for the core of guest/<qid>: what it says and asks for, its worker, and whoever opens its guest. */
#ifndef TESTS_UNIT_GUEST_GUEST_BENCH_H
#define TESTS_UNIT_GUEST_GUEST_BENCH_H

#include "actors/guest/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "actors/guest/guest_inside.h"
#include "base/own.h"

struct bench {
    struct guest core;
    struct out out;
    unsigned replies, errors;
    char note[64];
    bool ready, retired;
    uint64_t timer; /* of retiring */
    char title[32];
    unsigned doors[3];
    struct guest_task *task;
    struct {
        uint16_t type;
        uint64_t tag;
        struct context about;
        char body[4096];
        size_t len;
    } asked;
    unsigned asks, changes;
    int error;
    uint64_t look_again;
    unsigned told, told_changed; /* what is exposed */
};

static inline int take_said(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct error m;
    if (e->type == MESSAGE_guest_changed) {
        b->changes++;
        return 0;
    }
    if (e->type == MESSAGE_bus_exposed) {
        struct bus_exposed exposed;
        assert_int_equal(bus_exposed_decode(&exposed, e->body), 0);
        b->told++;
        b->told_changed += exposed.changed;
        return 0;
    }
    b->replies += e->type != MESSAGE_error;
    b->errors += e->type == MESSAGE_error;
    if (e->type == MESSAGE_error && error_decode(&m, e->body) == 0)
        b->error = (int)m.code;
    return 0;
}

static inline int take_asked(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    b->asks++;
    b->asked.type = e->type;
    b->asked.tag = tag;
    b->asked.about = context_of(e);
    b->asked.len = e->body.len;
    assert_true(e->body.len <= sizeof b->asked.body);
    memcpy(b->asked.body, e->body.at, e->body.len);
    return 0;
}

static inline void take_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    assert_null(b->task);
    b->task = (struct guest_task *)task;
}

static inline void take_door(void *shell, uint32_t what)
{
    ((struct bench *)shell)->doors[what]++;
}

static inline void take_ready(void *shell)
{
    ((struct bench *)shell)->ready = true;
}

static inline void take_retire(void *shell)
{
    ((struct bench *)shell)->retired = true;
}

static inline void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == 1)
        ((struct bench *)shell)->timer = at;
    if (timer == TIMER_LOOK_AGAIN)
        ((struct bench *)shell)->look_again = at;
}

static inline void take_title(void *shell, const char *title)
{
    (void)text_copy(((struct bench *)shell)->title, 32, span_of(title));
}

static inline void take_note(void *shell, struct span note)
{
    (void)text_copy(((struct bench *)shell)->note, 64, note);
}

static const struct out_ops out_ops = {.send = take_said,
                                       .ask = take_asked,
                                       .task = take_task,
                                       .door = take_door,
                                       .note = take_note,
                                       .ready = take_ready,
                                       .retire = take_retire,
                                       .timer = take_timer,
                                       .title = take_title};

static inline void setup(struct bench *b)
{
    struct life life = {.self = {KIND_GUEST, 7}, .generation = 3};
    memset(b, 0, sizeof *b);
    b->out = (struct out){&out_ops, b, 5 * SECONDS};
    assert_int_equal(guest_actor.begin(&b->core, &b->out, &life), 0);
    assert_true(b->ready);
}

static inline void hear(struct bench *b, uint16_t type, struct span body)
{
    struct envelope e = {.type = type, .class = CLASS_REQUEST, .correlation = 1, .body = body};
    guest_actor.hear(&b->core, &b->out, &e);
}

static inline void open_guest(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    struct guest_open m = {.name = "work", .domid = 4};
    guest_open_encode(&body, &m);
    hear(b, MESSAGE_guest_open, text_span(&body));
}

/* The worker's end: these words, or a failure. */
static inline void read_ends(struct bench *b, int r, const char *key, const char *value)
{
    struct guest_task *t = b->task;
    struct guest_word word;
    assert_non_null(t);
    b->task = NULL;
    t->task.r = r;
    if (r < 0)
        fault_set(&t->task.why, (enum err) - r, "for the test");
    if (key != NULL) {
        assert_int_equal(text_copy(word.key, sizeof word.key, span_of(key)), 0);
        assert_int_equal(text_copy(word.value, sizeof word.value, span_of(value)), 0);
        guest_word_add(&t->words, &t->elements, &word);
    }
    guest_actor.done(&b->core, &b->out, &(struct done){.task = &t->task});
    free(t);
}

#endif
