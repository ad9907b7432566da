/* SPDX-License-Identifier: MIT
 * Firewall rules that hold until a moment: when registry looks, what it tells, what a death leaves. */
#include "tests/unit/registry/registry_bench.h"

#include "model/firewall.h"
#include "model/long_text.h"

static uint64_t wall_clock;

static uint64_t seconds(void *arg)
{
    (void)arg;
    return wall_clock;
}

static void begin(struct bench *b)
{
    bench_up(b);
    b->core->world.seconds = seconds;
    bench_create(b, "work");
    bench_create(b, "other");
}

static void ring(struct bench *b)
{
    assert_true(b->timer[TIMER_EXPIRY] != 0);
    b->out.now = b->timer[TIMER_EXPIRY];
    b->timer[TIMER_EXPIRY] = 0;
    registry_actor.timer(b->core, &b->out, TIMER_EXPIRY);
    bench_work(b);
}

static struct text rules_of(struct bench *b, uint32_t qid)
{
    struct text list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    (void)firewall_known(&b->core->known, qid, &list);
    return list;
}

static void a_rule_that_expired_is_told_once(void **state)
{
    struct bench b;
    struct delta m;
    (void)state;
    wall_clock = 100;
    begin(&b);
    bench_operate(&b, OPERATION_firewall_set, 1, "", "action=accept expire=110\naction=drop");
    assert_int_equal(bench_answer(&b, b.last_operation), 0);
    ring(&b); /* the look that follows the change */
    assert_int_equal(b.timer[TIMER_EXPIRY], b.out.now + 11 * SECONDS);
    bench_forget(&b);
    wall_clock = 111;
    ring(&b);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 1);
    assert_int_equal(delta_decode(&m, b.said[bench_find(&b, MESSAGE_delta, 0)].e.body), 0);
    assert_int_equal(m.events.count, 1);
    AUTO_TEXT rules = rules_of(&b, 1);
    assert_string_equal(rules.at, "expired\naction=drop\n");
    for (unsigned i = 0; i < b.count; i++)
        assert_int_not_equal(b.said[i].e.class, CLASS_REPLY);
    bench_forget(&b);
    ring(&b);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_int_equal(b.timer[TIMER_EXPIRY], 0); /* nothing is left to wait for */
    bench_down(&b);
}

static void what_expired_while_registry_was_dead_is_told_by_the_next(void **state)
{
    struct bench b;
    (void)state;
    wall_clock = 100;
    begin(&b);
    bench_operate(&b, OPERATION_firewall_set, 1, "", "action=accept expire=110");
    bench_operate(&b, OPERATION_firewall_set, 2, "", "action=accept expire=111");
    uint64_t version = b.core->version;
    bench_kill(&b);
    bench_forget(&b);
    wall_clock = 200;
    bench_begin(&b);
    b.core->world.seconds = seconds;
    bench_greet(&b, version);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 2);
    AUTO_TEXT rules = rules_of(&b, 2);
    assert_string_equal(rules.at, "expired\n");
    bench_down(&b);
}

static void a_clock_that_is_set_is_noticed(void **state)
{
    struct bench b;
    (void)state;
    wall_clock = 100;
    begin(&b);
    bench_operate(&b, OPERATION_firewall_set, 1, "", "action=accept expire=2000000000");
    ring(&b);
    assert_true(b.timer[TIMER_EXPIRY] != 0 && b.timer[TIMER_EXPIRY] <= b.out.now + 60 * SECONDS);
    wall_clock = 2000000001;
    ring(&b);
    AUTO_TEXT rules = rules_of(&b, 1);
    assert_string_equal(rules.at, "expired\n");
    bench_down(&b);
}

static void a_full_disk_leaves_it_for_later(void **state)
{
    struct bench b;
    (void)state;
    wall_clock = 100;
    begin(&b);
    bench_operate(&b, OPERATION_firewall_set, 1, "", "action=accept expire=110");
    ring(&b);
    wall_clock = 120;
    db_sim_fail(b.disk, 1, DB_SIM_FULL);
    ring(&b);
    AUTO_TEXT before = rules_of(&b, 1);
    assert_string_equal(before.at, "action=accept expire=110\n");
    ring(&b);
    AUTO_TEXT after = rules_of(&b, 1);
    assert_string_equal(after.at, "expired\n");
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_expired_is_told_once),
        cmocka_unit_test(what_expired_while_registry_was_dead_is_told_by_the_next),
        cmocka_unit_test(a_clock_that_is_set_is_noticed),
        cmocka_unit_test(a_full_disk_leaves_it_for_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
