/* SPDX-License-Identifier: MIT
 * The registry's store: the items that the model is made of, the history of how they came to be, and a few
 * settings, in one durable file. Every call may block on the disk and belongs to one thread (the registry's
 * worker); spans passed in are borrowed for the call. A failed call leaves the store as it was and the next
 * call works. spec: design section 3.
 *
 * Errors of every call: ERR_IO (disk full, disk failing; the text says which), ERR_DENIED (read-only, no
 * permission), ERR_BAD (the file is damaged or is not a store), ERR_NOMEM, and what each call adds.
 * No text or bytes may exceed DB_TEXT_MAX (ERR_RANGE). */
#ifndef DOORS_DB_H
#define DOORS_DB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

/* An open store. */
struct db;

enum db_verb {
    DB_SET,         /* make or replace the item; a replaced one keeps its place in the order */
    DB_DROP,        /* forget the item; one that is not there is no error */
    DB_DROP_ALL_OF, /* forget every item of this qid; kind, key and value are ignored */
};

/* One item, named by (kind, qid, key). Text without NUL; key may be empty, kind may not. */
struct db_item {
    enum db_verb verb;
    uint32_t qid;
    struct span kind, key, value;
};

/* One committed operation. `op` names it for ever: 1 to DB_OP_MAX bytes, made once where the request came
 * in, so that a repeated request finds its answer. The rest is for people and for republishing. */
enum { DB_OP_MAX = 64, DB_TEXT_MAX = 64 << 20 };
struct db_history {
    uint64_t version; /* given by the store, from 1 upwards without holes; ignored on the way in */
    uint64_t time_ms; /* CLOCK_REALTIME, milliseconds */
    struct span op, caller, method, subject, before, after;
    struct span events; /* any bytes */
    struct span result; /* any bytes: what the caller was answered */
};

/* What became of a commit. `result` is the recorded one; free it with text_free. */
struct db_outcome {
    uint64_t version;
    bool repeated; /* this op was committed before: nothing was changed now */
    struct text result;
};

/* Called for each item or row, in order; the spans live until it returns. It must not call the store.
 * A negative return ends the walk and is what the walking call returns. */
typedef int db_each_item(void *self, const struct db_item *item);
typedef int db_each_history(void *self, const struct db_history *row);

/* Opens the store in directory `dir`, creating the directory's files (mode 0600) where there are none,
 * brings an older layout up to date and checks the file. One process at a time holds a store.
 * Adds: ERR_BUSY (another process holds it), ERR_UNSUPPORTED (a newer program made it). */
int db_sqlite_open(const char *dir, struct db **ret, struct fault *why);

/* Gives back what the store holds open. Accepts NULL. */
void db_free(struct db *db);
DEFINE_AUTO(db)

/* Every item in the order of first setting; *version is that of the last commit (0: none ever). */
int db_load(struct db *db, uint64_t *version, db_each_item *each, void *self, struct fault *why);

/* Applies the items in order and adds the history row, all or nothing. Returns 0 when it is on the disk.
 * After a failure the bytes of the attempt are removed; only a disk that refuses that too, followed by a kill
 * before it recovers, can show the operation at the next open: the same op then answers as repeated.
 * An op that is in the history already changes nothing and gives what was recorded.
 * Adds: ERR_RANGE (an empty or too long op, an empty kind, a NUL inside text). */
int db_commit(struct db *db, const struct db_item *items, size_t count, const struct db_history *row,
              struct db_outcome *ret, struct fault *why);

/* One operation among several that are committed together. */
struct db_write {
    const struct db_item *items;
    size_t count;
    struct db_history row;
};

/* As db_commit for each of them in their order, all or nothing and with one wait for the disk; each has its
 * own version. Returns how many were done and fills as many of `ret`. Fewer than `count`: the last of these
 * was in the history already and changed nothing; those behind it counted on its changes and were not tried.
 */
int db_commit_all(struct db *db, const struct db_write *writes, size_t count, struct db_outcome *ret,
                  struct fault *why);

/* The row of one operation. Adds: ERR_UNKNOWN (never committed). */
int db_find(struct db *db, struct span op, db_each_history *each, void *self, struct fault *why);

/* Every row with a version above `version`, ascending. */
int db_since(struct db *db, uint64_t version, db_each_history *each, void *self, struct fault *why);

/* Which rows somebody wants to see: newest first, versions from `from` to below `below`. */
struct db_wanted {
    uint64_t from, below, since_ms;
    struct span about; /* rows whose subject this is, or with a line in before or after that begins with it
                          and a space; empty: all */
    unsigned most;
};
int db_list(struct db *db, const struct db_wanted *wanted, db_each_history *each, void *self,
            struct fault *why);

/* What of the history stays: the newest `rows_least` in any case, of the others at most `rows_most`
 * altogether and none of before `since_ms`. */
struct db_keep {
    uint64_t rows_least, rows_most, since_ms;
    unsigned step; /* looks at so many of the oldest rows, so that a call is short */
};
/* Forgets what need not stay; how many rows. The newest row always stays, for versions count on from it. */
int db_trim(struct db *db, const struct db_keep *keep, struct fault *why);

/* Settings of the store itself, outside the history. Get appends to *value; adds: ERR_UNKNOWN (never set). */
int db_meta_get(struct db *db, struct span key, struct text *value, struct fault *why);
int db_meta_set(struct db *db, struct span key, struct span value, struct fault *why);

#endif
