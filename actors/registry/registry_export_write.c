/* SPDX-License-Identifier: MIT
 * The elements of qubes.xml, each item as its own. In `registry`, and in tests. */
#include "actors/registry/registry_export_own.h"

#include <stdio.h>
#include <string.h>

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
        return export_bad_item(e, c, "its text holds a byte that XML cannot");
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
        struct span bus = export_first_word(c->key);
        xmlwrite_open(e->to, "devices");
        xmlwrite_put(e->to, "class", bus);
        for (; r >= 0 && c != NULL && span_order(export_first_word(c->key), bus) == 0;
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
        return export_bad_item(e, c, "no VM holds it");
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

int export_write(struct export *e)
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
