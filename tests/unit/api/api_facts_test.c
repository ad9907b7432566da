/* SPDX-License-Identifier: MIT
 * What api believes of VMs when the router dies: old facts stay until their owner says others, or host's list
 * says that the VM does not run. And of VMs whose process does not speak: host knows what runs. */
#include "tests/unit/api/api_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define WORK_UUID "611da028-c63e-4137-ad7c-9408e5ca7f90"

static bool state_is(struct scene *s, const char *state)
{
    char expected[100];
    snprintf(expected, sizeof expected, "0|work class=AppVM state=%s uuid=" WORK_UUID "\n", state);
    return scene_got(s, scene_call(s, "admin.vm.List dom0 name work", ""), expected);
}

/* host's list: work in that state of libvirt's, or nothing. */
static void list_state(struct scene *s, bool with_work, uint32_t state)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct running_all m = {0};
    struct domain_item item = {.uuid = WORK_UUID, .domid = 4, .state = state};
    if (with_work)
        domain_item_add(&m.domains, &elements, &item);
    running_all_encode(&body, &m);
    scene_hear(s, MESSAGE_running_all, (struct subject){0}, &body);
}

static void list(struct scene *s, bool with_work)
{
    list_state(s, with_work, 1);
}

/* The timer that was set for the silent ones: the latest of all. */
static void time_is_over(struct scene *s)
{
    size_t latest = 0;
    for (size_t i = 1; i < COUNT(s->timer_at); i++)
        if (s->timer_at[i] > s->timer_at[latest])
            latest = i;
    s->out.now = s->timer_at[latest];
    api_actor.timer(s->api, &s->out, latest);
}

/* A running VM was known; the router has died, and nobody has said anything to the next one for 5 s. */
static void silence(struct scene *s)
{
    scene_open(s, 0);
    scene_fact(s, 1, 3, FACT_power_state, "Running");
    s->out.now += SECONDS;
    scene_hello(s, 8);
    s->number = 0;
    scene_snapshot(s, s->asks - 1, 10);
    scene_forget_asks(s);
    time_is_over(s);
}

static void a_running_vm_that_is_silent_after_the_routers_death_is_not_halted(void **state)
{
    struct scene s;
    (void)state;
    silence(&s);
    assert_true(state_is(&s, "Running"));
    list(&s, true);
    assert_true(state_is(&s, "Running"));
    scene_close(&s);
}

static void one_that_host_does_not_see_is_halted(void **state)
{
    struct scene s;
    (void)state;
    silence(&s);
    list(&s, false);
    assert_true(state_is(&s, "Halted"));
    scene_close(&s);
}

static void a_list_that_comes_before_its_time_is_not_used(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    list(&s, false);
    assert_true(state_is(&s, "Running"));
    scene_close(&s);
}

static void what_was_said_to_the_new_router_outlives_the_list(void **state)
{
    struct scene s;
    (void)state;
    silence(&s);
    scene_fact(&s, 1, 3, FACT_power_state, "Paused");
    list(&s, false);
    assert_true(state_is(&s, "Paused"));
    scene_close(&s);
}

static void a_list_that_finds_no_model_is_asked_for_again(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s, 0);
    scene_hello(&s, 7);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    s.out.now += SECONDS;
    scene_hello(&s, 8);
    s.number = 0;
    time_is_over(&s);
    list(&s, false);
    unsigned tells = s.host_tells;
    scene_snapshot(&s, s.asks - 1, 10);
    assert_int_equal(s.host_tells, tells + 1);
    assert_true(state_is(&s, "Running"));
    list(&s, false);
    assert_true(state_is(&s, "Halted"));
    scene_close(&s);
}

static void a_new_api_believes_host_of_whom_nobody_speaks_for(void **state)
{
    static const struct {
        uint32_t state;
        const char *word;
    } rows[] = {{0, "Running"}, {1, "Running"}, {2, "Running"},   {3, "Paused"},  {4, "Halting"},
                {5, "Dying"},   {6, "Crashed"}, {7, "Suspended"}, {8, "Running"}, {15, "Running"}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;
        scene_open(&s, 0);
        assert_true(state_is(&s, "Halted"));
        list_state(&s, true, rows[i].state);
        assert_true(state_is(&s, rows[i].word));
        list(&s, false);
        assert_true(state_is(&s, "Halted"));
        scene_close(&s);
    }
}

static void a_new_api_asks_for_the_list_until_it_can_read_it(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s, 0);
    scene_hello(&s, 7);
    list(&s, true);
    unsigned tells = s.host_tells;
    scene_snapshot(&s, s.asks - 1, 10);
    assert_int_equal(s.host_tells, tells + 1);
    list(&s, true);
    assert_true(state_is(&s, "Running"));
    scene_close(&s);
}

static void the_vms_own_process_knows_better_than_host(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    list(&s, true);
    assert_true(state_is(&s, "Running"));
    scene_fact(&s, 1, 3, FACT_power_state, "Transient");
    assert_true(state_is(&s, "Transient"));
    list(&s, true);
    assert_true(state_is(&s, "Transient"));
    list(&s, false);
    assert_true(state_is(&s, "Transient"));
    scene_close(&s);
}

/* A start that is answered: its process is quarantined. */
static void held_back(struct scene *s)
{
    uint64_t conn = scene_call(s, "admin.vm.Start dom0 name work", "");
    scene_answer(s, s->asks - 1, -ERR_QUARANTINED, "it keeps crashing", NULL);
    assert_true(scene_refused(s, conn, "QubesException"));
}

static void of_a_quarantined_vm_hosts_word_holds(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Halted");
    unsigned tells = s.host_tells;
    held_back(&s);
    assert_int_equal(s.host_tells, tells + 1);
    assert_true(state_is(&s, "Halted"));
    list_state(&s, true, 3);
    assert_true(state_is(&s, "Paused"));
    held_back(&s);
    list(&s, false);
    assert_true(state_is(&s, "Halted"));
    scene_close(&s);
}

static void a_quarantined_vm_that_comes_back_speaks_for_itself(void **state)
{
    struct scene s;
    (void)state;
    scene_open(&s, 0);
    scene_fact(&s, 1, 3, FACT_power_state, "Running");
    held_back(&s);
    list(&s, true);
    scene_fact(&s, 1, 3, FACT_power_state, "Paused");
    list(&s, true);
    assert_true(state_is(&s, "Paused"));
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_vm_that_is_silent_after_the_routers_death_is_not_halted),
        cmocka_unit_test(one_that_host_does_not_see_is_halted),
        cmocka_unit_test(a_list_that_comes_before_its_time_is_not_used),
        cmocka_unit_test(what_was_said_to_the_new_router_outlives_the_list),
        cmocka_unit_test(a_list_that_finds_no_model_is_asked_for_again),
        cmocka_unit_test(a_new_api_believes_host_of_whom_nobody_speaks_for),
        cmocka_unit_test(a_new_api_asks_for_the_list_until_it_can_read_it),
        cmocka_unit_test(the_vms_own_process_knows_better_than_host),
        cmocka_unit_test(of_a_quarantined_vm_hosts_word_holds),
        cmocka_unit_test(a_quarantined_vm_that_comes_back_speaks_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
