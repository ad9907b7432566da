/* SPDX-License-Identifier: MIT
 * Registry when something fails under it: every allocation, every write and every sync of an operation's
 * whole path in turn. Whatever fails, the change is there and answered so, or it is not there and its asker
 * hears an error; nothing is half there, and the next call works. */
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);

#define BENCH_MALLOC __real_malloc
#include "tests/unit/registry/registry_bench.h"

#include <unistd.h>

#include "base/log.h"
#include "tests/unit/doors/failing_disk.h"

/* ---- memory: the allocation at which the countdown ends fails, and no other ---- */

static struct {
    long left; /* 0: none fails */
    bool failed;
} memory;

static bool memory_is_out(void)
{
    if (memory.left == 0 || --memory.left > 0)
        return false;
    memory.failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return memory_is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return memory_is_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return memory_is_out() ? NULL : __real_realloc(at, size);
}

/* ---- a store on the real door ---- */

static char dir[64];

static int open_file_store(struct store *s, struct fault *why)
{
    return db_sqlite_open(dir, &s->db, why);
}

static void files_away(void)
{
    static const char *const files[] = {"store.lock", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"};
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void up(struct bench *b)
{
    strcpy(dir, "/tmp/registry_fail.XXXXXX");
    assert_non_null(mkdtemp(dir));
    bench_up_with(b, NULL, NULL, open_file_store);
    bench_create(b, "work");
    bench_create_remote(b, "other"); /* without volumes: theirs is another test */
}

static void down(struct bench *b)
{
    registry_actor.end(b->core);
    free(b->core);
    db_free(b->store.db);
    bench_forget(b);
    files_away();
}

/* As SIGKILL: the next incarnation has the store alone. */
static void begin_anew(struct bench *b)
{
    while (b->tasks > 0) {
        struct task *task = b->task[--b->tasks];
        store_task_free_content((struct store_task *)task);
        free(task);
    }
    registry_actor.end(b->core);
    free(b->core);
    db_free(b->store.db);
    b->store.db = NULL;
    b->hold_tasks = false;
    bench_forget(b);
    bench_begin(b);
    bench_greet(b, 0);
}

/* ---- operations that touch all of the path ---- */

struct work {
    enum operation operation;
    uint32_t target;
    const char *key, *value;
};

static const struct work works[] = {
    {OPERATION_property_set, 1, "label", "blue"},
    {OPERATION_vm_create, QID_GLOBAL, "RemoteVM", "name=third label=green"},
    {OPERATION_vm_remove, 2, "", ""},
    {OPERATION_property_set, 1, "netvm", "work"}, /* refused */
};

/* One by one, or all while a first one is at the disk. */
static void ask_all(struct bench *b, bool together, uint64_t op[])
{
    b->hold_tasks = together;
    for (size_t i = 0; i < COUNT(works) && !b->left; i++)
        op[i] = bench_operate(b, works[i].operation, works[i].target, works[i].key, works[i].value);
    b->hold_tasks = false;
    while (!b->left && b->tasks > 0)
        bench_do_one(b);
}

/* What each of the works leaves behind. */
static bool is_there(const struct bench *b, size_t i)
{
    switch (i) {
    case 0:
        return span_is(bench_label(b, 1), "blue");
    case 1:
        return model_named(b->core->model, span_of("third")) != NULL;
    case 2:
        return model_named(b->core->model, span_of("other")) == NULL;
    default:
        return false;
    }
}

/* Nothing is answered twice or wrongly; what is held is what the disk holds. */
static void assert_sound(struct bench *b, const uint64_t op[])
{
    bool there[COUNT(works)];
    int answer[COUNT(works)];
    bool left = b->left;
    for (size_t i = 0; i < COUNT(works); i++) {
        there[i] = is_there(b, i);
        answer[i] = op[i] != 0 ? bench_answer(b, op[i]) : 1;
        if (!left)
            assert_true(answer[i] <= 0);
        if (answer[i] == 0)
            assert_true(there[i]);
        if (answer[i] < 0)
            assert_false(there[i]);
    }
    AUTO_TEXT held = bench_model(b);
    uint64_t version = b->core->version;
    begin_anew(b);
    AUTO_TEXT stored = bench_model(b);
    if (!left) {
        assert_string_equal(held.at, stored.at);
        assert_int_equal(version, b->core->version);
    }
    for (size_t i = 0; i < COUNT(works); i++) {
        if (answer[i] <= 0)
            assert_int_equal(is_there(b, i), answer[i] == 0);
        /* Asked again as api does: happens if it had not, and once. */
        bench_operate_as(b, op[i] != 0 ? op[i] : ++b->last_operation, works[i].operation, works[i].target,
                         works[i].key, works[i].value);
    }
    for (size_t i = 0; i + 1 < COUNT(works); i++)
        assert_true(is_there(b, i));
}

/* Whether there was an nth allocation. */
static bool allocation_fails(long n, bool together)
{
    struct bench b;
    uint64_t op[COUNT(works)] = {0};
    up(&b);
    memory.failed = false;
    memory.left = n;
    ask_all(&b, together, op);
    memory.left = 0;
    bool met = memory.failed;
    if (!met)
        for (size_t i = 0; i + 1 < COUNT(works); i++)
            assert_int_equal(bench_answer(&b, op[i]), 0);
    assert_sound(&b, op);
    down(&b);
    return met;
}

static void without_memory(bool together)
{
    long n = 1;
    while (allocation_fails(n, together))
        n++;
    assert_true(n > 100);
}

static void an_allocation_that_fails_is_an_error_or_a_new_beginning(void **state)
{
    (void)state;
    without_memory(false);
}

static void so_it_is_when_several_are_committed_together(void **state)
{
    (void)state;
    without_memory(true);
}

static bool step_fails(int n, int code, bool lasting, bool together)
{
    struct bench b;
    uint64_t op[COUNT(works)] = {0};
    up(&b);
    disk.code = code;
    disk.lasting = lasting;
    disk.failed = 0;
    disk.left = n;
    ask_all(&b, together, op);
    bool met = disk.failed > 0;
    assert_false(b.left);
    unsigned errors = 0;
    for (size_t i = 0; i + 1 < COUNT(works); i++)
        errors += bench_answer(&b, op[i]) == -ERR_IO;
    if (lasting && met)
        assert_true(errors > 0);
    disk.left = 0;
    bench_forget(&b);
    /* With the disk well again the next call works. */
    uint64_t next = bench_operate(&b, OPERATION_tag_set, 1, "next", "");
    assert_int_equal(bench_answer(&b, next), 0);
    AUTO_TEXT held = bench_model(&b);
    begin_anew(&b);
    AUTO_TEXT stored = bench_model(&b);
    assert_string_equal(held.at, stored.at);
    down(&b);
    return met;
}

static void a_disk_fails_at_every_step(int code, bool lasting)
{
    for (int together = 0; together < 2; together++) {
        int n = 1;
        while (step_fails(n, code, lasting, together == 1))
            n++;
        assert_true(n > 5);
    }
}

static void a_write_or_a_sync_that_fails_is_an_error_and_the_next_call_works(void **state)
{
    (void)state;
    a_disk_fails_at_every_step(SQLITE_IOERR_WRITE, false);
}

static void a_full_disk_is_an_error_to_each_and_with_room_the_next_call_works(void **state)
{
    (void)state;
    a_disk_fails_at_every_step(SQLITE_FULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allocation_that_fails_is_an_error_or_a_new_beginning),
        cmocka_unit_test(so_it_is_when_several_are_committed_together),
        cmocka_unit_test(a_write_or_a_sync_that_fails_is_an_error_and_the_next_call_works),
        cmocka_unit_test(a_full_disk_is_an_error_to_each_and_with_room_the_next_call_works),
    };
    log_open("test", LOG_ERROR);
    return cmocka_run_group_tests(tests, install_bad_disk, NULL);
}
