/* SPDX-License-Identifier: MIT
 * What every store promises, asked of both: the one on disk and the simulated one. */
#include "doors/db.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "doors/db_sim.h"

/* A place that outlives its user, of either kind. */
struct place {
    struct db_disk *disk; /* NULL: the one on disk */
    char dir[64];
};

static struct db *opened(struct place *at)
{
    struct fault why = {0};
    struct db *db = NULL;
    int r = at->disk != NULL ? db_sim_open(at->disk, &db, &why) : db_sqlite_open(at->dir, &db, &why);
    if (r < 0)
        fail_msg("%s", why.text);
    return db;
}

static int on_disk(void **state)
{
    struct place *at = calloc(1, sizeof *at);
    strcpy(at->dir, "/tmp/db_test.XXXXXX");
    assert_non_null(mkdtemp(at->dir));
    *state = at;
    return 0;
}

static int simulated(void **state)
{
    struct place *at = calloc(1, sizeof *at);
    at->disk = db_disk_new();
    *state = at;
    return 0;
}

static int gone(void **state)
{
    struct place *at = *state;
    static const char *const files[] = {"store.lock", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"};
    for (size_t i = 0; i < COUNT(files) && at->disk == NULL; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", at->dir, files[i]);
        unlink(path);
    }
    if (at->disk == NULL)
        rmdir(at->dir);
    db_disk_free(at->disk);
    free(at);
    return 0;
}

static struct db_item set(uint32_t qid, const char *kind, const char *key, const char *value)
{
    return (struct db_item){DB_SET, qid, span_of(kind), span_of(key), span_of(value)};
}

/* Commits one item under an operation of this name, which is also its recorded result. */
static uint64_t commit(struct db *db, const char *op, struct db_item item)
{
    struct db_history row = {.op = span_of(op), .method = span_of("test"), .result = span_of(op)};
    struct db_outcome out = {0};
    struct fault why = {0};
    if (db_commit(db, &item, 1, &row, &out, &why) < 0)
        fail_msg("%s", why.text);
    text_free(&out.result);
    return out.version;
}

static int print_item(void *self, const struct db_item *item)
{
    text_format(self, "%.*s %u %.*s=%.*s;", (int)item->kind.len, item->kind.at, item->qid, (int)item->key.len,
                item->key.at, (int)item->value.len, item->value.at);
    return 0;
}

static int print_row(void *self, const struct db_history *row)
{
    text_format(self, "%u:%.*s->%.*s;", (unsigned)row->version, (int)row->op.len, row->op.at,
                (int)row->result.len, row->result.at);
    return 0;
}

static void assert_holds(struct db *db, const char *expected, uint64_t expected_version)
{
    AUTO_TEXT seen = TEXT_WITH_LIMIT(4096);
    uint64_t version = 99;
    text_add(&seen, "");
    assert_int_equal(db_load(db, &version, print_item, &seen, NULL), 0);
    assert_string_equal(seen.at, expected);
    assert_int_equal(version, expected_version);
}

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

static void history_is_found_by_operation_and_by_version(void **state)
{
    AUTO(db)
    *db = opened(*state);
    commit(db, "a", set(1, "TAG", "x", ""));
    commit(db, "b", set(1, "TAG", "y", ""));
    commit(db, "c", set(1, "TAG", "z", ""));
    AUTO_TEXT seen = TEXT_WITH_LIMIT(4096);
    assert_int_equal(db_since(db, 1, print_row, &seen, NULL), 0);
    assert_string_equal(seen.at, "2:b->b;3:c->c;");
    text_clear(&seen);
    assert_int_equal(db_find(db, span_of("b"), print_row, &seen, NULL), 0);
    assert_string_equal(seen.at, "2:b->b;");
    struct fault why = {0};
    assert_int_equal(db_find(db, span_of("nobody"), print_row, &seen, &why), -ERR_UNKNOWN);
    assert_string_equal(seen.at, "2:b->b;");
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

/* Row n is of second n, asked of VM n modulo 3, and says in `after` that it changed VM n modulo 5. */
static void ten_rows(struct db *db)
{
    for (unsigned n = 1; n <= 10; n++) {
        char op[8], subject[8], after[32];
        struct db_item item = set(1, "TAG", "x", "");
        struct db_outcome out = {0};
        snprintf(op, sizeof op, "op%u", n);
        snprintf(subject, sizeof subject, "%u", n % 3);
        snprintf(after, sizeof after, "9 TAG a=\n%u TAG b=", n % 5);
        struct db_history row = {.op = span_of(op),
                                 .time_ms = (uint64_t)n * 1000,
                                 .subject = span_of(subject),
                                 .after = span_of(after),
                                 .result = span_of("r")};
        assert_int_equal(db_commit(db, &item, 1, &row, &out, NULL), 0);
        text_free(&out.result);
    }
}

static void rows_are_listed_from_the_newest_by_time_and_by_whom_they_concern(void **state)
{
    static const struct {
        struct db_wanted wanted;
        const char *rows;
    } row[] = {
        {{.below = 100, .most = 2}, "10:op10->r;9:op9->r;"},
        {{.below = 5, .most = 2}, "4:op4->r;3:op3->r;"},
        {{.from = 4, .below = 6, .most = 100}, "5:op5->r;4:op4->r;"},
        {{.below = 100, .since_ms = 8500, .most = 100}, "10:op10->r;9:op9->r;"},
        {{.below = 100, .about = {"2", 1}, .most = 100}, "8:op8->r;7:op7->r;5:op5->r;2:op2->r;"},
        {{.below = 100, .about = {"9", 1}, .most = 1}, "10:op10->r;"},
        {{.below = 100, .about = {"TAG", 3}, .most = 100}, ""},
    };
    AUTO(db)
    *db = opened(*state);
    ten_rows(db);
    for (size_t i = 0; i < COUNT(row); i++) {
        AUTO_TEXT seen = TEXT_WITH_LIMIT(4096);
        text_add(&seen, "");
        assert_int_equal(db_list(db, &row[i].wanted, print_row, &seen, NULL), 0);
        assert_string_equal(seen.at, row[i].rows);
    }
}

static void the_history_is_shortened_from_its_old_end_by_age_and_number(void **state)
{
    AUTO(db)
    *db = opened(*state);
    AUTO_TEXT seen = TEXT_WITH_LIMIT(4096);
    ten_rows(db);
    struct db_keep keep = {.rows_least = 2, .rows_most = 100, .since_ms = 3500, .step = 2};
    assert_int_equal(db_trim(db, &keep, NULL), 2);
    assert_int_equal(db_trim(db, &keep, NULL), 1);
    assert_int_equal(db_trim(db, &keep, NULL), 0);
    keep = (struct db_keep){.rows_least = 2, .rows_most = 5, .step = 100};
    assert_int_equal(db_trim(db, &keep, NULL), 2);
    keep = (struct db_keep){.rows_least = 2, .rows_most = 1, .since_ms = 99999, .step = 100};
    assert_int_equal(db_trim(db, &keep, NULL), 3);
    assert_int_equal(db_since(db, 0, print_row, &seen, NULL), 0);
    assert_string_equal(seen.at, "9:op9->r;10:op10->r;");
    keep.rows_least = 0;
    assert_int_equal(db_trim(db, &keep, NULL), 1);
    assert_holds(db, "TAG 1 x=;", 10);
    assert_int_equal(commit(db, "next", set(1, "TAG", "y", "")), 11);
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

static void settings_are_kept_beside_the_history(void **state)
{
    struct db *db = opened(*state);
    AUTO_TEXT value = TEXT_WITH_LIMIT(64);
    assert_int_equal(db_meta_get(db, span_of("export"), &value, NULL), -ERR_UNKNOWN);
    assert_int_equal(db_meta_set(db, span_of("export"), span_of("one"), NULL), 0);
    assert_int_equal(db_meta_set(db, span_of("export"), span_of("two"), NULL), 0);
    db_free(db);
    db = opened(*state);
    assert_int_equal(db_meta_get(db, span_of("export"), &value, NULL), 0);
    assert_string_equal(value.at, "two");
    assert_holds(db, "", 0);
    db_free(db);
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

#define BOTH(test)                                                                                           \
    {#test " (on disk)", test, on_disk, gone, NULL},                                                         \
    {                                                                                                        \
#test " (simulated)", test, simulated, gone, NULL                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(what_was_committed_is_there_after_the_next_open_in_its_order),
        BOTH(a_repeated_operation_changes_nothing_and_hears_what_was_answered),
        BOTH(dropping_all_of_a_qid_leaves_the_others),
        BOTH(history_is_found_by_operation_and_by_version),
        BOTH(several_are_committed_in_their_order_each_with_its_version),
        BOTH(behind_a_repeated_one_nothing_is_done),
        BOTH(one_bad_one_among_several_and_nothing_is_done),
        BOTH(rows_are_listed_from_the_newest_by_time_and_by_whom_they_concern),
        BOTH(the_history_is_shortened_from_its_old_end_by_age_and_number),
        BOTH(a_malformed_commit_is_refused_and_changes_nothing),
        BOTH(settings_are_kept_beside_the_history),
        BOTH(a_walk_ends_when_its_caller_says_so_and_the_store_works_on),
        BOTH(a_second_opener_is_told_so),
        cmocka_unit_test_setup_teardown(a_simulated_fault_happens_once_and_before_means_nothing_is_stored,
                                        simulated, gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
