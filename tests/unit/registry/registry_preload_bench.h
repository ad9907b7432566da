/* SPDX-License-Identifier: MIT
 * A base with disposables that are started ahead of their use, on registry's bench. */
#ifndef TESTS_UNIT_REGISTRY_REGISTRY_PRELOAD_BENCH_H
#define TESTS_UNIT_REGISTRY_REGISTRY_PRELOAD_BENCH_H

#include "tests/unit/registry/registry_bench.h"

#include "model/ask.h"
#include "model/preload.h"

enum { TEMPLATE = 1, BASE };

static inline void operate(struct bench *b, enum operation operation, uint32_t qid, const char *key,
                           const char *value)
{
    bench_operate(b, operation, qid, key, value);
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    bench_forget(b);
}

/* A template that offers what preloading needs, and a VM based on it that disposables are based on. */
static inline void up(struct bench *b)
{
    static const char *const needed[] = {"qrexec", "supported-rpc.qubes.WaitForRunningSystem",
                                         "supported-rpc.qubes.WaitForSession"};
    bench_up(b);
    bench_host_says(b, "");
    operate(b, OPERATION_vm_create, QID_GLOBAL, "TemplateVM", "name=tmpl label=black");
    operate(b, OPERATION_vm_create, QID_GLOBAL, "AppVM+tmpl", "name=base label=red");
    operate(b, OPERATION_property_set, BASE, "template_for_dispvms", "True");
    for (size_t i = 0; i < COUNT(needed); i++)
        operate(b, OPERATION_feature_set, TEMPLATE, needed[i], "1");
}

static inline void time_passes(struct bench *b, uint64_t time)
{
    b->out.now += time;
    if (b->timer[TIMER_REFILL] != 0 && b->timer[TIMER_REFILL] <= b->out.now)
        registry_actor.timer(b->core, &b->out, TIMER_REFILL);
    bench_work(b);
}

/* The last question of this type is answered; its VM. */
static inline uint32_t answer(struct bench *b, uint16_t type, int r)
{
    struct answer a = {.r = r};
    uint32_t qid = 0;
    for (unsigned i = 0; i < b->count; i++)
        if (b->said[i].e.type == type) {
            a.tag = b->said[i].tag;
            qid = b->said[i].e.to_instance;
        }
    assert_int_not_equal(qid, 0);
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
    return qid;
}

static inline size_t listed(struct bench *b)
{
    return preload_count(preload_list(&b->core->known, BASE));
}

/* One is made, started, paused: its qid. */
static inline uint32_t one_comes(struct bench *b)
{
    bench_forget(b);
    time_passes(b, 4 * SECONDS);
    assert_int_equal(bench_count(b, MESSAGE_vm_start), 1);
    bench_vm_says(b, answer(b, MESSAGE_vm_start, 0), MESSAGE_claim, 0);
    uint32_t qid = answer(b, MESSAGE_vm_pause, 0);
    assert_true(preload_is_complete(&b->core->known, qid));
    return qid;
}

static inline const char *name_of(struct bench *b, uint32_t qid)
{
    return vm_name(model_vm(b->core->model, qid));
}

static inline void its_life_ends(struct bench *b, uint32_t qid)
{
    bench_vm_says(b, qid, MESSAGE_release, 0);
    bench_vm_says(b, qid, MESSAGE_release, 1);
    assert_null(model_vm(b->core->model, qid));
}

static inline void count(void *arg)
{
    ++*(unsigned *)arg;
}

/* A base whose list has room for one, which has come. */
static inline uint32_t up_with_one(struct bench *b)
{
    up(b);
    operate(b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    return one_comes(b);
}

/* Whom the first kill that was asked for is about. */
static inline uint32_t killed(const struct bench *b)
{
    return b->said[bench_find(b, MESSAGE_vm_kill, 0)].e.to_instance;
}

#endif
