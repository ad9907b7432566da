/* SPDX-License-Identifier: MIT
 * A file-reflink pool on real file systems, for its tests: with shared blocks (btrfs, xfs) and without (ext4,
 * tmpfs); and what lies of a volume in it. */
#ifndef TESTS_UNIT_DOORS_POOL_REFLINK_BENCH_H
#define TESTS_UNIT_DOORS_POOL_REFLINK_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/own.h"
#include "tests/unit/doors/pool_bench.h"

static char dir[64] = "/tmp/pool-reflink.XXXXXX";
static bool shares; /* blocks, on the file system under test */

struct house {
    struct pool *p;
    struct volume v;
    struct fault why;
};

static inline struct house house(const char *name, const char *lines)
{
    char parameters[128];
    snprintf(parameters, sizeof parameters, "dir_path=%s/pool\nsetup_check=%s", dir,
             shares ? "True" : "False");
    struct house h = {pool_at("file-reflink", parameters, NULL), volume_of(name, lines), {0}};
    assert_int_equal(pool_do(h.p, POOL_setup, NULL, NULL, &h.why), 0);
    return h;
}

static inline int does(struct house *h, enum pool_verb verb)
{
    return pool_do(h->p, verb, &(struct pool_errand){.volume = &h->v}, NULL, &h->why);
}

static inline void must(struct house *h, enum pool_verb verb)
{
    if (does(h, verb) < 0)
        fail_msg("%s: %s", pool_verb_name(verb), h->why.text);
}

static inline const char *at(const struct house *h, const char *tail)
{
    static char path[4][512];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/pool/%s%s", dir, h->v.vid, tail);
    return to;
}

/* The words of clean, dirty, precache and import, '-' for what is not there, and the revisions. */
static inline void files_are(struct house *h, const char *words, const char *revisions)
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

static inline void leave(struct house *h)
{
    must(h, POOL_remove);
    files_are(h, "----", "");
    pool_free(h->p);
}

/* Runs the tests on a file system of this type. */
static inline int on(const char *type, bool sharing, const struct CMUnitTest *tests, size_t count)
{
    shares = sharing;
    if (!mount_own(type, dir, strcmp(type, "xfs") == 0 ? 320 : 128)) {
        printf("1..0 # SKIP no %s on a loop device here (root, mkfs.%s and a kernel with it)\n", type, type);
        return 0;
    }
    int r = _cmocka_run_group_tests(type, tests, count, NULL, NULL);
    umount2(dir, MNT_DETACH);
    return r;
}

static inline int on_all(const struct CMUnitTest *tests, size_t count)
{
    if (mkdtemp(dir) == NULL)
        return 1;
    int r = on("btrfs", true, tests, count) + on("xfs", true, tests, count) +
            on("ext4", false, tests, count) + on("tmpfs", false, tests, count);
    rmdir(dir);
    return r;
}

#endif
