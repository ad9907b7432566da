/* SPDX-License-Identifier: MIT
 * A clone between two pools: lent by one, taken by the other, given back; one within a pool is one job. */
#include "tests/unit/registry/registry_bench.h"

#include "model/pool.h"

#define POOL "driver=file-reflink\nname=far\ndir_path=/far\nrevisions_to_keep=1\nephemeral_volatile=False"

struct clone {
    struct bench b;
    uint64_t op;
    char source[64];
    uint32_t to;
};

static uint32_t qid(const struct clone *c, const char *name)
{
    return vm_qid(model_named(c->b.core->model, span_of(name)));
}

static void begin(struct clone *c)
{
    bench_up(&c->b);
    bench_operate(&c->b, OPERATION_pool_add, QID_GLOBAL, "far", POOL);
    bench_create(&c->b, "near");
    bench_operate(&c->b, OPERATION_vm_create_in_pool, QID_GLOBAL, "StandaloneVM",
                  "name=away label=red pool=far");
    assert_non_null(model_named(c->b.core->model, span_of("away")));
    bench_forget(&c->b);
    c->to = qid(c, "away");
    snprintf(c->source, sizeof c->source, "%u private", (unsigned)qid(c, "near"));
}

static void ask(struct clone *c)
{
    c->b.hold_storage = true;
    c->op = bench_operate(&c->b, OPERATION_volume_clone, c->to, "private", c->source);
}

/* The only question that storage has not answered. */
static struct volume_change asked(struct clone *c, const char *verb, const char *pool)
{
    struct volume_change m;
    assert_int_equal(c->b.storings, 1);
    for (unsigned i = 0; i < c->b.count; i++) {
        if (c->b.said[i].e.type != MESSAGE_volume_change || c->b.said[i].tag != c->b.storing[0])
            continue;
        assert_int_equal(volume_change_decode(&m, c->b.said[i].e.body), 0);
        assert_string_equal(m.verb, verb);
        assert_string_equal(m.pool, pool);
        assert_int_equal(c->b.said[i].e.to_instance, pool_instance(span_of(pool)));
        return m;
    }
    fail_msg("storage was not asked");
    return (struct volume_change){.loan = 0};
}

static void answers(struct clone *c, int r)
{
    c->b.storage_fails = r;
    bench_storage_answers(&c->b);
    c->b.storage_fails = 0;
}

static const char *near_pool(struct clone *c)
{
    static char pool[65];
    AUTO_TEXT made = TEXT_WITH_LIMIT(4096);
    struct volume_known v;
    assert_int_equal(volume_known(&c->b.core->known, qid(c, "near"), span_of("private"), &made, &v), 1);
    assert_int_equal(text_copy(pool, sizeof pool, v.pool), 0);
    return pool;
}

static void data_are_lent_taken_and_given_back_and_then_it_is_told(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    ask(&c);
    struct volume_change lend = asked(&c, "export", near_pool(&c));
    assert_int_equal(lend.borrower, pool_instance(SPAN_LITERAL("far")));
    assert_int_not_equal(lend.loan, 0);
    answers(&c, 0);
    struct volume_change take = asked(&c, "import_fd", "far");
    assert_int_equal(take.loan, lend.loan);
    assert_int_equal(take.source.len, 0); /* nobody hears of another pool's volumes */
    answers(&c, 0);
    assert_int_equal(asked(&c, "export_end", near_pool(&c)).loan, lend.loan);
    assert_int_equal(bench_answer(&c.b, c.op), 1);
    answers(&c, 0);
    bench_work(&c.b);
    assert_int_equal(bench_answer(&c.b, c.op), 0);
    bench_down(&c.b);
}

static void what_was_lent_is_given_back_when_it_could_not_be_taken(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    ask(&c);
    answers(&c, 0);
    uint64_t version = c.b.core->version;
    answers(&c, -ERR_STORAGE);
    asked(&c, "export_end", near_pool(&c));
    answers(&c, 0);
    bench_work(&c.b);
    assert_int_equal(bench_answer(&c.b, c.op), -ERR_STORAGE);
    assert_int_equal(c.b.core->version, version);
    bench_down(&c.b);
}

static void what_is_not_lent_is_asked_of_nobody_else(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    ask(&c);
    answers(&c, -ERR_STORAGE);
    bench_work(&c.b);
    assert_int_equal(bench_answer(&c.b, c.op), -ERR_STORAGE);
    assert_int_equal(bench_count(&c.b, MESSAGE_volume_change), 1);
    bench_down(&c.b);
}

static void what_is_not_given_back_is_cloned_all_the_same(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    ask(&c);
    answers(&c, 0);
    answers(&c, 0);
    answers(&c, -ERR_STORAGE);
    bench_work(&c.b);
    assert_int_equal(bench_answer(&c.b, c.op), 0);
    bench_down(&c.b);
}

static void the_vm_that_takes_does_not_start_meanwhile_and_the_one_that_lends_may(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    ask(&c);
    bench_vm_says(&c.b, c.to, MESSAGE_claim, 0);
    assert_int_equal(bench_count(&c.b, MESSAGE_claim), 0);
    bench_vm_says(&c.b, qid(&c, "near"), MESSAGE_claim, 0);
    assert_int_equal(bench_count(&c.b, MESSAGE_claim), 1);
    bench_down(&c.b);
}

static void a_source_that_is_used_in_place_stays_at_rest(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    bench_operate(&c.b, OPERATION_volume_keep, qid(&c, "near"), "private", "-1");
    bench_forget(&c.b);
    ask(&c);
    asked(&c, "export", near_pool(&c));
    bench_vm_says(&c.b, qid(&c, "near"), MESSAGE_claim, 0);
    assert_int_equal(bench_count(&c.b, MESSAGE_claim), 0);
    bench_down(&c.b);
}

static void nothing_is_copied_to_what_keeps_nothing(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    uint64_t op = bench_operate(&c.b, OPERATION_volume_clone, c.to, "volatile", c.source);
    assert_int_equal(bench_answer(&c.b, op), 0);
    assert_int_equal(bench_count(&c.b, MESSAGE_volume_change), 0);
    bench_down(&c.b);
}

static void within_a_pool_it_is_one_job(void **state)
{
    struct clone c;
    (void)state;
    begin(&c);
    bench_create(&c.b, "other");
    c.to = qid(&c, "other");
    ask(&c);
    assert_true(asked(&c, "clone", near_pool(&c)).source.len > 0);
    answers(&c, 0);
    bench_work(&c.b);
    assert_int_equal(bench_answer(&c.b, c.op), 0);
    bench_down(&c.b);
}

static unsigned times(const struct bench *b, const char *verb)
{
    unsigned count = 0;
    struct volume_change m;
    for (unsigned i = 0; i < b->count; i++)
        if (b->said[i].e.type == MESSAGE_volume_change && b->said[i].asks &&
            volume_change_decode(&m, b->said[i].e.body) == 0)
            count += strcmp(m.verb, verb) == 0;
    return count;
}

static void begin_child(struct bench *b, const char *pool)
{
    char payload[64];
    bench_up(b);
    bench_operate(b, OPERATION_pool_add, QID_GLOBAL, "far", POOL);
    snprintf(payload, sizeof payload, "name=win label=black%s", pool);
    bench_operate(b, OPERATION_vm_create_in_pool, QID_GLOBAL, "TemplateVM", payload);
    assert_non_null(model_vm(b->core->model, 1));
    bench_operate(b, OPERATION_feature_set, 1, "os", "Windows");
    bench_forget(b);
    b->hold_storage = true;
}

/* The private volume of a Windows template's child is made, then filled from its template's. */
static void a_vm_whose_volume_cannot_be_filled_is_not_made(void **state)
{
    static const int fails[] = {0, -ERR_STORAGE};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        begin_child(&b, " pool=far");
        uint64_t op = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "AppVM+win", "name=child label=red");
        assert_int_equal(b.storings, 4); /* root, private and volatile; and what is lent */
        while (b.storings > 1)
            bench_storage_answers(&b);
        assert_int_equal(times(&b, "import_fd"), 0); /* not before all are made */
        bench_storage_answers(&b);
        assert_int_equal(times(&b, "import_fd"), 1);
        b.storage_fails = fails[i];
        bench_storage_answers(&b);
        b.storage_fails = 0;
        assert_int_equal(times(&b, "export_end"), 1);
        b.hold_storage = false;
        bench_work(&b);
        assert_int_equal(times(&b, "remove"), fails[i] < 0 ? 3 : 0);
        assert_int_equal(bench_answer(&b, op), fails[i]);
        assert_int_equal(model_named(b.core->model, SPAN_LITERAL("child")) == NULL, fails[i] < 0);
        assert_null(model_items(b.core->model, QID_GLOBAL, CHANGE_LEFTOVER));
        bench_down(&b);
    }
}

static void what_was_lent_to_a_vm_that_is_not_made_is_given_back(void **state)
{
    struct bench b;
    (void)state;
    begin_child(&b, " pool=far");
    uint64_t op = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "AppVM+win", "name=child label=red");
    b.storage_fails = -ERR_STORAGE;
    bench_storage_answers(&b); /* the first is made */
    b.storage_fails = 0;
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(times(&b, "import_fd"), 0);
    assert_int_equal(times(&b, "export_end"), 1);
    assert_int_equal(times(&b, "remove"), 3);
    assert_int_equal(bench_answer(&b, op), -ERR_STORAGE);
    bench_down(&b);
}

static void in_its_templates_pool_it_is_filled_by_one_job(void **state)
{
    struct bench b;
    (void)state;
    begin_child(&b, "");
    uint64_t op = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "AppVM+win", "name=child label=red");
    assert_int_equal(times(&b, "create"), 3);
    b.hold_storage = false;
    bench_work(&b);
    assert_int_equal(times(&b, "clone"), 1);
    assert_int_equal(times(&b, "export") + times(&b, "export_end"), 0);
    assert_int_equal(bench_answer(&b, op), 0);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_are_lent_taken_and_given_back_and_then_it_is_told),
        cmocka_unit_test(what_was_lent_is_given_back_when_it_could_not_be_taken),
        cmocka_unit_test(what_is_not_lent_is_asked_of_nobody_else),
        cmocka_unit_test(what_is_not_given_back_is_cloned_all_the_same),
        cmocka_unit_test(the_vm_that_takes_does_not_start_meanwhile_and_the_one_that_lends_may),
        cmocka_unit_test(a_source_that_is_used_in_place_stays_at_rest),
        cmocka_unit_test(nothing_is_copied_to_what_keeps_nothing),
        cmocka_unit_test(within_a_pool_it_is_one_job),
        cmocka_unit_test(a_vm_whose_volume_cannot_be_filled_is_not_made),
        cmocka_unit_test(what_was_lent_to_a_vm_that_is_not_made_is_given_back),
        cmocka_unit_test(in_its_templates_pool_it_is_filled_by_one_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
