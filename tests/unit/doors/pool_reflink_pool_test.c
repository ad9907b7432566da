/* SPDX-License-Identifier: MIT
 * A file-reflink pool as a whole: where it may be, what of it is nobody's, and what a crash has left. */
#include "tests/unit/doors/pool_reflink_bench.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_outside_its_pool_is_refused),
        cmocka_unit_test(recovery_finishes_what_is_known_and_touches_no_stranger),
        cmocka_unit_test(a_new_pool_asks_the_file_system),
    };
    return on_all(tests, COUNT(tests));
}
