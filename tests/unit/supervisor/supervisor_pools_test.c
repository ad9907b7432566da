/* SPDX-License-Identifier: MIT
 * When a pool's process begins: its lines and life with a fork that only counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "supervisor/supervisor.h"

/* ---- what the other files of the supervisor would do ---- */

int child_start(struct supervisor *s, struct child *c, struct fault *why)
{
    (void)why;
    c->awaits_since = 0;
    c->started_at = s->now;
    c->restarts++;
    return 0;
}

struct address child_address(const struct child *c)
{
    return (struct address){(uint8_t)c->key.kind, c->key.instance};
}

bool child_crashed(const struct child *c)
{
    return c->crashed;
}

bool child_retired(const struct child *c)
{
    return c->status == 0;
}

bool child_wants_fresh_jail(const struct child *c)
{
    return c->status == 75;
}

void router_restarted(struct supervisor *s)
{
    (void)s;
}

void router_tell(struct supervisor *s, enum control_what what, const struct child *c, uint64_t number,
                 uint32_t value)
{
    (void)s, (void)what, (void)c, (void)number, (void)value;
}

void status_show(struct supervisor *s, const struct child *c)
{
    (void)s, (void)c;
}

/* ---- the tests ---- */

enum { POOL = 1467 };

struct bench {
    struct supervisor s;
    struct child registry, storage;
};

static struct bench *bench_new(void)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->s.now = 1000 * SEC;
    b->registry.key = (struct child_key){KIND_REGISTRY, 0};
    b->storage.key = (struct child_key){KIND_STORAGE, POOL};
    return b;
}

static void registry_names(struct bench *b, const char *text)
{
    struct control r = control_text(CONTROL_POOL, span_of(text));
    r.number = POOL;
    r.value = 1; /* it is only read */
    pools_hear(&b->s, &b->registry, &r);
}

static void passes(struct bench *b, uint64_t time)
{
    b->s.now += time;
    if (b->storage.state == LIFE_PAUSING && b->storage.due_at <= b->s.now)
        life_event(&b->s, &b->storage, LIFE_DUE);
}

static void a_pools_process_begins_when_registry_has_said_where_its_pool_lies(void **state)
{
    char argument[POOL_ARGUMENTS][PATH_ROOM + 16];
    AUTO_MEMORY struct bench *b = bench_new();
    (void)state;
    life_event(&b->s, &b->storage, LIFE_WANTED);
    for (int i = 0; i < 20; i++)
        passes(b, 20 * MS);
    assert_int_equal(b->storage.restarts, 0);
    life_event(&b->s, &b->storage, LIFE_WANTED);
    registry_names(b, "linux-kernel /usr/lib");
    passes(b, 20 * MS);
    assert_int_equal(b->storage.restarts, 1);
    assert_int_equal(b->storage.state, LIFE_STARTING);
    assert_int_equal(pools_arguments(&b->s, &b->storage, argument), 2);
    assert_string_equal(argument[0], "option.pool=linux-kernel /usr/lib");
    assert_string_equal(argument[1], "place.pool-ro=/usr/lib");
}

static void a_pool_that_is_known_is_not_waited_for(void **state)
{
    AUTO_MEMORY struct bench *b = bench_new();
    (void)state;
    registry_names(b, "linux-kernel /usr/lib");
    life_event(&b->s, &b->storage, LIFE_WANTED);
    assert_int_equal(b->storage.restarts, 1);
}

static void a_pool_that_nobody_names_is_served_all_the_same_after_a_while(void **state)
{
    AUTO_MEMORY struct bench *b = bench_new();
    (void)state;
    life_event(&b->s, &b->storage, LIFE_WANTED);
    for (int i = 0; i < 240; i++)
        passes(b, 20 * MS);
    assert_int_equal(b->storage.restarts, 0);
    for (int i = 0; i < 20; i++)
        passes(b, 20 * MS);
    assert_int_equal(b->storage.restarts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pools_process_begins_when_registry_has_said_where_its_pool_lies),
        cmocka_unit_test(a_pool_that_is_known_is_not_waited_for),
        cmocka_unit_test(a_pool_that_nobody_names_is_served_all_the_same_after_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
