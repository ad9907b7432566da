/* SPDX-License-Identifier: MIT
 * A bench for the core of vm/<qid>: everything around it in memory, and a hypervisor of one domain.
 * What the core says is collected; what it asks is answered; it dies where a test wants it to. */
#ifndef TESTS_UNIT_VM_VM_BENCH_H
#define TESTS_UNIT_VM_VM_BENCH_H

#include "tests/unit/vm/vm_bench_answers.h"

/* ---- one incarnation ---- */

static void bench_begin(struct bench *b)
{
    struct life life = {{KIND_VM, BENCH_QID}, BENCH_GENERATION, span_of(b->note)};
    b->dead = b->ready = b->retired = false;
    b->die_at = 0;
    b->asked = 0;
    memset(b->timer, 0, sizeof b->timer);
    b->core = calloc(1, vm_actor.size);
    assert_non_null(b->core);
    assert_int_equal(vm_actor.begin(b->core, &b->out, &life), 0);
    vm_actor.hello(b->core, &b->out, 1, b->last_correlation);
}

static void bench_end(struct bench *b)
{
    vm_actor.end(b->core);
    free(b->core);
    free(b->task);
    free(b->parked);
    b->core = NULL;
    b->task = b->parked = NULL;
}

static void bench_setup(struct bench *b)
{
    memset(b, 0, sizeof *b);
    b->out = (struct out){&bench_out, b, 1000 * SECONDS};
    b->world.door = (struct domain_door){&bench_ops, &bench_can};
    b->entries.present = 1;
    b->doors = (struct vm_doors){.open = bench_open, .arg = &b->world, .kernels = "/kernels"};
    bench_begin(b);
}

static void perform(struct bench *b)
{
    struct task *task = TAKE(b->task);
    struct done d = {.task = task, .what = task->what};
    vm_actor.perform(&b->doors, task);
    vm_actor.done(b->core, &b->out, &d);
    free(task);
}

/* False: there is nothing to do. */
static bool bench_run_once(struct bench *b)
{
    if (b->dead)
        return false;
    unsigned i = 0;
    while (i < b->asked && b->asks[i].type == b->hold_type)
        i++;
    if (i < b->asked && !b->hold_asks) {
        struct bench_ask ask = b->asks[i];
        b->asked--;
        memmove(b->asks + i, b->asks + i + 1, (b->asked - i) * sizeof ask);
        answer(b, &ask);
        return true;
    }
    if (b->task == NULL || b->hold_tasks)
        return false;
    perform(b);
    return true;
}

/* Until nothing is left to do, or it dies. */
static void bench_run(struct bench *b)
{
    for (int turns = 0; turns < 1000 && bench_run_once(b); turns++)
        ;
}

/* The process is killed, and the supervisor starts another. `does`: what the worker had in hand happens. */
__attribute__((unused)) static void bench_crash(struct bench *b, bool does)
{
    if (b->task != NULL && does)
        vm_actor.perform(&b->doors, b->task);
    bench_end(b);
    b->doors.door = NULL;
    bench_begin(b);
}

__attribute__((unused)) static void bench_timer_fires(struct bench *b, enum vm_timer timer)
{
    if (b->timer[timer] == 0)
        return;
    if (b->timer[timer] > b->out.now)
        b->out.now = b->timer[timer];
    b->timer[timer] = 0;
    vm_actor.timer(b->core, &b->out, timer);
}

/* A request of this type with this body. Returns its correlation. */
static uint64_t bench_hear_from(struct bench *b, struct address source, uint16_t type,
                                const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = message_rule(type)->class,
                         .subject_kind = KIND_VM,
                         .subject_instance = BENCH_QID,
                         .subject_generation = BENCH_GENERATION,
                         .source_kind = source.kind,
                         .source_instance = source.instance,
                         .to_kind = KIND_VM,
                         .to_instance = BENCH_QID,
                         .correlation = ++b->correlation,
                         .body = text_span(body)};
    vm_actor.hear(b->core, &b->out, &e);
    return b->correlation;
}

#define BENCH_HEAR(b, name, ...)                                                                             \
    __extension__({                                                                                          \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_MAX);                                                         \
        name##_encode(&body_, &(struct name){__VA_ARGS__});                                                  \
        bench_hear_from(b, (struct address){KIND_API, 0}, MESSAGE_##name, &body_);                           \
    })

/* host has looked at the domain as it is now. */
__attribute__((unused)) static void bench_observe(struct bench *b, unsigned event)
{
    struct bench_world *w = &b->world;
    BENCH_HEAR(b, observed, .active = w->active, .domid = w->active ? (uint32_t)w->domid : 0,
               .state = !w->active || w->dying ? VIRT_SHUTOFF
                        : w->asleep            ? VIRT_PMSUSPENDED
                        : w->paused            ? VIRT_PAUSED
                                               : VIRT_RUNNING,
               .event = event);
}

/* The answer that this request has got: 0 or -ERR_; 1 while there is none. */
static int bench_answer(const struct bench *b, uint64_t correlation)
{
    int r = 1, count = 0;
    for (unsigned i = 0; i < b->replies; i++) {
        if (b->reply[i].correlation == correlation) {
            r = b->reply[i].r;
            count++;
        }
    }
    assert_true(count <= 1);
    return r;
}

__attribute__((unused)) static unsigned bench_count(const struct bench *b, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->events; i++)
        count += strcspn(b->event[i], " ") == strlen(name) && strncmp(b->event[i], name, strlen(name)) == 0;
    return count;
}

/* The events since `from` are these, in this order. */
__attribute__((unused)) static void bench_heard(const struct bench *b, unsigned from,
                                                const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && from + i < b->events; i++)
        assert_string_equal(b->event[from + i], names[i]);
    assert_int_equal(b->events - from, count);
}

#define BENCH_HEARD(b, from, ...)                                                                            \
    bench_heard(b, from, (const char *const[]){__VA_ARGS__},                                                 \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Whatever happened: each life has ended once, and all agree. */
static void bench_agrees(const struct bench *b)
{
    unsigned ended = (unsigned)b->world.creates - (b->world.active ? 1 : 0);
    assert_int_equal(bench_count(b, "domain-stopped"), ended);
    assert_int_equal(bench_count(b, "domain-shutdown"), ended);
    assert_int_equal(b->claimed, b->world.active);
    assert_int_equal(b->core->life, b->world.active ? VM_LIVING : VM_HALTED);
    assert_int_equal(strlen(b->note) > 0, b->world.active);
    assert_true(b->ready);
    if (b->power_state[0] != '\0')
        assert_int_equal(strcmp(b->power_state, "Halted") != 0, b->world.active);
}

/* And each start that began has one outcome. */
__attribute__((unused)) static void bench_is_definite(const struct bench *b)
{
    bench_agrees(b);
    assert_int_equal(bench_count(b, "domain-pre-start"),
                     bench_count(b, "domain-start") + bench_count(b, "domain-start-failed"));
}

#endif
