/* SPDX-License-Identifier: MIT
 * What the tests of the bus's rules share: messages, who sends them, what became of them; and a router with
 * api, registry and host before each test. */
#ifndef TESTS_UNIT_ROUTER_ROUTE_SCENE_H
#define TESTS_UNIT_ROUTER_ROUTE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/router/route_fake.h"

__attribute__((unused)) static const struct address api = {KIND_API, 0};
__attribute__((unused)) static const struct address api_of_qubes = {KIND_API, 1};
__attribute__((unused)) static const struct address registry = {KIND_REGISTRY, 0};
__attribute__((unused)) static const struct address host = {KIND_HOST, 0};
__attribute__((unused)) static const struct address vm7 = {KIND_VM, 7};
__attribute__((unused)) static const struct address vm8 = {KIND_VM, 8};
__attribute__((unused)) static const struct address guest7 = {KIND_GUEST, 7};

static inline struct envelope message(uint16_t type, uint8_t class, struct address to)
{
    return (struct envelope){.version = ENVELOPE_VERSION,
                             .type = type,
                             .class = class,
                             .to_kind = to.kind,
                             .to_instance = to.instance,
                             .part = 1,
                             .parts = 1,
                             .body = SPAN_LITERAL("\x90")};
}

static inline struct envelope about(struct envelope e, uint32_t qid, uint32_t generation)
{
    e.subject_kind = KIND_VM;
    e.subject_instance = qid;
    e.subject_generation = generation;
    return e;
}

static inline struct envelope question(uint16_t type, struct address to, uint64_t number)
{
    struct envelope e = about(message(type, CLASS_REQUEST, to), to.instance, 1);
    e.correlation = number;
    e.op_high = 1;
    e.op_low = number;
    e.caller = 3;
    return e;
}

static inline struct envelope answer_to(const struct envelope *q, struct address asker, uint8_t class)
{
    struct envelope e = *q;
    e.class = class;
    e.to_kind = asker.kind;
    e.to_instance = asker.instance;
    return e;
}

static inline void say(struct fake *f, struct address who, struct envelope e)
{
    fake_say_as(f, who, who.kind, &e); /* every first incarnation is numbered as its kind */
}

static inline void live(struct fake *f, struct address who)
{
    fake_live(f, who, 1, who.kind);
}

static inline const struct deed *last(const struct fake *f)
{
    assert_true(f->delivered.count > 0);
    return &f->delivered.list[f->delivered.count - 1];
}

/* How many deliveries to `who` were answers with this error; ERR_NONE: replies of its own. */
static inline int answers(const struct fake *f, struct address who, enum err code)
{
    int found = 0;
    for (size_t i = 0; i < f->delivered.count; i++) {
        const struct deed *d = &f->delivered.list[i];
        struct error m = {0};
        if (!address_equal(d->who, who) || d->e.class != CLASS_REPLY)
            continue;
        if (d->e.type == MESSAGE_error)
            assert_int_equal(error_decode(&m, d->e.body), 0);
        found += m.code == code;
    }
    return found;
}

static inline int all_answers(const struct fake *f, struct address who)
{
    int found = 0;
    for (unsigned code = 0; code < ERR_COUNT; code++)
        found += answers(f, who, code);
    return found;
}

static inline int heard(const struct fake *f, struct address who, uint16_t type)
{
    int found = 0;
    for (size_t i = 0; i < f->delivered.count; i++)
        found += address_equal(f->delivered.list[i].who, who) && f->delivered.list[i].e.type == type;
    return found;
}

static inline int begin(void **state)
{
    static struct fake f;
    fake_open(&f);
    *state = &f;
    live(&f, api);
    live(&f, registry);
    live(&f, host);
    return 0;
}

static inline int end(void **state)
{
    fake_close_all(*state);
    return 0;
}

#define WITH_ROUTER(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
