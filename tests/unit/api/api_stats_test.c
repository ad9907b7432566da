/* SPDX-License-Identifier: MIT
 * admin.vm.Stats: one sample of host's for all streams that are due, and what is computed between two. */
#include "tests/unit/api/api_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define WORK_UUID "611da028-c63e-4137-ad7c-9408e5ca7f90"
#define BEGIN     "1||connection-established||"

/* The answer to the last question: dom0, work, and a domain that is nobody's. */
static void sample(struct scene *s, uint64_t time_ns, uint64_t cputime_ns, bool with_work)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct sample_reply m = {.time_ns = time_ns};
    struct sample_item items[] = {
        {WORK_UUID, 4, 8, 409600, 4096000, cputime_ns, 0, 0, 0},
        {"911da028-c63e-4137-ad7c-9408e5ca7f90", 3, 1, 1, 1, 1, 0, 0, 0},
        {"00000000-0000-0000-0000-000000000000", 0, 16, 1000, 2000, 5000000, 0, 0, 0}};
    for (size_t i = with_work ? 0 : 1; i < COUNT(items); i++)
        sample_item_add(&m.samples, &elements, &items[i]);
    sample_reply_encode(&body, &m);
    assert_int_equal(s->ask[s->asks - 1].e.type, MESSAGE_sample);
    scene_answer(s, s->asks - 1, 0, "", &body);
}

#define DOM0_RECORD                                                                                          \
    "1|dom0|vm-stats|memory_kb|1000|memory_assigned_total|2000|memory_assigned_usable|1000|"                 \
    "memory_with_swap_used|1000|cpu_time|5|cpu_usage|0|online_vcpus|16||"

static void work_record(char *text, size_t size, unsigned cpu_time, unsigned usage)
{
    snprintf(text, size,
             "1|work|vm-stats|memory_kb|409600|memory_assigned_total|4096000|memory_assigned_usable|409600|"
             "memory_with_swap_used|409600|cpu_time|%u|cpu_usage|%u|online_vcpus|8||",
             cpu_time, usage);
}

static void tick(struct scene *s, uint64_t seconds)
{
    s->out.now += seconds * SECONDS;
    for (size_t i = 0; i < COUNT(s->timer_at); i++) {
        if (s->timer_at[i] != 0 && s->timer_at[i] <= s->out.now) {
            s->timer_at[i] = 0;
            api_actor.timer(s->api, &s->out, i);
        }
    }
}

static void all_vms_are_told_at_once_by_domain_and_again_every_interval(void **state)
{
    struct scene s;
    char one[300], two[300], expected[2000];
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.Stats dom0 name dom0", "");
    assert_true(scene_got(&s, conn, BEGIN));
    assert_true(s.stream[conn]);
    sample(&s, 1 * SECONDS, 1 * SECONDS, true);
    work_record(one, sizeof one, 1000, 0);
    snprintf(expected, sizeof expected, BEGIN DOM0_RECORD "%s", one);
    assert_true(scene_got(&s, conn, expected));
    size_t asks = s.asks;
    tick(&s, 1);
    assert_int_equal(s.asks, asks);
    tick(&s, 2);
    assert_int_equal(s.asks, asks + 1);
    sample(&s, 4 * SECONDS, 1 * SECONDS + 2400 * MILLISECONDS, true); /* 0.8 s of each of the 3 on 8 */
    work_record(two, sizeof two, 3400, 10);
    snprintf(expected, sizeof expected, BEGIN DOM0_RECORD "%s" DOM0_RECORD "%s", one, two);
    assert_true(scene_got(&s, conn, expected));
    scene_close(&s);
}

static void one_vm_is_told_alone_until_it_has_ended(void **state)
{
    struct scene s;
    char one[300], expected[500];
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    uint64_t conn = scene_call(&s, "admin.vm.Stats dom0 name work", "");
    sample(&s, SECONDS, 8 * SECONDS, true);
    work_record(one, sizeof one, 8000, 0);
    snprintf(expected, sizeof expected, BEGIN "%s", one);
    assert_true(scene_got(&s, conn, expected));
    tick(&s, 3);
    sample(&s, 4 * SECONDS, 0, false);
    assert_true(s.finished[conn]);
    size_t asks = s.asks;
    tick(&s, 3);
    assert_int_equal(s.asks, asks);
    scene_close(&s);
}

static void what_rests_has_no_statistics(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t halted = scene_call(&s, "admin.vm.Stats dom0 name work", "");
    uint64_t remote = scene_call(&s, "admin.vm.Stats dom0 name away", "");
    assert_memory_equal(s.got[halted].at, "2\0QubesVMNotRunningError", 24);
    assert_memory_equal(s.got[remote].at, "2\0QubesVMNotRunningError", 24);
    assert_int_equal(s.asks, 0);
    scene_close(&s);
}

static void other_callers_than_dom0_see_one_vm_but_not_all(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    uint64_t all = scene_call(&s, "admin.vm.Stats work name dom0", "");
    assert_memory_equal(s.got[all].at, "2\0PermissionDenied", 19);
    uint64_t one = scene_call(&s, "admin.vm.Stats work name work", "");
    assert_true(scene_got(&s, one, BEGIN));
    scene_close(&s);
}

static void a_sample_that_fails_is_left_out_and_a_client_that_left_asks_for_none(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    uint64_t conn = scene_call(&s, "admin.vm.Stats dom0 name dom0", "");
    scene_answer(&s, s.asks - 1, -ERR_NO_CONNECTION, "no connection", NULL);
    assert_true(scene_got(&s, conn, BEGIN));
    assert_false(s.finished[conn]);
    tick(&s, 3);
    sample(&s, SECONDS, 0, false);
    assert_true(scene_got(&s, conn, BEGIN DOM0_RECORD));
    api_client_gone(s.api, &s.out, conn);
    size_t asks = s.asks;
    tick(&s, 3);
    assert_int_equal(s.asks, asks);
    scene_close(&s);
}

static void what_a_guest_says_of_its_memory_and_its_swap_is_shown(void **state)
{
    static const char *const said[] = {
        "memory_with_swap_used|409600|cpu_time|0|cpu_usage|0|online_vcpus|8||",
        "memory_with_swap_used|7000|cpu_time|0|cpu_usage|0|online_vcpus|8||",
        NULL,
        "memory_with_swap_used|7000|cpu_time|0|cpu_usage|0|online_vcpus|8|swap_used|99||",
    };
    (void)state;
    for (uint32_t has = 0; has < COUNT(said); has++) {
        AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX), body = TEXT_WITH_LIMIT(BODY_MAX);
        struct sample_reply m = {.time_ns = SECONDS};
        struct scene s;
        char expected[500];
        if (said[has] == NULL)
            continue;
        scene_open(&s, 0);
        scene_fact(&s, 1, 3, FACT_power_state, "Running");
        uint64_t conn = scene_call(&s, "admin.vm.Stats dom0 name work", "");
        sample_item_add(&m.samples, &elements,
                        &(struct sample_item){WORK_UUID, 4, 8, 409600, 4096000, 0, has, 7000, 99});
        sample_reply_encode(&body, &m);
        scene_answer(&s, s.asks - 1, 0, "", &body);
        snprintf(expected, sizeof expected,
                 BEGIN "1|work|vm-stats|memory_kb|409600|memory_assigned_total|4096000|"
                       "memory_assigned_usable|409600|%s",
                 said[has]);
        assert_true(scene_got(&s, conn, expected));
        scene_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_vms_are_told_at_once_by_domain_and_again_every_interval),
        cmocka_unit_test(one_vm_is_told_alone_until_it_has_ended),
        cmocka_unit_test(what_rests_has_no_statistics),
        cmocka_unit_test(other_callers_than_dom0_see_one_vm_but_not_all),
        cmocka_unit_test(a_sample_that_fails_is_left_out_and_a_client_that_left_asks_for_none),
        cmocka_unit_test(what_a_guest_says_of_its_memory_and_its_swap_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
