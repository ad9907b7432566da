/* SPDX-License-Identifier: MIT
 * What a volume's configuration means, the names of its files, and what is decided from what is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"
#include "doors/pool.h"
#include "doors/pool_names.h"
#include "doors/pool_reflink_plan.h"
#include "tests/unit/doors/pool_bench.h"

static void a_volume_is_read_as_the_model_writes_it(void **state)
{
    (void)state;
    struct volume v = volume_of("root", "pool=p\nvid=appvms/work/root\nrevisions_to_keep=0\nrw=True\n"
                                        "save_on_stop=False\nsnap_on_start=True\nsize=10737418240\n"
                                        "source=vm-templates/fedora/root");
    assert_string_equal(v.vid, "appvms/work/root");
    assert_string_equal(v.source, "vm-templates/fedora/root");
    assert_int_equal(v.size, UINT64_C(10737418240));
    assert_true(v.rw && v.snap_on_start && !v.save_on_stop);
    assert_int_equal(v.ephemeral, EPHEMERAL_UNSET);
    v = volume_of("root", "vid=appvms/work/root\nrevisions_to_keep=9223372036854775807");
    assert_int_equal(v.revisions_to_keep, INT64_MAX); /* as many as can be asked for */
    v = volume_of("volatile", "vid=appvms/work/volatile\nrw=False\nephemeral=True");
    assert_true(volume_ephemeral(&v, false)); /* made read-only when it was ephemeral */
}

static void what_makes_no_sense_is_refused_and_nothing_written(void **state)
{
    static const char *const bad[] = {
        "vid=a/b/c\nsnap_on_start=True",
        "vid=a/b/c\nsource=a/b/d",
        "vid=a/b/c\nrw=maybe",
        "vid=a/b/c\nsize=-1",
        "vid=a/b/c\nsize=9223372036854775808",
        "vid=a/b/c\nrevisions_to_keep=-2",
        "vid=a/b/c\nrevisions_to_keep=9223372036854775808",
        "vid=a/b/c\nephemeral=True\nrw=True\nsave_on_stop=True",
        "vid=a/b/c\nephemeral=True\nrw=True\nsnap_on_start=True\nsource=a/b/d",
    };
    struct volume v = {.size = 77};
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fault why = {0};
        assert_true(volume_read(&v, span_of("x"), span_of(bad[i]), &why) < 0);
        assert_int_equal(v.size, 77);
        assert_true(why.text[0] != '\0');
    }
}

static void the_two_switches_make_four_kinds(void **state)
{
    (void)state;
    assert_int_equal(volume_kind(&(struct volume){0}), VOLUME_VOLATILE);
    assert_int_equal(volume_kind(&(struct volume){.snap_on_start = true}), VOLUME_SNAPSHOT);
    assert_int_equal(volume_kind(&(struct volume){.save_on_stop = true}), VOLUME_ORIGIN);
    assert_int_equal(volume_kind(&(struct volume){.save_on_stop = true, .snap_on_start = true}), VOLUME_BOTH);
    assert_true(volume_in_place(&(struct volume){.save_on_stop = true, .revisions_to_keep = -1}));
    assert_false(volume_in_place(&(struct volume){.revisions_to_keep = -1}));
    assert_false(volume_in_place(
        &(struct volume){.save_on_stop = true, .snap_on_start = true, .revisions_to_keep = -1}));
    assert_false(volume_in_place(&(struct volume){.save_on_stop = true}));
}

static void the_pools_word_on_encryption_concerns_volatile_volumes_only(void **state)
{
    (void)state;
    assert_true(volume_ephemeral(&(struct volume){.rw = true}, true));
    assert_false(volume_ephemeral(&(struct volume){.rw = true}, false));
    assert_false(volume_ephemeral(&(struct volume){.rw = false}, true));
    assert_false(volume_ephemeral(&(struct volume){.rw = true, .save_on_stop = true}, true));
    assert_false(volume_ephemeral(&(struct volume){.rw = true, .ephemeral = EPHEMERAL_NO}, true));
    assert_true(volume_ephemeral(&(struct volume){.rw = true, .ephemeral = EPHEMERAL_YES}, false));
}

static void a_vid_never_leaves_its_pool(void **state)
{
    static const char *const good[] = {"", "appvms/v-m/private", "qubes_dom0/vm-work-root", "6.1.62-1.fc37"};
    static const char *const bad[] = {"/etc", "a//b",   "a/../b", "..",   ".",  "a/b/",
                                      "a b",  "a/b\nc", "-f",     "a/-x", "a~b"};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(names_vid(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(names_vid(bad[i]));
}

static void revisions_are_read_back_as_they_were_named(void **state)
{
    char tail[NAMES_REVISION_MAX + 1], time[NAMES_TIME];
    uint64_t number;
    (void)state;
    assert_true(names_revision(tail, 7, 1521065904));
    assert_string_equal(tail, ".img.7@2018-03-14T22:18:24Z");
    assert_true(names_read_revision(tail, &number, time));
    assert_int_equal(number, 7);
    assert_string_equal(time, "2018-03-14T22:18:24");
    static const char *const bad[] = {".img",
                                      ".img.7",
                                      ".img.@2018-03-14T22:18:24Z",
                                      ".img.7@2018-03-14T22:18:24",
                                      ".img.7@2018-03-14T22:18:24Z~ab",
                                      ".img.7@2018-03-14 22:18:24Z",
                                      "-dirty.img"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(names_read_revision(bad[i], &number, time));
}

static void temporaries_are_told_from_everything_else(void **state)
{
    (void)state;
    assert_true(names_is_temporary(".img~1234"));
    assert_true(names_is_temporary("-dirty.img~1234"));
    assert_true(names_is_temporary(".img.7@2018-03-14T22:18:24Z~1"));
    assert_false(names_is_temporary(".img"));
    assert_false(names_is_temporary("-extra.img~1")); /* of the volume whose name goes on */
    assert_false(names_is_temporary("2.img~1"));
}

static void names_of_logical_volumes_are_kept_apart(void **state)
{
    char mapper[64];
    uint64_t seconds = 0;
    (void)state;
    assert_true(names_mapper(mapper, sizeof mapper, "vg/vm-a-root-snap"));
    assert_string_equal(mapper, "vg-vm--a--root--snap");
    assert_false(names_mapper(mapper, 5, "vg/vm-a-root-snap"));
    assert_true(names_lv_revision("vm-a-root", "vm-a-root-1521065904-back", &seconds));
    assert_int_equal(seconds, 1521065904);
    assert_false(names_lv_revision("vm-a-root", "vm-a-root-private-1521065904-back", &seconds));
    assert_false(names_lv_revision("vm-a-root", "vm-a-root-snap", &seconds));
    assert_false(names_lv_revision("vm-a-root", "vm-a-root", &seconds));
}

static void every_remainder_has_its_cure(void **state)
{
    struct pool_remains none = {0}, dirty = {.dirty = true}, left = {.running = true},
                        import = {.import = true}, both = {.dirty = true, .temporary = true},
                        half = {.interrupted = true};
    static const unsigned cures[6][3] = {
        /* at rest                              living           half made */
        {0, 0, POOL_CURE_REMOVE},
        {POOL_CURE_STOP, 0, POOL_CURE_REMOVE},
        {POOL_CURE_STOP, 0, POOL_CURE_REMOVE},
        {POOL_CURE_TIDY, POOL_CURE_TIDY, POOL_CURE_REMOVE},
        {POOL_CURE_TIDY | POOL_CURE_STOP, POOL_CURE_TIDY, POOL_CURE_REMOVE},
        {POOL_CURE_STOP, 0, POOL_CURE_REMOVE},
    };
    const struct pool_remains *const seen[] = {&none, &dirty, &left, &import, &both, &half};
    (void)state;
    for (size_t i = 0; i < COUNT(seen); i++)
        for (int known = POOL_AT_REST; known <= POOL_HALF_MADE; known++)
            assert_int_equal(pool_cure((enum pool_known)known, seen[i]), cures[i][known]);
}

static void plans(const struct volume *v, struct reflink_seen seen, enum reflink_step start,
                  enum reflink_step stop)
{
    assert_int_equal(*reflink_plan_start(v, &seen), start);
    assert_int_equal(*reflink_plan_stop(v, &seen), stop);
}

static void every_kind_and_state_has_its_plan(void **state)
{
    struct volume fresh = {.rw = true}, origin = {.save_on_stop = true, .revisions_to_keep = 1},
                  place = {.save_on_stop = true, .revisions_to_keep = -1}, snap = {.snap_on_start = true},
                  both = {.snap_on_start = true, .save_on_stop = true};
    struct reflink_seen none = {0}, clean = {.clean = true}, cached = {.clean = true, .fresh = true},
                        started = {.clean = true, .dirty = true}, dirty = {.dirty = true};
    (void)state;
    plans(&fresh, none, REFLINK_make_dirty, REFLINK_drop_dirty);
    plans(&fresh, dirty, REFLINK_make_dirty, REFLINK_drop_dirty);
    plans(&origin, clean, REFLINK_drop_precache, REFLINK_END);
    plans(&origin, cached, REFLINK_precache_to_dirty, REFLINK_END);
    plans(&origin, started, REFLINK_END, REFLINK_commit); /* what a crashed session wrote is kept */
    plans(&place, clean, REFLINK_drop_revisions, REFLINK_END);
    plans(&place, dirty, REFLINK_drop_revisions, REFLINK_dirty_to_clean);
    assert_int_equal(reflink_plan_start(&place, &clean)[2], REFLINK_clean_to_dirty);
    assert_int_equal(reflink_plan_start(&place, &dirty)[2], REFLINK_END);
    plans(&snap, none, REFLINK_drop_clean, REFLINK_drop_dirty);
    plans(&snap, started, REFLINK_drop_clean, REFLINK_drop_dirty);
    plans(&both, clean, REFLINK_drop_clean, REFLINK_END);
    plans(&both, started, REFLINK_END, REFLINK_commit);
}

static void a_pool_needs_its_drivers_parameters(void **state)
{
    static const char *const bad[] = {
        "name=p",
        "driver=nosuch",
        "driver=file-reflink",
        "driver=file-reflink\ndir_path=relative",
        "driver=file-reflink\ndir_path=/x\nrevisions_to_keep=-2",
        "driver=file-reflink\ndir_path=/x\nephemeral_volatile=perhaps",
        "driver=linux-kernel",
    };
    struct pool *p = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fault why = {0};
        assert_true(pool_open("p", span_of(bad[i]), NULL, &p, &why) < 0);
        assert_null(p);
        assert_true(why.text[0] != '\0' && strchr(why.text, '%') == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_is_read_as_the_model_writes_it),
        cmocka_unit_test(what_makes_no_sense_is_refused_and_nothing_written),
        cmocka_unit_test(the_two_switches_make_four_kinds),
        cmocka_unit_test(the_pools_word_on_encryption_concerns_volatile_volumes_only),
        cmocka_unit_test(a_vid_never_leaves_its_pool),
        cmocka_unit_test(revisions_are_read_back_as_they_were_named),
        cmocka_unit_test(temporaries_are_told_from_everything_else),
        cmocka_unit_test(names_of_logical_volumes_are_kept_apart),
        cmocka_unit_test(every_remainder_has_its_cure),
        cmocka_unit_test(every_kind_and_state_has_its_plan),
        cmocka_unit_test(a_pool_needs_its_drivers_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
