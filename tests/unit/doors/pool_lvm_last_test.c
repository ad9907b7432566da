/* SPDX-License-Identifier: MIT
 * lvm_thin against an LVM of files: every command fails, or is the last one (spec storage 17). */
#include "tests/unit/doors/pool_lvm_bench.h"

/* ---- every command fails, or is the last one ---- */

static const struct trial {
    enum pool_verb verb;
    bool started, import;
    char old, new;
    int64_t keep;
} trials[] = {
    {POOL_create, false, false, '-', '0', 2},       {POOL_start, false, false, 'o', 'o', 2},
    {POOL_stop, true, false, 'r', 'r', 2},          {POOL_stop, true, false, 'r', 'r', 0},
    {POOL_start, false, false, 'o', 'o', -1},       {POOL_revert, false, false, 'o', 'p', 2},
    {POOL_import_begin, false, false, 'o', 'o', 2}, {POOL_import_end, false, true, 'o', 'i', 2},
    {POOL_import_fd, false, false, 'o', 'n', 2},    {POOL_clone, false, false, 'o', 's', 2},
    {POOL_remove, false, false, 'o', '-', 2},
};

static void prepare(const struct trial *t)
{
    private.revisions_to_keep = 2;
    must(POOL_create, &root);
    session(&root, 's');
    if (t->old != '-') {
        must(POOL_create, &private);
        session(&private, 'x');
        session(&private, 'p');
        session(&private, 'o');
    }
    private.revisions_to_keep = t->keep;
    if (t->import) {
        must(POOL_import_begin, &private);
        write_pattern(fake_path("vm-a-private-import"), 'i', SIZE);
    }
    if (t->started) {
        must(POOL_start, &private);
        write_pattern(fake_path("vm-a-private-snap"), 'r', SIZE);
    }
    lvm_fake.made = 0;
}

static void tell(void *self, const struct pool_found *found)
{
    (void)self;
    if (found->r < 0)
        fail_msg("recovery: %s", found->why->text);
}

static void is_old_or_new(const struct trial *t, bool done, unsigned n)
{
    struct pool_known_volume known = {private, POOL_AT_REST};
    lvm_fake.dead = false;
    lvm_fake.fail_at = 0;
    assert_int_equal(pool_recover(pool, &known, 1, NULL, tell, NULL, &why), 0);
    char seen = word("vm-a-private");
    if (seen != t->new && (done || seen != t->old))
        fail_msg("%s, command %u: it is %c, neither %c nor %c", pool_verb_name(t->verb), n, seen, t->old,
                 t->new);
    for (size_t i = 0; i < lvm_fake.count; i++) {
        const char *name = lvm_fake.at[i].name;
        assert_true(strstr(name, "import") == NULL && strstr(name, "half") == NULL);
        if (seen != '0' && strncmp(name, "vm-a-private", 12) == 0) /* what was emptied is no revision */
            assert_int_not_equal(word(name), '0');
    }
    if (seen != '-') {
        must(POOL_start, &private);
        must(POOL_stop, &private);
        assert_int_equal(word("vm-a-private"), seen);
    }
    known.known = POOL_HALF_MADE;
    assert_int_equal(pool_recover(pool, &known, 1, NULL, tell, NULL, &why), 0);
    assert_int_equal(lvm_fake.count, 1 + revisions(&root));
    must(POOL_create, &private);
}

/* n 0: none; else the n-th command fails, done or not, and all that follow. Returns the number of commands.
 */
static unsigned one_run(const struct trial *t, unsigned n, bool after)
{
    assert_int_equal(setup(NULL), 0);
    prepare(t);
    lvm_fake.fail_at = n;
    lvm_fake.after = after;
    int r = does(t->verb, &private);
    assert_true(n > 0 || r == 0);
    unsigned made = lvm_fake.made;
    is_old_or_new(t, r >= 0, n);
    assert_int_equal(teardown(NULL), 0);
    return made;
}

static void any_command_may_be_the_last(void **state)
{
    (void)state;
    assert_int_equal(teardown(NULL), 0);
    for (size_t i = 0; i < COUNT(trials); i++) {
        unsigned made = one_run(&trials[i], 0, false);
        assert_true(made > 0);
        for (unsigned n = 1; n <= 2 * made; n++)
            one_run(&trials[i], (n + 1) / 2, n % 2 == 0);
    }
    assert_int_equal(setup(NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(any_command_may_be_the_last),
    };
    char path[] = "/dev/shm/pool-lvm-material.XXXXXX";
    material = mkostemp(path, O_CLOEXEC);
    if (material < 0 || ftruncate(material, SIZE) < 0)
        return 1;
    write_pattern(path, 'n', SIZE);
    unlink(path);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
