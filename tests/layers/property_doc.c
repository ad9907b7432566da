/* SPDX-License-Identifier: MIT
 * Prints docs/man/bulkhead-properties.7.scd: every property, made from the rows of model/property.def. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/property.h"

/* Underscores mark text in scdoc. */
static void put(const char *text)
{
    for (; *text != '\0'; text++)
        printf("%s%c", *text == '_' ? "\\" : "", *text);
}

static void put_classes(enum property p)
{
    unsigned count = 0;
    for (unsigned class = 0; class < VM_CLASSES; class ++)
        count += property_applies(p, class);
    if (count == VM_CLASSES) {
        printf("every class");
        return;
    }
    for (unsigned class = 0, n = 0; class < VM_CLASSES; class ++)
        if (property_applies(p, class))
            printf("%s%s", n++ > 0 ? ", " : "", class_name(class));
}

static void put_flags(enum property p)
{
    static const struct {
        unsigned flag;
        const char *words;
    } rows[] = {{READ_ONLY, "computed, cannot be set"}, {WRITE_ONCE, "set at creation, never again"},
                {ADMIN_READ_ONLY, "fixed for dom0"},    {ALLOW_NONE, "may be none"},
                {TEMPLATE_ONLY, "a TemplateVM"},        {NOT_CLONED, "not taken over by disposables"}};
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((property_flags(p) & rows[i].flag) != 0)
            printf("; %s", rows[i].words);
}

static void put_property(enum property p, bool app)
{
    printf("*");
    put(property_name(p));
    printf("* (%s", property_wire_type(p));
    put_flags(p);
    printf(")\n\t");
    put(property_help(p));
    if (!app) {
        printf(" Of ");
        put_classes(p);
        printf(".");
    }
    printf("\n\n");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(property_name(*(const enum property *)a), property_name(*(const enum property *)b));
}

static void put_all(enum property *list, size_t count, bool app)
{
    qsort(list, count, sizeof *list, by_name);
    for (size_t i = 0; i < count; i++)
        put_property(list[i], app);
}

int main(void)
{
    enum property vm[] = {
#define VM_PROPERTY(name, ...) PROPERTY_##name,
#define APP_PROPERTY(name, ...)
#include "model/property.def"
    };
    enum property app[] = {
#define VM_PROPERTY(name, ...)
#define APP_PROPERTY(name, ...) PROPERTY_app_##name,
#include "model/property.def"
    };
    puts(
        "bulkhead-properties(7)\n\n"
        "; Made by tools/reference from the rows of model/property.def; do not edit.\n\n"
        "# NAME\n\nbulkhead-properties - what can be set on qubes and on the system\n\n"
        "# DESCRIPTION\n\n"
        "Each property has a name, a type and a default that holds until something is set. The Admin API\n"
        "reads and writes them: *admin.vm.property.Get* and its neighbours List, GetAll, GetDefault, Set,\n"
        "Reset and Help for a qube, *admin.property.Get* and its neighbours for the system. In parentheses:\n"
        "the type as it is answered, and what restricts it. For example:\n\n"
        "\tbulkhead call admin.vm.property.Set+memory work 600\n\n"
        "# PROPERTIES OF QUBES\n");
    put_all(vm, COUNT(vm), false);
    printf("# PROPERTIES OF THE SYSTEM\n\n");
    put_all(app, COUNT(app), true);
    printf("# SEE ALSO\n\n*bulkhead*(1), *bulkhead-supervisor*(8)\n");
    return 0;
}
