/* SPDX-License-Identifier: MIT
 * What a kind of store provides; only doors/db*.c include this. Arguments are checked by db.c already. */
#ifndef DOORS_DB_CALLS_H
#define DOORS_DB_CALLS_H

#include "doors/db.h"

struct db_calls {
    void (*close)(struct db *db);
    int (*load)(struct db *db, uint64_t *version, db_each_item *each, void *self, struct fault *why);
    /* `count` is at least 1. */
    int (*commit)(struct db *db, const struct db_write *writes, size_t count, struct db_outcome *ret,
                  struct fault *why);
    int (*find)(struct db *db, struct span op, db_each_history *each, void *self, struct fault *why);
    int (*since)(struct db *db, uint64_t version, db_each_history *each, void *self, struct fault *why);
    int (*list)(struct db *db, const struct db_wanted *wanted, db_each_history *each, void *self,
                struct fault *why);
    int (*trim)(struct db *db, const struct db_keep *keep, struct fault *why);
    int (*meta_get)(struct db *db, struct span key, struct text *value, struct fault *why);
    int (*meta_set)(struct db *db, struct span key, struct span value, struct fault *why);
};

/* The first member of every kind's own struct. */
struct db {
    const struct db_calls *calls;
};

#endif
