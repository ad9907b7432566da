/* SPDX-License-Identifier: MIT
 * What import and export ask of the model's tables; see registry_rules.h. */
#include "actors/registry/registry_rules.h"

#include <string.h>

#include "base/own.h"
#include "model/property.h"

static enum import_type text_type(struct span property)
{
    static const char *const empty_stays[] = {"kernel", "kernelopts", "devices_denied"};
    for (size_t i = 0; i < COUNT(empty_stays); i++)
        if (span_is(property, empty_stays[i]))
            return IMPORT_EMPTY_OK;
    return IMPORT_TEXT;
}

static bool is_read_only(enum property p, enum vm_class class)
{
    unsigned flags = property_flags(p);
    return (flags & READ_ONLY) != 0 || (class == CLASS_AdminVM && (flags & ADMIN_READ_ONLY) != 0);
}

static enum import_type type_of(void *self, struct span class_name, struct span property)
{
    enum property p;
    enum vm_class class = CLASS_AppVM;
    bool app = class_name.len == 0;
    (void)self;
    if (property_lookup(property, app, &p) < 0 || (!app && class_parse(class_name, &class) < 0))
        return IMPORT_UNKNOWN;
    if (!app && !property_applies(p, class))
        return IMPORT_UNKNOWN;
    if (is_read_only(p, class))
        return IMPORT_READ_ONLY;
    switch (property_type(p)) {
    case TYPE_INT:
        return IMPORT_INT;
    case TYPE_BOOL:
        return IMPORT_BOOL;
    case TYPE_VM:
        return IMPORT_VM;
    case TYPE_LABEL:
        return IMPORT_LABEL;
    case TYPE_POOL:
        return IMPORT_POOL;
    case TYPE_STR:
    case TYPE_IPV4:
    case TYPE_IPV6:
    case TYPE_UUID:
        break;
    }
    return text_type(property);
}

static int check(void *self, struct span class_name, struct span property, struct span value,
                 struct fault *why)
{
    enum property p;
    (void)self;
    if (property_lookup(property, class_name.len == 0, &p) < 0)
        return 0;
    /* References are checked by the import itself, which knows the file's own VMs. */
    enum property_type type = property_type(p);
    return type == TYPE_VM || type == TYPE_LABEL || type == TYPE_POOL ? 0 : property_sanitise(p, value, why);
}

/* The stage of a row, which orders listings before the name does. */
static int property_order(void *self, const char *class_text, const char *property)
{
    static const struct row {
        const char *name;
        int app, stage;
    } rows[] = {
#define VM_PROPERTY(name, classes, stage, ...) {#name, 0, stage},
#define APP_PROPERTY(name, stage, ...)         {#name, 1, stage},
#include "model/property.def"
    };
    (void)self;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].app == (class_text == NULL) && strcmp(rows[i].name, property) == 0)
            return rows[i].stage;
    return 9;
}

const struct import_rules *registry_import_rules(void)
{
    static const struct import_rules rules = {.type = type_of, .check = check};
    return &rules;
}

const struct export_rules *registry_export_rules(void)
{
    static const struct export_rules rules = {.property_order = property_order};
    return &rules;
}
