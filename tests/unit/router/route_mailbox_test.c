/* SPDX-License-Identifier: MIT
 * Rule 5 of the bus: mailboxes are bounded. */
#include "tests/unit/router/route_scene.h"

static void a_full_mailbox_answers_busy_and_an_answer_always_finds_room(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    for (uint64_t i = 1; i <= ROUTE_BOX_MESSAGES + 3; i++)
        say(f, api, question(MESSAGE_vm_start, vm7, i));
    assert_int_equal(answers(f, api, ERR_BUSY), 3);
    uint64_t sent, waiting;
    assert_true(route_depth(f->route, vm7, &sent, &waiting));
    assert_int_equal(waiting, ROUTE_BOX_MESSAGES);
    struct envelope q = question(MESSAGE_claim, registry, 1);
    q = about(q, 7, 1);
    say(f, vm7, q);
    say(f, registry, answer_to(&q, vm7, CLASS_REPLY));
    f->full = 0;
    route_writable(f->route, vm7);
    assert_int_equal(all_answers(f, vm7), 1);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), ROUTE_BOX_MESSAGES);
}

static void a_long_question_is_asked_once_and_refused_once(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_operate, registry, 5);
    q.parts = 3;
    for (q.part = 1; q.part <= 3; q.part++)
        say(f, api, q);
    assert_int_equal(heard(f, registry, MESSAGE_operate), 3);
    struct envelope stray = question(MESSAGE_operate, registry, 6);
    stray.part = 2;
    stray.parts = 3;
    say(f, api, stray);
    assert_int_equal(heard(f, registry, MESSAGE_operate), 3);
    q.part = q.parts = 1;
    struct envelope a = answer_to(&q, api, CLASS_REPLY);
    a.parts = 2;
    say(f, registry, a);
    a.part = 2;
    say(f, registry, a);
    assert_int_equal(answers(f, api, ERR_NONE), 2); /* two parts */
    say(f, registry, a);
    assert_int_equal(route_counts(f->route)->dropped, 1);
}

static void a_part_that_finds_no_room_ends_the_whole_question(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    for (uint64_t i = 1; i < ROUTE_BOX_MESSAGES; i++)
        say(f, api, question(MESSAGE_vm_start, vm7, i));
    struct envelope q = question(MESSAGE_vm_start, vm7, 5000);
    q.parts = 2;
    say(f, api, q);
    q.part = 2;
    say(f, api, q);
    assert_int_equal(answers(f, api, ERR_BUSY), 1);
    f->full = 0;
    route_writable(f->route, vm7);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), ROUTE_BOX_MESSAGES - 1);
    assert_int_equal(all_answers(f, api), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(a_full_mailbox_answers_busy_and_an_answer_always_finds_room),
        WITH_ROUTER(a_long_question_is_asked_once_and_refused_once),
        WITH_ROUTER(a_part_that_finds_no_room_ends_the_whole_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
