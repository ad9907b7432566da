/* SPDX-License-Identifier: MIT
 * A guest's process is there while its VM lives, and no longer. */
#include "tests/unit/guest/guest_bench.h"

static void it_stays_while_its_vm_lives_and_then_retires(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(16);
    (void)state;
    setup(&b);
    open_guest(&b);
    open_guest(&b);
    assert_int_equal(b.replies, 2);
    assert_string_equal(b.title, "work");
    assert_int_equal(b.timer, 0);
    guest_actor.timer(&b.core, &b.out, 1);
    assert_false(b.retired);
    write_array(&body, 0);
    hear(&b, MESSAGE_guest_close, text_span(&body));
    assert_int_equal(b.replies, 3);
    assert_true(b.timer > b.out.now);
    guest_actor.timer(&b.core, &b.out, 1);
    assert_true(b.retired);
}

static void one_that_nobody_opens_retires(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    assert_true(b.timer > b.out.now);
    guest_actor.timer(&b.core, &b.out, 1);
    assert_true(b.retired);
}

static void a_malformed_request_is_answered_and_changes_nothing(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    hear(&b, MESSAGE_guest_open, SPAN_LITERAL("\xc1\xc1"));
    assert_int_equal(b.errors, 1);
    assert_false(b.core.open);
}

static void call(struct bench *b, uint32_t what)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    guest_request_encode(&body, &(struct guest_request){.what = what});
    hear(b, MESSAGE_guest_request, text_span(&body));
}

static void count(struct bench *b, const char *payload)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    guest_updates_encode(&body, &(struct guest_updates){.payload = span_of(payload)});
    hear(b, MESSAGE_guest_updates, text_span(&body));
}

static void registry_answers(struct bench *b, int r)
{
    struct answer a = {.tag = b->asked.tag, .r = r};
    if (r < 0)
        fault_set(&a.why, (enum err) - r, "for the test");
    guest_actor.answered(&b->core, &b->out, &a);
}

static void words_go_to_registry_and_its_answer_to_the_caller(void **state)
{
    struct bench b;
    struct guest_words m;
    struct guest_word word;
    (void)state;
    setup(&b);
    open_guest(&b);
    call(&b, 0);
    assert_int_equal(b.doors[GUEST_DOOR_READ], 1);
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    assert_int_equal(b.task->fd, 77);
    read_ends(&b, 0, "qrexec", "1");
    assert_int_equal(b.asks, 1);
    assert_int_equal(b.asked.type, MESSAGE_guest_words);
    assert_int_equal(guest_words_decode(&m, (struct span){b.asked.body, b.asked.len}), 0);
    struct reader in = list_reader(&m.words);
    assert_int_equal(guest_word_next(&in, &word), 1);
    assert_string_equal(word.key, "qrexec");
    assert_int_equal(b.replies, 1); /* of the opening */
    registry_answers(&b, 0);
    assert_int_equal(b.replies, 2);
    assert_int_equal(b.core.calls, 0);
    call(&b, 1);
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 78);
    assert_int_equal(b.task->what, 1);
    read_ends(&b, 0, NULL, NULL);
    registry_answers(&b, -ERR_PROTOCOL);
    assert_int_equal(b.error, ERR_PROTOCOL);
}

static void a_database_that_is_not_there_or_lies_costs_one_call(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    open_guest(&b);
    call(&b, 0);
    call(&b, 0);
    call(&b, 0);
    assert_int_equal(b.doors[GUEST_DOOR_READ], 1);
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, -1);
    assert_int_equal(b.error, ERR_CLOSED);
    assert_int_equal(b.doors[GUEST_DOOR_READ], 2);
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    read_ends(&b, -ERR_BAD, NULL, NULL);
    assert_int_equal(b.error, ERR_BAD);
    assert_int_equal(b.doors[GUEST_DOOR_READ], 3);
    guest_actor.timer(&b.core, &b.out, 2); /* the supervisor says nothing */
    assert_int_equal(b.errors, 3);
    assert_int_equal(b.error, ERR_TIMEOUT);
    assert_int_equal(b.core.calls, 0);
    assert_int_equal(b.asks, 0);
}

static void a_reading_that_hangs_is_given_up_and_its_end_is_not_mistaken(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    open_guest(&b);
    call(&b, 0);
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    guest_actor.done(&b.core, &b.out, &(struct done){.overdue = true});
    assert_int_equal(b.error, ERR_TIMEOUT);
    call(&b, 0);
    struct guest_task *old = b.task;
    guest_actor.done(&b.core, &b.out, &(struct done){.task = &old->task, .cleared = true});
    free(old);
    b.task = NULL;
    assert_int_equal(b.asks, 0);
    assert_int_equal(b.core.calls, 1);
}

static void a_vm_at_rest_has_no_words_but_may_count_its_updates(void **state)
{
    struct bench b;
    struct guest_count m;
    (void)state;
    setup(&b);
    call(&b, 0);
    assert_int_equal(b.error, ERR_VM_NOT_RUNNING);
    count(&b, " 3 ");
    assert_int_equal(b.asked.type, MESSAGE_guest_count);
    assert_int_equal(guest_count_decode(&m, (struct span){b.asked.body, b.asked.len}), 0);
    assert_int_equal(m.count, 3);
    guest_actor.timer(&b.core, &b.out, 1);
    assert_false(b.retired);
    registry_answers(&b, 0);
    assert_int_equal(b.replies, 1);
    guest_actor.timer(&b.core, &b.out, 1);
    assert_true(b.retired);
}

static void a_count_that_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {"", " ", "x", "-1", "+1", "1 2", "99999999999999999999999", "\xc2\xb2"};
    struct bench b;
    (void)state;
    setup(&b);
    for (size_t i = 0; i < COUNT(bad); i++) {
        count(&b, bad[i]);
        assert_int_equal(b.error, ERR_PROTOCOL);
        assert_int_equal(b.errors, i + 1);
    }
    assert_int_equal(b.asks, 0);
}

static void what_is_too_much_is_answered_busy(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    open_guest(&b);
    for (int i = 0; i <= GUEST_CALLS; i++)
        call(&b, 0);
    assert_int_equal(b.errors, 1);
    assert_int_equal(b.error, ERR_BUSY);
    assert_int_equal(b.core.calls, GUEST_CALLS);
}

static void changes_are_told_until_they_are_too_many(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    guest_fired(&b.core, &b.out, "/qubes-block-devices");
    assert_int_equal(b.changes, 0); /* no guest is there */
    open_guest(&b);
    guest_fired(&b.core, &b.out, "/qubes-block-devices");
    guest_fired(&b.core, &b.out, "/qubes-block-devices/sda/desc");
    guest_fired(&b.core, &b.out, "/name");
    guest_fired(&b.core, &b.out, "/audio-input-config/work"); /* is heard only */
    assert_int_equal(b.changes, 1);
    for (int i = 0; i < 1000; i++)
        guest_fired(&b.core, &b.out, "/qubes-block-devices");
    assert_int_equal(b.changes, 32);
    b.out.now += SECONDS;
    guest_actor.timer(&b.core, &b.out, 4);
    assert_int_equal(b.changes, 33); /* the rest, as one */
}

static void a_lost_watch_is_asked_for_again_ever_more_rarely(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    open_guest(&b);
    assert_int_equal(b.doors[GUEST_DOOR_WATCH], 1);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WATCH, -1);
    assert_int_equal(b.core.watch_again, SECONDS);
    guest_actor.timer(&b.core, &b.out, 3);
    assert_int_equal(b.doors[GUEST_DOOR_WATCH], 2);
    for (int i = 0; i < 20; i++)
        guest_handed(&b.core, &b.out, GUEST_DOOR_WATCH, -1);
    assert_int_equal(b.core.watch_again, 64 * SECONDS);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WATCH, 5);
    guest_actor.timer(&b.core, &b.out, 3);
    assert_int_equal(b.doors[GUEST_DOOR_WATCH], 2);
    guest_watch_ended(&b.core, &b.out);
    guest_actor.timer(&b.core, &b.out, 3);
    assert_int_equal(b.doors[GUEST_DOOR_WATCH], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_go_to_registry_and_its_answer_to_the_caller),
        cmocka_unit_test(a_database_that_is_not_there_or_lies_costs_one_call),
        cmocka_unit_test(a_reading_that_hangs_is_given_up_and_its_end_is_not_mistaken),
        cmocka_unit_test(a_vm_at_rest_has_no_words_but_may_count_its_updates),
        cmocka_unit_test(a_count_that_is_no_number_is_refused),
        cmocka_unit_test(what_is_too_much_is_answered_busy),
        cmocka_unit_test(changes_are_told_until_they_are_too_many),
        cmocka_unit_test(a_lost_watch_is_asked_for_again_ever_more_rarely),
        cmocka_unit_test(it_stays_while_its_vm_lives_and_then_retires),
        cmocka_unit_test(one_that_nobody_opens_retires),
        cmocka_unit_test(a_malformed_request_is_answered_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
