/* SPDX-License-Identifier: MIT
 * Changes to qubes.xml bytes, shaped as qubesd saves them. Pure. spec: store 2. */
#ifndef ACTORS_REGISTRY_EXPORT_H
#define ACTORS_REGISTRY_EXPORT_H

#include "base/err.h"
#include "base/text.h"
#include "model/change.h"

struct export_rules {
    void *self;
    /* May be NULL: alphabetical. The rank of a property's (stage, order); `class_name` is NULL for globals.
     * Equal ranks are written alphabetically. */
    int (*property_order)(void *self, const char *class_name, const char *property);
};

/* Appends the document to *out, whose limit bounds it. The changes are the items of a whole model (none of
 * them gone), in any order except that features, pools, volumes and devices of one holder are written in
 * the order given. 0; -ERR_TOO_BIG; -ERR_NOMEM; -ERR_BAD when a value cannot be held by XML or an item
 * cannot be read: *why names it and *out is as it was. */
int registry_export(const struct change *changes, size_t count, const struct export_rules *rules,
                    struct text *out, struct fault *why);

#endif
