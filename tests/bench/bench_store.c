/* SPDX-License-Identifier: MIT
 * What a commit of the store costs beside append + fdatasync of the same disk in the same run, taken in
 * turns, and how long 30,000 items take to load. bench_store [DIRECTORY]      a new directory is made in it
 * (default: here) and removed */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doors/db.h"

enum { ROUNDS = 2000, ITEMS = 30000 };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_row(const char *what, double *times)
{
    qsort(times, ROUNDS, sizeof *times, by_size);
    printf("%-22s p50 %8.1f us   p99 %8.1f us\n", what, times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
}

static void commit(struct db *db, unsigned n, const struct db_item *items, size_t count)
{
    char op[24];
    struct fault why = {0};
    struct db_outcome out = {0};
    snprintf(op, sizeof op, "operation %u", n);
    struct db_history row = {.op = span_of(op),
                             .time_ms = 1,
                             .caller = span_of("dom0"),
                             .method = span_of("admin.vm.property.Set"),
                             .subject = span_of("work"),
                             .before = span_of("2"),
                             .after = span_of("4"),
                             .events = span_of("property-set:vcpus name=vcpus newvalue=4 oldvalue=2"),
                             .result = span_of("ok")};
    if (db_commit(db, items, count, &row, &out, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    text_free(&out.result);
}

static void append(int fd)
{
    char bytes[200];
    memset(bytes, 'x', sizeof bytes);
    if (write(fd, bytes, sizeof bytes) != sizeof bytes || fdatasync(fd) < 0) {
        perror("append");
        exit(1);
    }
}

static void fill(struct db *db)
{
    static struct db_item items[ITEMS];
    static char keys[ITEMS][16];
    for (unsigned i = 0; i < ITEMS; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%u", i % 30);
        items[i] =
            (struct db_item){DB_SET, i / 30, span_of("PROPERTY"), span_of(keys[i]), span_of("some value")};
    }
    double start = now_us();
    commit(db, ROUNDS + 1, items, ITEMS);
    printf("%-22s     %8.1f us\n", "commit of 30,000 items", now_us() - start);
}

static int count_item(void *self, const struct db_item *item)
{
    *(size_t *)self += item->value.len;
    return 0;
}

int main(int argc, char **argv)
{
    static double commits[ROUNDS], appends[ROUNDS];
    char dir[256];
    struct db *db = NULL;
    struct fault why = {0};
    snprintf(dir, sizeof dir, "%s/bench_store.XXXXXX", argc > 1 ? argv[1] : ".");
    if (mkdtemp(dir) == NULL || chdir(dir) < 0 || db_sqlite_open(".", &db, &why) < 0) {
        fprintf(stderr, "%s: %s\n", dir, why.text);
        return 1;
    }
    int log = open("append", O_WRONLY | O_CREAT | O_APPEND, 0600);
    fill(db);
    struct db_item item = {DB_SET, 7, span_of("PROPERTY"), span_of("key-3"), span_of("4")};
    for (unsigned i = 0; i < ROUNDS; i++) {
        double start = now_us();
        commit(db, i, &item, 1);
        double between = now_us();
        append(log);
        commits[i] = between - start;
        appends[i] = now_us() - between;
    }
    print_row("commit", commits);
    print_row("append + fdatasync", appends);
    printf("ratio of the medians   %.2f\n", commits[ROUNDS / 2] / appends[ROUNDS / 2]);
    size_t bytes = 0;
    uint64_t version = 0;
    double start = now_us();
    if (db_load(db, &version, count_item, &bytes, &why) < 0)
        return 1;
    printf("%-22s     %8.1f us\n", "load of 30,000 items", now_us() - start);
    db_free(db);
    static const char *const files[] = {"store.lock", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm",
                                        "append"};
    for (size_t i = 0; i < COUNT(files); i++)
        unlink(files[i]);
    return chdir("..") < 0 || rmdir(strrchr(dir, '/') + 1) < 0;
}
