/* SPDX-License-Identifier: MIT
 * What every store promises of what is committed, asked of both: the one on disk and the simulated one. */
#include "tests/unit/doors/db_bench.h"

static void what_was_committed_is_there_after_the_next_open_in_its_order(void **state)
{
    struct db *db = opened(*state);
    assert_holds(db, "", 0);
    assert_int_equal(commit(db, "a", set(7, "VM", "", "1 AppVM")), 1);
    assert_int_equal(commit(db, "b", set(7, "FEATURE", "z", "1")), 2);
    assert_int_equal(commit(db, "c", set(7, "FEATURE", "a", "")), 3);
    assert_int_equal(commit(db, "d", set(7, "FEATURE", "z", "2")), 4);
    db_free(db);
    db = opened(*state);
    assert_holds(db, "VM 7 =1 AppVM;FEATURE 7 z=2;FEATURE 7 a=;", 4);
    commit(db, "e", (struct db_item){DB_DROP, 7, span_of("FEATURE"), span_of("z"), {0}});
    commit(db, "f", set(7, "FEATURE", "z", "3"));
    assert_holds(db, "VM 7 =1 AppVM;FEATURE 7 a=;FEATURE 7 z=3;", 6);
    db_free(db);
}

static void a_repeated_operation_changes_nothing_and_hears_what_was_answered(void **state)
{
    AUTO(db)
    *db = opened(*state);
    commit(db, "first", set(1, "TAG", "x", ""));
    commit(db, "second", set(1, "TAG", "y", ""));
    struct db_item other = set(1, "TAG", "z", "");
    struct db_history row = {.op = span_of("first"), .result = span_of("a different answer")};
    struct db_outcome out = {0};
    assert_int_equal(db_commit(db, &other, 1, &row, &out, NULL), 0);
    assert_true(out.repeated);
    assert_int_equal(out.version, 1);
    assert_string_equal(out.result.at, "first");
    text_free(&out.result);
    assert_holds(db, "TAG 1 x=;TAG 1 y=;", 2);
}

static void dropping_all_of_a_qid_leaves_the_others(void **state)
{
    AUTO(db)
    *db = opened(*state);
    commit(db, "a", set(1, "VM", "", "1 AppVM"));
    commit(db, "b", set(2, "VM", "", "1 AppVM"));
    commit(db, "c", set(1, "TAG", "t", ""));
    struct db_item items[] = {{.verb = DB_DROP_ALL_OF, .qid = 1}, set(1, "GENERATION", "", "1")};
    struct db_history row = {.op = span_of("d")};
    struct db_outcome out = {0};
    assert_int_equal(db_commit(db, items, 2, &row, &out, NULL), 0);
    text_free(&out.result);
    assert_holds(db, "VM 2 =1 AppVM;GENERATION 1 =1;", 4);
}

static void several_are_committed_in_their_order_each_with_its_version(void **state)
{
    AUTO(db)
    *db = opened(*state);
    struct db_item items[] = {set(1, "TAG", "x", ""), set(1, "TAG", "y", ""), set(1, "TAG", "z", "")};
    struct db_write writes[3];
    struct db_outcome out[3] = {0};
    commit(db, "a", set(7, "VM", "", "1 AppVM"));
    for (size_t i = 0; i < COUNT(writes); i++)
        writes[i] = (struct db_write){&items[i], 1, {.op = span_of((const char *[]){"b", "c", "d"}[i])}};
    assert_int_equal(db_commit_all(db, writes, 3, out, NULL), 3);
    for (size_t i = 0; i < COUNT(out); i++) {
        assert_int_equal(out[i].version, i + 2);
        assert_false(out[i].repeated);
        text_free(&out[i].result);
    }
    assert_holds(db, "VM 7 =1 AppVM;TAG 1 x=;TAG 1 y=;TAG 1 z=;", 4);
}

static void behind_a_repeated_one_nothing_is_done(void **state)
{
    AUTO(db)
    *db = opened(*state);
    struct db_item items[] = {set(1, "TAG", "x", ""), set(1, "TAG", "y", ""), set(1, "TAG", "z", "")};
    struct db_write writes[3];
    struct db_outcome out[3] = {{0}, {0}, {.version = 77}};
    commit(db, "old", set(7, "VM", "", "1 AppVM"));
    for (unsigned first = 0; first < 2; first++) {
        const char *ops[][3] = {{"b", "old", "d"}, {"e", "e", "f"}};
        for (size_t i = 0; i < COUNT(writes); i++)
            writes[i] = (struct db_write){&items[i], 1, {.op = span_of(ops[first][i])}};
        assert_int_equal(db_commit_all(db, writes, 3, out, NULL), 2);
        assert_true(!out[0].repeated && out[1].repeated);
        assert_int_equal(out[0].version, 2 + first);
        assert_int_equal(out[1].version, first == 0 ? 1 : 3);
        assert_int_equal(out[2].version, 77);
        text_free(&out[0].result);
        text_free(&out[1].result);
    }
    assert_holds(db, "VM 7 =1 AppVM;TAG 1 x=;", 3);
}

static void one_bad_one_among_several_and_nothing_is_done(void **state)
{
    AUTO(db)
    *db = opened(*state);
    struct db_item items[] = {set(1, "TAG", "x", ""), set(1, "", "y", "")};
    struct db_write writes[] = {{&items[0], 1, {.op = span_of("a")}}, {&items[1], 1, {.op = span_of("b")}}};
    struct db_outcome out[2] = {{.version = 77}, {.version = 77}};
    assert_int_equal(db_commit_all(db, writes, 2, out, NULL), -ERR_RANGE);
    assert_int_equal(out[0].version, 77);
    assert_holds(db, "", 0);
}

static void a_malformed_commit_is_refused_and_changes_nothing(void **state)
{
    AUTO(db)
    *db = opened(*state);
    commit(db, "a", set(1, "TAG", "x", ""));
    struct db_item good = set(1, "TAG", "y", ""), no_kind = set(1, "", "y", ""), nul = good;
    nul.value = (struct span){"a\0b", 3};
    char long_op[DB_OP_MAX + 1] = {1};
    const struct {
        struct db_item item;
        struct span op;
    } bad[] = {
        {good, {NULL, 0}}, {good, {long_op, sizeof long_op}}, {no_kind, span_of("b")}, {nul, span_of("b")}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct db_history row = {.op = bad[i].op};
        struct db_outcome out = {.version = 77};
        struct fault why = {0};
        assert_int_equal(db_commit(db, &bad[i].item, 1, &row, &out, &why), -ERR_RANGE);
        assert_int_equal(why.code, ERR_RANGE);
        assert_int_equal(out.version, 77);
    }
    assert_holds(db, "TAG 1 x=;", 1);
}

static int stop_at_once(void *self, const struct db_item *item)
{
    (void)item;
    ++*(int *)self;
    return -ERR_CANCELLED;
}

static void a_walk_ends_when_its_caller_says_so_and_the_store_works_on(void **state)
{
    AUTO(db)
    *db = opened(*state);
    commit(db, "a", set(1, "TAG", "x", ""));
    commit(db, "b", set(1, "TAG", "y", ""));
    int calls = 0;
    uint64_t version = 5;
    assert_int_equal(db_load(db, &version, stop_at_once, &calls, NULL), -ERR_CANCELLED);
    assert_int_equal(calls, 1);
    assert_int_equal(version, 5);
    assert_int_equal(commit(db, "c", set(1, "TAG", "z", "")), 3);
}

static void a_second_opener_is_told_so(void **state)
{
    struct place *at = *state;
    AUTO(db)
    *db = opened(at);
    struct db *second = NULL;
    struct fault why = {0};
    int r = at->disk != NULL ? db_sim_open(at->disk, &second, &why) : db_sqlite_open(at->dir, &second, &why);
    assert_int_equal(r, -ERR_BUSY);
    assert_null(second);
    assert_int_equal(commit(db, "a", set(1, "TAG", "x", "")), 1);
}

static void a_simulated_fault_happens_once_and_before_means_nothing_is_stored(void **state)
{
    struct place *at = *state;
    struct db *db = opened(at);
    static const enum db_sim_fault faults[] = {DB_SIM_FULL, DB_SIM_FAIL_BEFORE, DB_SIM_READ_ONLY};
    struct db_item item = set(1, "TAG", "x", "");
    struct db_history row = {.op = span_of("a")};
    struct db_outcome out = {0};
    for (size_t i = 0; i < COUNT(faults); i++) {
        db_sim_fail(at->disk, 1, faults[i]);
        assert_true(db_commit(db, &item, 1, &row, &out, NULL) < 0);
        assert_holds(db, "", 0);
    }
    db_sim_fail(at->disk, 1, DB_SIM_FAIL_AFTER);
    assert_int_equal(db_commit(db, &item, 1, &row, &out, NULL), -ERR_IO);
    db_sim_kill(&db);
    db = opened(at);
    assert_holds(db, "TAG 1 x=;", 1);
    assert_int_equal(db_commit(db, &item, 1, &row, &out, NULL), 0);
    assert_true(out.repeated);
    text_free(&out.result);
    db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(what_was_committed_is_there_after_the_next_open_in_its_order),
        BOTH(a_repeated_operation_changes_nothing_and_hears_what_was_answered),
        BOTH(dropping_all_of_a_qid_leaves_the_others),
        BOTH(several_are_committed_in_their_order_each_with_its_version),
        BOTH(behind_a_repeated_one_nothing_is_done),
        BOTH(one_bad_one_among_several_and_nothing_is_done),
        BOTH(a_malformed_commit_is_refused_and_changes_nothing),
        BOTH(a_walk_ends_when_its_caller_says_so_and_the_store_works_on),
        BOTH(a_second_opener_is_told_so),
        cmocka_unit_test_setup_teardown(a_simulated_fault_happens_once_and_before_means_nothing_is_stored,
                                        simulated, gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
