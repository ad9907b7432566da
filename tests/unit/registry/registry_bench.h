/* SPDX-License-Identifier: MIT
 * A bench for registry's core: its tasks run against a simulated disk, what it says is kept in order.
 * It begins with the store of a fresh installation; no libvirt, no router, no clock. */
#ifndef TESTS_UNIT_REGISTRY_REGISTRY_BENCH_H
#define TESTS_UNIT_REGISTRY_REGISTRY_BENCH_H

#include "tests/unit/registry/registry_bench_says.h"

/* ---- its life ---- */

static inline void bench_begin(struct bench *b)
{
    static const struct out_ops ops = {.send = bench_send,
                                       .ask = bench_ask,
                                       .task = bench_task,
                                       .timer = bench_timer,
                                       .note = bench_note,
                                       .ready = bench_ready,
                                       .leave = bench_leave};
    struct life life = {.self = {KIND_REGISTRY, 0}, .note = span_of(b->note)};
    b->core = calloc(1, sizeof *b->core);
    assert_non_null(b->core);
    b->out = (struct out){&ops, b, 10 * SECONDS};
    b->ready = b->left = false;
    assert_int_equal(registry_actor.begin(b->core, &b->out, &life), 0);
    b->core->world.kernel = bench_kernel;
    b->core->world.kernel_file = bench_kernel_file;
    b->core->world.random = bench_random;
    b->core->world.local_time = bench_time;
}

/* The router greets, nothing runs: changes are taken from now on. */
static inline void bench_greet(struct bench *b, uint64_t last_correlation)
{
    registry_actor.hello(b->core, &b->out, 1, last_correlation);
    bench_work(b);
    if (b->timer[TIMER_SETTLE] != 0)
        registry_actor.timer(b->core, &b->out, TIMER_SETTLE);
    bench_work(b);
}

static inline void bench_up_with(struct bench *b, struct db_disk *disk, const char *directory,
                                 int (*open_store)(struct store *s, struct fault *why))
{
    *b = (struct bench){.disk = disk};
    b->store = (struct store){.open = open_store,
                              .directory = directory,
                              .qubes_lib = -1,
                              .group = REGISTRY_NO_GROUP,
                              .pool_dir = "/var/lib/qubes"};
    bench_begin(b);
    bench_greet(b, 0);
    assert_true(b->ready);
    bench_forget(b);
}

static inline void bench_up(struct bench *b)
{
    struct db_disk *disk = db_disk_new();
    assert_non_null(disk);
    bench_up_with(b, disk, (const char *)disk, bench_open_store);
}

/* SIGKILL: what it was doing is lost, what it said stays said. */
static inline void bench_kill(struct bench *b)
{
    while (b->tasks > 0) {
        struct task *task = b->task[--b->tasks];
        store_task_free_content((struct store_task *)task);
        free(task);
    }
    b->storings = 0;
    registry_actor.end(b->core);
    free(b->core);
    b->core = NULL;
    if (b->store.db != NULL)
        db_sim_kill(&b->store.db);
    b->store.db = NULL;
    beside_free(b->store.beside);
    beside_free(b->store.read);
    b->store.beside = b->store.read = NULL;
}

static inline void bench_down(struct bench *b)
{
    bench_kill(b);
    bench_forget(b);
    db_disk_free(b->disk);
}

/* ---- what it hears ---- */

static inline void bench_hear(struct bench *b, struct envelope e, const struct text *body)
{
    e.version = ENVELOPE_VERSION;
    e.part = e.parts = 1;
    e.to_kind = KIND_REGISTRY;
    e.body = text_span(body);
    registry_actor.hear(b->core, &b->out, &e);
    bench_work(b);
}

/* An operation of dom0's through api/0; its id and its correlation are the same number. */
static inline void bench_operate_as(struct bench *b, uint64_t number, enum operation operation,
                                    uint32_t target, const char *key, const char *value)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    const struct vm *vm = b->core->loaded && target <= QID_MAX ? model_vm(b->core->model, target) : NULL;
    struct operate m = {.operation = operation,
                        .target = target,
                        .generation = b->generation != 0 ? b->generation
                                      : vm != NULL       ? vm_generation(vm)
                                                         : 0,
                        .key = span_of(key),
                        .value = span_of(value)};
    strcpy(m.method, "admin.test");
    operate_encode(&body, &m);
    bench_hear(b,
               (struct envelope){.type = MESSAGE_operate,
                                 .class = CLASS_REQUEST,
                                 .source_kind = KIND_API,
                                 .correlation = number,
                                 .op_high = 7,
                                 .op_low = number},
               &body);
}

static inline uint64_t bench_operate(struct bench *b, enum operation operation, uint32_t target,
                                     const char *key, const char *value)
{
    bench_operate_as(b, ++b->last_operation, operation, target, key, value);
    return b->last_operation;
}

/* The model as a list of changes, one a line. */
static inline int bench_add_line(void *arg, const struct change *c)
{
    text_format(arg, "%d %u %.*s=%.*s\n", (int)c->kind, c->qid, (int)c->key.len, c->key.at, (int)c->value.len,
                c->value.at);
    return 0;
}

static inline struct text bench_model(const struct bench *b)
{
    struct text t = TEXT_WITH_LIMIT(1 << 20);
    assert_int_equal(model_each(b->core->model, bench_add_line, &t), 0);
    assert_int_equal(t.failed, 0);
    return t;
}

static inline struct span bench_label(const struct bench *b, uint32_t qid)
{
    return property_stored(&b->core->known, qid, PROPERTY_label);
}

static inline void bench_create(struct bench *b, const char *name)
{
    char payload[64];
    snprintf(payload, sizeof payload, "name=%s label=red", name);
    bench_operate(b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", payload);
    assert_non_null(model_named(b->core->model, span_of(name)));
    bench_forget(b);
}

static inline void bench_create_remote(struct bench *b, const char *name)
{
    char payload[64];
    snprintf(payload, sizeof payload, "name=%s label=red", name);
    bench_operate(b, OPERATION_vm_create, QID_GLOBAL, "RemoteVM", payload);
    assert_non_null(model_named(b->core->model, span_of(name)));
    bench_forget(b);
}

/* vm/<qid> claims with this purpose, or releases after this. */
static inline void bench_vm_says(struct bench *b, uint32_t qid, uint16_t type, uint32_t purpose)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    if (type == MESSAGE_claim)
        claim_encode(&body, &(struct claim){.purpose = purpose});
    else
        release_encode(&body, &(struct release){.after = purpose});
    bench_hear(b,
               (struct envelope){.type = type,
                                 .class = CLASS_REQUEST,
                                 .source_kind = KIND_VM,
                                 .source_instance = qid,
                                 .subject_kind = KIND_VM,
                                 .subject_instance = qid,
                                 .subject_generation = vm_generation(model_vm(b->core->model, qid)),
                                 .correlation = 1000 + qid},
               &body);
}

/* Host names every domain that runs: at most one, by its VM. */
static inline void bench_host_says(struct bench *b, const char *running)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX), domains = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct observed_all m = {0};
    struct domain_item item = {.domid = 7, .state = 1};
    const struct vm *vm = model_named(b->core->model, span_of(running));
    if (vm != NULL) {
        strcpy(item.uuid, vm_uuid(vm));
        domain_item_add(&m.domains, &domains, &item);
    }
    observed_all_encode(&body, &m);
    bench_hear(
        b, (struct envelope){.type = MESSAGE_observed_all, .class = CLASS_EVENT, .source_kind = KIND_HOST},
        &body);
}

/* ---- what was said ---- */

/* The place of the first message of this type from `from` on, or -1. */
static inline int bench_find(const struct bench *b, uint16_t type, unsigned from)
{
    for (unsigned i = from; i < b->count; i++)
        if (b->said[i].e.type == type && b->said[i].e.class != CLASS_PROGRESS)
            return (int)i;
    return -1;
}

static inline unsigned bench_count(const struct bench *b, uint16_t type)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->count; i++)
        count += b->said[i].e.type == type && b->said[i].e.class != CLASS_PROGRESS;
    return count;
}

/* The answer to the question of this correlation: 0 or -ERR_; every question has at most one. */
static inline int bench_answer(const struct bench *b, uint64_t correlation)
{
    int r = 1;
    for (unsigned i = 0; i < b->count; i++) {
        const struct envelope *e = &b->said[i].e;
        struct error m = {0};
        if (e->class != CLASS_REPLY || e->correlation != correlation)
            continue;
        assert_int_equal(r, 1);
        if (e->type == MESSAGE_error)
            assert_int_equal(error_decode(&m, e->body), 0);
        r = -(int)m.code;
    }
    return r; /* 1: none yet */
}

#endif
