/* SPDX-License-Identifier: MIT
 * Opening the store: the lock, the file, its layouts, the check, the prepared statements. In the registry's
 * process, on its worker thread. */
#include "doors/db_sqlite_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* "bulk": tells a store from any other SQLite file. */
#define APPLICATION_ID 0x62756c6b

/* layouts[n] turns layout n into n + 1; an empty file is layout 0. Append, never change: stores that ran an
 * older row will never run it again. */
static const char *const layouts[] = {
    "CREATE TABLE item(kind TEXT NOT NULL, qid INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " ord INTEGER NOT NULL, PRIMARY KEY(kind, qid, key)) WITHOUT ROWID;"
    "CREATE INDEX item_qid ON item(qid);"
    "CREATE TABLE history(version INTEGER PRIMARY KEY, op BLOB NOT NULL UNIQUE, time INTEGER NOT NULL,"
    " caller TEXT NOT NULL, method TEXT NOT NULL, subject TEXT NOT NULL, before TEXT NOT NULL,"
    " after TEXT NOT NULL, events BLOB NOT NULL, result BLOB NOT NULL);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
};

static enum err error_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_BAD;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return ERR_DENIED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    default:
        return ERR_IO;
    }
}

static const char *advice(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "the disk is full; make room and try again";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "the file is damaged or not a store; put it aside and restore a backup or import qubes.xml";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return "no permission to write there; check owner, mode and mount of the store's directory";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program is writing to the store; end it and try again";
    default:
        return "see the kernel log for the disk";
    }
}

int db_sqlite_fault(struct db_sqlite *db, int code, const char *doing, struct fault *why)
{
    const char *text = db->file != NULL ? sqlite3_errmsg(db->file) : sqlite3_errstr(code);
    return fault_set(why, error_of(code), "store: cannot %s: %s: %s", doing, text, advice(code));
}

static int path_in(const char *dir, const char *name, char *path, size_t size, struct fault *why)
{
    int len = snprintf(path, size, "%s/%s", dir, name);
    if (len < 0 || (size_t)len >= size)
        return fault_set(why, ERR_RANGE, "store: the directory's name is too long: %s", dir);
    return 0;
}

static int open_error(const char *path, struct fault *why)
{
    int error = errno;
    enum err code =
        error == EACCES || error == EROFS || error == EPERM || error == ENOENT ? ERR_DENIED : ERR_IO;
    return fault_set(why, code, "store: cannot open %s: %s; check owner, mode and mount of its directory",
                     path, strerror(error));
}

/* A lock of our own rather than SQLite's exclusive mode: people may read a living store with sqlite3, and a
 * second writer is told at once. It belongs to the open file, so it ends with the process however it ends. */
static int take_lock(struct db_sqlite *db, const char *dir, struct fault *why)
{
    char path[PATH_MAX];
    int r = path_in(dir, "store.lock", path, sizeof path, why);
    if (r < 0)
        return r;
    db->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (db->lock < 0)
        return open_error(path, why);
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(db->lock, F_OFD_SETLK, &all) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return fault_set(why, ERR_BUSY, "the store in %s is held by another process; stop that one first",
                         dir);
    return open_error(path, why);
}

static int pragma_number(struct db_sqlite *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(db->file, sql, -1, &row, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        *value = sqlite3_column_int64(row, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(row);
    return code;
}

static int run(struct db_sqlite *db, const char *sql, const char *doing, struct fault *why)
{
    int code = sqlite3_exec(db->file, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : db_sqlite_fault(db, code, doing, why);
}

/* One layout step: all of it or nothing, with its number. */
static int step_layout(struct db_sqlite *db, int64_t from, struct fault *why)
{
    char number[96];
    snprintf(number, sizeof number, "PRAGMA user_version = %lld; PRAGMA application_id = %d;",
             (long long)from + 1, APPLICATION_ID);
    int r = run(db, "BEGIN IMMEDIATE", "change its layout", why);
    if (r >= 0)
        r = run(db, layouts[from], "change its layout", why);
    if (r >= 0)
        r = run(db, number, "change its layout", why);
    if (r >= 0)
        r = run(db, "COMMIT", "change its layout", why);
    if (r < 0)
        sqlite3_exec(db->file, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

static int bring_up_to_date(struct db_sqlite *db, struct fault *why)
{
    int64_t layout = 0, application = 0, objects = 0;
    int code = pragma_number(db, "PRAGMA user_version", &layout);
    if (code == SQLITE_OK)
        code = pragma_number(db, "PRAGMA application_id", &application);
    if (code == SQLITE_OK)
        code = pragma_number(db, "SELECT count(*) FROM sqlite_schema", &objects);
    if (code != SQLITE_OK)
        return db_sqlite_fault(db, code, "read its layout", why);
    if (application != APPLICATION_ID && (objects > 0 || layout != 0))
        return db_sqlite_fault(db, SQLITE_NOTADB, "use this file", why);
    if (layout < 0 || layout > (int64_t)COUNT(layouts))
        return fault_set(why, ERR_UNSUPPORTED,
                         "the store has layout %lld, this program knows up to %zu; install a newer one",
                         (long long)layout, COUNT(layouts));
    int r = 0;
    for (; r >= 0 && layout < (int64_t)COUNT(layouts); layout++)
        r = step_layout(db, layout, why);
    return r;
}

static int quick_check(struct db_sqlite *db, struct fault *why)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(db->file, "PRAGMA quick_check(1)", -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    int r = 0;
    if (code != SQLITE_ROW)
        r = db_sqlite_fault(db, code, "check the file", why);
    else if (strcmp((const char *)sqlite3_column_text(row, 0), "ok") != 0)
        r = fault_set(why, ERR_BAD, "store: the check found damage: %s: %s",
                      (const char *)sqlite3_column_text(row, 0), advice(SQLITE_CORRUPT));
    sqlite3_finalize(row);
    return r;
}

/* Opens the file itself. We make it first, since SQLite would give it the mode that umask leaves; nothing of
 * ours may have it open afterwards, as closing a second descriptor would drop SQLite's own locks. */
static int open_file(struct db_sqlite *db, const char *dir, struct fault *why)
{
    char path[PATH_MAX];
    int r = path_in(dir, "store.sqlite", path, sizeof path, why);
    if (r < 0)
        return r;
    int made = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (made < 0)
        return open_error(path, why);
    close(made);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE;
    int code = sqlite3_open_v2(path, &db->file, flags, NULL);
    if (code != SQLITE_OK)
        return db_sqlite_fault(db, code, "open the file", why);
    sqlite3_extended_result_codes(db->file, 1);
    sqlite3_busy_timeout(db->file, 2000);
    return run(db,
               "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
               "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
               "set it up", why);
}

static int prepare_all(struct db_sqlite *db, struct fault *why)
{
    static const char *const texts[SQL_COUNT] = {
#define SQL(name, text) [SQL_##name] = text,
#include "doors/db_sqlite.def"
    };
    for (size_t i = 0; i < SQL_COUNT; i++) {
        int code =
            sqlite3_prepare_v3(db->file, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statement[i], NULL);
        if (code != SQLITE_OK)
            return db_sqlite_fault(db, code, "prepare a statement", why);
    }
    int code = pragma_number(db, sqlite3_sql(db->statement[SQL_LAST_ORD]), &db->last_ord);
    return code == SQLITE_OK ? 0 : db_sqlite_fault(db, code, "read the order of the items", why);
}

void db_sqlite_close(struct db *base)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(db->statement[i]);
    sqlite3_close(db->file);
    if (db->lock >= 0)
        close(db->lock);
    free(db);
}

int db_sqlite_open(const char *dir, struct db **ret, struct fault *why)
{
    struct db_sqlite *db = calloc(1, sizeof *db);
    if (db == NULL)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    db->base.calls = &db_sqlite_calls;
    db->lock = -1;
    int r = take_lock(db, dir, why);
    if (r >= 0)
        r = open_file(db, dir, why);
    if (r >= 0)
        r = bring_up_to_date(db, why);
    if (r >= 0)
        r = quick_check(db, why);
    if (r >= 0)
        r = prepare_all(db, why);
    if (r < 0)
        db_sqlite_close(&db->base);
    else
        *ret = &db->base;
    return r;
}
