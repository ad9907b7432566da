/* SPDX-License-Identifier: MIT
 * What a VM holds besides properties: features, tags, volumes. In `registry`, and in tests. */
#include "actors/registry/registry_import_own.h"

#include <string.h>

/* The first child `name` of the VM's child `list`. */
static const struct xml_element *first_of(const struct import_vm *vm, const char *list, const char *name)
{
    const struct xml_element *found = xml_child(vm->at, list);
    return found != NULL ? xml_child(found, name) : NULL;
}

/* This feature is no more: empty (switched off) meant a fixed amount of memory. */
static void migrate_meminfo_writer(struct import *im, struct import_vm *vm, const struct xml_element *at)
{
    struct span maxmem = SPAN_LITERAL("maxmem");
    bool off = xml_content(at).len == 0;
    if (off && im->rules->type(im->rules->self, vm->class_name, maxmem) == IMPORT_INT)
        import_emit(im, CHANGE_PROPERTY, vm->qid, maxmem, SPAN_LITERAL("0"));
    import_tell(im, IMPORT_NOTE, at, vm, "feature service.meminfo-writer removed%s",
                off ? ", maxmem set to 0" : "");
}

void import_features(struct import *im, struct import_vm *vm)
{
    const struct xml_element *at = first_of(vm, "features", "feature");
    for (; at != NULL && im->result >= 0; at = xml_next(at, "feature")) {
        struct span name = import_attribute(at, "name");
        if (name.len == 0)
            import_tell(im, IMPORT_DISABLES, at, vm, "a feature without name left out");
        else if (span_is(name, "service.meminfo-writer"))
            migrate_meminfo_writer(im, vm, at);
        else
            import_emit(im, CHANGE_FEATURE, vm->qid, name, xml_content(at));
    }
}

void import_tags(struct import *im, struct import_vm *vm)
{
    const struct xml_element *at = first_of(vm, "tags", "tag");
    for (; at != NULL && im->result >= 0; at = xml_next(at, "tag")) {
        struct span name = import_attribute(at, "name");
        if (name.len == 0)
            import_tell(im, IMPORT_DISABLES, at, vm, "a tag without name left out");
        else
            import_emit(im, CHANGE_TAG, vm->qid, name, SPAN_LITERAL(""));
    }
}

static const char *const volume_attributes[] = {
#define VOLUME_ATTRIBUTE(name) #name,
#include "actors/registry/registry_volume.def"
};

static bool is_volume_attribute(struct span name)
{
    if (span_is(name, "name") || span_is(name, "internal"))
        return true;
    for (size_t i = 0; i < COUNT(volume_attributes); i++)
        if (span_is(name, volume_attributes[i]))
            return true;
    return false;
}

/* What would keep qubesd from loading this volume; NULL: nothing. */
static const char *volume_problem(struct import *im, const struct xml_element *at)
{
    struct span pool = import_attribute(at, "pool"), source = import_attribute(at, "source");
    if (pool.len > 0 && import_find_pool(im, pool) == NULL)
        return "its pool is not there";
    if (source.len > 0 && pool.len == 0)
        return "it has a source and no pool";
    if (source.len > 0 && !import_has_volume(im, pool, source))
        return "its source is not there";
    return NULL;
}

static bool is_kernel_pool(const struct import *im, struct span name)
{
    const struct import_pool *pool = import_find_pool(im, name);
    return pool != NULL && span_is(pool->driver, "linux-kernel");
}

/* A value of one attribute; false: it has none to keep. */
static bool volume_value(const struct import *im, const struct xml_element *at, const char *name,
                         struct span *value)
{
    if (!xml_attribute(at, name, value))
        return false;
    /* Kernels are never snapshots: old files say otherwise. */
    if (strcmp(name, "snap_on_start") == 0 && import_attribute(at, "source").len == 0 &&
        is_kernel_pool(im, import_attribute(at, "pool")))
        *value = SPAN_LITERAL("False");
    return true;
}

static void import_volume(struct import *im, struct import_vm *vm, const struct xml_element *at)
{
    struct span name = import_attribute(at, "name"), key, value;
    if (name.len == 0) {
        import_tell(im, IMPORT_DISABLES, at, vm, "a volume without name left out");
        return;
    }
    const char *problem = volume_problem(im, at);
    if (problem != NULL)
        import_tell(im, IMPORT_DISABLES, at, vm, "volume '%.*s': %s", SPAN_ARG(name), problem);
    for (size_t i = 0; xml_attribute_at(at, i, &key, &value); i++)
        if (!is_volume_attribute(key))
            import_tell(im, IMPORT_WARNING, at, vm, "volume '%.*s': unknown attribute '%.*s' left out",
                        SPAN_ARG(name), SPAN_ARG(key));
    text_clear(&im->line);
    for (size_t i = 0; i < COUNT(volume_attributes); i++) {
        if (!volume_value(im, at, volume_attributes[i], &value))
            continue;
        if (import_is_line(value))
            text_format(&im->line, "%s%s=%.*s", im->line.len > 0 ? "\n" : "", volume_attributes[i],
                        SPAN_ARG(value));
        else
            import_tell(im, IMPORT_DISABLES, at, vm, "volume '%.*s': a line break in %s", SPAN_ARG(name),
                        volume_attributes[i]);
    }
    import_emit(im, CHANGE_VOLUME, vm->qid, name, text_span(&im->line));
}

void import_volumes(struct import *im, struct import_vm *vm)
{
    const struct xml_element *at = first_of(vm, "volume-config", "volume");
    for (; at != NULL && im->result >= 0; at = xml_next(at, "volume"))
        import_volume(im, vm, at);
}
