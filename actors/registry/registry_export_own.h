/* SPDX-License-Identifier: MIT
 * What the two steps of an export share; only registry_export*.c include this. */
#ifndef ACTORS_REGISTRY_REGISTRY_EXPORT_OWN_H
#define ACTORS_REGISTRY_REGISTRY_EXPORT_OWN_H

#include "actors/registry/registry_export.h"
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

/* -ERR_BAD: which item, and why. */
int export_bad_item(struct export *e, const struct change *c, const char *reason);
struct span export_first_word(struct span s);
/* Writes the lines, which are in the file's order. */
int export_write(struct export *e);

#endif
