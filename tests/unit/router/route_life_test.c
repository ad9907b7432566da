/* SPDX-License-Identifier: MIT
 * Rule 7 of the bus, and how a process rests: what crash-loops is quarantined, what rests is woken. */
#include "tests/unit/router/route_scene.h"

static void retire(struct fake *f, struct address who, uint64_t heard_so_far)
{
    struct envelope e = message(MESSAGE_retire, CLASS_EVENT, (struct address){KIND_ROUTER, 0});
    e.number = heard_so_far;
    say(f, who, e);
}

static void a_goodbye_is_accepted_only_when_all_was_heard(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    retire(f, vm7, 1); /* hello; the question is on its way */
    assert_int_equal(f->closed.count, 0);
    retire(f, vm7, 2);
    assert_int_equal(f->closed.count, 1);
}

static void what_comes_after_a_goodbye_wakes_the_next_incarnation(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    retire(f, vm7, 1);
    assert_int_equal(f->closed.count, 1);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    assert_int_equal(f->woken.count, 1);
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTS, f->now);
    assert_int_equal(all_answers(f, api), 0);
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
    assert_int_equal(last(f)->incarnation, 50);
}

static void one_in_quarantine_is_answered_for_until_it_is_started_again(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    route_ended(f->route, vm7, KIND_VM, ENDING_QUARANTINED, f->now);
    say(f, api, question(MESSAGE_vm_start, vm7, 6));
    assert_int_equal(answers(f, api, ERR_QUARANTINED), 2);
    assert_int_equal(f->woken.count, 0);
    f->full = 0;
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    say(f, api, question(MESSAGE_vm_start, vm7, 7));
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
}

static void a_guest_process_speaks_of_its_own_vm_only(void **state)
{
    struct fake *f = *state;
    live(f, guest7);
    struct envelope q = question(MESSAGE_guest_open, guest7, 5);
    live(f, vm7);
    say(f, vm7, q);
    assert_int_equal(heard(f, guest7, MESSAGE_guest_open), 1);
    live(f, vm8);
    fake_say_as(f, vm8, KIND_VM, &q);
    assert_int_equal(heard(f, guest7, MESSAGE_guest_open), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(a_goodbye_is_accepted_only_when_all_was_heard),
        WITH_ROUTER(what_comes_after_a_goodbye_wakes_the_next_incarnation),
        WITH_ROUTER(one_in_quarantine_is_answered_for_until_it_is_started_again),
        WITH_ROUTER(a_guest_process_speaks_of_its_own_vm_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
