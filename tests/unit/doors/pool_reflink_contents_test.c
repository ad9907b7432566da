/* SPDX-License-Identifier: MIT
 * What a volume of a file-reflink pool holds comes from elsewhere: a revision, an import, another volume. */
#include "tests/unit/doors/pool_reflink_bench.h"

static void a_revision_is_found_by_its_id_or_refused(void **state)
{
    struct house h = house("private", ORIGIN_LINES);
    struct pool_errand e = {.volume = &h.v, .revision = SPAN_LITERAL("1")};
    (void)state;
    must(&h, POOL_create);
    assert_int_equal(does(&h, POOL_revert), -ERR_REVISION_NOT_FOUND);
    for (int word = 'a'; word <= 'b'; word++) {
        must(&h, POOL_start);
        write_pattern(at(&h, "-dirty.img"), (char)word, SIZE);
        assert_int_equal(does(&h, POOL_revert), -ERR_STORAGE);
        must(&h, POOL_stop);
    }
    files_are(&h, "b-b-", "12");
    assert_int_equal(pool_do(h.p, POOL_revert, &e, NULL, &h.why), 0);
    files_are(&h, "0-0-", "23");
    assert_int_equal(pool_do(h.p, POOL_revert, &e, NULL, &h.why), -ERR_REVISION_NOT_FOUND);
    e.revision = SPAN_LITERAL("../1");
    assert_int_equal(pool_do(h.p, POOL_revert, &e, NULL, &h.why), -ERR_REVISION_NOT_FOUND);
    files_are(&h, "0-0-", "23");
    leave(&h);
}

static void an_import_is_committed_thrown_away_or_forgotten_at_start(void **state)
{
    struct house h = house("private", ORIGIN_LINES);
    char bytes[BLOCK];
    struct pool_errand e = {.volume = &h.v, .size = 4 * BLOCK, .data = {bytes, sizeof bytes}};
    AUTO_OUTCOME o = {0};
    (void)state;
    memset(bytes, 'i', sizeof bytes);
    must(&h, POOL_create);
    assert_int_equal(pool_do(h.p, POOL_import_data, &e, NULL, &h.why), -ERR_STORAGE);
    assert_int_equal(pool_do(h.p, POOL_import_begin, &e, &o, &h.why), 0);
    assert_string_equal(o.path, at(&h, "-import.img"));
    for (e.offset = 0; e.offset < e.size; e.offset += BLOCK)
        if (e.offset / BLOCK % 3 != 2)
            assert_int_equal(pool_do(h.p, POOL_import_data, &e, NULL, &h.why), 0);
    assert_int_equal(pool_do(h.p, POOL_import_data, &e, NULL, &h.why), -ERR_STORAGE); /* beyond its end */
    files_are(&h, "0-0i", "");
    must(&h, POOL_import_end); /* not a success */
    files_are(&h, "0-0-", "");
    e.success = true;
    assert_int_equal(pool_do(h.p, POOL_import_end, &e, NULL, &h.why), -ERR_STORAGE);
    assert_int_equal(pool_do(h.p, POOL_import_begin, &e, &o, &h.why), 0);
    write_pattern(o.path, 'j', 4 * BLOCK);
    assert_int_equal(pool_do(h.p, POOL_import_end, &e, NULL, &h.why), 0);
    files_are(&h, "j-j-", "1");
    assert_int_equal(pool_do(h.p, POOL_look, &e, &o, &h.why), 0);
    assert_int_equal(o.size, 4 * BLOCK);
    must(&h, POOL_start);
    assert_int_equal(pool_do(h.p, POOL_import_begin, &e, &o, &h.why), 0);
    must(&h, POOL_stop);
    files_are(&h, "j-j0", "12");
    must(&h, POOL_start);
    files_are(&h, "jj--", "12");
    leave(&h);
}

static void a_clone_is_the_sources_committed_state_even_while_it_runs(void **state)
{
    struct house h = house("private", ORIGIN_LINES);
    struct volume to = volume_of(
        "private", "vid=appvms/other/private\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsize=4096");
    struct volume source = h.v;
    struct house o = {h.p, to, {0}};
    (void)state;
    must(&h, POOL_create);
    must(&h, POOL_start);
    write_pattern(at(&h, "-dirty.img"), 's', SIZE);
    must(&h, POOL_stop);
    must(&h, POOL_start);
    write_pattern(at(&h, "-dirty.img"), 'x', SIZE);
    must(&o, POOL_create);
    struct pool_errand e = {.volume = &o.v, .source = &source};
    assert_int_equal(pool_do(h.p, POOL_clone, &e, NULL, &h.why), 0);
    files_are(&o, "s-s-", "1");
    struct stat a, b;
    assert_int_equal(stat(at(&o, ".img"), &b) + stat(at(&h, ".img"), &a), 0);
    assert_int_equal(a.st_size, b.st_size);
    assert_int_not_equal(a.st_ino, b.st_ino);
    must(&o, POOL_remove);
    leave(&h);
}

static bool never(void *self, uint64_t done, uint64_t total)
{
    (void)done, (void)total;
    ++*(int *)self;
    return false;
}

static void a_cancelled_import_leaves_the_volume_as_it_was(void **state)
{
    struct house h = house("private", ORIGIN_LINES);
    char path[128];
    int asked = 0;
    (void)state;
    snprintf(path, sizeof path, "/dev/shm/pool-reflink-import.%d", getpid());
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    write_pattern(path, 'f', SIZE);
    unlink(path);
    struct pool_errand e = {.volume = &h.v, .fd = fd, .size = SIZE, .watch = {never, &asked}};
    must(&h, POOL_create);
    assert_int_equal(pool_do(h.p, POOL_import_fd, &e, NULL, &h.why), -ERR_CANCELLED);
    assert_int_equal(asked, 1);
    files_are(&h, "0-0-", "");
    e.watch.go_on = NULL;
    e.size = SIZE + 1;
    assert_int_equal(pool_do(h.p, POOL_import_fd, &e, NULL, &h.why), -ERR_STORAGE);
    files_are(&h, "0-0-", "");
    e.size = SIZE;
    assert_int_equal(pool_do(h.p, POOL_import_fd, &e, NULL, &h.why), 0);
    files_are(&h, "f-f-", "1");
    struct stat st;
    assert_int_equal(stat(at(&h, ".img"), &st), 0);
    assert_true(st.st_blocks * 512 < SIZE); /* its holes are holes */
    leave(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revision_is_found_by_its_id_or_refused),
        cmocka_unit_test(an_import_is_committed_thrown_away_or_forgotten_at_start),
        cmocka_unit_test(a_clone_is_the_sources_committed_state_even_while_it_runs),
        cmocka_unit_test(a_cancelled_import_leaves_the_volume_as_it_was),
    };
    return on_all(tests, COUNT(tests));
}
