/* SPDX-License-Identifier: MIT
 * What every store promises of its history: it is found by operation and by version, listed, and shortened.
 */
#include "tests/unit/doors/db_bench.h"

static int print_row(void *self, const struct db_history *row)
{
    text_format(self, "%u:%.*s->%.*s;", (unsigned)row->version, (int)row->op.len, row->op.at,
                (int)row->result.len, row->result.at);
    return 0;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(history_is_found_by_operation_and_by_version),
        BOTH(rows_are_listed_from_the_newest_by_time_and_by_whom_they_concern),
        BOTH(the_history_is_shortened_from_its_old_end_by_age_and_number),
        BOTH(settings_are_kept_beside_the_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
