/* SPDX-License-Identifier: MIT
 * A guest's process on the bench, whose writings are tried: what it asks and hands to its worker, and what it
 * hears. */
#ifndef TESTS_UNIT_GUEST_GUEST_WRITE_BENCH_H
#define TESTS_UNIT_GUEST_GUEST_WRITE_BENCH_H

#include "actors/guest/guest.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"
#include "doors/qubesdb_sim.h"

enum { CLIENT = 9 };

struct bench {
    struct guest core;
    struct out out;
    unsigned replies, errors, doors, asks;
    int error;
    uint64_t tag;
    struct qdb_entries asked;
    struct guest_task *task;
    char note[64];
    uint64_t again;
};

static inline int take_said(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct error m;
    b->replies += e->class == CLASS_REPLY && e->type != MESSAGE_error;
    b->errors += e->type == MESSAGE_error;
    if (e->type == MESSAGE_error && error_decode(&m, e->body) == 0)
        b->error = (int)m.code;
    return 0;
}

static inline int take_asked(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    b->asks++;
    b->tag = tag;
    assert_int_equal(e->type, MESSAGE_qdb_entries);
    assert_int_equal(qdb_entries_decode(&b->asked, e->body), 0);
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
    ((struct bench *)shell)->doors += what == GUEST_DOOR_WRITE;
}

static inline void take_note(void *shell, struct span note)
{
    (void)text_copy(((struct bench *)shell)->note, 64, note);
}

static inline void take_nothing(void *shell)
{
    (void)shell;
}

static inline void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (at > ((struct bench *)shell)->out.now)
        ((struct bench *)shell)->again = timer; /* the last that was set */
}

static inline void take_title(void *shell, const char *title)
{
    (void)shell, (void)title;
}

static const struct out_ops out_ops = {.send = take_said,
                                       .ask = take_asked,
                                       .task = take_task,
                                       .door = take_door,
                                       .note = take_note,
                                       .ready = take_nothing,
                                       .retire = take_nothing,
                                       .timer = take_timer,
                                       .title = take_title};

static inline void begin(struct bench *b, const char *note)
{
    struct life life = {.self = {KIND_GUEST, 7}, .generation = 3, .note = span_of(note)};
    memset(b, 0, sizeof *b);
    b->out = (struct out){&out_ops, b, 5 * SECONDS};
    assert_int_equal(guest_actor.begin(&b->core, &b->out, &life), 0);
}

static inline void hear(struct bench *b, uint16_t type, const struct text *body)
{
    struct envelope e = {.type = type,
                         .class = type == MESSAGE_guest_write ? CLASS_EVENT : CLASS_REQUEST,
                         .correlation = 1,
                         .source_kind = KIND_VM,
                         .source_instance = type == MESSAGE_guest_serve ? CLIENT : 7};
    if (body != NULL)
        e.body = text_span(body);
    guest_actor.hear(&b->core, &b->out, &e);
}

static inline void open_guest(struct bench *b, bool bare)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    guest_open_encode(&body, &(struct guest_open){.name = "work", .domid = 4, .bare = bare, .fresh = !bare});
    hear(b, MESSAGE_guest_open, &body);
    b->replies = 0;
}

static inline void entry(struct wire_list *list, struct text *elements, const char *path, const char *value)
{
    struct qdb_entry e = {.gone = value == NULL, .value = span_of(value != NULL ? value : "")};
    assert_int_equal(text_copy(e.path, sizeof e.path, span_of(path)), 0);
    qdb_entry_add(list, elements, &e);
}

static inline void ends(struct bench *b, int r)
{
    struct guest_task *t = TAKE(b->task);
    assert_non_null(t);
    t->task.r = r;
    if (r < 0)
        fault_set(&t->task.why, (enum err) - r, "for the test");
    guest_actor.done(&b->core, &b->out, &(struct done){.task = &t->task, .what = t->task.what});
    free(t);
}

static inline void end(struct bench *b)
{
    if (b->task != NULL)
        text_free(&b->task->elements);
    free(b->task);
    guest_actor.end(&b->core);
}

#endif
