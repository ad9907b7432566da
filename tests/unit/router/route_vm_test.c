/* SPDX-License-Identifier: MIT
 * Rule 3 of the bus: a message is for a VM of this generation or for none, and waking is bounded. */
#include "tests/unit/router/route_scene.h"

static void vm_exists(struct fake *f, uint16_t type, uint32_t qid, uint32_t generation)
{
    say(f, registry, about(message(type, CLASS_EVENT, (struct address){KIND_ROUTER, 0}), qid, generation));
}

static void the_generation_of_a_removed_vm_is_refused(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    vm_exists(f, MESSAGE_removed, 7, 1);
    vm_exists(f, MESSAGE_exists, 7, 2);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    assert_int_equal(answers(f, api, ERR_REFUSED), 1);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    struct envelope fresh = about(question(MESSAGE_vm_start, vm7, 6), 7, 2);
    say(f, api, fresh);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
}

static void an_unknown_vm_is_refused_once_registry_has_named_all(void **state)
{
    struct fake *f = *state;
    say(f, api, question(MESSAGE_vm_start, vm8, 5));
    assert_int_equal(f->woken.count, 1);
    say(f, registry, message(MESSAGE_exists, CLASS_EVENT, (struct address){KIND_ROUTER, 0}));
    say(f, api, question(MESSAGE_vm_start, vm7, 6));
    assert_int_equal(f->woken.count, 1);
    assert_int_equal(answers(f, api, ERR_REFUSED), 1);
}

static void what_waits_for_a_removed_vm_never_reaches_the_next_with_its_qid(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    vm_exists(f, MESSAGE_removed, 7, 1);
    assert_int_equal(answers(f, api, ERR_GONE), 1);
    vm_exists(f, MESSAGE_exists, 7, 2);
    fake_live(f, vm7, 2, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    assert_int_equal(heard(f, vm7, MESSAGE_hello), 1);
}

static void the_last_answer_of_a_vm_that_is_removed_arrives(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_kill, vm7, 5);
    say(f, api, q);
    vm_exists(f, MESSAGE_removed, 7, 1);
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    assert_int_equal(answers(f, api, ERR_NONE), 1);
    assert_int_equal(all_answers(f, api), 1);
}

static void waking_is_bounded_per_sender_and_grows_back(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    for (uint32_t i = 0; i < ROUTE_WAKES_AT_ONCE + 5; i++)
        say(f, vm7, question(MESSAGE_vm_start, (struct address){KIND_VM, 100 + i}, 1 + i));
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE);
    assert_int_equal(answers(f, vm7, ERR_BUSY), 5);
    say(f, api,
        question(MESSAGE_vm_start, (struct address){KIND_VM, 999}, 1)); /* another sender has its own */
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE + 1);
    f->now += UINT64_C(1000000000);
    say(f, vm7, question(MESSAGE_vm_start, (struct address){KIND_VM, 500}, 900));
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE + 2);
}

/* Qubes ask through a process of their own. */
static struct envelope start_for(uint32_t caller, uint32_t qid)
{
    struct envelope q = question(MESSAGE_vm_start, (struct address){KIND_VM, qid}, qid);
    q.caller = caller;
    return q;
}

static uint32_t woken_at(const struct fake *f, size_t place)
{
    assert_true(place < f->woken.count);
    return f->woken.list[place].who.instance;
}

/* Time goes on until nobody waits, or for a while. */
static void time_passes(struct fake *f)
{
    uint64_t due = route_due(f->route, f->now);
    for (int i = 0; i < 2000 && due != 0 && due < f->now + UINT64_C(1000000000); i++) {
        assert_true(due > f->now);
        f->now = due;
        due = route_due(f->route, f->now);
    }
}

static void two_hundred_starts_that_qubes_ask_for_at_once_all_begin(void **state)
{
    struct fake *f = *state;
    enum { MANY = 200 };
    uint64_t began = f->now;
    live(f, api_of_qubes);
    for (uint32_t i = 0; i < MANY; i++)
        say(f, api_of_qubes, start_for(3, 100 + i));
    assert_int_equal(all_answers(f, api_of_qubes), 0);
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE);
    time_passes(f);
    assert_int_equal(f->woken.count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(woken_at(f, i), 100 + i);
    assert_int_equal(all_answers(f, api_of_qubes), 0);
    assert_true(f->now - began <= UINT64_C(1000000000) * MANY / ROUTE_WAKES_PER_SECOND);
    live(f, (struct address){KIND_VM, 299});
    assert_int_equal(heard(f, (struct address){KIND_VM, 299}, MESSAGE_vm_start), 1);
}

static void one_caller_does_not_wait_behind_all_of_another(void **state)
{
    struct fake *f = *state;
    live(f, api_of_qubes);
    for (uint32_t i = 0; i < ROUTE_WAKES_AT_ONCE + 100; i++)
        say(f, api_of_qubes, start_for(3, 100 + i));
    say(f, api_of_qubes, start_for(4, 900));
    f->now = route_due(f->route, f->now); /* the second one's turn is the first or the second */
    f->now = route_due(f->route, f->now);
    (void)route_due(f->route, f->now);
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE + 2);
    assert_true(woken_at(f, ROUTE_WAKES_AT_ONCE) == 900 || woken_at(f, ROUTE_WAKES_AT_ONCE + 1) == 900);
}

static void what_waits_for_a_turn_is_bounded(void **state)
{
    struct fake *f = *state;
    live(f, api_of_qubes);
    for (uint32_t i = 0; i < ROUTE_WAKES_AT_ONCE + ROUTE_WAKES_WAITING + 3; i++)
        say(f, api_of_qubes, start_for(3, 100 + i));
    assert_int_equal(answers(f, api_of_qubes, ERR_BUSY), 3);
    for (uint64_t i = 0; i < ROUTE_WAITING_MESSAGES; i++) {
        struct envelope q = start_for(3, 100 + ROUTE_WAKES_AT_ONCE);
        q.correlation = 5000 + i;
        say(f, api_of_qubes, q);
    }
    assert_int_equal(answers(f, api_of_qubes, ERR_BUSY), 3 + 1);
}

static void one_that_is_started_meanwhile_or_wanted_no_more_has_no_turn(void **state)
{
    struct fake *f = *state;
    struct address first = {KIND_VM, 900}, second = {KIND_VM, 901};
    live(f, api_of_qubes);
    for (uint32_t i = 0; i < ROUTE_WAKES_AT_ONCE; i++)
        say(f, api_of_qubes, start_for(3, 100 + i));
    struct envelope q = start_for(3, 900);
    q.deadline = f->now + 1000; /* over before its turn */
    say(f, api_of_qubes, q);
    say(f, api_of_qubes, start_for(3, 901));
    live(f, second);
    assert_int_equal(heard(f, second, MESSAGE_vm_start), 1);
    f->now += 1000;
    time_passes(f);
    assert_int_equal(answers(f, api_of_qubes, ERR_LATE), 1);
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE);
    say(f, api, question(MESSAGE_vm_start, first, 77)); /* dom0's caller does not wait */
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE + 1);
}

static void who_may_wakes_at_once_what_another_waits_for(void **state)
{
    struct fake *f = *state;
    struct address vm = {KIND_VM, 900};
    live(f, api_of_qubes);
    for (uint32_t i = 0; i < ROUTE_WAKES_AT_ONCE; i++)
        say(f, api_of_qubes, start_for(3, 100 + i));
    say(f, api_of_qubes, start_for(3, 900));
    say(f, api, question(MESSAGE_vm_start, vm, 77));
    assert_int_equal(woken_at(f, ROUTE_WAKES_AT_ONCE), 900);
    time_passes(f);
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE + 1);
    live(f, vm);
    assert_int_equal(heard(f, vm, MESSAGE_vm_start), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(the_generation_of_a_removed_vm_is_refused),
        WITH_ROUTER(an_unknown_vm_is_refused_once_registry_has_named_all),
        WITH_ROUTER(what_waits_for_a_removed_vm_never_reaches_the_next_with_its_qid),
        WITH_ROUTER(the_last_answer_of_a_vm_that_is_removed_arrives),
        WITH_ROUTER(waking_is_bounded_per_sender_and_grows_back),
        WITH_ROUTER(two_hundred_starts_that_qubes_ask_for_at_once_all_begin),
        WITH_ROUTER(one_caller_does_not_wait_behind_all_of_another),
        WITH_ROUTER(what_waits_for_a_turn_is_bounded),
        WITH_ROUTER(one_that_is_started_meanwhile_or_wanted_no_more_has_no_turn),
        WITH_ROUTER(who_may_wakes_at_once_what_another_waits_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
