/* SPDX-License-Identifier: MIT
 * zfs against a ZFS of files: every command fails, or is the last one (spec storage 17). */
#include "tests/unit/doors/pool_zfs_bench.h"

/* ---- every command fails, or is the last one ---- */

static const struct zfs_trial {
    enum pool_verb verb;
    bool started, import;
    char old, new;
    int keep;
} trials[] = {
    {POOL_create, false, false, '-', '0', 2},    {POOL_start, false, false, 'o', 'o', 2},
    {POOL_stop, true, false, 'r', 'r', 2},       {POOL_stop, true, false, 'r', 'r', 0},
    {POOL_stop, true, false, 'r', 'r', -1},      {POOL_start, false, false, 'o', 'o', -1},
    {POOL_revert, false, false, 'o', 'p', 3},    {POOL_resize, false, false, 'o', 'o', 2},
    {POOL_export, false, false, 'o', 'o', 2},    {POOL_import_begin, false, false, 'o', 'o', 2},
    {POOL_import_end, false, true, 'o', 'i', 2}, {POOL_import_end, false, true, 'o', 'i', -1},
    {POOL_import_fd, false, false, 'o', 'n', 2}, {POOL_import_fd, false, false, 'o', 'n', -1},
    {POOL_clone, false, false, 'o', 's', 2},     {POOL_clone, false, false, 'o', 's', -1},
    {POOL_remove, false, false, 'o', '-', 2},
};

static char live(void)
{
    return (char)(zf_find(OWN) != NULL ? read_pattern(zf_file(zf_find(OWN)), NULL) : '-');
}

static void prepare(const struct zfs_trial *t)
{
    AUTO_OUTCOME o = {0};
    own.size = source.size = SIZE;
    MUST(create, &source, 0);
    session(&source, 's');
    own.revisions_to_keep = t->keep == 3 ? 3 : 2;
    if (t->old != '-') {
        MUST(create, &own, 0);
        for (const char *word = "xpo"; *word != '\0'; word++)
            session(&own, *word);
    }
    own.revisions_to_keep = t->keep;
    if (t->import) {
        assert_int_equal(
            pool_do(pool, POOL_import_begin, &(struct pool_errand){.volume = &own, .size = SIZE}, &o, &why),
            0);
        write_pattern(zf_at(o.path), 'i', SIZE);
    }
    if (t->started) {
        MUST(start, &own, 0);
        write_pattern(at(look(&own).path), 'r', SIZE);
    }
    zf.made = 0;
}

static void is_old_or_new(const struct zfs_trial *t, bool done, unsigned n)
{
    struct pool_known_volume known = {own, POOL_AT_REST};
    unsigned cures = 0;
    zf.dead = false;
    zf.fail_at = 0;
    assert_int_equal(pool_recover(pool, &known, 1, NULL, ignore, &cures, &why), 0);
    assert_int_equal(cures >> 31, 0);
    char is = live();
    if (is != t->new && (done || is != t->old))
        fail_msg("%s, command %u: it is %c, neither %c nor %c", pool_verb_name(t->verb), n, is, t->old,
                 t->new);
    assert_int_equal(rows_with("/tank_qubes_v-m_private/"), 0);
    if (is != '-') {
        assert_int_equal(committed(&own), is); /* what others see is what its VM will */
        MUST(start, &own, 0);
        MUST(stop, &own, 0);
        assert_int_equal(live(), is);
        assert_int_equal(committed(&own), is);
    }
    known.known = POOL_HALF_MADE;
    assert_int_equal(pool_recover(pool, &known, 1, NULL, ignore, &cures, &why), 0);
    assert_int_equal(cures >> 31, 0);
    assert_int_equal(rows_with("v-m"), 0);
    assert_int_equal(committed(&source), 's');
    MUST(create, &own, 0);
}

/* n 0: none; else the n-th command fails, done, half done or not, and all that follow. Returns the number of
 * commands. */
static unsigned one_run(const struct zfs_trial *t, unsigned n, unsigned how)
{
    AUTO_FD fd = material(SIZE);
    assert_int_equal(up(NULL), 0);
    prepare(t);
    zf.fail_at = n;
    zf.after = how == 1;
    zf.half = how == 2;
    int r = does(
        t->verb, &own,
        (struct pool_errand){
            .source = &source, .fd = fd, .size = t->verb == POOL_resize ? 2 * SIZE : SIZE, .success = true});
    if (n == 0 && r < 0)
        fail_msg("%s: %s", pool_verb_name(t->verb), why.text);
    unsigned made = zf.made;
    is_old_or_new(t, r >= 0, n);
    assert_int_equal(down(NULL), 0);
    return made;
}

static void any_command_may_be_the_last(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(trials); i++) {
        unsigned made = one_run(&trials[i], 0, 0);
        assert_true(made > 0);
        for (unsigned n = 1; n <= 3 * made; n++)
            one_run(&trials[i], (n + 2) / 3, n % 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_command_may_be_the_last)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
