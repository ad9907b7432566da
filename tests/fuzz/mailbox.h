/* SPDX-License-Identifier: MIT
 * What the fuzz harnesses of mailboxes share: a row of messages, read from the fuzzer's bytes, heard by a
 * core that a harness has prepared; and a shell that counts answers and holds its tasks. */
#ifndef TESTS_FUZZ_MAILBOX_H
#define TESTS_FUZZ_MAILBOX_H

#include <assert.h>
#include <stdlib.h>

#include "base/own.h"
#include "proto/rules.h"
#include "runtime/post.h"

struct mailbox {
    const struct actor *actor;
    void *core;
    struct out out;
    unsigned requests, answers;
    struct task *task[256]; /* in the worker's hands, in their order */
    unsigned tasks;
    bool is_late[256];      /* the core was told that this one is overdue */
    struct subject subject; /* whom messages are about, where their row wants somebody */
    uint64_t tags[64];      /* questions that are open */
    unsigned asked;
    struct span good;                                 /* an answer as it should be; may be empty */
    void (*complete)(struct task *task, uint8_t how); /* what the worker found out; may be NULL */
};

static inline int mailbox_send(void *shell, struct envelope *e)
{
    ((struct mailbox *)shell)->answers += e->class == CLASS_REPLY;
    return 0;
}

static inline int mailbox_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct mailbox *m = shell;
    (void)e;
    if (m->asked < COUNT(m->tags))
        m->tags[m->asked++] = tag;
    return 0;
}

static inline void mailbox_task(void *shell, struct task *task)
{
    struct mailbox *m = shell;
    assert(m->tasks < COUNT(m->task));
    m->task[m->tasks++] = task;
}

static inline void mailbox_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell, (void)timer, (void)at;
}

static inline void mailbox_note(void *shell, struct span note)
{
    (void)shell;
    assert(note.len <= 240);
}

static inline void mailbox_nothing(void *shell)
{
    (void)shell;
}

static inline void mailbox_title(void *shell, const char *title)
{
    (void)shell, (void)title;
}

static inline void mailbox_door(void *shell, uint32_t what)
{
    (void)shell, (void)what; /* a harness hands down what it likes */
}

/* A core of this kind that has begun and knows its router. */
static inline void mailbox_open(struct mailbox *m, const struct actor *actor)
{
    static const struct out_ops ops = {mailbox_send,  mailbox_ask,     mailbox_task,    mailbox_timer,
                                       mailbox_note,  mailbox_nothing, mailbox_nothing, mailbox_nothing,
                                       mailbox_title, mailbox_door};
    struct life life = {.self = {(uint8_t)actor->kind, 7}};
    *m = (struct mailbox){.actor = actor, .core = calloc(1, actor->size)};
    m->out = (struct out){&ops, m, 5 * SECONDS};
    if (m->core == NULL || actor->begin(m->core, &m->out, &life) < 0)
        abort();
    if (actor->hello != NULL)
        actor->hello(m->core, &m->out, 1, 0);
}

/* The oldest question is answered with this body, or with an error where there is none. */
static inline void mailbox_answer(struct mailbox *m, struct span body)
{
    struct envelope e = {.class = CLASS_REPLY, .body = body};
    struct answer a = {.e = &e};
    if (m->asked == 0)
        return;
    a.tag = m->tags[0];
    for (unsigned i = 1; i < m->asked; i++)
        m->tags[i - 1] = m->tags[i];
    m->asked--;
    if (body.len == 0)
        a.r = fault_set(&a.why, ERR_LATE, "late");
    m->actor->answered(m->core, &m->out, &a);
}

/* The deadline of the youngest task has passed; it stays in the worker's hands. */
static inline void mailbox_overdue(struct mailbox *m)
{
    if (m->tasks == 0 || m->is_late[m->tasks - 1])
        return;
    m->is_late[m->tasks - 1] = true;
    struct done d = {.what = m->task[m->tasks - 1]->what, .overdue = true};
    m->actor->done(m->core, &m->out, &d);
}

static inline void mailbox_end_nth(struct mailbox *m, unsigned n, int r, uint8_t how)
{
    struct task *task = m->task[n];
    struct done d = {.task = task, .what = task->what, .cleared = m->is_late[n]};
    m->tasks--;
    for (unsigned i = n; i < m->tasks; i++) {
        m->task[i] = m->task[i + 1];
        m->is_late[i] = m->is_late[i + 1];
    }
    m->is_late[m->tasks] = false;
    task->r = r;
    if (m->complete != NULL)
        m->complete(task, how);
    if (r < 0)
        fault_set(&task->why, (enum err) - r, "the fuzzer wants it");
    m->actor->done(m->core, &m->out, &d);
    free(task);
}

/* The oldest task ends with this result. */
static inline void mailbox_end_task(struct mailbox *m, int r, uint8_t how)
{
    if (m->tasks > 0)
        mailbox_end_nth(m, 0, r, how);
}

/* What the worker still has in hand comes back first: it may hold more than its own memory. */
static inline void mailbox_close(struct mailbox *m)
{
    for (unsigned i = 0; i < COUNT(m->task) && m->tasks > 0; i++)
        mailbox_end_task(m, -ERR_CANCELLED, 0);
    if (m->actor->end != NULL)
        m->actor->end(m->core);
    free(m->core);
    for (unsigned i = 0; i < m->tasks; i++)
        free(m->task[i]);
}

/* A message of this mailbox's rows. */
static inline void mailbox_hear(struct mailbox *m, unsigned row, struct span body)
{
    size_t count;
    const struct message_rule *rules = message_rules(&count);
    const struct message_rule *rule = &rules[row % count];
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = rule->type,
                         .class = rule->class,
                         .source_kind = KIND_API,
                         .to_kind = (uint8_t)m->actor->kind,
                         .to_instance = 7,
                         .correlation = 1,
                         .part = 1,
                         .parts = 1,
                         .body = body};
    if ((rule->to & 1u << m->actor->kind) == 0)
        return;
    if (rule->about != ABOUT_NOTHING) {
        e.subject_kind = m->subject.kind;
        e.subject_instance = m->subject.instance;
        e.subject_generation = m->subject.generation;
    }
    m->requests += rule->class == CLASS_REQUEST;
    m->actor->hear(m->core, &m->out, &e);
}

/* Each piece of the bytes: what happens, how long its body is, the body. */
static inline void mailbox_play(struct mailbox *m, const uint8_t *data, size_t size)
{
    while (size >= 2) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        struct span body = {(const char *)data + 2, len};
        if (data[0] == 255)
            mailbox_answer(m, body);
        else if (data[0] >= 250)
            mailbox_end_task(m, data[0] < 253 ? 0 : -ERR_HYPERVISOR, data[1]);
        else if (data[0] == 249)
            mailbox_answer(m, m->good);
        else if (data[0] >= 245)
            m->actor->timer(m->core, &m->out, data[0] - 245u);
        else
            mailbox_hear(m, data[0], body);
        assert(m->answers <= m->requests);
        data += 2 + len;
        size -= 2 + len;
    }
}

#endif
