/* SPDX-License-Identifier: MIT
 * A bench for the core of storage/<pool>: what it says and what it gives its worker is kept. */
#ifndef TESTS_UNIT_STORAGE_STORAGE_BENCH_H
#define TESTS_UNIT_STORAGE_STORAGE_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/storage/storage.h"
#include "base/own.h"
#include "proto/rules.h"

enum { MOST = 64 };

struct said {
    struct envelope e;
    uint64_t tag;
};

struct bench {
    struct storage *core;
    struct out out;
    struct said said[MOST];
    unsigned count;
    struct storage_task *task[MOST];
    unsigned tasks;
    bool retires, leaves;
    uint64_t timer[4];
    char title[128];
    char note[128]; /* survives end() */
};

static inline void keep(struct bench *b, const struct envelope *e, uint64_t tag)
{
    assert_true(b->count < MOST);
    assert_int_equal(envelope_permitted(e, (struct address){KIND_STORAGE, 5}), 0);
    char *body = malloc(e->body.len + 1);
    assert_non_null(body);
    memcpy(body, e->body.at != NULL ? e->body.at : "", e->body.len);
    b->said[b->count] = (struct said){*e, tag};
    b->said[b->count++].e.body.at = body;
}

static inline int send_it(void *shell, struct envelope *e)
{
    keep(shell, e, 0);
    return 0;
}

static inline int ask_it(void *shell, struct envelope *e, uint64_t tag)
{
    keep(shell, e, tag);
    return 0;
}

static inline void task_it(void *shell, struct task *task)
{
    struct bench *b = shell;
    assert_true(b->tasks < MOST);
    b->task[b->tasks++] = (struct storage_task *)task;
}

static inline void timer_it(void *shell, uint64_t timer, uint64_t at)
{
    ((struct bench *)shell)->timer[timer] = at;
}

static inline void ready_it(void *shell)
{
    (void)shell;
}

static inline void retire_it(void *shell)
{
    ((struct bench *)shell)->retires = true;
}

static inline void leave_it(void *shell)
{
    ((struct bench *)shell)->leaves = true;
}

static inline void title_it(void *shell, const char *title)
{
    (void)text_copy(((struct bench *)shell)->title, 128, span_of(title));
}

static inline void note_it(void *shell, struct span note)
{
    (void)text_copy(((struct bench *)shell)->note, 128, note);
}

static inline void forget(struct bench *b)
{
    for (unsigned i = 0; i < b->count; i++)
        free((char *)(uintptr_t)b->said[i].e.body.at);
    b->count = 0;
}

static inline int find(const struct bench *b, uint16_t type, enum class class)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->said[i].e.type == type && b->said[i].e.class == class)
            return (int)i;
    return -1;
}

/* The n-th task of those in hand ends with r. */
static inline void ends(struct bench *b, unsigned n, int r)
{
    assert_true(n < b->tasks);
    struct storage_task *t = b->task[n];
    memmove(b->task + n, b->task + n + 1, (--b->tasks - n) * sizeof b->task[0]);
    t->task.r = r;
    if (r < 0)
        fault_set(&t->task.why, (enum err) - r, "the disk refuses");
    if (t->verb == STORAGE_OPEN)
        t->success = true;
    if (t->verb == POOL_start)
        strcpy(t->outcome.path, "/p/a-dirty.img");
    struct done d = {.task = &t->task, .what = t->task.what};
    storage_actor.done(b->core, &b->out, &d);
    free(t);
}

static inline void answer(struct bench *b, uint16_t question, int r, const struct text *body)
{
    int i = find(b, question, CLASS_REQUEST);
    assert_true(i >= 0);
    struct envelope e = {.type = question,
                         .class = CLASS_REPLY,
                         .body = body != NULL ? text_span(body) : (struct span){NULL, 0}};
    struct answer a = {.tag = b->said[i].tag, .e = &e, .r = r};
    if (r < 0)
        fault_set(&a.why, (enum err) - r, "registry refuses");
    b->said[i].e.type = 0; /* answered */
    storage_actor.answered(b->core, &b->out, &a);
}

static inline void registry_says_which(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    struct pool_tell_reply m = {.pool = "fast", .lines = SPAN_LITERAL("driver=file-reflink\ndir_path=/p")};
    pool_tell_reply_encode(&body, &m);
    answer(b, MESSAGE_pool_tell, 0, &body);
}

static inline void registry_says_what(struct bench *b, const char *lines)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    volume_tell_reply_encode(&body, &(struct volume_tell_reply){.lines = span_of(lines)});
    answer(b, MESSAGE_volume_tell, 0, &body);
}

/* `note`: what the incarnation before left. */
static inline void begin_with(struct bench *b, const char *note)
{
    static const struct out_ops ops = {.send = send_it,
                                       .ask = ask_it,
                                       .task = task_it,
                                       .timer = timer_it,
                                       .ready = ready_it,
                                       .retire = retire_it,
                                       .leave = leave_it,
                                       .title = title_it,
                                       .note = note_it};
    struct bench fresh = {.core = calloc(1, sizeof *b->core)};
    struct life life = {.self = {KIND_STORAGE, 5}, .note = span_of(note)};
    (void)text_copy(fresh.note, sizeof fresh.note, life.note);
    *b = fresh;
    assert_non_null(b->core);
    b->out = (struct out){&ops, b, 100 * SECONDS};
    assert_int_equal(storage_actor.begin(b->core, &b->out, &life), 0);
    storage_actor.hello(b->core, &b->out, 1, 0);
}

/* Of a pool that was looked through in this boot. */
static inline void begin(struct bench *b)
{
    begin_with(b, "fast");
}

static inline void up(struct bench *b)
{
    begin(b);
    registry_says_which(b);
    ends(b, 0, 0);
    forget(b);
}

static inline void down(struct bench *b)
{
    while (b->tasks > 0)
        storage_task_free_content(b->task[b->tasks - 1]), free(b->task[--b->tasks]);
    storage_actor.end(b->core);
    free(b->core);
    forget(b);
}

static inline void hear(struct bench *b, uint16_t type, struct address from, uint64_t correlation,
                        const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = CLASS_REQUEST,
                         .source_kind = from.kind,
                         .source_instance = from.instance,
                         .to_kind = KIND_STORAGE,
                         .to_instance = 5,
                         .subject_kind = KIND_VM,
                         .subject_instance = 7,
                         .subject_generation = 1,
                         .correlation = correlation,
                         .deadline = b->out.now + 60 * SECONDS,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(body)};
    storage_actor.hear(b->core, &b->out, &e);
}

#define LINES "vid=appvms/work/private\nrw=True\nsave_on_stop=True\nsnap_on_start=False\nrevisions_to_keep=1"

static inline void change(struct bench *b, uint64_t correlation, const char *verb, const char *lines)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16384);
    struct volume_change m = {.pool = "fast", .volume = "private", .lines = span_of(lines)};
    strcpy(m.verb, verb);
    volume_change_encode(&body, &m);
    hear(b, MESSAGE_volume_change, (struct address){KIND_REGISTRY, 0}, correlation, &body);
}

static inline void use(struct bench *b, uint64_t correlation, const char *pool, const char *verb)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16384);
    struct volume_use m = {.volume = "private"};
    strcpy(m.pool, pool);
    strcpy(m.verb, verb);
    volume_use_encode(&body, &m);
    hear(b, MESSAGE_volume_use, (struct address){KIND_VM, 7}, correlation, &body);
}

/* The error that this question was answered with; 0: a reply; 1: nothing yet. */
static inline int outcome(const struct bench *b, uint64_t correlation)
{
    struct error m;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->said[i].e.correlation != correlation || b->said[i].e.class != CLASS_REPLY)
            continue;
        if (b->said[i].e.type != MESSAGE_error)
            return 0;
        assert_int_equal(error_decode(&m, b->said[i].e.body), 0);
        return -(int)m.code;
    }
    return 1;
}

#endif
