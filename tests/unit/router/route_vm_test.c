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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(the_generation_of_a_removed_vm_is_refused),
        WITH_ROUTER(an_unknown_vm_is_refused_once_registry_has_named_all),
        WITH_ROUTER(what_waits_for_a_removed_vm_never_reaches_the_next_with_its_qid),
        WITH_ROUTER(the_last_answer_of_a_vm_that_is_removed_arrives),
        WITH_ROUTER(waking_is_bounded_per_sender_and_grows_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
