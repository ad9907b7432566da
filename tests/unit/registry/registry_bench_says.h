/* SPDX-License-Identifier: MIT
 * What stands around registry's core on the bench: what it says and asks, its worker, and its world. Part of
 * registry_bench.h. */
#ifndef TESTS_UNIT_REGISTRY_REGISTRY_BENCH_SAYS_H
#define TESTS_UNIT_REGISTRY_REGISTRY_BENCH_SAYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/registry/registry.h"
#include "actors/registry/registry_beside.h"
#include "actors/registry/registry_file.h"
#include "base/own.h"
#include "doors/db_sim.h"
#include "proto/rules.h"

enum { BENCH_SAID = 256, BENCH_TASKS = 64 };

/* A test that takes memory away keeps the bench's own. */
#ifndef BENCH_MALLOC
#define BENCH_MALLOC malloc
#endif

/* A message that the core sent or asked; its body is the bench's copy. */
struct said {
    struct envelope e;
    uint64_t tag;
    bool asks;
};

struct bench {
    struct registry *core;
    struct out out;
    struct db_disk *disk;
    struct store store;
    struct said said[BENCH_SAID];
    unsigned count;
    struct task *task[BENCH_TASKS];
    unsigned tasks;
    bool hold_tasks, hold_vms, ready, left;
    uint32_t generation;           /* of the VM that is meant; 0: the one that has the number */
    uint64_t removes;              /* tag of the question to the VM that is to be removed; 0: none */
    uint64_t storing[BENCH_TASKS]; /* tags of what storage is asked and has not answered */
    unsigned storings;
    bool hold_storage;
    int storage_fails; /* -ERR_: its answer to what comes */
    uint64_t timer[8], last_operation;
    char note[64]; /* its note: survives bench_kill */
};

/* ---- what the core says ---- */

static inline void bench_keep(struct bench *b, const struct envelope *e, uint64_t tag, bool asks)
{
    assert_true(b->count < BENCH_SAID);
    assert_int_equal(envelope_permitted(e, (struct address){KIND_REGISTRY, 0}),
                     0); /* else the router drops it */
    struct said *s = &b->said[b->count++];
    *s = (struct said){*e, tag, asks};
    char *body = BENCH_MALLOC(e->body.len + 1);
    assert_non_null(body);
    memcpy(body, e->body.at != NULL ? e->body.at : "", e->body.len);
    s->e.body.at = body;
}

static inline int bench_send(void *shell, struct envelope *e)
{
    bench_keep(shell, e, 0, false);
    return 0;
}

static inline int bench_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    bench_keep(b, e, tag, true);
    if (e->type == MESSAGE_vm_remove)
        b->removes = tag;
    if (e->type == MESSAGE_volume_change) {
        assert_true(b->storings < BENCH_TASKS);
        b->storing[b->storings++] = tag;
    }
    return 0;
}

static inline void bench_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    assert_true(b->tasks < BENCH_TASKS);
    b->task[b->tasks++] = task;
}

static inline void bench_timer(void *shell, uint64_t timer, uint64_t at)
{
    ((struct bench *)shell)->timer[timer] = at;
}

static inline void bench_note(void *shell, struct span note)
{
    assert_int_equal(text_copy(((struct bench *)shell)->note, 64, note), 0);
}

static inline void bench_ready(void *shell)
{
    ((struct bench *)shell)->ready = true;
}

static inline void bench_leave(void *shell)
{
    ((struct bench *)shell)->left = true;
}

static inline void bench_forget(struct bench *b)
{
    for (unsigned i = 0; i < b->count; i++)
        free((char *)(uintptr_t)b->said[i].e.body.at);
    b->count = 0;
}

/* ---- its worker ---- */

static inline void bench_do_one(struct bench *b)
{
    struct task *task = b->task[0];
    memmove(b->task, b->task + 1, --b->tasks * sizeof *b->task);
    store_perform(&b->store, task);
    registry_actor.done(b->core, &b->out, &(struct done){.task = task, .what = task->what});
    free(task);
}

/* The VM that is to be removed has no process, unless a test says more. */
static inline void bench_vm_answers(struct bench *b, int r)
{
    struct answer a = {.tag = b->removes, .r = r};
    if (r < 0)
        (void)fault_set(&a.why, (enum err) - r, "the VM's answer");
    b->removes = 0;
    registry_actor.answered(b->core, &b->out, &a);
}

/* Storage answers the oldest question. */
static inline void bench_storage_answers(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct answer a = {.tag = b->storing[0], .r = b->storage_fails};
    memmove(b->storing, b->storing + 1, --b->storings * sizeof b->storing[0]);
    volume_change_reply_encode(&body, &(struct volume_change_reply){.path = "/pool/a.img"});
    struct envelope e = {.type = MESSAGE_volume_change, .class = CLASS_REPLY, .body = text_span(&body)};
    a.e = &e;
    if (a.r < 0)
        fault_set(&a.why, (enum err) - a.r, "the disk refuses");
    registry_actor.answered(b->core, &b->out, &a);
}

static inline void bench_work(struct bench *b)
{
    bool more = true;
    while (more) {
        more = false;
        if (b->removes != 0 && !b->hold_vms)
            bench_vm_answers(b, 0), more = true;
        if (b->tasks > 0 && !b->hold_tasks)
            bench_do_one(b), more = true;
        else if (b->storings > 0 && !b->hold_storage)
            bench_storage_answers(b), more = true;
    }
}

static inline int bench_open_store(struct store *s, struct fault *why)
{
    return db_sim_open((struct db_disk *)(uintptr_t)s->directory, &s->db, why);
}

/* ---- its world ---- */

static inline enum kernel_state bench_kernel(void *arg, const char *name)
{
    (void)arg, (void)name;
    return KERNEL_INSTALLED;
}

static inline const char *bench_kernel_file(void *arg, const char *name, const char *file)
{
    (void)arg, (void)name, (void)file;
    return NULL;
}

static inline uint32_t bench_random(void *arg)
{
    static uint32_t last;
    (void)arg;
    return last += 0x9e3779b9;
}

static inline void bench_time(void *arg, char text[WORLD_TIME])
{
    (void)arg;
    memcpy(text, "2026-01-31 23:59:58", WORLD_TIME);
}

#endif
