/* SPDX-License-Identifier: MIT
 * A store on the disk and a simulated one, which keep the same promises: what their tests share. */
#ifndef TESTS_UNIT_DOORS_DB_BENCH_H
#define TESTS_UNIT_DOORS_DB_BENCH_H

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

static inline struct db *opened(struct place *at)
{
    struct fault why = {0};
    struct db *db = NULL;
    int r = at->disk != NULL ? db_sim_open(at->disk, &db, &why) : db_sqlite_open(at->dir, &db, &why);
    if (r < 0)
        fail_msg("%s", why.text);
    return db;
}

static inline int on_disk(void **state)
{
    struct place *at = calloc(1, sizeof *at);
    strcpy(at->dir, "/tmp/db_test.XXXXXX");
    assert_non_null(mkdtemp(at->dir));
    *state = at;
    return 0;
}

static inline int simulated(void **state)
{
    struct place *at = calloc(1, sizeof *at);
    at->disk = db_disk_new();
    *state = at;
    return 0;
}

static inline int gone(void **state)
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

static inline struct db_item set(uint32_t qid, const char *kind, const char *key, const char *value)
{
    return (struct db_item){DB_SET, qid, span_of(kind), span_of(key), span_of(value)};
}

/* Commits one item under an operation of this name, which is also its recorded result. */
static inline uint64_t commit(struct db *db, const char *op, struct db_item item)
{
    struct db_history row = {.op = span_of(op), .method = span_of("test"), .result = span_of(op)};
    struct db_outcome out = {0};
    struct fault why = {0};
    if (db_commit(db, &item, 1, &row, &out, &why) < 0)
        fail_msg("%s", why.text);
    text_free(&out.result);
    return out.version;
}

static inline int print_item(void *self, const struct db_item *item)
{
    text_format(self, "%.*s %u %.*s=%.*s;", (int)item->kind.len, item->kind.at, item->qid, (int)item->key.len,
                item->key.at, (int)item->value.len, item->value.at);
    return 0;
}

static inline void assert_holds(struct db *db, const char *expected, uint64_t expected_version)
{
    AUTO_TEXT seen = TEXT_WITH_LIMIT(4096);
    uint64_t version = 99;
    text_add(&seen, "");
    assert_int_equal(db_load(db, &version, print_item, &seen, NULL), 0);
    assert_string_equal(seen.at, expected);
    assert_int_equal(version, expected_version);
}

#define BOTH(test)                                                                                           \
    {#test " (on disk)", test, on_disk, gone, NULL},                                                         \
    {                                                                                                        \
#test " (simulated)", test, simulated, gone, NULL                                                    \
    }

#endif
