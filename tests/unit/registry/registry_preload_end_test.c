/* SPDX-License-Identifier: MIT
 * Preloaded disposables: what ends them besides their use, and how many there are at once. */
#include "tests/unit/registry/registry_preload_bench.h"

static void a_smaller_maximum_ends_the_surplus(void **state)
{
    struct bench b;
    (void)state;
    uint32_t qid = up_with_one(&b);
    bench_forget(&b);
    bench_operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "0");
    time_passes(&b, 4 * SECONDS);
    assert_int_equal(listed(&b), 0);
    assert_int_equal(killed(&b), qid);
    bench_down(&b);
}

static void a_list_that_is_emptied_ends_what_was_on_it(void **state)
{
    struct bench b;
    (void)state;
    uint32_t qid = up_with_one(&b);
    bench_forget(&b);
    bench_operate(&b, OPERATION_feature_remove, BASE, "preload-dispvm-max", "");
    assert_int_equal(listed(&b), 0);
    assert_int_equal(killed(&b), qid);
    bench_down(&b);
}

static void killed_meanwhile_it_drops_what_was_not_complete(void **state)
{
    struct bench b;
    char ready[32], half[32];
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "2");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 2);
    uint32_t first = answer(&b, MESSAGE_vm_start, 0);
    bench_vm_says(&b, first, MESSAGE_claim, 0);
    answer(&b, MESSAGE_vm_pause, 0);
    strcpy(ready, name_of(&b, first));
    strcpy(half, name_of(&b, first == 3 ? 4 : 3));
    bench_kill(&b);
    bench_forget(&b);
    bench_begin(&b);
    bench_greet(&b, 1);
    bench_host_says(&b, ready);
    assert_int_equal(listed(&b), 1);
    assert_non_null(model_named(b.core->model, span_of(ready)));
    assert_null(model_named(b.core->model, span_of(half)));
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 1);
    bench_down(&b);
}

static void no_more_are_made_at_once_than_there_are_places(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "9");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), REGISTRY_PRELOADS);
    assert_int_equal(listed(&b), REGISTRY_PRELOADS);
    time_passes(&b, 1 * SECONDS);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), REGISTRY_PRELOADS);
    bench_down(&b);
}

static void the_hosts_sleep_ends_them_and_its_waking_makes_them_again(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct envelope e = {.type = MESSAGE_host_sleep, .class = CLASS_REQUEST, .source_kind = KIND_API};
    (void)state;
    uint32_t qid = up_with_one(&b);
    bench_forget(&b);
    e.correlation = 700;
    host_sleep_encode(&body, &(struct host_sleep){0});
    bench_hear(&b, e, &body);
    assert_int_equal(listed(&b), 0);
    assert_int_equal(killed(&b), qid);
    its_life_ends(&b, qid);
    time_passes(&b, 10 * SECONDS);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 0);
    assert_int_equal(answer(&b, MESSAGE_vm_host, -ERR_GONE), qid);
    assert_int_equal(bench_answer(&b, 700), 0);
    text_clear(&body);
    e.correlation = 701;
    host_sleep_encode(&body, &(struct host_sleep){.wakes = 1});
    bench_hear(&b, e, &body);
    assert_int_equal(bench_answer(&b, 701), 0);
    assert_int_not_equal(one_comes(&b), 0);
    bench_down(&b);
}

static void one_whose_process_died_while_it_started_is_ended(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS);
    uint32_t qid = b.said[bench_find(&b, MESSAGE_vm_start, 0)].e.to_instance;
    bench_vm_says(&b, qid, MESSAGE_claim, 0);
    assert_int_equal(answer(&b, MESSAGE_vm_start, -ERR_GONE), qid);
    assert_int_equal(killed(&b), qid);
    its_life_ends(&b, qid);
    assert_int_equal(listed(&b), 0);
    bench_down(&b);
}

static void no_more_are_made_than_memory_is_free(void **state)
{
    struct bench b;
    unsigned asked = 0;
    (void)state;
    up(&b);
    b.core->ask_free_memory = count;
    b.core->ask_free_memory_arg = &asked;
    operate(&b, OPERATION_property_set, BASE, "memory", "400");
    operate(&b, OPERATION_feature_set, 0, "preload-dispvm-threshold", "1000");
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "3");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS);
    assert_int_equal(asked, 1);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 0); /* until it is said */
    preload_memory_is(b.core, &b.out, true, UINT64_C(1799) << 20);
    bench_work(&b);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 1);
    time_passes(&b, 30 * SECONDS);
    assert_int_equal(asked, 2);
    preload_memory_is(b.core, &b.out, true, UINT64_C(900) << 20); /* less than what is kept back */
    bench_work(&b);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 1);
    time_passes(&b, 30 * SECONDS);
    preload_memory_is(b.core, &b.out, false, 0);
    bench_work(&b);
    assert_int_equal(bench_count(&b, MESSAGE_vm_start), 3);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_smaller_maximum_ends_the_surplus),
        cmocka_unit_test(a_list_that_is_emptied_ends_what_was_on_it),
        cmocka_unit_test(killed_meanwhile_it_drops_what_was_not_complete),
        cmocka_unit_test(no_more_are_made_at_once_than_there_are_places),
        cmocka_unit_test(the_hosts_sleep_ends_them_and_its_waking_makes_them_again),
        cmocka_unit_test(one_whose_process_died_while_it_started_is_ended),
        cmocka_unit_test(no_more_are_made_than_memory_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
