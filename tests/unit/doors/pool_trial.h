/* SPDX-License-Identifier: MIT
 * The verbs that change a volume, each with what the volume is before and after it, and the check that what a
 * crash left is one of the two. The test program includes cmocka.h before. */
#ifndef TESTS_UNIT_DOORS_POOL_TRIAL_H
#define TESTS_UNIT_DOORS_POOL_TRIAL_H

#include <errno.h>

#include "base/own.h"
#include "tests/unit/doors/pool_bench.h"

static char dir[64] = "/dev/shm/pool-crash-test.XXXXXX";
static bool sharing;      /* copies are made as file systems with shared blocks make them */
static bool natively;     /* the file system under `dir` copies as it can */
static int material = -1; /* a file of 'n' to be imported */

/* FICLONE for a file system that has none. */
static int pretend_reflink(int to, int from)
{
    char bytes[2 * SIZE];
    struct stat st;
    if (!sharing) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (fstat(from, &st) < 0 || pread(from, bytes, sizeof bytes, 0) != st.st_size || ftruncate(to, 0) < 0)
        return -1;
    return pwrite(to, bytes, (size_t)st.st_size, 0) == st.st_size ? 0 : -1;
}

static struct pool_calls really(void)
{
    struct pool_calls calls = pool_calls_real;
    if (!natively)
        calls.reflink = pretend_reflink;
    return calls;
}

static struct pool *open_pool(const struct pool_calls *calls)
{
    char parameters[128];
    snprintf(parameters, sizeof parameters, "dir_path=%s/pool\nsetup_check=False", dir);
    return pool_at("file-reflink", parameters, calls);
}

static const char *path_of(const char *tail)
{
    static char path[4][256];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/pool/appvms/v-m/private%s", dir, tail);
    return to;
}

/* What a verb is tried on. The volume's committed word is `old` before it, and `new` after it. */
static const struct trial {
    const char *name;
    enum pool_verb verb;
    int64_t keep;
    bool exists, started, import; /* before it */
    char old, new;
    char running; /* the word of its last session, which recovery commits; '\0': none */
} trials[] = {
    {"create", POOL_create, 2, false, false, false, '-', '0', 0},
    {"start", POOL_start, 2, true, false, false, 'o', 'o', 0},
    {"start in place", POOL_start, -1, true, false, false, 'o', 'o', 0},
    {"stop", POOL_stop, 2, true, true, false, 'r', 'r', 'r'},
    {"stop in place", POOL_stop, -1, true, true, false, 'r', 'r', 'r'},
    {"stop without revisions", POOL_stop, 0, true, true, false, 'r', 'r', 'r'},
    {"revert", POOL_revert, 2, true, false, false, 'o', 'p', 0},
    {"resize", POOL_resize, 2, true, false, false, 'o', 'o', 0},
    {"import_begin", POOL_import_begin, 2, true, false, false, 'o', 'o', 0},
    {"import_end", POOL_import_end, 2, true, false, true, 'o', 'i', 0},
    {"import_fd", POOL_import_fd, 2, true, false, false, 'o', 'n', 0},
    {"clone", POOL_clone, 2, true, false, false, 'o', 's', 0},
    {"remove", POOL_remove, 2, true, false, false, 'o', '-', 0},
};

struct scene {
    const struct trial *t;
    struct volume v, source;
    struct pool_errand e;
};

static void must(struct pool *p, enum pool_verb verb, const struct pool_errand *e)
{
    struct fault why = {0};
    if (pool_do(p, verb, e, NULL, &why) < 0)
        fail_msg("%s: %s", pool_verb_name(verb), why.text);
}

static void session(struct pool *p, const struct volume *v, char word)
{
    struct pool_errand e = {.volume = v};
    char dirty[400];
    snprintf(dirty, sizeof dirty, "%s/pool/%s-dirty.img", dir, v->vid);
    must(p, POOL_start, &e);
    write_pattern(dirty, word, SIZE);
    must(p, POOL_stop, &e);
}

/* The volume as the trial finds it: 'p' one revision ago, 'o' committed. */
static void prepare(struct scene *s, const struct trial *t)
{
    struct pool_calls calls = really();
    AUTO(pool) *p = open_pool(&calls);
    s->t = t;
    s->v = volume_of("private", ORIGIN_LINES);
    s->source = volume_of("private", "vid=appvms/source/private\nrw=True\nsave_on_stop=True\nsize=32768");
    s->e = (struct pool_errand){
        .volume = &s->v, .source = &s->source, .size = SIZE, .fd = material, .success = true};
    struct pool_errand source = {.volume = &s->source};
    must(p, POOL_setup, NULL);
    must(p, POOL_create, &source);
    session(p, &s->source, 's');
    must(p, POOL_remove, &s->e);
    if (t->exists) {
        must(p, POOL_create, &s->e);
        session(p, &s->v, 'p');
        session(p, &s->v, 'o');
    }
    s->v.revisions_to_keep = t->keep;
    if (t->import) {
        must(p, POOL_import_begin, &s->e);
        write_pattern(path_of("-import.img"), 'i', SIZE);
    }
    if (t->started) {
        must(p, POOL_start, &s->e);
        write_pattern(path_of("-dirty.img"), 'r', SIZE);
    }
    s->e.size = t->verb == POOL_resize ? 2 * SIZE : SIZE;
}

static int found_wrong;
static void tell(void *self, const struct pool_found *found)
{
    (void)self;
    if (found->volume != NULL && found->r < 0) {
        found_wrong++;
        print_error("recovery: %s\n", found->why->text);
    }
}

static int leftover(void *self, const char *entry)
{
    if (strchr(entry, '~') != NULL || strstr(entry, "import") != NULL)
        ++*(int *)self;
    return 0;
}

/* The next process finds it, and what it finds is old or new; and it can be started. */
static void is_old_or_new(const struct scene *s, bool done, const char *when, unsigned n)
{
    struct pool_calls calls = really();
    AUTO(pool) *p = open_pool(&calls);
    struct pool_known_volume known[2] = {{s->v, POOL_AT_REST}, {s->source, POOL_AT_REST}};
    struct fault why = {0};
    int left = 0;
    found_wrong = 0;
    assert_int_equal(pool_recover(p, known, 2, NULL, tell, NULL, &why), 0);
    assert_int_equal(found_wrong, 0);
    char word = read_pattern(path_of(".img"), NULL);
    bool late = !done && s->t->started && word == '0'; /* the session's last words did not reach the disk */
    if (word != s->t->new && (done || word != s->t->old) && !late)
        fail_msg("%s, %s call %u: it is %c, neither %c nor %c", s->t->name, when, n, word, s->t->old,
                 s->t->new);
    pool_calls_real.entries(path_of("/.."), leftover, &left);
    char folder[256];
    snprintf(folder, sizeof folder, "%s/pool/appvms/v-m", dir);
    pool_calls_real.entries(folder, leftover, &left);
    assert_int_equal(left, 0);
    if (word != '-') { /* and what the next session sees is that */
        must(p, POOL_verify, &s->e);
        must(p, POOL_start, &s->e);
        assert_int_equal(read_pattern(path_of("-dirty.img"), NULL), word);
        must(p, POOL_stop, &s->e);
        assert_int_equal(read_pattern(path_of(".img"), NULL), word);
    }
    known[0].known = POOL_HALF_MADE; /* and the name can be used again */
    assert_int_equal(pool_recover(p, known, 1, NULL, tell, NULL, &why), 0);
    must(p, POOL_create, &s->e);
    assert_int_equal(read_pattern(path_of(".img"), NULL), '0');
}

static inline bool begin_trials(void)
{
    char path[128];
    if (mkdtemp(dir) == NULL)
        return false;
    snprintf(path, sizeof path, "%s/material", dir);
    material = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (material < 0 || ftruncate(material, SIZE) < 0)
        return false;
    write_pattern(path, 'n', SIZE);
    return true;
}

static inline bool end_trials(void)
{
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", dir);
    return run_quietly(line);
}

#endif
