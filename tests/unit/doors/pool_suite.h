/* SPDX-License-Identifier: MIT
 * One suite for every driver. Only what doors/pool.h promises is used, so each test says the same of all. The
 * test program includes cmocka.h before. */
#ifndef TESTS_UNIT_DOORS_POOL_SUITE_H
#define TESTS_UNIT_DOORS_POOL_SUITE_H

#include "base/own.h"
#include "tests/unit/doors/pool_bench.h"

#define MIB (1024 * 1024UL)

static const struct ground {
    const char *name, *driver, *vids; /* V is the VM, N the volume's name */
    const char *type;                 /* of its file system; NULL: none */
    unsigned mib;
    bool copies; /* a session works on a copy, and old states are kept; else all volumes are used in place */
    bool rounds, keeps_first;            /* sizes, up to blocks of its own; the empty state, as a revision */
    const char *(*at)(const char *path); /* NULL: its paths are real */
} * ground;
static struct pool *pool;
static struct volume own, source, app, scratch; /* two of their own, a snapshot of `source`, a volatile one */
static struct fault why;

static const char *vid(const char *vm, const char *name)
{
    static char text[4][128];
    static unsigned next;
    char *to = text[next++ % 4], *at;
    snprintf(to, sizeof text[0], "%s", ground->vids);
    while ((at = strpbrk(to, "VN")) != NULL) { /* VM, NAME */
        char tail[128];
        snprintf(tail, sizeof tail, "%s", at + 1);
        snprintf(at, sizeof text[0] - (size_t)(at - to), "%s%s", *at == 'V' ? vm : name, tail);
    }
    return to;
}

/* Where the data behind a path of the driver's really lie. */
static const char *at(const char *path)
{
    return ground->at != NULL ? ground->at(path) : path;
}

static struct volume volume(const char *vm, const char *name, const char *rest)
{
    char lines[512];
    snprintf(lines, sizeof lines, "vid=%s\nrw=True\nsize=4194304\nrevisions_to_keep=%d\n%s", vid(vm, name),
             ground->copies ? 2 : -1, rest);
    return volume_of(name, lines);
}

static int does(enum pool_verb verb, const struct volume *v, struct pool_errand e)
{
    e.volume = v;
    return pool_do(pool, verb, &e, NULL, &why);
}

#define MUST(verb, v, ...)                                                                                   \
    do {                                                                                                     \
        if (does(POOL_##verb, v, (struct pool_errand){__VA_ARGS__}) < 0)                                     \
            fail_msg("%s: %s", #verb, why.text);                                                             \
    } while (0)

static struct pool_outcome look(const struct volume *v)
{
    struct pool_outcome o = {0};
    if (pool_do(pool, POOL_look, &(struct pool_errand){.volume = v}, &o, &why) < 0)
        fail_msg("look: %s", why.text);
    return o;
}

/* What an export of it shows. */
static char committed(const struct volume *v)
{
    AUTO_OUTCOME o = {0};
    if (pool_do(pool, POOL_export, &(struct pool_errand){.volume = v}, &o, &why) < 0)
        fail_msg("export: %s", why.text);
    char word = read_pattern(at(o.path), NULL);
    MUST(export_end, v, .path = o.path);
    return word;
}

static char seen(const struct volume *v)
{
    return read_pattern(at(look(v).path), NULL);
}

static void session(const struct volume *v, char word)
{
    MUST(start, v, 0);
    write_pattern(at(look(v).path), word, SIZE);
    MUST(stop, v, 0);
}

static unsigned lines_of(enum pool_verb verb, const struct volume *v)
{
    AUTO_OUTCOME o = {0};
    unsigned count = 0;
    if (pool_do(pool, verb, &(struct pool_errand){.volume = v}, &o, &why) < 0)
        fail_msg("%s: %s", pool_verb_name(verb), why.text);
    for (size_t i = 0; i < o.list.len; i++)
        count += o.list.at[i] == '\n';
    return count;
}

/* A file of `size` bytes that says 'n', open at its begin. */
static int material(size_t size)
{
    char path[] = "/dev/shm/pool-drivers-material.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    write_pattern(path, 'n', size < (size_t)SIZE ? size : (size_t)SIZE);
    unlink(path);
    return fd;
}

static int setup(void **state)
{
    (void)state;
    own = volume("v-m", "private", "save_on_stop=True");
    source = volume("tem", "root", "save_on_stop=True");
    scratch = volume("v-m", "volatile", "save_on_stop=False");
    char lines[300];
    snprintf(lines, sizeof lines, "snap_on_start=True\nsource=%s", source.vid);
    app = volume("v-m", "root", lines);
    return 0;
}

/* Nothing is left, whatever failed before. */
static int teardown(void **state)
{
    const struct volume *const all[] = {&app, &scratch, &own, &source};
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++)
        if (does(POOL_stop, all[i], (struct pool_errand){0}) < 0 ||
            does(POOL_remove, all[i], (struct pool_errand){0}) < 0)
            print_error("left: %s\n", why.text);
    return lines_of(POOL_list, NULL) == 0 ? 0 : -1;
}

/* ---- what each driver promises ---- */

static void a_saved_volume_keeps_what_its_sessions_wrote(void **state)
{
    (void)state;
    assert_int_equal(pool_do(pool, POOL_setup, NULL, NULL, &why), 0); /* again is harmless */
    assert_true(does(POOL_verify, &own, (struct pool_errand){0}) < 0);
    MUST(create, &own, 0);
    MUST(verify, &own, 0);
    assert_int_equal(committed(&own), '0');
    assert_false(look(&own).dirty);
    assert_int_equal(look(&own).size, 4 * MIB);
    MUST(start, &own, 0);
    write_pattern(at(look(&own).path), 'a', SIZE);
    MUST(start, &own, 0); /* again: nothing is lost */
    assert_int_equal(seen(&own), 'a');
    if (ground->copies) {
        assert_true(look(&own).dirty);
        assert_int_equal(committed(&own), '0');
    }
    MUST(stop, &own, 0);
    MUST(stop, &own, 0);
    assert_int_equal(committed(&own), 'a');
    assert_int_equal(lines_of(POOL_list, NULL), 1);
}

static void older_states_are_kept_and_come_back(void **state)
{
    (void)state;
    MUST(create, &own, 0);
    if (!ground->copies) {
        assert_int_equal(does(POOL_revert, &own, (struct pool_errand){0}), -ERR_NOT_IMPLEMENTED);
        return;
    }
    assert_int_equal(does(POOL_revert, &own, (struct pool_errand){0}),
                     ground->keeps_first ? 0 : -ERR_REVISION_NOT_FOUND);
    for (int word = 'a'; word <= 'c'; word++)
        session(&own, (char)word);
    assert_int_equal(lines_of(POOL_revisions, &own), 2);
    MUST(start, &own, 0);
    assert_int_equal(does(POOL_revert, &own, (struct pool_errand){0}), -ERR_STORAGE);
    MUST(stop, &own, 0);
    session(&own, 'd');
    MUST(revert, &own, 0);
    assert_int_equal(committed(&own), 'c');
    own.revisions_to_keep = 0;
    session(&own, 'e');
    assert_int_equal(lines_of(POOL_revisions, &own), 0);
}

static void in_place_there_is_one_copy_only(void **state)
{
    (void)state;
    MUST(create, &own, 0);
    if (ground->copies)
        session(&own, 'a');
    own.revisions_to_keep = -1;
    MUST(start, &own, 0);
    write_pattern(at(look(&own).path), 'b', SIZE);
    assert_int_equal(lines_of(POOL_revisions, &own), 0);
    MUST(stop, &own, 0);
    assert_int_equal(committed(&own), 'b');
}

static void a_snapshot_is_its_sources_committed_state(void **state)
{
    (void)state;
    MUST(create, &source, 0);
    MUST(create, &app, 0);
    session(&source, 's');
    MUST(start, &app, 0);
    assert_int_equal(seen(&app), 's');
    write_pattern(at(look(&app).path), 'x', SIZE);
    assert_false(look(&app).outdated || look(&app).dirty);
    session(&source, 't');
    assert_true(look(&app).outdated);
    assert_int_equal(seen(&app), 'x');
    MUST(stop, &app, 0);
    assert_false(look(&app).outdated);
    assert_int_equal(committed(&source), 't');
    MUST(start, &app, 0);
    assert_int_equal(seen(&app), 't');
}

static void a_volatile_volume_is_empty_at_each_start(void **state)
{
    (void)state;
    MUST(create, &scratch, 0);
    for (int i = 0; i < 2; i++) {
        MUST(start, &scratch, 0);
        assert_int_equal(seen(&scratch), '0');
        write_pattern(at(look(&scratch).path), 'v', SIZE);
        if (i == 0)
            MUST(stop, &scratch, 0);
    }
    MUST(start, &scratch, 0); /* its last session ended without a word */
    assert_int_equal(seen(&scratch), '0');
    MUST(stop, &scratch, 0);
    assert_false(look(&scratch).has_data);
}

static void an_import_is_whole_or_was_not(void **state)
{
    char bytes[BLOCK];
    AUTO_FD fd = material(SIZE);
    (void)state;
    memset(bytes, 'i', sizeof bytes);
    MUST(create, &own, 0);
    MUST(import_begin, &own, .size = SIZE);
    MUST(import_data, &own, .data = {bytes, sizeof bytes});
    MUST(import_end, &own, .success = false);
    assert_int_equal(committed(&own), '0');
    MUST(import_fd, &own, .fd = fd, .size = SIZE);
    assert_int_equal(committed(&own), 'n');
    assert_int_equal(does(POOL_import_fd, &own, (struct pool_errand){.fd = fd, .size = 8 * MIB}),
                     -ERR_STORAGE); /* it is shorter than it was said to be */
    assert_int_equal(committed(&own), 'n');
    MUST(import_begin, &own, .size = BLOCK);
    MUST(import_data, &own, .data = {bytes, sizeof bytes});
    MUST(import_end, &own, .success = true);
    assert_int_equal(committed(&own), ground->rounds ? '?' : 'i');
}

static void a_size_may_be_any_number_of_bytes(void **state)
{
    AUTO_FD fd = material(777);
    (void)state;
    own.size = 5000001;
    MUST(create, &own, 0);
    assert_true(look(&own).size >= 5000001);
    MUST(resize, &own, .size = 6000001);
    MUST(resize, &own, .size = 6000001);
    assert_true(look(&own).size >= 6000001);
    MUST(import_fd, &own, .fd = fd, .size = 777);
    assert_true(look(&own).size >= 777 && look(&own).size <= 4 * MIB);
}

static void a_size_changes_at_rest_and_under_its_vm(void **state)
{
    size_t size = 0;
    (void)state;
    MUST(create, &own, 0);
    MUST(resize, &own, .size = 8 * MIB);
    MUST(resize, &own, .size = 8 * MIB);
    assert_int_equal(look(&own).size, 8 * MIB);
    MUST(start, &own, 0);
    write_pattern(at(look(&own).path), 'r', SIZE);
    MUST(resize, &own, .size = 12 * MIB);
    assert_int_equal(read_pattern(at(look(&own).path), &size), 'r');
    assert_int_equal(size, 12 * MIB);
    MUST(stop, &own, 0);
    assert_int_equal(look(&own).size, 12 * MIB);
    assert_int_equal(committed(&own), 'r');
}

static void a_clone_is_the_committed_state(void **state)
{
    struct pool_errand e = {.source = &source};
    (void)state;
    MUST(create, &source, 0);
    MUST(create, &own, 0);
    session(&source, 's');
    MUST(start, &source, 0);
    if (ground->copies)
        write_pattern(at(look(&source).path), 'x', SIZE);
    MUST(clone, &own, .source = e.source);
    assert_int_equal(committed(&own), 's');
    MUST(stop, &source, 0);
    MUST(remove, &source, 0);
    assert_int_equal(committed(&own), 's');
}

static void ignore(void *self, const struct pool_found *found)
{
    if (found->r < 0)
        print_error("recovery: %s\n", found->why->text);
    *(unsigned *)self |= found->r < 0 ? 1U << 31 : found->cure;
}

static void what_a_crash_left_is_finished_or_removed(void **state)
{
    struct pool_known_volume known[] = {{own, POOL_LIVING}, {scratch, POOL_AT_REST}, {app, POOL_AT_REST}};
    size_t count = ground->copies ? 3 : 2;
    unsigned cures = 0;
    (void)state;
    MUST(create, &own, 0);
    MUST(create, &source, 0);
    for (size_t i = 0; i < count; i++)
        MUST(start, &known[i].volume, 0);
    write_pattern(at(look(&own).path), 'l', SIZE);
    assert_int_equal(pool_recover(pool, known, 1, NULL, ignore, &cures, &why), 0);
    assert_int_equal(cures, 0); /* its VM lives */
    assert_int_equal(seen(&own), 'l');
    known[0].known = POOL_AT_REST;
    assert_int_equal(pool_recover(pool, known, count, NULL, ignore, &cures, &why), 0);
    assert_int_equal(cures, POOL_CURE_STOP);
    assert_int_equal(committed(&own), 'l');
    assert_false(look(&scratch).has_data || look(&app).remains.running);
    known[0].known = POOL_HALF_MADE;
    assert_int_equal(pool_recover(pool, known, 1, NULL, ignore, &cures, &why), 0);
    assert_int_equal(cures, POOL_CURE_STOP | POOL_CURE_REMOVE);
    MUST(create, &own, 0); /* the name can be used again */
    assert_int_equal(committed(&own), '0');
}

/* More than the disk has; from a pipe, so nothing is shared or left out. */
static void a_full_disk_leaves_volumes_as_they_were(void **state)
{
    AUTO_FD fd = material(SIZE);
    (void)state;
    MUST(create, &own, 0);
    session(&own, 'a');
    FILE *endless = popen("exec yes", "re"); /* NOLINT: a fixed command of this test */
    assert_non_null(endless);
    int r = does(POOL_import_fd, &own, (struct pool_errand){.fd = fileno(endless), .size = 512 * MIB});
    pclose(endless);
    assert_int_equal(r, -ERR_STORAGE);
    assert_int_equal(look(&own).size, 4 * MIB);
    assert_int_equal(committed(&own), 'a');
    MUST(import_fd, &own, .fd = fd, .size = SIZE); /* what had filled it is gone */
    assert_int_equal(committed(&own), 'n');
    session(&own, 'b');
    assert_int_equal(committed(&own), 'b');
}

/* On the ground that `ground` and `pool` say; the number of failures. */
static inline int run_suite(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_saved_volume_keeps_what_its_sessions_wrote),
        TEST(older_states_are_kept_and_come_back),
        TEST(in_place_there_is_one_copy_only),
        TEST(a_volatile_volume_is_empty_at_each_start),
        TEST(an_import_is_whole_or_was_not),
        TEST(a_size_may_be_any_number_of_bytes),
        TEST(a_size_changes_at_rest_and_under_its_vm),
        TEST(a_clone_is_the_committed_state),
        TEST(what_a_crash_left_is_finished_or_removed),
        TEST(a_full_disk_leaves_volumes_as_they_were),
        /* the scripts that make such devices for `file` are Qubes OS's: tests/unit/doors/pool_file_test.c */
        TEST(a_snapshot_is_its_sources_committed_state),
    };
#undef TEST
    print_message("# %s\n", ground->name);
    return _cmocka_run_group_tests(ground->name, tests, COUNT(tests) - !ground->copies, NULL, NULL);
}

#endif
