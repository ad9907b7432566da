/* SPDX-License-Identifier: MIT
 * The host goes to sleep and wakes: registry leads all VMs through the phases, and waits for none for ever.
 */
#include "tests/unit/registry/registry_bench.h"

enum { ONE = 1, TWO, HALTED, SLEEP = 500 };

static void up(struct bench *b)
{
    bench_up(b);
    bench_host_says(b, "");
    bench_create(b, "one");
    bench_create(b, "two");
    bench_create(b, "halted");
    bench_create_remote(b, "far");
    bench_vm_says(b, ONE, MESSAGE_claim, 0);
    bench_vm_says(b, TWO, MESSAGE_claim, 0);
    bench_forget(b);
}

static void ask(struct bench *b, uint64_t number, bool wakes)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    host_sleep_encode(&body, &(struct host_sleep){.wakes = wakes});
    bench_hear(b,
               (struct envelope){.type = MESSAGE_host_sleep,
                                 .class = CLASS_REQUEST,
                                 .source_kind = KIND_API,
                                 .correlation = number},
               &body);
}

/* Exactly these two were asked for this phase; their questions are answered, and forgotten. */
static void both_answer(struct bench *b, enum host_phase phase, int first, int second)
{
    struct answer a[2] = {{.r = first}, {.r = second}};
    struct vm_host m;
    unsigned count = 0;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->said[i].e.type != MESSAGE_vm_host)
            continue;
        assert_true(count < 2);
        assert_int_equal(b->said[i].e.to_instance, count == 0 ? ONE : TWO);
        assert_int_equal(vm_host_decode(&m, b->said[i].e.body), 0);
        assert_int_equal(m.phase, phase);
        assert_true(b->said[i].e.deadline > b->out.now);
        a[count++].tag = b->said[i].tag;
    }
    assert_int_equal(count, 2);
    bench_forget(b);
    for (unsigned i = 0; i < 2; i++) {
        if (a[i].r < 0)
            fault_set(&a[i].why, (enum err) - a[i].r, "it hangs");
        assert_int_equal(bench_count(b, MESSAGE_vm_host),
                         0); /* the next phase begins when all have answered */
        registry_actor.answered(b->core, &b->out, &a[i]);
    }
    bench_work(b);
}

static void all_that_run_are_led_through_four_phases(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    ask(&b, SLEEP, false);
    both_answer(&b, HOST_WARNS, 0, -ERR_TIMEOUT);
    both_answer(&b, HOST_SLEEPS, 0, 0);
    assert_int_equal(bench_answer(&b, SLEEP), 0);
    ask(&b, SLEEP + 1, true);
    both_answer(&b, HOST_WAKES, -ERR_TIMEOUT, 0);
    both_answer(&b, HOST_TELLS, 0, -ERR_BUSY);
    assert_int_equal(bench_answer(&b, SLEEP + 1), 0);
    bench_down(&b);
}

static void who_stays_awake_is_named_and_the_others_sleep(void **state)
{
    struct bench b;
    struct error m;
    (void)state;
    up(&b);
    ask(&b, SLEEP, false);
    both_answer(&b, HOST_WARNS, 0, 0);
    both_answer(&b, HOST_SLEEPS, -ERR_TIMEOUT, 0);
    assert_int_equal(bench_answer(&b, SLEEP), -ERR_QUBES);
    int at = bench_find(&b, MESSAGE_error, 0);
    assert_int_equal(error_decode(&m, b.said[at].e.body), 0);
    assert_non_null(strstr(m.text, "one: it hangs"));
    assert_null(strstr(m.text, "two"));
    bench_down(&b);
}

static void one_that_has_ended_meanwhile_is_no_failure(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    ask(&b, SLEEP, false);
    both_answer(&b, HOST_WARNS, 0, 0);
    b.core->claims[TWO].living = false;
    both_answer(&b, HOST_SLEEPS, 0, -ERR_GONE);
    assert_int_equal(bench_answer(&b, SLEEP), 0);
    bench_down(&b);
}

static void a_process_that_dies_over_it_is_asked_once_more(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    ask(&b, SLEEP, true);
    both_answer(&b, HOST_WAKES, 0, -ERR_GONE);
    int at = bench_find(&b, MESSAGE_vm_host, 0);
    assert_int_equal(bench_count(&b, MESSAGE_vm_host), 1);
    assert_int_equal(b.said[at].e.to_instance, TWO);
    struct answer a = {.tag = b.said[at].tag, .r = -ERR_GONE};
    bench_forget(&b);
    registry_actor.answered(b.core, &b.out, &a); /* and no third time */
    both_answer(&b, HOST_TELLS, 0, 0);
    assert_int_equal(bench_answer(&b, SLEEP), 0);
    bench_down(&b);
}

static void a_second_asker_waits_with_the_first_and_the_other_way_round_is_refused(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    ask(&b, SLEEP, false);
    ask(&b, SLEEP + 1, false);
    assert_int_equal(bench_count(&b, MESSAGE_vm_host), 2);
    ask(&b, SLEEP + 2, true);
    assert_int_equal(bench_answer(&b, SLEEP + 2), -ERR_BUSY);
    both_answer(&b, HOST_WARNS, 0, 0);
    both_answer(&b, HOST_SLEEPS, 0, 0);
    assert_int_equal(bench_answer(&b, SLEEP), 0);
    assert_int_equal(bench_answer(&b, SLEEP + 1), 0);
    bench_forget(&b);
    ask(&b, SLEEP + 3, true);
    assert_int_equal(bench_count(&b, MESSAGE_vm_host), 2);
    bench_down(&b);
}

static void nobody_is_forgotten_because_registry_has_just_begun(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    bench_kill(&b);
    bench_forget(&b);
    bench_begin(&b);
    ask(&b, SLEEP, false);
    registry_actor.hello(b.core, &b.out, 1, 0);
    bench_work(&b);
    assert_int_equal(bench_count(&b, MESSAGE_vm_host), 0); /* who runs is not known yet */
    bench_host_says(&b, "two");
    int at = bench_find(&b, MESSAGE_vm_host, 0);
    assert_true(at >= 0);
    assert_int_equal(b.said[at].e.to_instance, TWO);
    assert_int_equal(bench_count(&b, MESSAGE_vm_host), 1);
    bench_down(&b);
}

static void a_house_without_living_vms_sleeps_at_once(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_host_says(&b, "");
    ask(&b, SLEEP, false);
    assert_int_equal(bench_answer(&b, SLEEP), 0);
    ask(&b, SLEEP + 1, true);
    assert_int_equal(bench_answer(&b, SLEEP + 1), 0);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_run_are_led_through_four_phases),
        cmocka_unit_test(who_stays_awake_is_named_and_the_others_sleep),
        cmocka_unit_test(one_that_has_ended_meanwhile_is_no_failure),
        cmocka_unit_test(a_process_that_dies_over_it_is_asked_once_more),
        cmocka_unit_test(a_second_asker_waits_with_the_first_and_the_other_way_round_is_refused),
        cmocka_unit_test(nobody_is_forgotten_because_registry_has_just_begun),
        cmocka_unit_test(a_house_without_living_vms_sleeps_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
