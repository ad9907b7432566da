/* SPDX-License-Identifier: MIT
 * What a pool that begins to serve is told: its own volumes, and never that somebody is at rest who may live.
 */
#include "tests/unit/registry/registry_bench.h"

#include "model/pool.h"

enum { AT_REST, LIVING, HALF_MADE };

struct told {
    int r; /* 0 or the error */
    uint32_t next, certain;
    unsigned count, known[3];
};

static struct told ask(struct bench *b, const char *pool, const char *by, uint32_t from)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct pool_volumes m = {.from = from};
    struct told told = {0};
    struct pool_volume v;
    strcpy(m.pool, pool);
    pool_volumes_encode(&body, &m);
    bench_forget(b);
    bench_hear(b,
               (struct envelope){.type = MESSAGE_pool_volumes,
                                 .class = CLASS_REQUEST,
                                 .source_kind = KIND_STORAGE,
                                 .source_instance = pool_instance(span_of(by)),
                                 .correlation = 55},
               &body);
    int i = bench_find(b, MESSAGE_pool_volumes, 0);
    if (i < 0) {
        struct error e;
        i = bench_find(b, MESSAGE_error, 0);
        assert_true(i >= 0);
        assert_int_equal(error_decode(&e, b->said[i].e.body), 0);
        return (struct told){.r = -(int)e.code};
    }
    struct pool_volumes_reply reply;
    assert_int_equal(pool_volumes_reply_decode(&reply, b->said[i].e.body), 0);
    struct reader in = list_reader(&reply.volumes);
    while (pool_volume_next(&in, &v) == 1) {
        told.count++;
        told.known[v.known]++;
    }
    told.next = reply.next;
    told.certain = reply.certain;
    return told;
}

/* All pages together. */
static struct told ask_all(struct bench *b, const char *pool)
{
    struct told all = {0}, one = {.next = 0};
    do {
        one = ask(b, pool, pool, one.next);
        assert_int_equal(one.r, 0);
        all.count += one.count;
        all.certain = one.certain;
        for (int i = 0; i < 3; i++)
            all.known[i] += one.known[i];
    } while (one.next != 0);
    return all;
}

static const char *pool_of(const struct bench *b)
{
    static char name[65];
    const struct item *at = model_items(b->core->model, QID_GLOBAL, CHANGE_POOL);
    while (at != NULL && strcmp(at->key, "linux-kernel") == 0)
        at = at->next;
    assert_non_null(at);
    snprintf(name, sizeof name, "%s", at != NULL ? at->key : "");
    return name;
}

static void before_host_has_spoken_everybody_lives(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    struct told told = ask_all(&b, pool_of(&b));
    assert_int_equal(told.certain, 0);
    assert_int_equal(told.known[LIVING], 3); /* root, private, volatile: the kernel is of another pool */
    assert_int_equal(told.count, 3);
    bench_host_says(&b, "");
    told = ask_all(&b, pool_of(&b));
    assert_int_equal(told.certain, 1);
    assert_int_equal(told.known[AT_REST], 3);
    bench_down(&b);
}

static void who_runs_or_is_about_to_lives(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_create(&b, "other");
    bench_create(&b, "third");
    bench_host_says(&b, "work");
    bench_vm_says(&b, vm_qid(model_named(b.core->model, span_of("other"))), MESSAGE_claim, 0);
    struct told told = ask_all(&b, pool_of(&b));
    assert_int_equal(told.known[LIVING], 6);
    assert_int_equal(told.known[AT_REST], 3);
    bench_down(&b);
}

static void what_an_operation_is_at_is_left_to_it(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_host_says(&b, "");
    b.hold_storage = true;
    bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=work label=red");
    struct told told = ask_all(&b, pool_of(&b));
    assert_int_equal(told.known[LIVING], 3);
    assert_int_equal(told.count, 3);
    b.storage_fails = -ERR_STORAGE;
    b.hold_storage = false;
    bench_work(&b); /* neither made nor removed: nobody is at them any more */
    told = ask_all(&b, pool_of(&b));
    assert_int_equal(told.known[HALF_MADE], 3);
    assert_int_equal(told.count, 3);
    bench_down(&b);
}

static void many_come_in_pages_and_each_once(void **state)
{
    struct bench b;
    char name[16];
    (void)state;
    bench_up(&b);
    for (int i = 0; i < 150; i++) {
        snprintf(name, sizeof name, "vm-%d", i);
        bench_create(&b, name);
    }
    struct told first = ask(&b, pool_of(&b), pool_of(&b), 0);
    assert_true(first.count < 450 && first.next != 0);
    assert_int_equal(ask_all(&b, pool_of(&b)).count, 450);
    bench_down(&b);
}

static void nobody_hears_of_another_pool(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    assert_int_equal(ask(&b, pool_of(&b), "linux-kernel", 0).r, -ERR_REFUSED);
    assert_int_equal(ask_all(&b, "linux-kernel").count, 1);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_host_has_spoken_everybody_lives),
        cmocka_unit_test(who_runs_or_is_about_to_lives),
        cmocka_unit_test(what_an_operation_is_at_is_left_to_it),
        cmocka_unit_test(many_come_in_pages_and_each_once),
        cmocka_unit_test(nobody_hears_of_another_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
