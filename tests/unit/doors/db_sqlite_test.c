/* SPDX-License-Identifier: MIT
 * The store on a disk that fails: every write, truncation and sync in turn; and files that are damaged,
 * foreign, newer or not writable. */
#include "doors/db.h"

#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "tests/unit/doors/failing_disk.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    memset(&disk, 0, sizeof disk);
    strcpy(dir, "/tmp/db_sqlite_test.XXXXXX");
    return mkdtemp(dir) == NULL;
}

static void in_dir(char *path, size_t size, const char *name)
{
    snprintf(path, size, "%s/%s", dir, name);
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const files[] = {"store.lock", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"};
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        in_dir(path, sizeof path, files[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static struct db *opened(void)
{
    struct fault why = {0};
    struct db *db = NULL;
    if (db_sqlite_open(dir, &db, &why) < 0)
        fail_msg("%s", why.text);
    return db;
}

static int commit(struct db *db, unsigned n, struct fault *why)
{
    char op[24], value[600];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    snprintf(op, sizeof op, "op %u", n);
    struct db_item items[] = {
        {DB_SET, n, span_of("VM"), span_of(""), span_of("1 AppVM")},
        {DB_SET, 1, span_of("PROPERTY"), span_of("last"), span_of(op)},
        {DB_SET, n, span_of("PROPERTY"), span_of("long"), span_of(value)},
    };
    struct db_history row = {.op = span_of(op), .result = span_of("done")};
    struct db_outcome out = {0};
    int r = db_commit(db, items, COUNT(items), &row, &out, why);
    text_free(&out.result);
    return r;
}

struct sight {
    unsigned vms;
    char last[24];
};

static int look(void *self, const struct db_item *item)
{
    struct sight *s = self;
    s->vms += span_is(item->kind, "VM");
    if (span_is(item->key, "last"))
        text_copy(s->last, sizeof s->last, item->value);
    return 0;
}

/* The store holds exactly the commits 1 to n. */
static void assert_at(struct db *db, unsigned n)
{
    struct sight s = {0};
    uint64_t version = 0;
    char last[24];
    snprintf(last, sizeof last, "op %u", n);
    assert_int_equal(db_load(db, &version, look, &s, NULL), 0);
    assert_int_equal(version, n);
    assert_int_equal(s.vms, n);
    assert_string_equal(s.last, last);
}

/* As a SIGKILL now would leave it: the files are copied aside and opened from there. */
static void assert_a_kill_now_leaves(unsigned n)
{
    char command[512], home[64];
    strcpy(home, dir);
    snprintf(command, sizeof command, "rm -rf %s.k && cp -r %s %s.k && rm -f %s.k/store.sqlite-shm", dir, dir,
             dir, dir);
    assert_int_equal(system(command), 0);
    snprintf(dir, sizeof dir, "%.50s.k", home);
    struct db *db = opened();
    assert_at(db, n);
    db_free(db);
    remove_dir(NULL);
    strcpy(dir, home);
}

/* Each step in a store of its own, so that the steps are the same each time. Returns whether step n exists.
 */
static bool a_commit_fails_at_step(int n, int code, int lasting)
{
    struct db *db = opened();
    struct fault why = {0};
    assert_int_equal(commit(db, 1, NULL), 0);
    disk.code = code;
    disk.lasting = lasting;
    disk.failed = 0;
    disk.left = n;
    int r = commit(db, 2, &why);
    bool met = disk.failed > 0;
    disk.left = 0;
    if (met) {
        assert_int_equal(r, -ERR_IO);
        assert_int_equal(why.code, ERR_IO);
        assert_at(db, 1);
        if (!lasting)
            assert_a_kill_now_leaves(1);
        assert_int_equal(commit(db, 2, &why), 0);
    } else {
        assert_int_equal(r, 0);
    }
    assert_at(db, 2);
    assert_a_kill_now_leaves(2);
    db_free(db);
    return met;
}

static void a_commit_that_fails_at_its_nth_step_changes_nothing(int code, int lasting)
{
    int n = 1;
    while (a_commit_fails_at_step(n, code, lasting)) {
        assert_int_equal(remove_dir(NULL), 0);
        assert_int_equal(make_dir(NULL), 0);
        n++;
    }
    assert_true(n > 5);
}

static void a_failing_disk_is_answered_and_changes_nothing_at_every_step(void **state)
{
    (void)state;
    a_commit_that_fails_at_its_nth_step_changes_nothing(SQLITE_IOERR_WRITE, 0);
}

static void a_full_disk_is_answered_and_changes_nothing_at_every_step(void **state)
{
    (void)state;
    a_commit_that_fails_at_its_nth_step_changes_nothing(SQLITE_FULL, 0);
}

static void a_disk_that_stays_full_and_is_emptied_later_loses_nothing(void **state)
{
    (void)state;
    a_commit_that_fails_at_its_nth_step_changes_nothing(SQLITE_FULL, 1);
}

static void an_open_that_fails_at_its_nth_step_can_be_repeated(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        struct db *db = NULL;
        struct fault why = {0};
        disk.code = SQLITE_FULL;
        disk.failed = 0;
        disk.left = n;
        int r = db_sqlite_open(dir, &db, &why);
        bool met = disk.failed > 0;
        disk.left = 0;
        if (r >= 0)
            db_free(db);
        else
            assert_int_equal(r, -ERR_IO);
        if (!met)
            break;
        db = opened();
        assert_int_equal(commit(db, 1, NULL), 0);
        assert_at(db, 1);
        db_free(db);
        assert_int_equal(remove_dir(NULL), 0);
        make_dir(NULL);
    }
}

static void write_file(const char *name, const char *bytes, size_t len, off_t where)
{
    char path[128];
    in_dir(path, sizeof path, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, where), (ssize_t)len);
    close(fd);
}

static void assert_open_says(enum err code)
{
    struct fault why = {0};
    struct db *db = NULL;
    int r = db_sqlite_open(dir, &db, &why);
    db_free(db);
    assert_int_equal(r, -(int)code);
    assert_int_equal(why.code, code);
    assert_true(why.text[0] != '\0');
}

static void a_file_that_is_no_store_is_told_and_left_alone(void **state)
{
    (void)state;
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    write_file("store.sqlite", junk, sizeof junk, 0);
    assert_open_says(ERR_BAD);
    char path[128];
    struct stat st;
    in_dir(path, sizeof path, "store.sqlite");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, sizeof junk);
}

static void a_damaged_page_is_found_when_the_store_is_opened(void **state)
{
    (void)state;
    struct db *db = opened();
    for (unsigned n = 1; n <= 60; n++)
        assert_int_equal(commit(db, n, NULL), 0);
    db_free(db);
    char junk[512];
    memset(junk, 0xa5, sizeof junk);
    write_file("store.sqlite", junk, sizeof junk, 4096L * 6);
    assert_open_says(ERR_BAD);
}

static void sql(const char *text)
{
    char path[128];
    in_dir(path, sizeof path, "store.sqlite");
    sqlite3 *file = NULL;
    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(file);
}

static void another_programs_database_is_refused(void **state)
{
    (void)state;
    sql("CREATE TABLE theirs(x)");
    assert_open_says(ERR_BAD);
}

static void a_store_of_a_newer_program_is_refused(void **state)
{
    (void)state;
    db_free(opened());
    sql("PRAGMA user_version = 1000");
    assert_open_says(ERR_UNSUPPORTED);
}

static void a_directory_without_permission_is_told(void **state)
{
    (void)state;
    db_free(opened());
    assert_int_equal(chmod(dir, 0555), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    assert_open_says(ERR_DENIED);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(dir, 0700), 0);
    db_free(opened());
}

static void a_directory_that_is_not_there_is_told(void **state)
{
    (void)state;
    char home[64];
    strcpy(home, dir);
    strcat(dir, "/no");
    assert_open_says(ERR_DENIED);
    strcpy(dir, home);
}

static void a_killed_process_leaves_its_commits_and_no_lock(void **state)
{
    (void)state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        struct db *db = NULL;
        bool fine =
            db_sqlite_open(dir, &db, NULL) >= 0 && commit(db, 1, NULL) >= 0 && commit(db, 2, NULL) >= 0;
        _exit(write(pipe_fds[1], fine ? "y" : "n", 1) == 1 ? pause() : 1);
    }
    char word = 0;
    assert_int_equal(read(pipe_fds[0], &word, 1), 1);
    assert_int_equal(word, 'y');
    assert_open_says(ERR_BUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    struct db *db = opened();
    assert_at(db, 2);
    db_free(db);
}

static void the_files_are_for_their_owner_only(void **state)
{
    (void)state;
    AUTO(db)
    *db = opened();
    assert_int_equal(commit(db, 1, NULL), 0);
    static const char *const files[] = {"store.lock", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm"};
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[128];
        struct stat st;
        in_dir(path, sizeof path, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_failing_disk_is_answered_and_changes_nothing_at_every_step),
        IN_DIR(a_full_disk_is_answered_and_changes_nothing_at_every_step),
        IN_DIR(a_disk_that_stays_full_and_is_emptied_later_loses_nothing),
        IN_DIR(an_open_that_fails_at_its_nth_step_can_be_repeated),
        IN_DIR(a_file_that_is_no_store_is_told_and_left_alone),
        IN_DIR(a_damaged_page_is_found_when_the_store_is_opened),
        IN_DIR(another_programs_database_is_refused),
        IN_DIR(a_store_of_a_newer_program_is_refused),
        IN_DIR(a_directory_without_permission_is_told),
        IN_DIR(a_directory_that_is_not_there_is_told),
        IN_DIR(a_killed_process_leaves_its_commits_and_no_lock),
        IN_DIR(the_files_are_for_their_owner_only),
    };
    return cmocka_run_group_tests(tests, install_bad_disk, NULL);
}
