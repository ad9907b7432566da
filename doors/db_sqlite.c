/* SPDX-License-Identifier: MIT
 * The calls of the SQLite store. In the registry's process, on its worker thread. */
#include "doors/db_sqlite_open.h"

#include <string.h>

static sqlite3_stmt *use(struct db_sqlite *db, enum db_statement which)
{
    return db->statement[which];
}

static void bind_text(sqlite3_stmt *s, int place, struct span text)
{
    sqlite3_bind_text(s, place, text.at != NULL ? text.at : "", (int)text.len, SQLITE_STATIC);
}

static void bind_bytes(sqlite3_stmt *s, int place, struct span bytes)
{
    sqlite3_bind_blob(s, place, bytes.at != NULL ? bytes.at : "", (int)bytes.len, SQLITE_STATIC);
}

static struct span column(sqlite3_stmt *s, int place)
{
    const char *at = sqlite3_column_blob(s, place);
    return (struct span){at != NULL ? at : "", (size_t)sqlite3_column_bytes(s, place)};
}

/* Resets a statement whose spans must not outlive the call that bound them. */
static void done(sqlite3_stmt *s)
{
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

/* Runs a statement that gives no row. SQLITE_OK or the error. */
static int run(struct db_sqlite *db, enum db_statement which)
{
    sqlite3_stmt *s = use(db, which);
    int code = sqlite3_step(s);
    done(s);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int read_version(struct db_sqlite *db, uint64_t *version, struct fault *why)
{
    sqlite3_stmt *s = use(db, SQL_VERSION);
    int code = sqlite3_step(s);
    int r = code == SQLITE_ROW ? 0 : db_sqlite_fault(db, code, "read its version", why);
    if (r >= 0)
        *version = (uint64_t)sqlite3_column_int64(s, 0);
    done(s);
    return r;
}

static struct db_item item_of(sqlite3_stmt *s)
{
    return (struct db_item){.verb = DB_SET,
                            .kind = column(s, 0),
                            .qid = (uint32_t)sqlite3_column_int64(s, 1),
                            .key = column(s, 2),
                            .value = column(s, 3)};
}

static int sqlite_load(struct db *base, uint64_t *version, db_each_item *each, void *self, struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    uint64_t found = 0;
    int r = read_version(db, &found, why);
    if (r < 0)
        return r;
    sqlite3_stmt *s = use(db, SQL_ITEMS);
    int code;
    while (r >= 0 && (code = sqlite3_step(s)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            r = db_sqlite_fault(db, code, "load the items", why);
            break;
        }
        struct db_item item = item_of(s);
        r = each(self, &item);
    }
    done(s);
    if (r >= 0)
        *version = found;
    return r < 0 ? r : 0;
}

static int apply_set(struct db_sqlite *db, const struct db_item *item)
{
    sqlite3_stmt *s = use(db, SQL_SET);
    bind_text(s, 1, item->kind);
    sqlite3_bind_int64(s, 2, item->qid);
    bind_text(s, 3, item->key);
    bind_text(s, 4, item->value);
    sqlite3_bind_int64(s, 5, ++db->last_ord);
    return run(db, SQL_SET);
}

static int apply_drop(struct db_sqlite *db, const struct db_item *item)
{
    sqlite3_stmt *s = use(db, SQL_DROP);
    bind_text(s, 1, item->kind);
    sqlite3_bind_int64(s, 2, item->qid);
    bind_text(s, 3, item->key);
    return run(db, SQL_DROP);
}

static int apply_drop_all(struct db_sqlite *db, const struct db_item *item)
{
    sqlite3_bind_int64(use(db, SQL_DROP_ALL), 1, item->qid);
    return run(db, SQL_DROP_ALL);
}

static int apply(struct db_sqlite *db, const struct db_item *items, size_t count)
{
    static int (*const verbs[])(struct db_sqlite *, const struct db_item *) = {
        [DB_SET] = apply_set,
        [DB_DROP] = apply_drop,
        [DB_DROP_ALL_OF] = apply_drop_all,
    };
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < count; i++)
        code = verbs[items[i].verb](db, &items[i]);
    return code;
}

static int add_history(struct db_sqlite *db, const struct db_history *row, uint64_t *version)
{
    sqlite3_stmt *s = use(db, SQL_HISTORY);
    bind_bytes(s, 1, row->op);
    sqlite3_bind_int64(s, 2, (int64_t)row->time_ms);
    const struct span texts[] = {row->caller, row->method, row->subject, row->before, row->after};
    for (size_t i = 0; i < COUNT(texts); i++)
        bind_text(s, 3 + (int)i, texts[i]);
    bind_bytes(s, 8, row->events);
    bind_bytes(s, 9, row->result);
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        *version = (uint64_t)sqlite3_column_int64(s, 0);
        code = sqlite3_step(s);
    }
    done(s);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Is the op in the history? 1 with *ret filled, 0, or -ERR_. */
static int recorded(struct db_sqlite *db, struct span op, struct db_outcome *ret, struct fault *why)
{
    sqlite3_stmt *s = use(db, SQL_RECORDED);
    bind_bytes(s, 1, op);
    int code = sqlite3_step(s);
    int r = code == SQLITE_ROW ? 1 : 0;
    if (code == SQLITE_ROW) {
        struct db_outcome out = {.version = (uint64_t)sqlite3_column_int64(s, 0),
                                 .repeated = true,
                                 .result = TEXT_WITH_LIMIT(SIZE_MAX / 4)};
        text_append(&out.result, column(s, 1));
        if (out.result.failed < 0)
            r = fault_set(why, ERR_NOMEM, "store: out of memory");
        else
            *ret = out;
    } else if (code != SQLITE_DONE) {
        r = db_sqlite_fault(db, code, "look the operation up", why);
    }
    done(s);
    return r;
}

/* A commit that failed while it was made durable may have left its frames in the log. While we live SQLite
 * writes over them; if we were killed first, the next open would find and believe them, although the caller
 * was told that nothing happened. Emptying the log removes them; until that works, no new commit begins. */
static int drop_stale_tail(struct db_sqlite *db, struct fault *why)
{
    if (!db->stale_tail)
        return 0;
    int code = sqlite3_wal_checkpoint_v2(db->file, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (code != SQLITE_OK)
        return db_sqlite_fault(db, code, "clean up after a failed commit", why);
    db->stale_tail = false;
    return 0;
}

static int begin(struct db_sqlite *db, struct fault *why)
{
    int r = drop_stale_tail(db, why);
    if (r < 0)
        return r;
    int code = run(db, SQL_BEGIN);
    return code == SQLITE_OK ? 0 : db_sqlite_fault(db, code, "begin a commit", why);
}

/* Undoes the transaction for the error r. */
static int undo(struct db_sqlite *db, int r)
{
    if (!sqlite3_get_autocommit(db->file))
        run(db, SQL_ROLLBACK);
    db->stale_tail = true;
    drop_stale_tail(db, NULL);
    return r;
}

/* Ends the transaction: kept when `code` is fine and the disk took it, else undone. */
static int finish(struct db_sqlite *db, int code, const char *doing, struct fault *why)
{
    if (code == SQLITE_OK)
        code = run(db, SQL_COMMIT);
    return code == SQLITE_OK ? 0 : undo(db, db_sqlite_fault(db, code, doing, why));
}

/* 0: written in the running transaction; 1: it was there already; or -ERR_. */
static int write_one(struct db_sqlite *db, const struct db_write *w, struct db_outcome *ret,
                     struct fault *why)
{
    int r = recorded(db, w->row.op, ret, why);
    if (r != 0)
        return r;
    *ret = (struct db_outcome){.result = TEXT_WITH_LIMIT(SIZE_MAX / 4)};
    text_append(&ret->result, w->row.result);
    if (ret->result.failed < 0)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    int code = apply(db, w->items, w->count);
    if (code == SQLITE_OK)
        code = add_history(db, &w->row, &ret->version);
    return code == SQLITE_OK ? 0 : db_sqlite_fault(db, code, "commit", why);
}

/* How many were written in the running transaction, the last of them perhaps repeated; or -ERR_. */
static int write_all(struct db_sqlite *db, const struct db_write *writes, size_t count,
                     struct db_outcome *outcomes, struct fault *why)
{
    int r = 0, done = 0;
    while (r == 0 && (size_t)done < count) {
        r = write_one(db, &writes[done], &outcomes[done], why);
        done++;
    }
    return r < 0 ? r : done;
}

static int commit_outcomes(struct db_sqlite *db, const struct db_write *writes, size_t count,
                           struct db_outcome *outcomes, struct fault *why)
{
    int64_t last_ord = db->last_ord;
    int done = begin(db, why);
    if (done < 0)
        return done;
    done = write_all(db, writes, count, outcomes, why);
    int r = done < 0 ? undo(db, done) : finish(db, SQLITE_OK, "commit", why);
    if (r < 0)
        db->last_ord = last_ord;
    return r < 0 ? r : done;
}

static int sqlite_commit(struct db *base, const struct db_write *writes, size_t count, struct db_outcome *ret,
                         struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    struct db_outcome *outcomes = calloc(count, sizeof *outcomes);
    if (outcomes == NULL)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    int r = recorded(db, writes[0].row.op, &outcomes[0], why); /* what changes nothing waits for no disk */
    if (r == 0)
        r = commit_outcomes(db, writes, count, outcomes, why);
    for (size_t i = 0; r < 0 && i < count; i++)
        text_free(&outcomes[i].result);
    if (r > 0)
        memcpy(ret, outcomes, (size_t)r * sizeof *ret);
    free(outcomes);
    return r;
}

static int64_t within(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

static struct db_history history_of(sqlite3_stmt *s)
{
    return (struct db_history){.version = (uint64_t)sqlite3_column_int64(s, 0),
                               .op = column(s, 1),
                               .time_ms = (uint64_t)sqlite3_column_int64(s, 2),
                               .caller = column(s, 3),
                               .method = column(s, 4),
                               .subject = column(s, 5),
                               .before = column(s, 6),
                               .after = column(s, 7),
                               .events = column(s, 8),
                               .result = column(s, 9)};
}

/* Hands each row of a bound statement on; the number of rows or -ERR_. */
static int walk_history(struct db_sqlite *db, sqlite3_stmt *s, db_each_history *each, void *self,
                        struct fault *why)
{
    int rows = 0, r = 0, code;
    while (r >= 0 && (code = sqlite3_step(s)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            r = db_sqlite_fault(db, code, "read the history", why);
            break;
        }
        struct db_history row = history_of(s);
        r = each(self, &row);
        rows = 1;
    }
    done(s);
    return r < 0 ? r : rows;
}

static int sqlite_find(struct db *base, struct span op, db_each_history *each, void *self, struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    sqlite3_stmt *s = use(db, SQL_FIND);
    bind_bytes(s, 1, op);
    int r = walk_history(db, s, each, self, why);
    if (r == 0)
        return fault_set(why, ERR_UNKNOWN, "no such operation in the history");
    return r < 0 ? r : 0;
}

static int sqlite_since(struct db *base, uint64_t version, db_each_history *each, void *self,
                        struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    sqlite3_stmt *s = use(db, SQL_SINCE);
    sqlite3_bind_int64(s, 1, within(version));
    int r = walk_history(db, s, each, self, why);
    return r < 0 ? r : 0;
}

static int sqlite_list(struct db *base, const struct db_wanted *wanted, db_each_history *each, void *self,
                       struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    sqlite3_stmt *s = use(db, SQL_LIST);
    sqlite3_bind_int64(s, 1, within(wanted->from));
    sqlite3_bind_int64(s, 2, within(wanted->below));
    sqlite3_bind_int64(s, 3, within(wanted->since_ms));
    bind_text(s, 4, wanted->about);
    sqlite3_bind_int64(s, 5, wanted->most);
    int r = walk_history(db, s, each, self, why);
    return r < 0 ? r : 0;
}

static int sqlite_trim(struct db *base, const struct db_keep *keep, struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    int r = begin(db, why);
    if (r < 0)
        return r;
    sqlite3_stmt *s = use(db, SQL_TRIM);
    sqlite3_bind_int64(s, 1, keep->step);
    sqlite3_bind_int64(s, 2, within(keep->rows_least));
    sqlite3_bind_int64(s, 3, within(keep->rows_most));
    sqlite3_bind_int64(s, 4, within(keep->since_ms));
    int code = run(db, SQL_TRIM), rows = code == SQLITE_OK ? sqlite3_changes(db->file) : 0;
    r = finish(db, code, "shorten the history", why);
    return r < 0 ? r : rows;
}

static int sqlite_meta_get(struct db *base, struct span key, struct text *value, struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    sqlite3_stmt *s = use(db, SQL_META_GET);
    bind_text(s, 1, key);
    int code = sqlite3_step(s), r = 0;
    if (code == SQLITE_ROW) {
        text_append(value, column(s, 0));
        if (value->failed < 0)
            r = fault_set(why, (enum err) - value->failed, "store: a setting is larger than expected");
    } else if (code == SQLITE_DONE) {
        r = fault_set(why, ERR_UNKNOWN, "the store has no such setting");
    } else {
        r = db_sqlite_fault(db, code, "read a setting", why);
    }
    done(s);
    return r;
}

static int sqlite_meta_set(struct db *base, struct span key, struct span value, struct fault *why)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    int r = begin(db, why);
    if (r < 0)
        return r;
    sqlite3_stmt *s = use(db, SQL_META_SET);
    bind_text(s, 1, key);
    bind_text(s, 2, value);
    return finish(db, run(db, SQL_META_SET), "keep a setting", why);
}

const struct db_calls db_sqlite_calls = {
    .close = db_sqlite_close,
    .load = sqlite_load,
    .commit = sqlite_commit,
    .find = sqlite_find,
    .since = sqlite_since,
    .list = sqlite_list,
    .trim = sqlite_trim,
    .meta_get = sqlite_meta_get,
    .meta_set = sqlite_meta_set,
};
