/* SPDX-License-Identifier: MIT
 * Rule 6 of the bus: events to api are numbered and kept, and a sender's messages pass in order. */
#include "tests/unit/router/route_scene.h"

static struct envelope happened(uint32_t qid)
{
    struct envelope e = about(message(MESSAGE_happened, CLASS_EVENT, api), qid, 1);
    e.to_instance = EVERY_INSTANCE;
    return e;
}

static void events_are_numbered_and_a_restarted_api_gets_what_it_missed(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    for (int i = 0; i < 4; i++)
        say(f, vm7, happened(7));
    assert_int_equal(last(f)->e.number, 4);
    struct envelope seen = message(MESSAGE_events_seen, CLASS_EVENT, (struct address){KIND_ROUTER, 0});
    seen.number = 2;
    say(f, api, seen);
    route_ended(f->route, api, KIND_API, ENDING_RESTARTS, f->now);
    say(f, vm7, happened(7));
    fake_forget(&f->delivered);
    fake_live(f, api, 0, 90);
    assert_int_equal(f->delivered.count, 4); /* hello, 3, 4, 5 */
    struct hello m;
    assert_int_equal(hello_decode(&m, f->delivered.list[0].e.body), 0);
    assert_int_equal(m.epoch, 77);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(f->delivered.list[i].e.number, i + 2);
}

static void an_event_for_one_api_is_not_replayed_to_the_other(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope e = happened(7);
    e.to_instance = 0;
    say(f, vm7, e);
    fake_live(f, api_of_qubes, 0, 91);
    assert_int_equal(heard(f, api_of_qubes, MESSAGE_happened), 0);
    assert_int_equal(heard(f, api_of_qubes, MESSAGE_hello), 1);
}

static void an_event_sent_before_a_reply_arrives_before_it(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    say(f, api, q);
    f->full = BY_API;
    fake_forget(&f->delivered);
    say(f, vm7, happened(7));
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    f->full = 0;
    route_writable(f->route, api);
    assert_int_equal(f->delivered.count, 2);
    const struct deed *delivered = f->delivered.list;
    assert_non_null(delivered);
    assert_true(delivered != NULL && delivered[0].e.type == MESSAGE_happened);
    assert_true(delivered != NULL && delivered[1].e.class == CLASS_REPLY);
}

static void hello_says_which_delta_was_taken_last(void **state)
{
    struct fake *f = *state;
    struct envelope e = message(MESSAGE_delta, CLASS_EVENT, api);
    e.to_instance = EVERY_INSTANCE;
    e.correlation = 41;
    e.parts = 2;
    say(f, registry, e);
    struct hello m;
    route_ended(f->route, registry, KIND_REGISTRY, ENDING_RESTARTS, f->now);
    fake_live(f, registry, 0, 60);
    assert_int_equal(hello_decode(&m, last(f)->e.body), 0);
    assert_int_equal(m.last_correlation, 0); /* half of it is not it */
    fake_say_as(f, registry, 60, &e);
    e.part = 2;
    fake_say_as(f, registry, 60, &e);
    route_ended(f->route, registry, 60, ENDING_RESTARTS, f->now);
    fake_live(f, registry, 0, 61);
    assert_int_equal(hello_decode(&m, last(f)->e.body), 0);
    assert_int_equal(m.last_correlation, 41);
}

static void a_traced_operation_is_copied_and_no_other(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope t = message(MESSAGE_trace, CLASS_EVENT, (struct address){KIND_ROUTER, 0});
    t.correlation = 1;
    t.op_high = 1;
    t.op_low = 5;
    say(f, api, t);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    say(f, api, question(MESSAGE_vm_start, vm7, 6));
    assert_int_equal(heard(f, api, MESSAGE_traced), 1);
    t.correlation = 0;
    say(f, api, t);
    struct envelope again = question(MESSAGE_vm_start, vm7, 7);
    again.op_low = 5;
    say(f, api, again);
    assert_int_equal(heard(f, api, MESSAGE_traced), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(events_are_numbered_and_a_restarted_api_gets_what_it_missed),
        WITH_ROUTER(an_event_for_one_api_is_not_replayed_to_the_other),
        WITH_ROUTER(an_event_sent_before_a_reply_arrives_before_it),
        WITH_ROUTER(hello_says_which_delta_was_taken_last),
        WITH_ROUTER(a_traced_operation_is_copied_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
