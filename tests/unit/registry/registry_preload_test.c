/* SPDX-License-Identifier: MIT
 * Preloaded disposables: their list is filled, one is handed out, what is outdated or left goes. */
#include "tests/unit/registry/registry_bench.h"

#include "model/ask.h"
#include "model/preload.h"

enum { TEMPLATE = 1, BASE };

static void operate(struct bench *b, enum operation operation, uint32_t qid, const char *key,
                    const char *value)
{
    bench_operate(b, operation, qid, key, value);
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    bench_forget(b);
}

/* A template that offers what preloading needs, and a VM based on it that disposables are based on. */
static void up(struct bench *b)
{
    static const char *const needed[] = {"qrexec", "supported-rpc.qubes.WaitForRunningSystem",
                                         "supported-rpc.qubes.WaitForSession"};
    bench_up(b);
    bench_host_says(b, "");
    operate(b, OPERATION_vm_create, QID_GLOBAL, "TemplateVM", "name=tmpl label=black");
    operate(b, OPERATION_vm_create, QID_GLOBAL, "AppVM+tmpl", "name=base label=red");
    operate(b, OPERATION_property_set, BASE, "template_for_dispvms", "True");
    for (size_t i = 0; i < COUNT(needed); i++)
        operate(b, OPERATION_feature_set, TEMPLATE, needed[i], "1");
}

static void time_passes(struct bench *b, uint64_t time)
{
    b->out.now += time;
    if (b->timer[TIMER_REFILL] != 0 && b->timer[TIMER_REFILL] <= b->out.now)
        registry_actor.timer(b->core, &b->out, TIMER_REFILL);
    bench_work(b);
}

/* The last question of this type is answered; its VM. */
static uint32_t answer(struct bench *b, uint16_t type, int r)
{
    struct answer a = {.r = r};
    uint32_t qid = 0;
    for (unsigned i = 0; i < b->count; i++)
        if (b->said[i].e.type == type) {
            a.tag = b->said[i].tag;
            qid = b->said[i].e.to_instance;
        }
    assert_int_not_equal(qid, 0);
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
    return qid;
}

static size_t listed(struct bench *b)
{
    return preload_count(preload_list(&b->core->known, BASE));
}

/* One is made, started, paused: its qid. */
static uint32_t one_comes(struct bench *b)
{
    bench_forget(b);
    time_passes(b, 4 * SECONDS);
    assert_int_equal(bench_count(b, MESSAGE_vm_start), 1);
    bench_vm_says(b, answer(b, MESSAGE_vm_start, 0), MESSAGE_claim, 0);
    uint32_t qid = answer(b, MESSAGE_vm_pause, 0);
    assert_true(preload_is_complete(&b->core->known, qid));
    return qid;
}

static const char *name_of(struct bench *b, uint32_t qid)
{
    return vm_name(model_vm(b->core->model, qid));
}

static void its_life_ends(struct bench *b, uint32_t qid)
{
    bench_vm_says(b, qid, MESSAGE_release, 0);
    bench_vm_says(b, qid, MESSAGE_release, 1);
    assert_null(model_vm(b->core->model, qid));
}

static void a_list_is_filled_and_one_is_handed_out(void **state)
{
    struct bench b;
    struct operate_reply m;
    struct span value;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    uint32_t qid = one_comes(&b);
    assert_int_equal(listed(&b), 1);
    assert_true(property_true(&b.core->known, qid, PROPERTY_is_preload));
    assert_true(ask_feature_true(&b.core->known, qid, CHAIN_OWN, "internal"));
    bench_forget(&b);
    bench_operate(&b, OPERATION_disposable_create, BASE, "", "");
    assert_int_equal(bench_answer(&b, b.last_operation), 0);
    assert_int_equal(operate_reply_decode(&m, b.said[bench_find(&b, MESSAGE_operate, 0)].e.body), 0);
    assert_true(span_is(span_split(span_of(m.result), ' ', &value), name_of(&b, qid)));
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_unpause, 0)].e.to_instance, qid);
    assert_int_equal(bench_count(&b, MESSAGE_vm_kill), 0);
    assert_false(property_true(&b.core->known, qid, PROPERTY_is_preload));
    assert_int_equal(ask_feature(&b.core->known, qid, CHAIN_OWN, SPAN_LITERAL("internal"), &value), 0);
    assert_true(ask_tag(&b.core->known, qid, SPAN_LITERAL("disp-created-by-dom0")));
    assert_int_equal(listed(&b), 0);
    assert_int_not_equal(one_comes(&b), qid);
    bench_down(&b);
}

static void without_one_that_is_ready_a_new_one_is_made(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS); /* it starts, no more */
    uint32_t starting = answer(&b, MESSAGE_vm_start, 0);
    size_t count = model_vm_count(b.core->model);
    operate(&b, OPERATION_disposable_create, BASE, "", "");
    assert_int_equal(model_vm_count(b.core->model), count + 1);
    assert_true(property_true(&b.core->known, starting, PROPERTY_is_preload));
    bench_down(&b);
}

static void one_that_does_not_pause_is_ended(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    bench_forget(&b);
    time_passes(&b, 4 * SECONDS);
    bench_vm_says(&b, answer(&b, MESSAGE_vm_start, 0), MESSAGE_claim, 0);
    uint32_t qid = answer(&b, MESSAGE_vm_pause, -ERR_HYPERVISOR);
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
    its_life_ends(&b, qid);
    assert_int_equal(listed(&b), 0);
    bench_down(&b);
}

static void an_outdated_one_is_replaced(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    uint32_t qid = one_comes(&b);
    operate(&b, OPERATION_property_set, BASE, "label", "blue");
    assert_true(preload_is_outdated(&b.core->known, qid));
    bench_forget(&b);
    time_passes(&b, 29 * SECONDS);
    assert_int_equal(bench_count(&b, MESSAGE_vm_kill), 0);
    time_passes(&b, 1 * SECONDS);
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
    its_life_ends(&b, qid);
    uint32_t next = one_comes(&b);
    assert_false(preload_is_outdated(&b.core->known, next));
    bench_down(&b);
}

static void what_ran_below_them_makes_all_of_them_old(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    uint32_t qid = one_comes(&b);
    bench_forget(&b);
    bench_vm_says(&b, TEMPLATE, MESSAGE_release, 0); /* its process woke, it did not run */
    assert_int_equal(listed(&b), 1);
    bench_vm_says(&b, TEMPLATE, MESSAGE_claim, 0);
    bench_forget(&b);
    bench_vm_says(&b, TEMPLATE, MESSAGE_release, 0);
    assert_int_equal(listed(&b), 0);
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
    bench_down(&b);
}

static void a_smaller_maximum_ends_the_surplus(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    uint32_t qid = one_comes(&b);
    bench_forget(&b);
    bench_operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "0");
    time_passes(&b, 4 * SECONDS);
    assert_int_equal(listed(&b), 0);
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
    bench_down(&b);
}

static void a_list_that_is_emptied_ends_what_was_on_it(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    uint32_t qid = one_comes(&b);
    bench_forget(&b);
    bench_operate(&b, OPERATION_feature_remove, BASE, "preload-dispvm-max", "");
    assert_int_equal(listed(&b), 0);
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
    bench_down(&b);
}

static void what_it_is_based_on_can_be_removed(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    uint32_t qid = one_comes(&b);
    bench_forget(&b);
    bench_operate(&b, OPERATION_vm_remove, BASE, "", "");
    assert_int_equal(bench_answer(&b, b.last_operation), 0);
    assert_null(model_vm(b.core->model, BASE));
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
    its_life_ends(&b, qid);
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
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    uint32_t qid = one_comes(&b);
    bench_forget(&b);
    e.correlation = 700;
    host_sleep_encode(&body, &(struct host_sleep){0});
    bench_hear(&b, e, &body);
    assert_int_equal(listed(&b), 0);
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
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

static struct vm_view view_of(struct bench *b, uint32_t qid)
{
    struct claim_reply m;
    bench_forget(b);
    bench_vm_says(b, qid, MESSAGE_claim, 1);
    assert_int_equal(claim_reply_decode(&m, b->said[bench_find(b, MESSAGE_claim, 0)].e.body), 0);
    return m.view;
}

static void until_it_is_complete_its_process_waits_for_its_guest(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    operate(&b, OPERATION_feature_set, BASE, "preload-dispvm-max", "1");
    operate(&b, OPERATION_property_set, BASE, "qrexec_timeout", "77");
    time_passes(&b, 4 * SECONDS);
    uint32_t qid = b.said[bench_find(&b, MESSAGE_vm_start, 0)].e.to_instance;
    struct answer started = {.tag = b.said[bench_find(&b, MESSAGE_vm_start, 0)].tag};
    struct vm_view view = view_of(&b, qid);
    assert_int_equal(view.is_preload, 1);
    assert_int_equal(view.preload_waits, 1); /* dom0 shows its windows, and nobody says how late */
    assert_int_equal(view.qrexec_timeout, 77);
    operate(&b, OPERATION_feature_set, TEMPLATE, "gui", "1");
    operate(&b, OPERATION_feature_set, TEMPLATE, "supported-feature.late-gui-daemon", "1");
    assert_int_equal(view_of(&b, qid).preload_waits, 3);
    assert_int_equal(view_of(&b, BASE).preload_waits, 0);
    bench_vm_says(&b, qid, MESSAGE_claim, 0);
    registry_actor.answered(b.core, &b.out, &started);
    bench_work(&b);
    (void)answer(&b, MESSAGE_vm_pause, 0);
    assert_true(preload_is_complete(&b.core->known, qid));
    view = view_of(&b, qid);
    assert_int_equal(view.is_preload, 1);
    assert_int_equal(view.preload_waits, 0);
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
    assert_int_equal(b.said[bench_find(&b, MESSAGE_vm_kill, 0)].e.to_instance, qid);
    its_life_ends(&b, qid);
    assert_int_equal(listed(&b), 0);
    bench_down(&b);
}

static void count(void *arg)
{
    ++*(unsigned *)arg;
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
        cmocka_unit_test(a_list_is_filled_and_one_is_handed_out),
        cmocka_unit_test(without_one_that_is_ready_a_new_one_is_made),
        cmocka_unit_test(one_that_does_not_pause_is_ended),
        cmocka_unit_test(an_outdated_one_is_replaced),
        cmocka_unit_test(what_ran_below_them_makes_all_of_them_old),
        cmocka_unit_test(a_smaller_maximum_ends_the_surplus),
        cmocka_unit_test(a_list_that_is_emptied_ends_what_was_on_it),
        cmocka_unit_test(what_it_is_based_on_can_be_removed),
        cmocka_unit_test(killed_meanwhile_it_drops_what_was_not_complete),
        cmocka_unit_test(no_more_are_made_at_once_than_there_are_places),
        cmocka_unit_test(the_hosts_sleep_ends_them_and_its_waking_makes_them_again),
        cmocka_unit_test(until_it_is_complete_its_process_waits_for_its_guest),
        cmocka_unit_test(one_whose_process_died_while_it_started_is_ended),
        cmocka_unit_test(no_more_are_made_than_memory_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
