/* SPDX-License-Identifier: MIT
 * For the tests of import and export: a small house as qubesd would save it, the properties that its classes
 * know, and a list that gathers what an import tells. */
#ifndef TESTS_UNIT_REGISTRY_EXAMPLE_H
#define TESTS_UNIT_REGISTRY_EXAMPLE_H

#include <stdio.h>
#include <string.h>

#include "actors/registry/registry_export.h"
#include "actors/registry/registry_import.h"
#include "base/own.h"

static const char example_xml[] =
#include "tests/unit/registry/example_xml.inc"
    ;

struct example_property {
    const char *name, *classes; /* "" is the global holder; "*" every class but that */
    enum import_type type;
    int order;
};

static const struct example_property example_properties[] = {
    {"label", "*", IMPORT_LABEL, 2},
    {"name", "TemplateVM AppVM StandaloneVM DispVM RemoteVM", IMPORT_TEXT, 2},
    {"qid", "TemplateVM AppVM StandaloneVM DispVM RemoteVM", IMPORT_INT, 2},
    {"uuid", "TemplateVM AppVM StandaloneVM DispVM RemoteVM", IMPORT_TEXT, 2},
    {"name", "AdminVM", IMPORT_READ_ONLY, 2},
    {"provides_network", "TemplateVM AppVM DispVM", IMPORT_BOOL, 2},
    {"template_for_dispvms", "AppVM", IMPORT_BOOL, 2},
    {"vcpus", "TemplateVM AppVM DispVM", IMPORT_INT, 2},
    {"maxmem", "TemplateVM AppVM DispVM", IMPORT_INT, 2},
    {"mac", "TemplateVM AppVM DispVM", IMPORT_TEXT, 2},
    {"kernel", "TemplateVM AppVM DispVM", IMPORT_EMPTY_OK, 2},
    {"virt_mode", "TemplateVM AppVM DispVM", IMPORT_TEXT, 2},
    {"netvm", "TemplateVM AppVM DispVM", IMPORT_VM, 4},
    {"template", "AppVM DispVM", IMPORT_VM, 4},
    {"default_dispvm", "AdminVM TemplateVM AppVM DispVM", IMPORT_VM, 4},
    {"default_dispvm", "", IMPORT_VM, 3},
    {"default_kernel", "", IMPORT_TEXT, 3},
    {"default_netvm", "", IMPORT_VM, 3},
    {"default_pool", "", IMPORT_POOL, 3},
    {"default_template", "", IMPORT_VM, 3},
};

static inline int is_class_of(const struct example_property *p, struct span class_name)
{
    if (class_name.len == 0 || p->classes[0] == '\0' || p->classes[0] == '*')
        return class_name.len == 0 ? p->classes[0] == '\0'
                                   : p->classes[0] == '*' && !span_is(class_name, "Odd");
    char word[40];
    return text_copy(word, sizeof word, class_name) == 0 && strstr(p->classes, word) != NULL;
}

static inline enum import_type example_type(void *self, struct span class_name, struct span name)
{
    (void)self;
    for (size_t i = 0; i < COUNT(example_properties); i++)
        if (span_is(name, example_properties[i].name) && is_class_of(&example_properties[i], class_name))
            return example_properties[i].type;
    return IMPORT_UNKNOWN;
}

static inline int example_order(void *self, const char *class_name, const char *name)
{
    (void)self;
    for (size_t i = 0; i < COUNT(example_properties); i++)
        if (strcmp(name, example_properties[i].name) == 0 &&
            is_class_of(&example_properties[i], span_of(class_name != NULL ? class_name : "")))
            return example_properties[i].order;
    return 2;
}

/* Copies of the changes and the problems as lines of text. */
struct gathered {
    struct change *changes;
    size_t count, room;
    struct text problems, print;
};

static inline struct span keep(struct span s)
{
    char *at = malloc(s.len + 1);
    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return (struct span){at, s.len};
}

static inline int gather_change(void *self, const struct change *c)
{
    struct gathered *g = self;
    if (g->count == g->room) {
        g->room = g->room * 2 + 64;
        g->changes = reallocarray(g->changes, g->room, sizeof *g->changes);
    }
    g->changes[g->count++] = (struct change){c->kind, c->qid, keep(c->key), keep(c->value), c->gone};
    size_t start = g->print.len;
    text_format(&g->print, "%s %d %.*s=%.*s", change_kind_name(c->kind),
                c->qid == QID_GLOBAL ? -1 : (int)c->qid, (int)c->key.len, c->key.at, (int)c->value.len,
                c->value.at);
    for (size_t i = start; i < g->print.len; i++)
        if (g->print.at[i] == '\n')
            g->print.at[i] = '|';
    text_byte(&g->print, '\n');
    return 0;
}

static inline int gather_problem(void *self, const struct import_problem *p)
{
    struct gathered *g = self;
    text_format(&g->problems, "%d line %u: %s\n", p->severity, p->line, p->text);
    return 0;
}

static inline struct gathered gathered_new(void)
{
    struct gathered g = {.problems = TEXT_WITH_LIMIT(64 << 20), .print = TEXT_WITH_LIMIT(256 << 20)};
    text_add(&g.problems, "");
    text_add(&g.print, "");
    return g;
}

static inline void gathered_free(struct gathered *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free((char *)g->changes[i].key.at);
        free((char *)g->changes[i].value.at);
    }
    free(g->changes);
    text_free(&g->problems);
    text_free(&g->print);
}

static inline int gather(struct span xml, const struct import_rules *rules, struct gathered *g,
                         struct fault *why)
{
    static const struct import_rules plain = {.type = example_type};
    struct import_sink sink = {g, gather_change, gather_problem};
    return registry_import(xml, rules != NULL ? rules : &plain, &sink, why);
}

#endif
