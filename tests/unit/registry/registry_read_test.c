/* SPDX-License-Identifier: MIT
 * What registry answers of its model and of its history. */
#include "tests/unit/registry/registry_bench.h"

static void ask_snapshot(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    snapshot_encode(&body, NO_MESSAGE(snapshot));
    bench_hear(
        b,
        (struct envelope){
            .type = MESSAGE_snapshot, .class = CLASS_REQUEST, .source_kind = KIND_API, .correlation = 5},
        &body);
}

static void who_asks_before_the_store_is_read_is_answered_when_it_is(void **state)
{
    struct bench b;
    struct snapshot_reply m;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t version = b.core->version;
    bench_forget(&b);
    bench_kill(&b);
    bench_begin(&b);
    ask_snapshot(&b);
    assert_int_equal(b.count, 0);
    bench_greet(&b, version);
    assert_int_equal(b.said[0].e.correlation, 5);
    assert_int_equal(snapshot_reply_decode(&m, b.said[0].e.body), 0);
    assert_int_equal(m.version, version);
    bench_down(&b);
}

static void a_snapshot_is_the_model(void **state)
{
    struct bench b;
    struct snapshot_reply m;
    struct change_item item;
    AUTO_TEXT shown = TEXT_WITH_LIMIT(1 << 20);
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    ask_snapshot(&b);
    assert_int_equal(snapshot_reply_decode(&m, b.said[0].e.body), 0);
    assert_int_equal(m.version, b.core->version);
    struct reader in = list_reader(&m.changes);
    while (change_item_next(&in, &item) == 1)
        (void)bench_add_line(&shown, &(struct change){(enum change_kind)item.kind, item.qid, item.key,
                                                      item.value, (int)item.gone});
    AUTO_TEXT model = bench_model(&b);
    assert_string_equal(shown.at, model.at);
    bench_down(&b);
}

static struct logbook_reply ask_logbook(struct bench *b, const struct logbook *m)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct logbook_reply reply;
    logbook_encode(&body, m);
    bench_forget(b);
    bench_hear(
        b,
        (struct envelope){
            .type = MESSAGE_logbook, .class = CLASS_REQUEST, .source_kind = KIND_API, .correlation = 6},
        &body);
    assert_int_equal(bench_answer(b, 6), 0);
    assert_int_equal(logbook_reply_decode(&reply, b->said[0].e.body), 0);
    return reply;
}

static void the_history_says_who_changed_what(void **state)
{
    struct bench b;
    struct logbook_row row;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_create(&b, "other");
    bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    struct logbook_reply m = ask_logbook(&b, &(struct logbook){.most = 1000});
    assert_int_equal(m.rows.count, 6); /* what a VM leaves behind if it is not made, and the VM */
    struct reader in = list_reader(&m.rows);
    assert_int_equal(logbook_row_next(&in, &row), 1);
    assert_int_equal(row.version, b.core->version);
    assert_int_equal(row.op_high, 7);
    assert_int_equal(row.op_low, b.last_operation);
    assert_int_equal(row.target, 1);
    assert_string_equal(row.method, "admin.test");
    assert_true(span_is(row.before, "1 PROPERTY label=red") && span_is(row.after, "1 PROPERTY label=blue"));
    m = ask_logbook(&b, &(struct logbook){.most = 1000, .only = 1, .qid = 1});
    assert_int_equal(m.rows.count, 2);
    m = ask_logbook(&b, &(struct logbook){.most = 1});
    assert_int_equal(m.rows.count, 1);
    m = ask_logbook(&b, &(struct logbook){.most = 9, .since = INT64_MAX});
    assert_int_equal(m.rows.count, 0);
    bench_down(&b);
}

static void a_line_of_the_history_is_one_item_whatever_its_value_holds(void **state)
{
    struct bench b;
    struct logbook_row row;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work"); /* commits what it would leave behind first, which is nobody's business */
    bench_forget(&b);
    bench_operate(&b, OPERATION_notes_set, 1, "", "a\nb\\c");
    struct logbook_reply m = ask_logbook(&b, &(struct logbook){.most = 1});
    struct reader in = list_reader(&m.rows);
    assert_int_equal(logbook_row_next(&in, &row), 1);
    assert_true(span_is(row.after, "1 NOTES 0=a\\nb\\\\c"));
    m = ask_logbook(&b, &(struct logbook){.most = 3});
    in = list_reader(&m.rows);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(logbook_row_next(&in, &row), 1);
        assert_null(row.before.len > 0 ? memmem(row.before.at, row.before.len, "LEFTOVER", 8) : NULL);
        assert_null(row.after.len > 0 ? memmem(row.after.at, row.after.len, "LEFTOVER", 8) : NULL);
    }
    bench_down(&b);
}

static void a_long_history_is_read_in_steps_between_which_changes_have_their_turn(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    for (unsigned i = 0; i < 4200; i++) {
        bench_operate(&b, OPERATION_tag_set, 0, "a", "");
        bench_forget(&b);
    }
    b.hold_tasks = true;
    logbook_encode(&body, &(struct logbook){.most = 1000, .only = 1, .qid = 1});
    bench_hear(
        &b,
        (struct envelope){
            .type = MESSAGE_logbook, .class = CLASS_REQUEST, .source_kind = KIND_API, .correlation = 6},
        &body);
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    bench_do_one(&b);
    assert_int_equal(bench_answer(&b, 6), 1);
    bench_do_one(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    bench_do_one(&b);
    assert_int_equal(bench_answer(&b, 6), 0);
    struct logbook_reply m;
    assert_int_equal(logbook_reply_decode(&m, b.said[bench_find(&b, MESSAGE_logbook, 0)].e.body), 0);
    assert_int_equal(m.rows.count, 1);
    b.hold_tasks = false;
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_the_model),
        cmocka_unit_test(who_asks_before_the_store_is_read_is_answered_when_it_is),
        cmocka_unit_test(the_history_says_who_changed_what),
        cmocka_unit_test(a_line_of_the_history_is_one_item_whatever_its_value_holds),
        cmocka_unit_test(a_long_history_is_read_in_steps_between_which_changes_have_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
