/* SPDX-License-Identifier: MIT
 * What the two halves of the SQLite store share: opening and its layouts, and the calls. */
#ifndef DOORS_DB_SQLITE_OPEN_H
#define DOORS_DB_SQLITE_OPEN_H

#include <sqlite3.h>

#include "doors/db_calls.h"

/* The statements, prepared once: SQL(NAME, text) rows. */
enum db_statement {
#define SQL(name, text) SQL_##name,
#include "doors/db_sqlite.def"
    SQL_COUNT
};

struct db_sqlite {
    struct db base;
    int lock; /* the file whose lock says that we hold this store */
    sqlite3 *file;
    sqlite3_stmt *statement[SQL_COUNT];
    int64_t last_ord; /* the highest place given to an item */
    bool stale_tail;  /* a failed commit may have left bytes in the log; see drop_stale_tail */
};

extern const struct db_calls db_sqlite_calls; /* db_sqlite.c */
void db_sqlite_close(struct db *base);

/* Fills *why from the connection's last error. `doing` is "load the items". */
int db_sqlite_fault(struct db_sqlite *db, int code, const char *doing, struct fault *why);

#endif
