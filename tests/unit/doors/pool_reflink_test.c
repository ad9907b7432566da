/* SPDX-License-Identifier: MIT
 * A volume of a file-reflink pool from start to stop: the states of files are those of spec storage 6.5. */
#include "tests/unit/doors/pool_reflink_bench.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_volume_lives_as_the_worked_states_say),
        cmocka_unit_test(in_place_there_is_only_one_file),
        cmocka_unit_test(a_snapshot_is_its_sources_committed_state_and_knows_when_it_is_old),
        cmocka_unit_test(a_volatile_volume_is_new_at_each_start),
        cmocka_unit_test(both_at_once_starts_from_the_source_and_is_committed),
        cmocka_unit_test(sizes_change_at_rest_and_while_it_runs),
        cmocka_unit_test(a_precache_of_another_time_is_not_believed),
    };
    return on_all(tests, COUNT(tests));
}
