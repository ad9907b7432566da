/* SPDX-License-Identifier: MIT
 * The export on a disk that fails: whichever call fails, in whatever way, the old files stay whole, and the
 * next export brings the new ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/registry/registry_file.h"
#include "actors/registry/registry_transfer.h"
#include "actors/registry/registry_beside.h"
#include "base/own.h"
#include "doors/db_sim.h"

/* ---- the calls that fail: the linker puts these in their place ---- */

static unsigned calls, fail_at; /* 0: none fails */
static bool half;               /* a write that fails has written a part before */

static bool fails(void)
{
    return ++calls == fail_at;
}

ssize_t __real_write(int fd, const void *at, size_t len);
int __real_fsync(int fd);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_fchmod(int fd, mode_t mode);
int __real_mkdirat(int dir, const char *path, mode_t mode);
ssize_t __wrap_write(int fd, const void *at, size_t len);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);

ssize_t __wrap_write(int fd, const void *at, size_t len)
{
    if (fd <= STDERR_FILENO || !fails())
        return __real_write(fd, at, len);
    if (half && len > 1)
        return __real_write(fd, at, len / 2) < 0 ? -1 : (fail_at++, (ssize_t)(len / 2));
    errno = ENOSPC;
    return -1;
}

int __wrap_fsync(int fd)
{
    if (!fails())
        return __real_fsync(fd);
    errno = EIO;
    return -1;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    if (!fails())
        return __real_renameat(from_dir, from, to_dir, to);
    errno = EIO;
    return -1;
}

int __wrap_fchmod(int fd, mode_t mode)
{
    if (!fails())
        return __real_fchmod(fd, mode);
    errno = EPERM;
    return -1;
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
    if (!fails())
        return __real_mkdirat(dir, path, mode);
    errno = ENOSPC;
    return -1;
}

/* ---- a store with two files to export ---- */

struct scene {
    struct db_disk *disk;
    struct store store;
    char dir[64];
};

/* A command about the scene's folder, in three parts. */
static void run(const char *before, const char *dir, const char *behind)
{
    char command[192];
    snprintf(command, sizeof command, "%s%s%s", before, dir, behind);
    assert_int_equal(system(command), 0); /* NOLINT: a folder of the test's own */
}

static void up(struct scene *s)
{
    *s = (struct scene){.disk = db_disk_new(), .dir = "/tmp/registry-fault.XXXXXX"};
    calls = fail_at = 0;
    assert_non_null(mkdtemp(s->dir));
    s->store = (struct store){.group = REGISTRY_NO_GROUP};
    s->store.qubes_lib = open(s->dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(db_sim_open(s->disk, &s->store.db, NULL), 0);
}

static void down(struct scene *s)
{
    fail_at = 0;
    beside_free(s->store.beside);
    db_free(s->store.db);
    db_disk_free(s->disk);
    close(s->store.qubes_lib);
    run("rm -rf ", s->dir, "");
}

static const char *const names[] = {"qubes.xml", "appvms/work/notes.txt", "appvms/work/firewall.xml"};

/* One export of the model in which everything is called `word`. */
static int export(struct scene *s, const char *word, bool *kept_foreign)
{
    struct store_task *t = store_task_new(STORE_EXPORT);
    char rule[64];
    snprintf(rule, sizeof rule, "action=drop comment=%s\n", word);
    const struct change model[] = {
        {CHANGE_VM, 0, SPAN_LITERAL(""), SPAN_LITERAL("1 AdminVM"), 0},
        {CHANGE_VM, 1, SPAN_LITERAL(""), SPAN_LITERAL("1 StandaloneVM"), 0},
        {CHANGE_PROPERTY, 1, SPAN_LITERAL("name"), SPAN_LITERAL("work"), 0},
        {CHANGE_FEATURE, 1, SPAN_LITERAL("word"), span_of(word), 0},
        {CHANGE_NOTES, 1, SPAN_LITERAL("0"), span_of(word), 0},
        {CHANGE_FIREWALL, 1, SPAN_LITERAL("0"), span_of(rule), 0},
    };
    assert_non_null(t);
    for (size_t i = 0; i < COUNT(model); i++)
        assert_int_equal(change_list_add(&t->changes, &model[i]), 0);
    store_perform(&s->store, &t->task);
    int r = t->task.r;
    *kept_foreign = t->kept_foreign || t->report.len > 0;
    store_task_free_content(t);
    free(t);
    return r;
}

/* Which of the words the file holds; it must hold one of them whole. NULL: there is no file. */
static const char *word_in(const struct scene *s, const char *name, const char *old, const char *new)
{
    char path[128], text[4096];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    size_t len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    fclose(file);
    if (strstr(name, "qubes.xml") != NULL && strcmp(text + len - 9, "</qubes>\n") != 0)
        fail_msg("%s is cut: %s", name, text);
    if (strstr(name, "firewall.xml") != NULL && strcmp(text + len - 12, "</firewall>\n") != 0)
        fail_msg("%s is cut: %s", name, text);
    const char *word = strstr(text, new) != NULL ? new : old;
    if (strstr(text, word) == NULL)
        fail_msg("%s holds neither word: %s", name, text);
    return word;
}

static void no_temporary_is_left(const struct scene *s)
{
    run("test -z \"$(find ", s->dir, " -name '*~*')\"");
}

static void old_or_new_but_whole(bool halves)
{
    unsigned n = 1;
    for (bool failed = true; failed; n++) {
        struct scene s;
        bool foreign;
        up(&s);
        assert_int_equal(export(&s, "before", &foreign), 0);
        calls = 0;
        fail_at = n;
        half = halves;
        int r = export(&s, "behind", &foreign);
        failed = calls >= n && n < 100;
        if (failed && calls >= fail_at)
            assert_true(r < 0);
        fail_at = 0;
        for (size_t i = 0; i < COUNT(names); i++)
            assert_non_null(word_in(&s, names[i], "before", "behind"));
        no_temporary_is_left(&s);
        assert_int_equal(export(&s, "behind", &foreign), 0);
        assert_false(foreign); /* our own failure is nobody's else's change */
        for (size_t i = 0; i < COUNT(names); i++)
            assert_string_equal(word_in(&s, names[i], "before", "behind"), "behind");
        down(&s);
    }
    assert_true(n > 8);
}

static void a_failing_call_leaves_the_old_file_or_the_new_one(void **state)
{
    (void)state;
    old_or_new_but_whole(false);
}

static void a_write_that_stops_half_way_does_so_too(void **state)
{
    (void)state;
    old_or_new_but_whole(true);
}

static void the_first_export_leaves_nothing_or_a_whole_file(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 16; n++) {
        struct scene s;
        bool foreign;
        up(&s);
        fail_at = n;
        (void)export(&s, "behind", &foreign);
        fail_at = 0;
        for (size_t i = 0; i < COUNT(names); i++)
            (void)word_in(&s, names[i], "behind", "behind");
        no_temporary_is_left(&s);
        assert_int_equal(export(&s, "behind", &foreign), 0);
        for (size_t i = 0; i < COUNT(names); i++)
            assert_non_null(word_in(&s, names[i], "behind", "behind"));
        down(&s);
    }
}

/* The store does not remember what was written: the files are ours all the same. */
static void a_crash_between_file_and_memory_is_no_question(void **state)
{
    struct scene s;
    bool foreign;
    (void)state;
    up(&s);
    assert_int_equal(export(&s, "before", &foreign), 0);
    assert_int_equal(export(&s, "behind", &foreign), 0);
    struct text kept = TEXT_WITH_LIMIT(1 << 16);
    assert_int_equal(db_meta_get(s.store.db, SPAN_LITERAL("export-beside"), &kept, NULL), 0);
    assert_int_equal(export(&s, "before", &foreign), 0);
    assert_int_equal(db_meta_set(s.store.db, SPAN_LITERAL("export-beside"), text_span(&kept), NULL), 0);
    beside_free(s.store.beside);
    s.store.beside = NULL;
    assert_int_equal(export(&s, "before", &foreign), 0);
    assert_false(foreign);
    text_free(&kept);
    down(&s);
}

static void the_files_of_a_vm_go_with_it(void **state)
{
    struct scene s;
    bool foreign;
    (void)state;
    up(&s);
    assert_int_equal(export(&s, "before", &foreign), 0);
    struct store_task *t = store_task_new(STORE_EXPORT);
    assert_int_equal(change_list_add(&t->changes, &(struct change){CHANGE_VM, 0, SPAN_LITERAL(""),
                                                                   SPAN_LITERAL("1 AdminVM"), 0}),
                     0);
    store_perform(&s.store, &t->task);
    assert_int_equal(t->task.r, 0);
    store_task_free_content(t);
    free(t);
    run("test ! -e ", s.dir, "/appvms/work");
    down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_call_leaves_the_old_file_or_the_new_one),
        cmocka_unit_test(a_write_that_stops_half_way_does_so_too),
        cmocka_unit_test(the_first_export_leaves_nothing_or_a_whole_file),
        cmocka_unit_test(a_crash_between_file_and_memory_is_no_question),
        cmocka_unit_test(the_files_of_a_vm_go_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
