/* SPDX-License-Identifier: MIT
 * A bench for host's core: a libvirtd of a few domains, and what the core says to others, in words. */
#ifndef TESTS_UNIT_HOST_HOST_BENCH_H
#define TESTS_UNIT_HOST_HOST_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/host/host.h"
#include "base/own.h"
#include "proto/rules.h"

enum { SAID = 64, DOMAINS = 4 };
#define UUID_A "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11"
#define UUID_B "0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02"

/* Everything around one host. */
struct bench {
    struct host *core;
    struct out out;
    struct hostwatch watch; /* the connection */
    struct host_doors doors;
    struct hostwatch_domain domains[DOMAINS];
    size_t count;
    int trouble; /* what calls answer */
    unsigned opens;
    char said[SAID][64]; /* in words */
    unsigned told, readies;
    bool asks_roster;
    struct task *task;
    uint64_t timer[4];
};

static struct bench *bench;

static inline void close_watch(struct hostwatch *watch)
{
    (void)watch;
}

static inline int list(struct hostwatch *watch, struct hostwatch_domain *rows, size_t room, size_t *count,
                       struct fault *why)
{
    (void)watch;
    if (bench->trouble < 0)
        return fault_set(why, (enum err) - bench->trouble, "the bench wants this");
    assert_true(room >= bench->count);
    memcpy(rows, bench->domains, bench->count * sizeof *rows);
    *count = bench->count;
    return 0;
}

static inline int figures(struct hostwatch *watch, struct hostwatch_figures *f, struct fault *why)
{
    (void)watch, (void)why;
    *f = (struct hostwatch_figures){.driver = "TEST", .memory_kib = 1 << 20, .cpus = 2};
    return 0;
}

static inline int samples(struct hostwatch *watch, struct hostwatch_sample *rows, size_t room, size_t *count,
                          struct fault *why)
{
    (void)watch;
    if (bench->trouble < 0)
        return fault_set(why, (enum err) - bench->trouble, "the bench wants this");
    assert_true(room >= bench->count);
    for (size_t i = 0; i < bench->count; i++) {
        rows[i] = (struct hostwatch_sample){.domid = bench->domains[i].domid, .cputime_ns = 7, .vcpus = 2};
        memcpy(rows[i].uuid, bench->domains[i].uuid, sizeof rows[i].uuid);
    }
    *count = bench->count;
    return 0;
}

static const struct hostwatch_ops watch_ops = {close_watch, list, figures, samples};

static inline int open_watch(void *arg, struct hostwatch **ret, struct fault *why)
{
    (void)arg;
    bench->opens++;
    if (bench->trouble < 0)
        return fault_set(why, (enum err) - bench->trouble, "the bench wants this");
    *ret = &bench->watch;
    return 0;
}

static inline void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void say(const char *format, ...)
{
    va_list args;
    assert_true(bench->told < SAID);
    va_start(args, format);
    vsnprintf(bench->said[bench->told++], sizeof bench->said[0], format, args);
    va_end(args);
}

static inline int hear_said(void *shell, struct envelope *e)
{
    struct observed m;
    struct observed_all all;
    (void)shell;
    assert_int_equal(envelope_permitted(e, (struct address){KIND_HOST, 0}), 0);
    if (e->type == MESSAGE_observed) {
        assert_int_equal(observed_decode(&m, e->body), 0);
        say("vm/%u.%u active=%u domid=%u state=%u event=%u", e->to_instance, e->subject_generation, m.active,
            m.domid, m.state, m.event);
    } else if (e->type == MESSAGE_sample && e->class == CLASS_REPLY) {
        struct sample_reply sample;
        assert_int_equal(sample_reply_decode(&sample, e->body), 0);
        say("sample %u to api/%u", sample.samples.count, e->to_instance);
        struct reader in = list_reader(&sample.samples);
        struct sample_item item;
        while (sample_item_next(&in, &item) == 1)
            if (item.has != 0 || item.memory_max_kib != 0)
                say("domain %u has %u: %u %u most %u", item.domid, item.has, (unsigned)item.with_swap_kib,
                    (unsigned)item.swap_kib, (unsigned)item.memory_max_kib);
    } else if (e->type == MESSAGE_error) {
        say("error to api/%u", e->to_instance);
    } else if (e->type == MESSAGE_observed_all) {
        assert_int_equal(observed_all_decode(&all, e->body), 0);
        say("all %u", all.domains.count);
    } else {
        say("%s", message_rule(e->type)->name);
    }
    return 0;
}

static inline int hear_ask(void *shell, struct envelope *e, uint64_t tag)
{
    (void)shell, (void)tag;
    assert_int_equal(e->type, MESSAGE_roster);
    bench->asks_roster = true;
    return 0;
}

static inline void take_task(void *shell, struct task *task)
{
    (void)shell;
    assert_null(bench->task);
    bench->task = task;
}

static inline void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell;
    bench->timer[timer] = at;
}

static inline void take_ready(void *shell)
{
    (void)shell;
    bench->readies++;
}

static const struct out_ops out_ops = {
    .send = hear_said, .ask = hear_ask, .task = take_task, .timer = take_timer, .ready = take_ready};

static inline void bench_up(struct bench *b)
{
    struct life life = {.self = {KIND_HOST, 0}};
    memset(b, 0, sizeof *b);
    bench = b;
    b->watch.ops = &watch_ops;
    b->doors.open = open_watch;
    b->out = (struct out){.ops = &out_ops, .now = 10 * SECONDS};
    b->core = calloc(1, host_actor.size);
    assert_int_equal(host_actor.begin(b->core, &b->out, &life), 0);
    host_actor.hello(b->core, &b->out, 1, 0);
}

static inline void bench_down(struct bench *b)
{
    host_actor.end(b->core);
    free(b->core);
    free(b->task);
}

static inline void bench_runs(struct bench *b, const char *uuid, int domid, enum virt_state state)
{
    struct hostwatch_domain *d = &b->domains[b->count++];
    *d = (struct hostwatch_domain){.domid = domid, .state = state};
    snprintf(d->uuid, sizeof d->uuid, "%s", uuid);
}

static inline void bench_perform(struct bench *b)
{
    struct task *task = TAKE(b->task);
    struct done d = {.task = task, .what = task->what};
    host_actor.perform(&b->doors, task);
    host_actor.done(b->core, &b->out, &d);
    free(task);
}

static inline void bench_give_roster(struct bench *b)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(4096), body = TEXT_WITH_LIMIT(4096);
    struct roster_reply m = {0};
    struct roster_item items[] = {{0, 0, "00000000-0000-0000-0000-000000000000", "dom0"},
                                  {7, 3, UUID_A, "work"},
                                  {8, 0, UUID_B, "play"}};
    for (size_t i = 0; i < COUNT(items); i++)
        roster_item_add(&m.vms, &elements, &items[i]);
    roster_reply_encode(&body, &m);
    struct envelope e = {.type = MESSAGE_roster, .class = CLASS_REPLY, .body = text_span(&body)};
    struct answer a = {.e = &e};
    host_actor.answered(b->core, &b->out, &a);
}

static inline void bench_event(struct bench *b, const char *uuid, enum virt_event what)
{
    struct hostwatch_event e = {.what = what};
    snprintf(e.uuid, sizeof e.uuid, "%s", uuid);
    host_heard(b->core, &b->out, &e);
}

static inline bool bench_has_said(const struct bench *b, unsigned from, const char *text)
{
    for (unsigned i = from; i < b->told; i++)
        if (strcmp(b->said[i], text) == 0)
            return true;
    return false;
}

/* Connected, with its roster, and one domain that runs. */
static inline void bench_settle(struct bench *b)
{
    bench_up(b);
    bench_runs(b, UUID_A, 4, VIRT_RUNNING);
    bench_perform(b);
    assert_true(b->asks_roster);
    bench_give_roster(b);
}

#endif
