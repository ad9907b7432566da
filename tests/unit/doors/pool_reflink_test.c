/* SPDX-License-Identifier: MIT
 * A file-reflink pool on real file systems: with shared blocks (btrfs, xfs) and without (ext4, tmpfs). The
 * states of files are those of spec storage 6.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/own.h"
#include "tests/unit/doors/pool_bench.h"

static char dir[64] = "/tmp/pool-reflink-test.XXXXXX";
static bool shares; /* blocks, on the file system under test */

struct house {
    struct pool *p;
    struct volume v;
    struct fault why;
};

static struct house house(const char *name, const char *lines)
{
    char parameters[128];
    snprintf(parameters, sizeof parameters, "dir_path=%s/pool\nsetup_check=%s", dir,
             shares ? "True" : "False");
    struct house h = {pool_at("file-reflink", parameters, NULL), volume_of(name, lines), {0}};
    assert_int_equal(pool_do(h.p, POOL_setup, NULL, NULL, &h.why), 0);
    return h;
}

static int does(struct house *h, enum pool_verb verb)
{
    return pool_do(h->p, verb, &(struct pool_errand){.volume = &h->v}, NULL, &h->why);
}

static void must(struct house *h, enum pool_verb verb)
{
    if (does(h, verb) < 0)
        fail_msg("%s: %s", pool_verb_name(verb), h->why.text);
}

static const char *at(const struct house *h, const char *tail)
{
    static char path[4][512];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/pool/%s%s", dir, h->v.vid, tail);
    return to;
}

/* The words of clean, dirty, precache and import, '-' for what is not there, and the revisions. */
static void files_are(struct house *h, const char *words, const char *revisions)
{
    static const char *const tails[] = {".img", "-dirty.img", "-precache.img", "-import.img"};
    char seen[5] = "", numbers[32] = "";
    for (size_t i = 0; i < COUNT(tails); i++)
        seen[i] = read_pattern(at(h, tails[i]), NULL);
    assert_string_equal(seen, words);
    AUTO_OUTCOME o = {0};
    assert_int_equal(pool_do(h->p, POOL_revisions, &(struct pool_errand){.volume = &h->v}, &o, &h->why), 0);
    struct span rest = text_span(&o.list), time;
    while (rest.len > 0) {
        struct span line = span_split(rest, '\n', &rest), number = span_split(line, '=', &time);
        assert_int_equal(time.len, 19);
        strncat(numbers, number.at, number.len);
    }
    assert_string_equal(numbers, revisions);
}

static void leave(struct house *h)
{
    must(h, POOL_remove);
    files_are(h, "----", "");
    pool_free(h->p);
}

static void a_saved_volume_lives_as_the_worked_states_say(void **state)
{
    struct house h = house("private", ORIGIN_LINES);
    (void)state;
    must(&h, POOL_create);
    files_are(&h, "0-0-", "");
    must(&h, POOL_verify);
    must(&h, POOL_start);
    files_are(&h, "00--", "");
    write_pattern(at(&h, "-dirty.img"), 'a', SIZE);
    must(&h, POOL_start); /* again: nothing is lost */
    files_are(&h, "0a--", "");
    must(&h, POOL_stop);
    files_are(&h, "a-a-", "1");
    must(&h, POOL_stop);
    files_are(&h, "a-a-", "1");
    for (int word = 'b'; word <= 'd'; word++) {
        must(&h, POOL_start);
        write_pattern(at(&h, "-dirty.img"), (char)word, SIZE);
        must(&h, POOL_stop);
    }
    files_are(&h, "d-d-", "34");
    must(&h, POOL_revert);
    files_are(&h, "c-c-", "35");
    leave(&h);
}

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

static void in_place_there_is_only_one_file(void **state)
{
    struct house h = house(
        "private", "vid=appvms/v-m/private\nrevisions_to_keep=-1\nrw=True\nsave_on_stop=True\nsize=32768");
    (void)state;
    must(&h, POOL_create);
    files_are(&h, "0---", "");
    must(&h, POOL_start);
    files_are(&h, "-0--", "");
    must(&h, POOL_verify);
    write_pattern(at(&h, "-dirty.img"), 'a', SIZE);
    assert_int_equal(does(&h, POOL_export), -ERR_STORAGE);
    assert_string_equal(h.why.text, "Volume appvms/v-m/private must be stopped before importing its data");
    must(&h, POOL_stop);
    files_are(&h, "a---", "");
    h.v.revisions_to_keep = 2; /* and back: what was kept goes */
    must(&h, POOL_start);
    must(&h, POOL_stop);
    files_are(&h, "a-a-", "1");
    h.v.revisions_to_keep = -1;
    must(&h, POOL_start);
    files_are(&h, "-a--", "");
    must(&h, POOL_stop);
    leave(&h);
}

static void a_snapshot_is_its_sources_committed_state_and_knows_when_it_is_old(void **state)
{
    struct house t =
        house("root", "vid=vm-templates/t/root\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsize=32768");
    struct house a = house(
        "root", "vid=appvms/a/root\nrw=True\nsnap_on_start=True\nsource=vm-templates/t/root\nsize=32768");
    AUTO_OUTCOME o = {0};
    (void)state;
    must(&t, POOL_create);
    must(&a, POOL_create);
    must(&t, POOL_start);
    write_pattern(at(&t, "-dirty.img"), 't', SIZE);
    must(&a, POOL_start);
    files_are(&a, "00--", "");
    write_pattern(at(&a, "-dirty.img"), 'a', SIZE);
    assert_int_equal(pool_do(a.p, POOL_look, &(struct pool_errand){.volume = &a.v}, &o, &a.why), 0);
    assert_false(o.outdated || o.dirty);
    assert_string_equal(o.path, at(&a, "-dirty.img"));
    must(&t, POOL_stop);
    files_are(&t, "t-t-", "1");
    files_are(&a, "0a--", "");
    assert_int_equal(pool_do(a.p, POOL_look, &(struct pool_errand){.volume = &a.v}, &o, &a.why), 0);
    assert_true(o.outdated);
    must(&a, POOL_stop);
    files_are(&a, "----", "");
    assert_int_equal(pool_do(a.p, POOL_look, &(struct pool_errand){.volume = &a.v}, &o, &a.why), 0);
    assert_false(o.outdated);
    must(&a, POOL_start);
    files_are(&a, "tt--", "");
    must(&a, POOL_stop);
    assert_int_equal(does(&a, POOL_export), -ERR_NOT_IMPLEMENTED);
    leave(&t);
    assert_int_equal(does(&a, POOL_verify), -ERR_STORAGE);
    assert_int_equal(does(&a, POOL_start), -ERR_STORAGE);
    leave(&a);
}

static void a_volatile_volume_is_new_at_each_start(void **state)
{
    struct house h = house("volatile", "vid=appvms/v-m/volatile\nrw=True\nsize=32768");
    (void)state;
    must(&h, POOL_create);
    files_are(&h, "----", "");
    must(&h, POOL_start);
    write_pattern(at(&h, "-dirty.img"), 'v', SIZE);
    must(&h, POOL_start);
    files_are(&h, "-0--", "");
    must(&h, POOL_stop);
    files_are(&h, "----", "");
    leave(&h);
}

static void both_at_once_starts_from_the_source_and_is_committed(void **state)
{
    struct house t =
        house("root", "vid=vm-templates/t/root\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsize=32768");
    struct house b = house(
        "both", "vid=appvms/b/both\nrevisions_to_keep=2\nrw=True\nsnap_on_start=True\nsave_on_stop=True\n"
                "source=vm-templates/t/root\nsize=32768");
    (void)state;
    must(&t, POOL_create);
    must(&b, POOL_create);
    must(&b, POOL_start);
    files_are(&b, "00--", "");
    write_pattern(at(&b, "-dirty.img"), 'b', SIZE);
    must(&b, POOL_stop);
    files_are(&b, "b-b-", "1");
    files_are(&t, "0-0-", "");
    leave(&b);
    leave(&t);
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

static void sizes_change_at_rest_and_while_it_runs(void **state)
{
    struct house h = house("private", ORIGIN_LINES);
    struct pool_errand e = {.volume = &h.v, .size = 2 * SIZE};
    size_t size = 0;
    (void)state;
    must(&h, POOL_create);
    must(&h, POOL_start);
    write_pattern(at(&h, "-dirty.img"), 'a', SIZE);
    assert_int_equal(pool_do(h.p, POOL_resize, &e, NULL, &h.why), 0);
    must(&h, POOL_stop);
    read_pattern(at(&h, ".img"), &size);
    assert_int_equal(size, 2 * SIZE);
    e.size = 3 * SIZE;
    assert_int_equal(pool_do(h.p, POOL_resize, &e, NULL, &h.why), 0);
    assert_int_equal(read_pattern(at(&h, "-precache.img"), &size), 'a');
    assert_int_equal(size, 3 * SIZE);
    h.v.rw = false;
    assert_int_equal(pool_do(h.p, POOL_resize, &e, NULL, &h.why), -ERR_STORAGE);
    assert_string_equal(h.why.text, "Cannot resize: appvms/v-m/private is read-only");
    leave(&h);
}

static void a_precache_of_another_time_is_not_believed(void **state)
{
    struct house h = house("private", ORIGIN_LINES);
    (void)state;
    must(&h, POOL_create);
    usleep(20000); /* the clock of a file's times ticks every few milliseconds */
    write_pattern(at(&h, "-precache.img"), 'x', SIZE);
    must(&h, POOL_start);
    files_are(&h, "00--", "");
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

static void a_volume_outside_its_pool_is_refused(void **state)
{
    static const char *const bad[] = {"private",     "appvms/x",  "../x/y",
                                      "appvms/../y", "other/x/y", "appvms/x/y/z"};
    struct house h = house("private", ORIGIN_LINES);
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(h.v.vid, sizeof h.v.vid, "%s", bad[i]);
        for (int verb = POOL_create; verb < POOL_VERBS; verb++)
            if (verb != POOL_export_end)
                assert_int_equal(does(&h, (enum pool_verb)verb), -ERR_STORAGE);
    }
    pool_free(h.p);
}

static unsigned strangers;
static void tell(void *self, const struct pool_found *found)
{
    unsigned *cures = self;
    if (found->volume == NULL)
        strangers++;
    else {
        assert_int_equal(found->r, 0);
        *cures |= found->cure;
    }
}

static void recovery_finishes_what_is_known_and_touches_no_stranger(void **state)
{
    struct house h = house("private", ORIGIN_LINES),
                 s = house("x", "vid=appvms/stranger/x\nsave_on_stop=True\nrw=True");
    struct pool_known_volume known = {h.v, POOL_LIVING};
    unsigned cures = 0;
    (void)state;
    must(&s, POOL_create);
    must(&h, POOL_create);
    must(&h, POOL_start);
    write_pattern(at(&h, "-dirty.img"), 'a', SIZE);
    FILE *f = fopen(at(&h, ".img~deadbeef"), "w");
    assert_non_null(f);
    fclose(f);
    strangers = 0;
    assert_int_equal(pool_recover(h.p, &known, 1, NULL, tell, &cures, &h.why), 0);
    assert_int_equal(cures, POOL_CURE_TIDY);
    assert_int_equal(strangers, 1);
    files_are(&h, "0a--", "");
    assert_int_not_equal(access(at(&h, ".img~deadbeef"), F_OK), 0);
    known.known = POOL_AT_REST;
    cures = 0;
    assert_int_equal(pool_recover(h.p, &known, 1, NULL, tell, &cures, &h.why), 0);
    assert_int_equal(cures, POOL_CURE_STOP);
    files_are(&h, "a-a-", "1");
    known.known = POOL_HALF_MADE;
    assert_int_equal(pool_recover(h.p, &known, 1, NULL, tell, &cures, &h.why), 0);
    files_are(&h, "----", "");
    must(&h, POOL_create); /* the name can be used again */
    files_are(&s, "0-0-", "");
    leave(&s);
    leave(&h);
}

static void a_new_pool_asks_the_file_system(void **state)
{
    char parameters[128];
    struct fault why = {0};
    AUTO_OUTCOME o = {0};
    (void)state;
    snprintf(parameters, sizeof parameters, "dir_path=%s/new", dir);
    struct pool *p = pool_at("file-reflink", parameters, NULL);
    int r = pool_do(p, POOL_setup, NULL, NULL, &why);
    assert_int_equal(r, shares ? 0 : -ERR_STORAGE);
    snprintf(parameters, sizeof parameters, "%s/new/appvms", dir);
    assert_int_equal(access(parameters, F_OK), shares ? 0 : -1);
    assert_int_equal(pool_do(p, POOL_usage, NULL, &o, &why), 0);
    assert_int_equal(o.known, shares); /* no directory: nothing to tell */
    pool_free(p);
}

static int on(const char *type, bool sharing)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_volume_lives_as_the_worked_states_say),
        cmocka_unit_test(a_revision_is_found_by_its_id_or_refused),
        cmocka_unit_test(an_import_is_committed_thrown_away_or_forgotten_at_start),
        cmocka_unit_test(in_place_there_is_only_one_file),
        cmocka_unit_test(a_snapshot_is_its_sources_committed_state_and_knows_when_it_is_old),
        cmocka_unit_test(a_volatile_volume_is_new_at_each_start),
        cmocka_unit_test(both_at_once_starts_from_the_source_and_is_committed),
        cmocka_unit_test(a_clone_is_the_sources_committed_state_even_while_it_runs),
        cmocka_unit_test(sizes_change_at_rest_and_while_it_runs),
        cmocka_unit_test(a_precache_of_another_time_is_not_believed),
        cmocka_unit_test(a_cancelled_import_leaves_the_volume_as_it_was),
        cmocka_unit_test(a_volume_outside_its_pool_is_refused),
        cmocka_unit_test(recovery_finishes_what_is_known_and_touches_no_stranger),
        cmocka_unit_test(a_new_pool_asks_the_file_system),
    };
    shares = sharing;
    if (!mount_own(type, dir, strcmp(type, "xfs") == 0 ? 320 : 128)) {
        printf("1..0 # SKIP no %s on a loop device here (root, mkfs.%s and a kernel with it)\n", type, type);
        return 0;
    }
    int r = cmocka_run_group_tests_name(type, tests, NULL, NULL);
    umount2(dir, MNT_DETACH);
    return r;
}

int main(void)
{
    if (mkdtemp(dir) == NULL)
        return 1;
    int r = on("btrfs", true) + on("xfs", true) + on("ext4", false) + on("tmpfs", false);
    rmdir(dir);
    return r;
}
