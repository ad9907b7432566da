/* SPDX-License-Identifier: MIT
 * How long a qubes.xml takes to read and to write again.
 *   tests/gen-qubes-xml 1000 | bench_qubes_xml */
#include <stdio.h>
#include <time.h>

#include "tests/unit/registry/registry_example.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int count_change(void *self, const struct change *c)
{
    (void)c;
    ++*(size_t *)self;
    return 0;
}

static int print_problem(void *self, const struct import_problem *p)
{
    (void)self;
    printf("line %u: %s\n", p->line, p->text);
    return 0;
}

int main(void)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(64 << 20), out = TEXT_WITH_LIMIT(64 << 20);
    char part[65536];
    for (size_t got; (got = fread(part, 1, sizeof part, stdin)) > 0;)
        text_append(&xml, (struct span){part, got});
    struct import_rules rules = {.type = example_type};
    size_t count = 0;
    struct import_sink sink = {&count, count_change, print_problem};
    struct fault why = {0};
    double start = now_ms();
    if (registry_import(text_span(&xml), &rules, &sink, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    printf("import of %zu bytes to %zu changes: %.1f ms\n", xml.len, count, now_ms() - start);
    struct gathered g = gathered_new();
    struct export_rules order = {.property_order = example_order};
    int r = gather(text_span(&xml), &rules, &g, &why);
    start = now_ms();
    if (r >= 0)
        r = registry_export(g.changes, g.count, &order, &out, &why);
    if (r >= 0)
        printf("export of %zu changes to %zu bytes: %.1f ms\n", g.count, out.len, now_ms() - start);
    printf("the same bytes: %s\n", out.len == xml.len && memcmp(out.at, xml.at, xml.len) == 0 ? "yes" : "no");
    gathered_free(&g);
    return r < 0;
}
