/* SPDX-License-Identifier: MIT
 * A bus on demand on the bench: its core without a process, what it says and asks as short texts, and what it
 * is told. For the tests of every such bus. */
#ifndef TESTS_UNIT_DEVBUS_DEVBUS_BENCH_H
#define TESTS_UNIT_DEVBUS_DEVBUS_BENCH_H

#include "tests/unit/devbus/devbus_bench_says.h"

/* ---- its life ---- */

static inline void bench_begin(struct bench *b)
{
    char note[DEVBUS_NOTE_MAX + 1];
    memcpy(note, b->note, sizeof note);
    struct life life = {.self = {(uint8_t)b->actor->kind, 0}, .note = span_of(note)};
    b->core = calloc(1, b->actor->size);
    assert_non_null(b->core);
    assert_int_equal(b->actor->begin(b->core, &b->out, &life), 0);
    b->actor->hello(b->core, &b->out, 1, 0);
}

static inline void bench_end(struct bench *b)
{
    b->actor->end(b->core);
    free(b->core);
}

static inline int bench_open(void **state, const struct actor *actor)
{
    static const struct out_ops ops = {.send = bench_take,
                                       .ask = bench_take_ask,
                                       .timer = bench_take_timer,
                                       .note = bench_take_note,
                                       .ready = bench_take_ready,
                                       .retire = bench_take_retire};
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->actor = actor;
    b->out = (struct out){.ops = &ops, .shell = b, .now = 100 * SECONDS};
    bench_begin(b);
    *state = b;
    return 0;
}

static inline int bench_close(void **state)
{
    bench_end(*state);
    free(*state);
    return 0;
}

static inline void bench_killed(struct bench *b)
{
    bench_end(b);
    b->asks = 0;
    b->out.now += MILLISECONDS;
    bench_begin(b);
}

static inline struct devbus *bench_bus(struct bench *b)
{
    return b->core;
}

static inline void bench_rings(struct bench *b, uint64_t timer)
{
    b->actor->timer(b->core, &b->out, timer);
}

/* Subscribers and api have heard that. */
static inline void bench_forget(struct bench *b)
{
    b->events[0] = b->attached[0] = b->sent[0] = '\0';
}

/* ---- what it hears ---- */

static inline uint64_t bench_hear(struct bench *b, uint16_t type, uint32_t qid, const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = message_rule(type)->class,
                         .source_kind = type == MESSAGE_bus_exposed ? KIND_GUEST : KIND_VM,
                         .source_instance = qid,
                         .to_kind = (uint8_t)b->actor->kind,
                         .subject_kind = KIND_VM,
                         .subject_instance = qid,
                         .subject_generation = GENERATION,
                         .correlation = ++b->correlation,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(body)};
    if (e.class == CLASS_REQUEST)
        b->request = e.correlation;
    b->actor->hear(b->core, &b->out, &e);
    return e.correlation;
}

#define HEAR(b, name, qid, ...)                                                                              \
    __extension__({                                                                                          \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_PART_MAX);                                                    \
        name##_encode(&body_, &(struct name){__VA_ARGS__});                                                  \
        bench_hear(b, MESSAGE_##name, qid, &body_);                                                          \
    })

/* The first question of that kind, which is open no more. */
static inline struct asked bench_asked(struct bench *b, uint16_t type)
{
    for (size_t i = 0; i < b->asks; i++) {
        struct asked a = b->ask[i];
        if (a.type != type)
            continue;
        memmove(&b->ask[i], &b->ask[i + 1], (--b->asks - i) * sizeof a);
        return a;
    }
    fail_msg("it has not asked");
    return b->ask[0];
}

static inline void bench_answer(struct bench *b, const struct asked *a, int r, const struct text *body)
{
    struct envelope e = {.type = a->type, .class = CLASS_REPLY, .body = text_span(body)};
    struct answer answer = {.tag = a->tag, .r = r, .e = &e};
    if (r < 0)
        (void)fault_set(&answer.why, (enum err) - r, "whoever was asked hangs");
    b->actor->answered(b->core, &b->out, &answer);
}

/* The first question of that row is answered, with an error or so; what it was. */
#define ANSWER(b, name, r_, ...)                                                                             \
    __extension__({                                                                                          \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_PART_MAX);                                                    \
        struct asked asked_ = bench_asked(b, MESSAGE_##name);                                                \
        name##_reply_encode(&body_, &(struct name##_reply){__VA_ARGS__});                                    \
        bench_answer(b, &asked_, r_, &body_);                                                                \
        asked_;                                                                                              \
    })

/* NULL: it has no answer yet. */
static inline const struct reply *bench_reply(const struct bench *b, uint64_t correlation)
{
    for (unsigned i = 0; i < b->replies; i++)
        if (b->reply[i].correlation == correlation)
            return &b->reply[i];
    return NULL;
}

static inline int bench_result(const struct bench *b, uint64_t correlation)
{
    assert_non_null(bench_reply(b, correlation));
    return bench_reply(b, correlation)->r;
}

/* Of what was asked last: 1 while it has no answer. */
static inline int bench_last(const struct bench *b)
{
    const struct reply *reply = bench_reply(b, b->request);
    return reply != NULL ? reply->r : 1;
}

static inline const char *bench_last_text(const struct bench *b)
{
    const struct reply *reply = bench_reply(b, b->request);
    return reply != NULL ? reply->text : "";
}

/* Registry says who has the name that a guest's process gave, if that was asked. False: it was not. */
static inline bool bench_is_called(struct bench *b, const char *name, uint32_t qid)
{
    for (size_t i = 0; i < b->asks; i++) {
        struct asked a = b->ask[i];
        if (a.type != MESSAGE_vm_named || strcmp(a.words, name) != 0)
            continue;
        AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
        memmove(&b->ask[i], &b->ask[i + 1], (--b->asks - i) * sizeof a);
        vm_named_reply_encode(&body,
                              &(struct vm_named_reply){.found = 1, .qid = qid, .generation = GENERATION});
        bench_answer(b, &a, 0, &body);
        return true;
    }
    return false;
}

#endif
