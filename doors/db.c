/* SPDX-License-Identifier: MIT
 * The store's calls: arguments checked once for every kind of store, then handed on. */
#include "doors/db.h"

#include <string.h>

#include "doors/db_calls.h"

/* Not text that the store can hold: too long, or with a NUL. */
static bool is_bad(struct span s)
{
    return s.len > DB_TEXT_MAX || (s.len > 0 && memchr(s.at, '\0', s.len) != NULL);
}

static int check_op(struct span op, struct fault *why)
{
    if (op.len == 0 || op.len > DB_OP_MAX)
        return fault_set(why, ERR_RANGE, "an operation id has 1 to %d bytes, this one %zu", DB_OP_MAX,
                         op.len);
    return 0;
}

static int check_items(const struct db_item *items, size_t count, struct fault *why)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].verb == DB_DROP_ALL_OF)
            continue;
        if (items[i].kind.len == 0)
            return fault_set(why, ERR_RANGE, "item %zu of the commit has no kind", i);
        if (is_bad(items[i].kind) || is_bad(items[i].key) || is_bad(items[i].value))
            return fault_set(why, ERR_RANGE, "item %zu of the commit has a NUL in its text or is too long",
                             i);
    }
    return 0;
}

static int check_row(const struct db_history *row, struct fault *why)
{
    const struct span texts[] = {row->caller, row->method, row->subject, row->before, row->after};
    for (size_t i = 0; i < COUNT(texts); i++)
        if (is_bad(texts[i]))
            return fault_set(why, ERR_RANGE,
                             "the history row of the commit has a NUL in its text or is too long");
    if (row->events.len > DB_TEXT_MAX || row->result.len > DB_TEXT_MAX)
        return fault_set(why, ERR_RANGE, "the history row of the commit is too long");
    return check_op(row->op, why);
}

void db_free(struct db *db)
{
    if (db != NULL)
        db->calls->close(db);
}

int db_load(struct db *db, uint64_t *version, db_each_item *each, void *self, struct fault *why)
{
    return db->calls->load(db, version, each, self, why);
}

int db_commit_all(struct db *db, const struct db_write *writes, size_t count, struct db_outcome *ret,
                  struct fault *why)
{
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = check_row(&writes[i].row, why);
        if (r >= 0)
            r = check_items(writes[i].items, writes[i].count, why);
    }
    return r < 0 || count == 0 ? r : db->calls->commit(db, writes, count, ret, why);
}

int db_commit(struct db *db, const struct db_item *items, size_t count, const struct db_history *row,
              struct db_outcome *ret, struct fault *why)
{
    struct db_write one = {items, count, *row};
    int r = db_commit_all(db, &one, 1, ret, why);
    return r < 0 ? r : 0;
}

int db_find(struct db *db, struct span op, db_each_history *each, void *self, struct fault *why)
{
    int r = check_op(op, why);
    return r < 0 ? r : db->calls->find(db, op, each, self, why);
}

int db_since(struct db *db, uint64_t version, db_each_history *each, void *self, struct fault *why)
{
    return db->calls->since(db, version, each, self, why);
}

int db_list(struct db *db, const struct db_wanted *wanted, db_each_history *each, void *self,
            struct fault *why)
{
    return db->calls->list(db, wanted, each, self, why);
}

int db_trim(struct db *db, const struct db_keep *keep, struct fault *why)
{
    struct db_keep k = *keep;
    k.rows_least = k.rows_least > 0 ? k.rows_least : 1;
    return db->calls->trim(db, &k, why);
}

int db_meta_get(struct db *db, struct span key, struct text *value, struct fault *why)
{
    return db->calls->meta_get(db, key, value, why);
}

int db_meta_set(struct db *db, struct span key, struct span value, struct fault *why)
{
    if (key.len == 0 || is_bad(key) || is_bad(value))
        return fault_set(why, ERR_RANGE, "a setting of the store is text with a name, without NUL");
    return db->calls->meta_set(db, key, value, why);
}
