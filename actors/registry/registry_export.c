/* SPDX-License-Identifier: MIT
 * Changes to qubes.xml bytes: which item stands where. In `registry`, and in tests. */
#include "actors/registry/registry_export.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/registry/registry_export_own.h"

static enum part part_of(enum change_kind kind)
{
    static const enum part parts[CHANGE_KINDS] = {
        [CHANGE_VM] = PART_VM,         [CHANGE_PROPERTY] = PART_PROPERTY, [CHANGE_FEATURE] = PART_FEATURE,
        [CHANGE_TAG] = PART_TAG,       [CHANGE_LABEL] = PART_LABEL,       [CHANGE_POOL] = PART_POOL,
        [CHANGE_VOLUME] = PART_VOLUME, [CHANGE_DEVICE] = PART_DEVICE,
    };
    return (unsigned)kind < CHANGE_KINDS ? parts[kind] : PART_NONE;
}

static int order_by_qid(const void *a, const void *b)
{
    const struct holder *x = a, *y = b;
    return (x->qid > y->qid) - (x->qid < y->qid);
}

/* dom0 first, then by name. */
static int order_of_holders(const struct holder *x, const struct holder *y)
{
    if (x == y || x == NULL || y == NULL)
        return (x != NULL) - (y != NULL);
    if (x->qid == 0 || y->qid == 0)
        return (x->qid != 0) - (y->qid != 0);
    int order = span_order(x->name, y->name);
    return order != 0 ? order : order_by_qid(x, y);
}

struct span export_first_word(struct span s)
{
    struct span rest;
    return span_split(s, ' ', &rest);
}

static int order_of_lines(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = x->holder == y->holder ? 0 : order_of_holders(x->holder, y->holder);
    if (order == 0)
        order = (x->part > y->part) - (x->part < y->part);
    if (order == 0)
        order = (x->rank > y->rank) - (x->rank < y->rank);
    if (order == 0 && x->part == PART_PROPERTY)
        order = span_order(x->item->key, y->item->key);
    if (order == 0 && x->part == PART_DEVICE)
        order = span_order(export_first_word(x->item->key), export_first_word(y->item->key));
    return order != 0 ? order : (x->item > y->item) - (x->item < y->item);
}

int export_bad_item(struct export *e, const struct change *c, const char *reason)
{
    return fault_set(e->why, ERR_BAD, "qubes.xml: %s '%.*s' of %u cannot be written: %s",
                     change_kind_name(c->kind), (int)c->key.len, c->key.at, c->qid, reason);
}

static struct holder *find_holder(const struct export *e, uint32_t qid)
{
    struct holder wanted = {.qid = qid};
    return e->holder_count > 0 ? bsearch(&wanted, e->holders, e->holder_count, sizeof wanted, order_by_qid)
                               : NULL;
}

static int add_holder(struct export *e, const struct change *c)
{
    struct holder *h = &e->holders[e->holder_count++];
    struct span class_name;
    h->qid = c->qid;
    h->name = c->qid == 0 ? SPAN_LITERAL("dom0") : SPAN_LITERAL("");
    span_split(c->value, ' ', &class_name);
    if (text_copy(h->class_name, sizeof h->class_name, class_name) < 0)
        return export_bad_item(e, c, "its class is too long");
    snprintf(h->qid_text, sizeof h->qid_text, "%u", c->qid);
    return 0;
}

static int find_holders(struct export *e)
{
    size_t vms = 0;
    for (size_t i = 0; i < e->change_count; i++)
        vms += e->changes[i].kind == CHANGE_VM;
    e->holders = calloc(vms + 1, sizeof *e->holders);
    e->lines = calloc(e->change_count + vms + 1, sizeof *e->lines);
    if (e->holders == NULL || e->lines == NULL)
        return fault_set(e->why, ERR_NOMEM, "qubes.xml: out of memory");
    int r = 0;
    for (size_t i = 0; r >= 0 && i < e->change_count; i++)
        if (e->changes[i].kind == CHANGE_VM)
            r = add_holder(e, &e->changes[i]);
    qsort(e->holders, e->holder_count, sizeof *e->holders, order_by_qid);
    return r;
}

static void find_names(struct export *e)
{
    for (size_t i = 0; i < e->change_count; i++) {
        const struct change *c = &e->changes[i];
        struct holder *h =
            c->kind == CHANGE_PROPERTY && span_is(c->key, "name") ? find_holder(e, c->qid) : NULL;
        if (h != NULL)
            h->name = c->value;
    }
}

static uint64_t rank_of(const struct export *e, const struct line *line)
{
    uint64_t index = 0;
    if (line->part == PART_LABEL)
        text_number(export_first_word(line->item->value), 0, UINT32_MAX, &index);
    char name[64];
    if (line->part != PART_PROPERTY || e->rules->property_order == NULL ||
        text_copy(name, sizeof name, line->item->key) < 0)
        return index;
    const char *class_name = line->holder != NULL ? line->holder->class_name : NULL;
    int rank = e->rules->property_order(e->rules->self, class_name, name);
    return rank > 0 ? (uint64_t)rank : 0;
}

static void add_line(struct export *e, const struct change *c, const struct holder *h)
{
    struct line *line = &e->lines[e->count++];
    *line = (struct line){.item = c, .holder = h, .part = part_of(c->kind)};
    line->rank = rank_of(e, line);
}

/* dom0's identity is never in the file; every other's qid is, once. */
static bool is_left_out(const struct change *c)
{
    bool is_property = c->kind == CHANGE_PROPERTY && c->qid != QID_GLOBAL;
    return part_of(c->kind) == PART_NONE || c->gone || (is_property && span_is(c->key, "qid")) ||
           (is_property && c->qid == 0 && (span_is(c->key, "name") || span_is(c->key, "uuid")));
}

static int make_lines(struct export *e)
{
    for (size_t i = 0; i < e->change_count; i++) {
        const struct change *c = &e->changes[i];
        const struct holder *h = c->qid != QID_GLOBAL ? find_holder(e, c->qid) : NULL;
        if (is_left_out(c))
            continue;
        if (h == NULL && c->qid != QID_GLOBAL)
            return export_bad_item(e, c, "no VM holds it");
        add_line(e, c, h);
    }
    for (size_t i = 0; i < e->holder_count; i++) {
        struct holder *h = &e->holders[i];
        h->qid_item = (struct change){CHANGE_PROPERTY, h->qid, SPAN_LITERAL("qid"), span_of(h->qid_text), 0};
        if (h->qid != 0)
            add_line(e, &h->qid_item, h);
        if (h->name.len == 0)
            return export_bad_item(e, &h->qid_item, "the VM has no name");
    }
    qsort(e->lines, e->count, sizeof *e->lines, order_of_lines);
    return 0;
}

int registry_export(const struct change *changes, size_t count, const struct export_rules *rules,
                    struct text *out, struct fault *why)
{
    struct export e = {
        .changes = changes, .change_count = count, .rules = rules, .to = xmlwrite_new_indented(), .why = why};
    size_t len = out->len;
    int r = find_holders(&e);
    if (r >= 0) {
        find_names(&e);
        r = make_lines(&e);
    }
    if (r >= 0)
        r = export_write(&e);
    if (r >= 0)
        r = xmlwrite_finish(e.to, out, why);
    xmlwrite_free(e.to);
    if (r < 0) {
        out->len = len;
        out->failed = 0;
        if (out->at != NULL)
            out->at[len] = '\0';
    }
    free(e.holders);
    free(e.lines);
    return r < 0 ? r : 0;
}
