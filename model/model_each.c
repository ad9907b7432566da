/* SPDX-License-Identifier: MIT
 * model_each: a model as the list of changes that makes it. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>

#include "model/model_inside.h"

struct walk {
    int (*fn)(void *arg, const struct change *c);
    void *arg;
};

static int give(const struct walk *w, enum change_kind kind, uint32_t qid, const char *key, struct span value)
{
    struct change c = {.kind = kind, .qid = qid, .key = span_of(key), .value = value};
    return w->fn(w->arg, &c);
}

static int give_holder(const struct walk *w, uint32_t qid, const struct holder *h)
{
    int r = 0;
    for (size_t i = 0; i < PROPERTIES && r >= 0; i++)
        if (h->property[i] != NULL)
            r = give(w, CHANGE_PROPERTY, qid, property_name((enum property)i), span_of(h->property[i]));
    for (size_t kind = 0; kind < CHANGE_KINDS; kind++)
        for (const struct item *at = h->list[kind].first; at != NULL && r >= 0; at = at->next)
            r = give(w, (enum change_kind)kind, qid, at->key, (struct span){at->value, at->value_len});
    return r;
}

static int give_vm(const struct walk *w, const struct vm *vm)
{
    char text[64];
    snprintf(text, sizeof text, "%u %s", (unsigned)vm->generation, class_name(vm->class));
    int r = give(w, CHANGE_VM, vm->qid, "", span_of(text));
    if (r >= 0)
        r = give_holder(w, vm->qid, &vm->holder);
    if (r >= 0 && vm->disabled != NULL)
        r = give(w, CHANGE_DISABLED, vm->qid, "", span_of(vm->disabled));
    return r;
}

int model_each(const struct model *m, int (*fn)(void *arg, const struct change *c), void *arg)
{
    const struct walk w = {fn, arg};
    char text[16];
    int r = 0;
    for (uint32_t qid = 0; qid <= QID_MAX && r >= 0; qid++) {
        if (m->last_generation[qid] != 0) {
            snprintf(text, sizeof text, "%u", (unsigned)m->last_generation[qid]);
            r = give(&w, CHANGE_GENERATION, qid, "", span_of(text));
        }
        if (r >= 0 && m->by_qid[qid] != NULL)
            r = give_vm(&w, m->by_qid[qid]);
    }
    return r >= 0 ? give_holder(&w, QID_GLOBAL, &m->app) : r;
}
