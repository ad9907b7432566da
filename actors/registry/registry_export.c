/* SPDX-License-Identifier: MIT
 * Changes to qubes.xml bytes. In `registry`, and in tests. */
#include "actors/registry/registry_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/xmlwrite.h"

/* The parts of the file in their order. */
enum part {
    PART_NONE,
    PART_LABEL,
    PART_POOL,
    PART_VM,
    PART_PROPERTY,
    PART_FEATURE,
    PART_TAG,
    PART_DEVICE,
    PART_VOLUME
};

static enum part part_of(enum change_kind kind)
{
    static const enum part parts[CHANGE_KINDS] = {
        [CHANGE_VM] = PART_VM,         [CHANGE_PROPERTY] = PART_PROPERTY, [CHANGE_FEATURE] = PART_FEATURE,
        [CHANGE_TAG] = PART_TAG,       [CHANGE_LABEL] = PART_LABEL,       [CHANGE_POOL] = PART_POOL,
        [CHANGE_VOLUME] = PART_VOLUME, [CHANGE_DEVICE] = PART_DEVICE,
    };
    return (unsigned)kind < CHANGE_KINDS ? parts[kind] : PART_NONE;
}

/* A VM. Its qid is written as a property, whether the model holds one or not. */
struct holder {
    uint32_t qid;
    struct span name;
    char class_name[32], qid_text[12];
    struct change qid_item;
};

/* Where an item is written: holder, part and rank, then by name or by the order given. */
struct line {
    const struct change *item;
    const struct holder *holder; /* NULL: the globals, which come first */
    enum part part;
    uint64_t rank;
};

struct export
{
    const struct change *changes;
    size_t change_count;
    const struct export_rules *rules;
    struct holder *holders;
    size_t holder_count;
    struct line *lines;
    size_t count, at; /* `at`: the line to be written next */
    struct xmlwrite *to;
    struct fault *why;
};

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

static struct span first_word(struct span s)
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
        order = span_order(first_word(x->item->key), first_word(y->item->key));
    return order != 0 ? order : (x->item > y->item) - (x->item < y->item);
}

static int bad_item(struct export *e, const struct change *c, const char *reason)
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
        return bad_item(e, c, "its class is too long");
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
        text_number(first_word(line->item->value), 0, UINT32_MAX, &index);
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
            return bad_item(e, c, "no VM holds it");
        add_line(e, c, h);
    }
    for (size_t i = 0; i < e->holder_count; i++) {
        struct holder *h = &e->holders[i];
        h->qid_item = (struct change){CHANGE_PROPERTY, h->qid, SPAN_LITERAL("qid"), span_of(h->qid_text), 0};
        if (h->qid != 0)
            add_line(e, &h->qid_item, h);
        if (h->name.len == 0)
            return bad_item(e, &h->qid_item, "the VM has no name");
    }
    qsort(e->lines, e->count, sizeof *e->lines, order_of_lines);
    return 0;
}

/* The next line if it belongs to this holder and part; else NULL. */
static const struct change *next_of(const struct export *e, const struct holder *h, enum part part)
{
    const struct line *line = &e->lines[e->at];
    return e->at < e->count && line->holder == h && line->part == part ? line->item : NULL;
}

/* Tells a failure of the writer as the fault of the item that was written last. */
static int written(struct export *e, const struct change *c)
{
    e->at++;
    int failed = xmlwrite_failed(e->to);
    if (failed == -ERR_RANGE)
        return bad_item(e, c, "its text holds a byte that XML cannot");
    if (failed < 0)
        return fault_set(e->why, (enum err) - failed, "qubes.xml: %s", err_text((enum err) - failed));
    return 0;
}

typedef void write_item(struct export *e, const struct change *c);

/* <list> with one element per item; the list is there even if it is empty. */
static int write_list(struct export *e, const struct holder *h, enum part part, const char *list,
                      write_item *write)
{
    const struct change *c;
    int r = 0;
    xmlwrite_open(e->to, list);
    while (r >= 0 && (c = next_of(e, h, part)) != NULL) {
        write(e, c);
        r = written(e, c);
    }
    xmlwrite_close(e->to);
    return r;
}

static void write_label(struct export *e, const struct change *c)
{
    struct span colour, index = span_split(c->value, ' ', &colour);
    char id[32];
    snprintf(id, sizeof id, "label-%.*s", (int)index.len, index.at);
    xmlwrite_open(e->to, "label");
    xmlwrite_put(e->to, "id", span_of(id));
    xmlwrite_put(e->to, "color", colour);
    xmlwrite_content(e->to, c->key);
    xmlwrite_close(e->to);
}

static bool is_attribute_name(const char *name)
{
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-");
    return plain > 0 && name[plain] == '\0' && strchr("0123456789-", name[0]) == NULL;
}

/* An element whose name and 'key=value' lines become its attributes; a size of 0 is not written. */
static void write_attributes(struct export *e, const struct change *c, const char *element)
{
    xmlwrite_open(e->to, element);
    xmlwrite_put(e->to, "name", c->key);
    for (struct span rest = c->value; rest.len > 0;) {
        struct span value, line = span_split(rest, '\n', &rest), key = span_split(line, '=', &value);
        char name[64];
        if (line.len == 0 || span_is(line, "size=0"))
            continue;
        if (text_copy(name, sizeof name, key) < 0 || !is_attribute_name(name))
            xmlwrite_attribute(e->to, "an attribute", NULL); /* a mistake that is told below */
        else
            xmlwrite_put(e->to, name, value);
    }
    xmlwrite_close(e->to);
}

static void write_pool(struct export *e, const struct change *c)
{
    write_attributes(e, c, "pool");
}

static void write_volume(struct export *e, const struct change *c)
{
    write_attributes(e, c, "volume");
}

static void write_named(struct export *e, const char *element, struct span name, const struct span *content)
{
    xmlwrite_open(e->to, element);
    xmlwrite_put(e->to, "name", name);
    if (content != NULL)
        xmlwrite_content(e->to, *content);
    xmlwrite_close(e->to);
}

static void write_property(struct export *e, const struct change *c)
{
    write_named(e, "property", c->key, &c->value);
}

static void write_feature(struct export *e, const struct change *c)
{
    write_named(e, "feature", c->key, &c->value);
}

static void write_tag(struct export *e, const struct change *c)
{
    write_named(e, "tag", c->key, NULL);
}

static void write_options(struct export *e, struct span lines)
{
    while (lines.len > 0) {
        struct span value, line = span_split(lines, '\n', &lines), key = span_split(line, '=', &value);
        if (span_starts(key, "option:"))
            write_named(e, "option", (struct span){key.at + 7, key.len - 7}, &value);
    }
}

static struct span mode_of(struct span lines)
{
    while (lines.len > 0) {
        struct span line = span_split(lines, '\n', &lines);
        if (span_starts(line, "mode="))
            return (struct span){line.at + 5, line.len - 5};
    }
    return SPAN_LITERAL("required");
}

/* Any backend is written as none: qubesd would write '*' and then lose the entry when it reads it. */
static void write_device(struct export *e, const struct change *c)
{
    struct span rest;
    span_split(c->key, ' ', &rest);
    struct span backend = span_split(rest, ' ', &rest), port = span_split(rest, ' ', &rest);
    xmlwrite_open(e->to, "device");
    if (!span_is(backend, "*"))
        xmlwrite_put(e->to, "backend-domain", backend);
    xmlwrite_put(e->to, "id", port);
    xmlwrite_put(e->to, "mode", mode_of(c->value));
    xmlwrite_put(e->to, "identity", rest);
    write_options(e, c->value);
    xmlwrite_close(e->to);
}

/* One <devices> per bus. */
static int write_devices(struct export *e, const struct holder *h)
{
    const struct change *c = next_of(e, h, PART_DEVICE);
    int r = 0;
    while (r >= 0 && c != NULL) {
        struct span bus = first_word(c->key);
        xmlwrite_open(e->to, "devices");
        xmlwrite_put(e->to, "class", bus);
        for (; r >= 0 && c != NULL && span_order(first_word(c->key), bus) == 0;
             c = next_of(e, h, PART_DEVICE)) {
            write_device(e, c);
            r = written(e, c);
        }
        xmlwrite_close(e->to);
    }
    return r;
}

static bool has_volumes(const struct holder *h)
{
    return strcmp(h->class_name, "AdminVM") != 0 && strcmp(h->class_name, "RemoteVM") != 0;
}

static int write_vm(struct export *e)
{
    const struct holder *h = e->lines[e->at].holder;
    const struct change *c = e->lines[e->at].item;
    if (c->kind != CHANGE_VM)
        return bad_item(e, c, "no VM holds it");
    char id[32];
    snprintf(id, sizeof id, "domain-%u", h->qid);
    xmlwrite_open(e->to, "domain");
    xmlwrite_put(e->to, "id", span_of(id));
    xmlwrite_put(e->to, "class", span_of(h->class_name));
    int r = written(e, c);
    if (r >= 0)
        r = write_list(e, h, PART_PROPERTY, "properties", write_property);
    if (r >= 0)
        r = write_list(e, h, PART_FEATURE, "features", write_feature);
    if (r >= 0)
        r = write_list(e, h, PART_TAG, "tags", write_tag);
    if (r >= 0)
        r = write_devices(e, h);
    if (r >= 0 && has_volumes(h))
        r = write_list(e, h, PART_VOLUME, "volume-config", write_volume);
    xmlwrite_close(e->to);
    return r;
}

static int write_all(struct export *e)
{
    xmlwrite_open(e->to, "qubes");
    int r = write_list(e, NULL, PART_LABEL, "labels", write_label);
    if (r >= 0)
        r = write_list(e, NULL, PART_POOL, "pools", write_pool);
    if (r >= 0)
        r = write_list(e, NULL, PART_PROPERTY, "properties", write_property);
    xmlwrite_open(e->to, "domains");
    while (r >= 0 && e->at < e->count)
        r = write_vm(e);
    xmlwrite_close(e->to);
    xmlwrite_close(e->to);
    return r;
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
        r = write_all(&e);
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
