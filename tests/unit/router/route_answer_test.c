/* SPDX-License-Identifier: MIT
 * Rule 4 of the bus: every request gets exactly one answer. */
#include "tests/unit/router/route_scene.h"

static void a_question_gets_its_answer_and_no_second_one(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    say(f, api, q);
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTARTS, f->now);
    f->now += UINT64_C(1000000000000);
    assert_int_equal(route_due(f->route, f->now), 0);
    assert_int_equal(all_answers(f, api), 1);
    assert_int_equal(answers(f, api, ERR_NONE), 1);
    assert_int_equal(route_counts(f->route)->dropped, 1);
}

static void a_receiver_that_dies_is_answered_for(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTARTS, f->now);
    assert_int_equal(answers(f, api, ERR_GONE), 1);
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1); /* it was heard once, by the one that died */
}

static void a_question_that_was_not_delivered_waits_for_the_next_incarnation(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    say(f, api, q);
    f->full = 0;
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTARTS, f->now);
    assert_int_equal(all_answers(f, api), 0);
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
    fake_say_as(f, vm7, 50, &(struct envelope){0});
    struct envelope a = answer_to(&q, api, CLASS_REPLY);
    fake_live(f, vm8, 1, KIND_VM);
    say(f, vm8, a); /* another cannot answer in its place */
    assert_int_equal(all_answers(f, api), 0);
}

static void a_deadline_that_passes_is_answered_late_and_the_late_answer_is_dropped(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.deadline = f->now + 1000;
    say(f, api, q);
    assert_int_equal(route_due(f->route, f->now), q.deadline);
    route_due(f->route, q.deadline);
    assert_int_equal(answers(f, api, ERR_LATE), 1);
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    assert_int_equal(all_answers(f, api), 1);
}

static void what_is_late_before_it_was_delivered_is_not_begun(void **state)
{
    struct fake *f = *state;
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.deadline = f->now + 1000;
    say(f, api, q);
    route_due(f->route, q.deadline);
    assert_int_equal(answers(f, api, ERR_LATE), 1);
    live(f, vm7);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTS, f->now);
    say(f, api, question(MESSAGE_vm_start, vm7, 6)); /* and the wake can be tried again */
    assert_int_equal(f->woken.count, 2);
}

static void progress_extends_the_deadline_and_is_no_answer(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.deadline = f->now + 1000;
    say(f, api, q);
    struct envelope p = answer_to(&q, api, CLASS_PROGRESS);
    p.deadline = f->now + 5000;
    say(f, vm7, p);
    assert_int_equal(last(f)->e.class, CLASS_PROGRESS);
    route_due(f->route, f->now + 4000);
    assert_int_equal(all_answers(f, api), 0);
    route_due(f->route, f->now + 5000);
    assert_int_equal(answers(f, api, ERR_LATE), 1);
}

static void a_cancel_goes_where_its_question_went(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    live(f, vm8);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5), c = q;
    c.class = CLASS_CANCEL;
    say(f, api, c); /* of nothing */
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    say(f, api, q);
    say(f, api, c);
    assert_int_equal(last(f)->e.class, CLASS_CANCEL);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 2);
    assert_int_equal(all_answers(f, api), 0); /* the actor answers */
}

static void a_late_answer_to_an_earlier_incarnation_meets_no_question_of_the_next(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope old = question(MESSAGE_vm_start, vm7, 5), fresh = question(MESSAGE_vm_kill, vm7, 5);
    say(f, api, old);
    route_ended(f->route, api, KIND_API, ENDING_RESTARTS, f->now);
    fake_live(f, api, 0, 90);
    fake_say_as(f, api, 90, &fresh);
    say(f, vm7, answer_to(&old, api, CLASS_REPLY));
    assert_int_equal(all_answers(f, api), 0);
    say(f, vm7, answer_to(&fresh, api, CLASS_REPLY));
    assert_int_equal(answers(f, api, ERR_NONE), 1);
}

static void one_who_rests_is_gone_for_what_does_not_wake_it(void **state)
{
    struct fake *f = *state;
    struct envelope q = question(MESSAGE_prepare, vm7, 5);
    say(f, registry, q);
    assert_int_equal(answers(f, registry, ERR_GONE), 1);
    assert_int_equal(f->woken.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(a_question_gets_its_answer_and_no_second_one),
        WITH_ROUTER(a_receiver_that_dies_is_answered_for),
        WITH_ROUTER(a_question_that_was_not_delivered_waits_for_the_next_incarnation),
        WITH_ROUTER(a_deadline_that_passes_is_answered_late_and_the_late_answer_is_dropped),
        WITH_ROUTER(what_is_late_before_it_was_delivered_is_not_begun),
        WITH_ROUTER(progress_extends_the_deadline_and_is_no_answer),
        WITH_ROUTER(a_cancel_goes_where_its_question_went),
        WITH_ROUTER(a_late_answer_to_an_earlier_incarnation_meets_no_question_of_the_next),
        WITH_ROUTER(one_who_rests_is_gone_for_what_does_not_wake_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
