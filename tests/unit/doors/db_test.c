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
        BOTH(a_malformed_commit_is_refused_and_changes_nothing),
        BOTH(settings_are_kept_beside_the_history),
        BOTH(a_walk_ends_when_its_caller_says_so_and_the_store_works_on),
        BOTH(a_second_opener_is_told_so),
        cmocka_unit_test_setup_teardown(a_simulated_fault_happens_once_and_before_means_nothing_is_stored,
                                        simulated, gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
