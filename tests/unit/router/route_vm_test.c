/* SPDX-License-Identifier: MIT
 * Rule 3 of the bus: a message is for a VM of this generation or for none, and waking is bounded. */
#include "tests/unit/router/route_scene.h"

static void vm_exists(struct fake *f, uint16_t type, uint32_t qid, uint32_t generation)
{
    say(f, registry, about(message(type, CLASS_EVENT, (struct address){KIND_ROUTER, 0}), qid, generation));
}

static void number_passes_on(struct fake *f)
{
    vm_exists(f, MESSAGE_removed, 7, 1);
    vm_exists(f, MESSAGE_exists, 7, 2);
}

static void the_generation_of_a_removed_vm_is_refused(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    number_passes_on(f);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    assert_int_equal(answers(f, api, ERR_REFUSED), 1);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    assert_int_equal(f->woken.count, 0);
}

/* A question to the next VM of the number, while the process of the one before is there. */
static struct envelope ask_next(struct fake *f, struct address who, uint64_t number)
{
    number_passes_on(f);
    struct envelope q = about(question(MESSAGE_vm_start, who, number), 7, 2);
    say(f, api, q);
    assert_int_equal(all_answers(f, api), 0);
    assert_int_equal(heard(f, who, MESSAGE_vm_start), 0);
    assert_int_equal(f->woken.count, 1);
    assert_int_equal(f->woken.list[0].generation, 2);
    return q;
}

static void next_answers(struct fake *f, struct envelope q)
{
    fake_live(f, vm7, 2, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
    assert_int_equal(last(f)->incarnation, 50);
    struct envelope a = answer_to(&q, api, CLASS_REPLY);
    fake_say_as(f, vm7, 50, &a);
    assert_int_equal(answers(f, api, ERR_NONE), 1);
    assert_int_equal(all_answers(f, api), 1);
}

static void what_is_for_the_next_vm_waits_until_the_process_of_the_one_before_has_rested(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    struct envelope q = ask_next(f, vm7, 6);
    struct envelope bye = message(MESSAGE_retire, CLASS_EVENT, (struct address){KIND_ROUTER, 0});
    bye.number = 1; /* its hello */
    say(f, vm7, bye);
    assert_int_equal(f->closed.count, 1); /* nothing that waits is for it */
    route_ended(f->route, vm7, vm7.kind, ENDING_RESTS, f->now);
    assert_int_equal(f->woken.count, 1);
    next_answers(f, q);
}

static void nor_is_it_lost_when_that_is_killed_or_crash_loops(void **state)
{
    static const enum ending endings[] = {ENDING_RESTS, ENDING_RESTARTS, ENDING_QUARANTINED};
    for (size_t i = 0; i < COUNT(endings); i++) {
        struct fake *f = *state;
        vm_exists(f, MESSAGE_exists, 7, 1);
        live(f, vm7);
        struct envelope q = ask_next(f, vm7, 6);
        route_ended(f->route, vm7, vm7.kind, endings[i], f->now);
        next_answers(f, q);
        end(state);
        begin(state);
    }
}

static void a_process_that_held_back_is_no_obstacle_for_the_next_vm(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    route_ended(f->route, vm7, vm7.kind, ENDING_QUARANTINED, f->now);
    next_answers(f, ask_next(f, vm7, 6));
}

/* The supervisor was about to start the process of the VM before when its number went on. */
static void an_incarnation_of_the_vm_before_gets_nothing_of_the_next_one(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    route_expect(f->route, vm7, 1, vm7.kind);
    struct envelope q = ask_next(f, vm7, 6);
    route_live(f->route, vm7, vm7.kind, f->now);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    route_ended(f->route, vm7, vm7.kind, ENDING_RESTARTS, f->now);
    next_answers(f, q);
}

static void the_old_process_hears_its_answers_past_what_waits(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    struct envelope own = about(question(MESSAGE_claim, registry, 9), 7, 1);
    say(f, vm7, own);
    (void)ask_next(f, vm7, 6);
    say(f, registry, answer_to(&own, vm7, CLASS_REPLY));
    assert_int_equal(answers(f, vm7, ERR_NONE), 1);
}

static void a_guest_process_is_held_to_its_generation_as_well(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, guest7);
    number_passes_on(f);
    fake_live(f, vm7, 2, 60);
    struct envelope q = about(question(MESSAGE_guest_open, guest7, 3), 7, 2);
    fake_say_as(f, vm7, 60, &q);
    assert_int_equal(heard(f, guest7, MESSAGE_guest_open), 0);
    assert_int_equal(f->woken.count, 1);
    route_ended(f->route, guest7, guest7.kind, ENDING_RESTS, f->now);
    fake_live(f, guest7, 2, 61);
    assert_int_equal(heard(f, guest7, MESSAGE_guest_open), 1);
    assert_int_equal(last(f)->incarnation, 61);
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
        WITH_ROUTER(what_is_for_the_next_vm_waits_until_the_process_of_the_one_before_has_rested),
        WITH_ROUTER(nor_is_it_lost_when_that_is_killed_or_crash_loops),
        WITH_ROUTER(a_process_that_held_back_is_no_obstacle_for_the_next_vm),
        WITH_ROUTER(an_incarnation_of_the_vm_before_gets_nothing_of_the_next_one),
        WITH_ROUTER(the_old_process_hears_its_answers_past_what_waits),
        WITH_ROUTER(a_guest_process_is_held_to_its_generation_as_well),
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
