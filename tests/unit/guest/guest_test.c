/* SPDX-License-Identifier: MIT
 * A guest's process is there while its VM lives, and no longer. */
#include "actors/guest/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

struct bench {
    struct guest core;
    struct out out;
    unsigned replies, errors;
    char note[64];
    bool ready, retired;
    uint64_t timer;
    char title[32];
};

static int take_said(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    b->replies += e->type != MESSAGE_error;
    b->errors += e->type == MESSAGE_error;
    return 0;
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
    (void)timer;
    ((struct bench *)shell)->timer = at;
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
                                       .note = take_note,
                                       .ready = take_ready,
                                       .retire = take_retire,
                                       .timer = take_timer,
                                       .title = take_title};

static void setup(struct bench *b)
{
    struct life life = {.self = {KIND_GUEST, 7}};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_while_its_vm_lives_and_then_retires),
        cmocka_unit_test(one_that_nobody_opens_retires),
        cmocka_unit_test(a_malformed_request_is_answered_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
