/* SPDX-License-Identifier: MIT
 * When a pool's process begins: not before registry has said where its pool lies, or which there are. */
#include "supervisor/supervisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

enum { POOL = 1467 };

/* A supervisor without a place to start anything in: each attempt is one more end. */
struct house {
    struct supervisor s;
    struct child router, registry, storage;
};

static struct house *open_house(void)
{
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->s.status = calloc(1, sizeof *h->s.status);
    assert_non_null(h->s.status);
    snprintf(h->s.settings.run, sizeof h->s.settings.run, "/proc/nowhere");
    h->s.now = 100 * SEC;
    h->router.key.kind = KIND_ROUTER;
    h->registry.key.kind = KIND_REGISTRY;
    h->storage.key = (struct child_key){KIND_STORAGE, POOL};
    h->router.control = h->registry.control = h->storage.control = -1;
    h->s.router = &h->router;
    return h;
}

static void close_house(struct house *h)
{
    free(h->s.status);
    free(h);
}

static void registry_names_it(struct house *h)
{
    struct control r = control_text(CONTROL_POOL, span_of("linux-kernel /usr/lib"));
    r.number = POOL;
    r.value = 1; /* it is only read */
    pools_hear(&h->s, &h->registry, &r);
}

static void passes(struct house *h, int milliseconds)
{
    for (int i = 0; i < milliseconds / 20; i++) {
        h->s.now += 20 * MS;
        if (h->storage.state == LIFE_PAUSING && h->storage.due_at <= h->s.now)
            life_event(&h->s, &h->storage, LIFE_DUE);
    }
}

static void a_pools_process_begins_when_registry_has_said_where_its_pool_lies(void **state)
{
    char argument[POOL_ARGUMENTS][PATH_ROOM + 16];
    struct house *h = open_house();
    (void)state;
    life_event(&h->s, &h->storage, LIFE_WANTED);
    passes(h, 400);
    life_event(&h->s, &h->storage, LIFE_WANTED);
    assert_int_equal(h->storage.state, LIFE_PAUSING);
    assert_int_equal(h->storage.ends, 0);
    registry_names_it(h);
    passes(h, 20);
    assert_int_equal(h->storage.ends, 1);
    assert_int_equal(pools_arguments(&h->s, &h->storage, argument), 2);
    assert_string_equal(argument[0], "option.pool=linux-kernel /usr/lib");
    assert_string_equal(argument[1], "place.pool-ro=/usr/lib");
    close_house(h);
}

static void a_pool_that_is_known_is_not_waited_for(void **state)
{
    struct house *h = open_house();
    (void)state;
    registry_names_it(h);
    life_event(&h->s, &h->storage, LIFE_WANTED);
    assert_int_equal(h->storage.ends, 1);
    close_house(h);
}

static void registry_is_there(struct house *h, int ends[2])
{
    h->registry.incarnation = 7;
    HASH_ADD(hh, h->s.children, key, sizeof h->registry.key, &h->registry);
    assert_int_equal(control_pair(ends), 0);
    h->registry.control = ends[0];
}

/* On its line, which nobody has read yet. */
static void registry_writes(const int ends[2])
{
    struct control r = control_text(CONTROL_POOL, span_of("file-reflink /proc"));
    r.number = POOL;
    assert_int_equal(control_send(ends[1], &r, NULL), 0);
}

static void registry_goes(struct house *h, const int ends[2])
{
    HASH_DEL(h->s.children, &h->registry);
    close(ends[0]);
    close(ends[1]);
}

/* However long that takes: the order decides, not the time. */
static void a_pool_that_nobody_names_is_served_when_registry_has_named_all_that_there_are(void **state)
{
    struct house *h = open_house();
    int ends[2];
    (void)state;
    registry_is_there(h, ends);
    life_event(&h->s, &h->storage, LIFE_WANTED);
    passes(h, 60000);
    assert_int_equal(h->storage.ends, 0);
    assert_int_equal(control_send(ends[1], &(struct control){.what = CONTROL_POOLS}, NULL), 0);
    passes(h, 20);
    assert_int_equal(h->storage.ends, 1);
    registry_goes(h, ends);
    close_house(h);
}

static void what_registry_has_written_before_the_wake_is_heard_before_it(void **state)
{
    char argument[POOL_ARGUMENTS][PATH_ROOM + 16];
    struct house *h = open_house();
    int ends[2];
    (void)state;
    registry_is_there(h, ends);
    pools_hear_all(&h->s, &h->registry);
    registry_writes(ends);
    life_event(&h->s, &h->storage, LIFE_WANTED);
    assert_int_equal(h->storage.ends, 1);
    assert_true(pools_arguments(&h->s, &h->storage, argument) > 0);
    assert_string_equal(argument[0], "option.pool=file-reflink /proc");
    registry_goes(h, ends);
    close_house(h);
}

/* Made anew elsewhere under its name: whoever begins then must not see what was there before, and not hear
 * afterwards that it is bygone. */
static void a_pool_that_lies_elsewhere_now_is_not_begun_where_it_lay(void **state)
{
    char argument[POOL_ARGUMENTS][PATH_ROOM + 16];
    struct house *h = open_house();
    int ends[2];
    (void)state;
    registry_is_there(h, ends);
    pools_hear_all(&h->s, &h->registry);
    registry_names_it(h);
    HASH_ADD(hh, h->s.children, key, sizeof h->storage.key, &h->storage);
    registry_writes(ends);
    life_event(&h->s, &h->storage, LIFE_WANTED);
    assert_int_equal(pools_arguments(&h->s, &h->storage, argument), 2);
    assert_string_equal(argument[0], "option.pool=file-reflink /proc");
    assert_int_equal(h->storage.ends, 1);
    assert_int_equal(h->storage.next, 0);
    HASH_DEL(h->s.children, &h->storage);
    registry_goes(h, ends);
    close_house(h);
}

/* It was to be made when the registry before died. */
static void what_a_new_registry_does_not_name_is_no_pool_any_more(void **state)
{
    char argument[POOL_ARGUMENTS][PATH_ROOM + 16];
    struct house *h = open_house();
    (void)state;
    h->registry.incarnation = 7;
    registry_names_it(h);
    h->registry.incarnation = 8;
    pools_hear_all(&h->s, &h->registry);
    assert_int_equal(pools_arguments(&h->s, &h->storage, argument), 0);
    registry_names_it(h);
    pools_hear_all(&h->s, &h->registry);
    assert_int_equal(pools_arguments(&h->s, &h->storage, argument), 2);
    close_house(h);
}

static uint32_t generation_after(struct supervisor *s, const struct child *c, const char *text)
{
    struct child registry = {.key = {KIND_REGISTRY, 0}, .control = -1};
    struct control r = control_text(CONTROL_POOL, span_of(text));
    r.number = POOL;
    pools_hear(s, &registry, &r);
    return c->generation;
}

static void a_place_that_becomes_another_ones_renews_its_process_and_no_other_word_does(void **state)
{
    struct supervisor *s = calloc(1, sizeof *s);
    struct child c = {.key = {KIND_STORAGE, POOL}, .control = -1};
    (void)state;
    assert_non_null(s);
    HASH_ADD(hh, s->children, key, sizeof c.key, &c);
    assert_int_equal(generation_after(s, &c, "file-reflink /a"), 0); /* it was started for no other */
    assert_int_equal(generation_after(s, &c, "file-reflink /a"), 0); /* from a registry that begins anew */
    assert_int_equal(generation_after(s, &c, ""), 1);
    assert_int_equal(generation_after(s, &c, "file-reflink /a"), 1); /* nobody was started since */
    assert_int_equal(generation_after(s, &c, "file-reflink /b"), 2);
    HASH_DEL(s->children, &c);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_that_becomes_another_ones_renews_its_process_and_no_other_word_does),
        cmocka_unit_test(a_pools_process_begins_when_registry_has_said_where_its_pool_lies),
        cmocka_unit_test(a_pool_that_is_known_is_not_waited_for),
        cmocka_unit_test(a_pool_that_nobody_names_is_served_when_registry_has_named_all_that_there_are),
        cmocka_unit_test(what_registry_has_written_before_the_wake_is_heard_before_it),
        cmocka_unit_test(a_pool_that_lies_elsewhere_now_is_not_begun_where_it_lay),
        cmocka_unit_test(what_a_new_registry_does_not_name_is_no_pool_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
