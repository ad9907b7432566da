/* SPDX-License-Identifier: MIT
 * A guest's process is there while its VM lives, and no longer. */
#include "actors/guest/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "actors/guest/guest_inside.h"
#include "base/own.h"

struct bench {
    struct guest core;
    struct out out;
    unsigned replies, errors;
    char note[64];
    bool ready, retired;
    uint64_t timer; /* of retiring */
    char title[32];
    unsigned doors[3];
    struct guest_task *task;
    struct {
        uint16_t type;
        uint64_t tag;
        struct context about;
        char body[4096];
        size_t len;
    } asked;
    unsigned asks, changes;
    int error;
    uint64_t look_again;
    unsigned told, told_changed; /* what is exposed */
};

static int take_said(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct error m;
    if (e->type == MESSAGE_guest_changed) {
        b->changes++;
        return 0;
    }
    if (e->type == MESSAGE_bus_exposed) {
        struct bus_exposed exposed;
        assert_int_equal(bus_exposed_decode(&exposed, e->body), 0);
        b->told++;
        b->told_changed += exposed.changed;
        return 0;
    }
    b->replies += e->type != MESSAGE_error;
    b->errors += e->type == MESSAGE_error;
    if (e->type == MESSAGE_error && error_decode(&m, e->body) == 0)
        b->error = (int)m.code;
    return 0;
}

static int take_asked(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    b->asks++;
    b->asked.type = e->type;
    b->asked.tag = tag;
    b->asked.about = context_of(e);
    b->asked.len = e->body.len;
    assert_true(e->body.len <= sizeof b->asked.body);
    memcpy(b->asked.body, e->body.at, e->body.len);
    return 0;
}

static void take_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    assert_null(b->task);
    b->task = (struct guest_task *)task;
}

static void take_door(void *shell, uint32_t what)
{
    ((struct bench *)shell)->doors[what]++;
}

static void take_ready(void *shell)
{
    ((struct bench *)shell)->ready = true;
}

static void take_retire(void *shell)
{
    ((struct bench *)shell)->retired = true;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == 1)
        ((struct bench *)shell)->timer = at;
    if (timer == TIMER_LOOK_AGAIN)
        ((struct bench *)shell)->look_again = at;
}

static void take_title(void *shell, const char *title)
{
    (void)text_copy(((struct bench *)shell)->title, 32, span_of(title));
}

static void take_note(void *shell, struct span note)
{
    (void)text_copy(((struct bench *)shell)->note, 64, note);
}

static const struct out_ops out_ops = {.send = take_said,
                                       .ask = take_asked,
                                       .task = take_task,
                                       .door = take_door,
                                       .note = take_note,
                                       .ready = take_ready,
                                       .retire = take_retire,
                                       .timer = take_timer,
                                       .title = take_title};

static void setup(struct bench *b)
{
    struct life life = {.self = {KIND_GUEST, 7}, .generation = 3};
    memset(b, 0, sizeof *b);
    b->out = (struct out){&out_ops, b, 5 * SECONDS};
    assert_int_equal(guest_actor.begin(&b->core, &b->out, &life), 0);
    assert_true(b->ready);
}

static void hear(struct bench *b, uint16_t type, struct span body)
{
    struct envelope e = {.type = type, .class = CLASS_REQUEST, .correlation = 1, .body = body};
    guest_actor.hear(&b->core, &b->out, &e);
}

static void open_guest(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    struct guest_open m = {.name = "work", .domid = 4};
    guest_open_encode(&body, &m);
    hear(b, MESSAGE_guest_open, text_span(&body));
}

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

/* The worker's end: these words, or a failure. */
static void read_ends(struct bench *b, int r, const char *key, const char *value)
{
    struct guest_task *t = b->task;
    struct guest_word word;
    assert_non_null(t);
    b->task = NULL;
    t->task.r = r;
    if (r < 0)
        fault_set(&t->task.why, (enum err) - r, "for the test");
    if (key != NULL) {
        assert_int_equal(text_copy(word.key, sizeof word.key, span_of(key)), 0);
        assert_int_equal(text_copy(word.value, sizeof word.value, span_of(value)), 0);
        guest_word_add(&t->words, &t->elements, &word);
    }
    guest_actor.done(&b->core, &b->out, &(struct done){.task = &t->task});
    free(t);
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

/* Nobody waits for it, so that nobody asks again: the bus would believe for good what was there before. */
static void a_look_that_fails_is_made_again_until_it_is_told(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    open_guest(&b);
    guest_expose_look(&b.core, &b.out, GUEST_block, true);
    uint64_t paused = 0;
    for (int i = 0; i < 3; i++) {
        guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
        if (i == 1) { /* it hangs */
            struct guest_task *hangs = b.task;
            guest_actor.done(&b.core, &b.out, &(struct done){.overdue = true});
            guest_actor.done(&b.core, &b.out, &(struct done){.task = &hangs->task, .cleared = true});
            free(hangs);
            b.task = NULL;
        } else {
            read_ends(&b, -ERR_CLOSED, NULL, NULL);
        }
        assert_int_equal(b.errors, 0);
        assert_int_equal(b.core.calls, 0);
        assert_true(b.look_again > b.out.now + paused);
        paused = b.look_again - b.out.now;
        b.out.now = b.look_again;
        guest_actor.timer(&b.core, &b.out, TIMER_LOOK_AGAIN);
        assert_int_equal(b.look_again, 0);
        assert_int_equal(b.core.calls, 1);
    }
    b.core.exposed[GUEST_block].exposes = true;
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    read_ends(&b, 0, NULL, NULL);
    assert_int_equal(b.told, 1);
    assert_int_equal(b.told_changed, 1);
    assert_int_equal(b.look_again, 0);
}

/* The bus keeps an answer, too: as what is exposed until it hears otherwise. */
static void the_end_of_what_a_bus_was_only_answered_is_told(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct device_item item = {.port = "sda"};
    (void)state;
    setup(&b);
    open_guest(&b);
    guest_devices_encode(&body, &(struct guest_devices){.device_class = "block"});
    hear(&b, MESSAGE_guest_devices, text_span(&body));
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    device_item_add(&b.task->words, &b.task->elements, &item);
    read_ends(&b, 0, NULL, NULL);
    assert_int_equal(b.told, 0);
    guest_expose_over(&b.core, &b.out);
    assert_int_equal(b.told, 1);
}

static void a_supervisor_that_is_silent_hides_no_device(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    (void)state;
    setup(&b);
    open_guest(&b);
    b.core.exposed[GUEST_block].exposes = true;
    b.replies = 0;
    guest_expose_look(&b.core, &b.out, GUEST_block, true);
    guest_devices_encode(&body, &(struct guest_devices){.device_class = "block"});
    hear(&b, MESSAGE_guest_devices, text_span(&body));
    guest_actor.timer(&b.core, &b.out, TIMER_DOOR);
    guest_actor.timer(&b.core, &b.out, TIMER_DOOR);
    assert_int_equal(b.told, 0);
    assert_int_equal(b.replies, 0); /* whoever asks hears no empty list */
    assert_int_equal(b.error, ERR_TIMEOUT);
    assert_true(b.look_again > b.out.now);
    b.out.now = b.look_again;
    guest_actor.timer(&b.core, &b.out, TIMER_LOOK_AGAIN);
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    read_ends(&b, 0, NULL, NULL);
    assert_int_equal(b.told, 1);
    assert_int_equal(b.told_changed, 1);
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
        cmocka_unit_test(a_look_that_fails_is_made_again_until_it_is_told),
        cmocka_unit_test(the_end_of_what_a_bus_was_only_answered_is_told),
        cmocka_unit_test(a_supervisor_that_is_silent_hides_no_device),
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
