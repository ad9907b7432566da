/* SPDX-License-Identifier: MIT
 * Whatever is imported and exported comes back as itself: the example, and thousands of documents that differ
 * from it by parts taken out, doubled, moved and rewritten, under a seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/registry/registry_round.h"

static const char example_xml[] =
#include "tests/unit/registry/example_xml.inc"
    ;

enum { ROUNDS = 3000 };

static uint64_t seed = 1;

static size_t draw(size_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return below > 0 ? (size_t)(seed >> 33) % below : 0;
}

/* The place of a line's beginning. */
static size_t line_of(const struct text *t)
{
    size_t at = draw(t->len);
    while (at > 0 && t->at[at - 1] != '\n')
        at--;
    return at;
}

static struct span line_at(const struct text *t, size_t at)
{
    const char *end = memchr(t->at + at, '\n', t->len - at);
    return (struct span){t->at + at, end != NULL ? (size_t)(end - t->at) - at + 1 : t->len - at};
}

/* Replaces `len` bytes at `at`. */
static void splice(struct text *t, size_t at, size_t len, struct span by)
{
    struct text made = TEXT_WITH_LIMIT(1 << 20);
    text_append(&made, (struct span){t->at, at});
    text_append(&made, by);
    text_append(&made, (struct span){t->at + at + len, t->len - at - len});
    text_free(t);
    *t = made;
}

static void drop_line(struct text *t)
{
    size_t at = line_of(t);
    splice(t, at, line_at(t, at).len, SPAN_LITERAL(""));
}

static void double_line(struct text *t)
{
    char copy[512];
    size_t from = line_of(t), to = line_of(t);
    if (text_copy(copy, sizeof copy, line_at(t, from)) == 0)
        splice(t, to, 0, span_of(copy));
}

/* Another value between quotes or tags. */
static void rewrite(struct text *t)
{
    static const char *const values[] = {
        "",     "0",   "-1",    "True",       "None",        "dom0", "*",   "label-1",
        "base", "red", "10001", "&#10;",      "a b",         "=",    "../", "&lt;&amp;&quot;",
        "pci",  "1",   "2",     "TemplateVM", "linux-kernel"};
    size_t at = draw(t->len);
    while (at < t->len && t->at[at] != '"' && t->at[at] != '>')
        at++;
    size_t end = at + 1;
    while (end < t->len && t->at[end] != '"' && t->at[end] != '<')
        end++;
    if (end < t->len)
        splice(t, at + 1, end - at - 1, span_of(values[draw(COUNT(values))]));
}

static void what_is_exported_comes_back_as_itself(void **state)
{
    static void (*const changes[])(struct text * t) = {drop_line, double_line, rewrite, rewrite};
    unsigned stores = 0;
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        AUTO_TEXT t = TEXT_WITH_LIMIT(1 << 20);
        struct fault why = {0};
        uint64_t begun = seed;
        text_add(&t, example_xml);
        for (size_t n = draw(6); n > 0 && i > 0; n--)
            changes[draw(COUNT(changes))](&t);
        int r = round_trip(text_span(&t), &why);
        if (r < 0)
            fail_msg("seed %llu: %s\n%s", (unsigned long long)begun, why.text, t.at);
        stores += r == 0;
    }
    assert_true(stores > ROUNDS / 4); /* else nothing was tried */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_exported_comes_back_as_itself)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
