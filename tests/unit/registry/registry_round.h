/* SPDX-License-Identifier: MIT
 * The promise of import and export together: what an import tells is a model; what is exported of it comes
 * back as itself, byte for byte, from the second time on. For a unit test and for the fuzzer: no test
 * library. */
#ifndef TESTS_UNIT_REGISTRY_ROUND_H
#define TESTS_UNIT_REGISTRY_ROUND_H

#include <stdlib.h>

#include "actors/registry/registry_export.h"
#include "actors/registry/registry_import.h"
#include "actors/registry/registry_rules.h"
#include "base/own.h"
#include "model/model.h"

struct round_sink {
    struct model *m;
    struct fault why;
};

static inline int round_change(void *self, const struct change *c)
{
    struct round_sink *s = self;
    return model_apply(s->m, c, &s->why);
}

static inline int round_problem(void *self, const struct import_problem *p)
{
    (void)self;
    return p->text == NULL ? -ERR_STATE : 0;
}

struct round_list {
    struct change *at;
    size_t count, room;
};

static inline int round_add(void *arg, const struct change *c)
{
    struct round_list *l = arg;
    if (l->count == l->room) {
        l->room = l->room * 2 + 256;
        l->at = reallocarray(l->at, l->room, sizeof *l->at);
        if (l->at == NULL)
            abort();
    }
    struct change *to = &l->at[l->count++];
    *to = *c;
    to->key.at = strndup(c->key.len > 0 ? c->key.at : "", c->key.len);
    to->value.at = strndup(c->value.len > 0 ? c->value.at : "", c->value.len);
    return 0;
}

static inline void round_list_free(struct round_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free((char *)(uintptr_t)l->at[i].key.at);
        free((char *)(uintptr_t)l->at[i].value.at);
    }
    free(l->at);
}

/* The document that the import of this one is exported as. 0; 1: it is no store; else a broken promise, in
 * *why. */
static inline int round_once(struct span xml, struct text *out, struct fault *why)
{
    struct round_sink s = {.m = model_new()};
    struct import_sink sink = {&s, round_change, round_problem};
    struct round_list list = {0};
    struct fault import_why = {0};
    int r = registry_import(xml, registry_import_rules(), &sink, &import_why);
    if (s.why.code != ERR_NONE) {
        *why = s.why; /* the model does not take what the import told */
        r = -ERR_STATE;
    } else if (r < 0) {
        r = 1;
    } else {
        model_each(s.m, round_add, &list);
        r = registry_export(list.at, list.count, registry_export_rules(), out, why);
    }
    round_list_free(&list);
    model_free(s.m);
    return r;
}

/* 0 or 1 as above; negative: the promise is broken. */
static inline int round_trip(struct span xml, struct fault *why)
{
    AUTO_TEXT first = TEXT_WITH_LIMIT(64 << 20);
    AUTO_TEXT second = TEXT_WITH_LIMIT(64 << 20);
    int r = round_once(xml, &first, why);
    if (r != 0)
        return r;
    r = round_once(text_span(&first), &second, why);
    if (r == 1)
        return fault_set(why, ERR_STATE, "what was exported cannot be imported");
    if (r == 0 && !span_equal(text_span(&first), text_span(&second)))
        return fault_set(why, ERR_STATE, "what was exported comes back as something else");
    return r;
}

#endif
