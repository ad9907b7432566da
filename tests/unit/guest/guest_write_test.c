/* SPDX-License-Identifier: MIT
 * What registry says is written into the guest's database: in its order, one writing at a time, and what
 * cannot be written costs that writing alone. */
#include "tests/unit/guest/guest_write_bench.h"

static void hear_nothing(struct bench *b, uint16_t type)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16);
    write_array(&body, 0);
    hear(b, type, &body);
}

static void registry_answers(struct bench *b, const char *path, const char *value)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096), elements = TEXT_WITH_LIMIT(4096);
    struct qdb_entries_reply m = {0};
    entry(&m.entries, &elements, path, value);
    qdb_entries_reply_encode(&body, &m);
    struct envelope e = {.body = text_span(&body)};
    guest_actor.answered(&b->core, &b->out, &(struct answer){.tag = b->tag, .e = &e});
}

static void push(struct bench *b, const char *path, const char *value)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096), elements = TEXT_WITH_LIMIT(4096);
    struct guest_write m = {0};
    entry(&m.entries, &elements, path, value);
    guest_write_encode(&body, &m);
    hear(b, MESSAGE_guest_write, &body);
}

static void a_new_guest_is_filled_with_registrys_words(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_fill);
    assert_int_equal(b.asks, 1);
    assert_int_equal(b.asked.what, 0);
    assert_int_equal(b.doors, 0);
    registry_answers(&b, "/name", "work");
    assert_int_equal(b.doors, 1);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
    assert_int_equal(b.task->fd, 77);
    assert_int_equal(b.task->count, 1);
    assert_int_equal(b.replies, 0);
    ends(&b, 0);
    assert_int_equal(b.replies, 1);
    end(&b);
}

static void of_a_client_only_registry_says_whether_it_is_one(void **state)
{
    struct bench b;
    struct answer no = {.r = -ERR_REFUSED};
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_serve);
    assert_int_equal(b.asked.what, 2);
    assert_int_equal(b.asked.client, CLIENT);
    no.tag = b.tag;
    fault_set(&no.why, ERR_REFUSED, "no client");
    guest_actor.answered(&b.core, &b.out, &no);
    assert_int_equal(b.error, ERR_REFUSED);
    assert_int_equal(b.doors, 0);
    end(&b);
}

static void writings_keep_their_order_and_a_failure_costs_one(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_fill);
    push(&b, "/a", "1");
    push(&b, "/b", NULL);
    assert_int_equal(b.doors, 0);
    registry_answers(&b, "/name", "work");
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, -1); /* nobody serves */
    assert_int_equal(b.error, ERR_CLOSED);
    assert_int_equal(b.doors, 2);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
    ends(&b, -ERR_TIMEOUT);
    assert_int_equal(b.doors, 3);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 78);
    struct wire_list list = {.count = b.task->count, .elements = text_span(&b.task->elements)};
    struct reader in = list_reader(&list);
    struct qdb_entry last;
    assert_int_equal(qdb_entry_next(&in, &last), 1);
    assert_string_equal(last.path, "/b");
    assert_int_equal(last.gone, 1);
    ends(&b, 0);
    assert_int_equal(b.core.writes, 0);
    assert_int_equal(b.errors, 1);
    end(&b);
}

static void what_is_too_much_is_written_anew_as_a_whole(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    for (int i = 0; i < GUEST_PUSHES + 3; i++)
        push(&b, "/a", "1");
    assert_int_equal(b.core.writes, GUEST_PUSHES);
    for (int i = 0; i < GUEST_PUSHES; i++) {
        guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
        ends(&b, 0);
    }
    assert_int_equal(b.asks, 1);
    assert_int_equal(b.asked.what, 1);
    end(&b);
}

static void without_a_database_nothing_is_written_and_nothing_is_missing(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, true);
    hear_nothing(&b, MESSAGE_guest_fill);
    hear_nothing(&b, MESSAGE_guest_serve);
    push(&b, "/a", "1");
    assert_int_equal(b.replies, 2);
    assert_int_equal(b.asks + b.doors, 0);
    assert_string_equal(b.note, "4 work bare");
    end(&b);
    begin(&b, "4 work bare");
    assert_true(b.core.bare);
    assert_int_equal(b.asks, 0);
    end(&b);
}

static void one_that_comes_after_a_crash_writes_what_was_pushed_meanwhile(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "4 work");
    assert_true(b.core.open && !b.core.bare);
    assert_int_equal(b.asks, 1);
    assert_int_equal(b.asked.what, 1);
    guest_actor.answered(&b.core, &b.out, &(struct answer){.tag = b.tag, .r = -ERR_BUSY});
    assert_int_equal(b.core.writes, 0); /* registry has not read its store yet: once more, a while later */
    guest_actor.timer(&b.core, &b.out, b.again);
    assert_int_equal(b.asks, 2);
    end(&b);
}

static void the_end_of_the_vm_ends_its_writings(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_fill);
    registry_answers(&b, "/name", "work");
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
    hear_nothing(&b, MESSAGE_guest_close);
    assert_int_equal(b.error, ERR_VM_NOT_RUNNING);
    struct guest_task *old = TAKE(b.task);
    open_guest(&b, false); /* another life, before the worker is back */
    hear_nothing(&b, MESSAGE_guest_fill);
    registry_answers(&b, "/name", "work");
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 78);
    guest_actor.done(&b.core, &b.out, &(struct done){.task = &old->task, .what = old->task.what});
    free(old);
    assert_int_equal(b.replies, 0); /* that was not this one's end */
    ends(&b, 0);
    assert_int_equal(b.replies, 1);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_guest_is_filled_with_registrys_words),
        cmocka_unit_test(of_a_client_only_registry_says_whether_it_is_one),
        cmocka_unit_test(writings_keep_their_order_and_a_failure_costs_one),
        cmocka_unit_test(what_is_too_much_is_written_anew_as_a_whole),
        cmocka_unit_test(without_a_database_nothing_is_written_and_nothing_is_missing),
        cmocka_unit_test(one_that_comes_after_a_crash_writes_what_was_pushed_meanwhile),
        cmocka_unit_test(the_end_of_the_vm_ends_its_writings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
