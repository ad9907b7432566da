/* SPDX-License-Identifier: MIT
 * The volumes of a VM as its class lays them out. Spec: vm-model 7, store 2.2, storage. */
#include "model/plan_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

#define GIB ((uint64_t)1 << 30)

enum kind { SAVED, SNAPSHOT, FRESH, KERNEL };

/* One volume on its way to being an item. */
struct volume {
    struct span name, pool, vid, ephemeral, source;
    enum kind kind;
    bool rw;
    uint64_t size;
};

static const struct layout {
    const char *name;
    enum property pool;
    enum kind of_owner, of_appvm, of_dispvm; /* owner: TemplateVM and StandaloneVM */
    uint64_t size, dispvm_size;
} layout[4] = {
    {"root", PROPERTY_app_default_pool_root, SAVED, SNAPSHOT, SNAPSHOT, 10 * GIB, 10 * GIB},
    {"private", PROPERTY_app_default_pool_private, SAVED, SAVED, SNAPSHOT, 2 * GIB, 2 * GIB},
    {"volatile", PROPERTY_app_default_pool_volatile, FRESH, FRESH, FRESH, 10 * GIB, 12 * GIB},
    {"kernel", PROPERTY_app_default_pool_kernel, KERNEL, KERNEL, KERNEL, 0, 0},
};

static enum kind kind_of(const struct layout *row, enum vm_class class)
{
    if (class == CLASS_AppVM)
        return row->of_appvm;
    return class == CLASS_DispVM ? row->of_dispvm : row->of_owner;
}

static struct span attribute(struct span lines, const char *key)
{
    struct span value = {NULL, 0};
    ask_attribute(lines, key, &value);
    return value;
}

static struct span pool_lines(const struct doing *d, struct span pool)
{
    const struct item *item = model_item(d->k.model, QID_GLOBAL, CHANGE_POOL, pool);
    return item != NULL ? (struct span){item->value, item->value_len} : (struct span){NULL, 0};
}

static struct span make_vid(struct doing *d, const struct vm *vm, struct span pool, struct span name)
{
    struct span lines = pool_lines(d, pool), driver = attribute(lines, "driver");
    struct span group = attribute(lines, "volume_group"), container = attribute(lines, "container");
    struct property_value kernel;
    if (span_is(driver, "lvm_thin"))
        return plan_format(d->p, "%.*s/vm-%s-%.*s", (int)group.len, group.at, vm_name(vm), (int)name.len,
                           name.at);
    if (span_is(driver, "zfs"))
        return plan_format(d->p, "%.*s/%s/%.*s", (int)container.len, container.at, vm_name(vm), (int)name.len,
                           name.at);
    if (span_is(driver, "linux-kernel")) {
        property_get(&d->k, vm->qid, PROPERTY_kernel, &kernel);
        return plan_keep(d->p, kernel.text);
    }
    return plan_format(d->p, "%s/%s/%.*s", class_folder(vm->class), vm_name(vm), (int)name.len, name.at);
}

static uint64_t number_in(struct span lines, const char *key, uint64_t otherwise)
{
    uint64_t n;
    return text_number(attribute(lines, key), 0, UINT64_MAX, &n) == 0 ? n : otherwise;
}

/* As the pool has it for all that is made in it; but what a file pool throws away, and kernels, keep nothing.
 */
static struct span revisions_of(struct doing *d, const struct volume *v)
{
    struct span lines = pool_lines(d, v->pool), driver = attribute(lines, "driver");
    struct span number = attribute(lines, "revisions_to_keep");
    if (v->kind != SAVED && (number.len == 0 || span_is(driver, "file") || span_is(driver, "linux-kernel")))
        return SPAN_LITERAL("0");
    return number.len > 0 ? number : SPAN_LITERAL("1");
}

static void put(struct doing *d, const struct vm *vm, struct volume *v)
{
    struct span revisions = revisions_of(d, v);
    char ephemeral[64] = "", size[48] = "", source[600] = "";
    if (v->ephemeral.len > 0)
        snprintf(ephemeral, sizeof ephemeral, "\nephemeral=%.*s", (int)v->ephemeral.len, v->ephemeral.at);
    if (v->size > 0)
        snprintf(size, sizeof size, "\nsize=%" PRIu64, v->size);
    if (v->source.len > 0)
        snprintf(source, sizeof source, "\nsource=%.*s", (int)v->source.len, v->source.at);
    v->vid = make_vid(d, vm, v->pool, v->name);
    plan_change(d->p, CHANGE_VOLUME, vm->qid, v->name,
                plan_format(d->p,
                            "pool=%.*s\nvid=%.*s\nrevisions_to_keep=%.*s"
                            "\nrw=%s\nsave_on_stop=%s\nsnap_on_start=%s%s%s%s",
                            (int)v->pool.len, v->pool.at, (int)v->vid.len, v->vid.at, (int)revisions.len,
                            revisions.at, v->rw ? "True" : "False", v->kind == SAVED ? "True" : "False",
                            v->kind == SNAPSHOT ? "True" : "False", ephemeral, size, source));
}

/* Where a snapshot comes from: the first volume up the templates that is none itself. */
static bool find_source(struct doing *d, const struct vm *vm, struct volume *v)
{
    struct span lines = {NULL, 0};
    for (const struct vm *t = ask_template(&d->k, vm->qid); t != NULL; t = ask_template(&d->k, t->qid)) {
        if (!known_item(&d->k, CHANGE_VOLUME, t->qid, v->name, &lines))
            return false;
        if (attribute(lines, "source").len == 0)
            break;
    }
    v->pool = attribute(lines, "pool");
    v->source = attribute(lines, "vid");
    v->size = number_in(lines, "size", v->size);
    return v->source.len > 0;
}

static struct span default_pool(struct doing *d, enum property p)
{
    struct property_value value;
    property_get(&d->k, QID_GLOBAL, p, &value);
    return plan_keep(d->p, value.text);
}

/* A folder of kernels keeps nothing that a VM writes. */
static int check_pool_fits(struct doing *d, const struct volume *v)
{
    if (v->pool.len == 0)
        return fault_set(d->why, ERR_QUBES, "there is no pool for volume %.*s; set default_pool",
                         (int)v->name.len, v->name.at);
    if (v->kind != KERNEL && span_is(attribute(pool_lines(d, v->pool), "driver"), "linux-kernel"))
        return fault_set(d->why, ERR_QUBES, "pool %.*s holds kernels; choose another one for volume %.*s",
                         (int)v->pool.len, v->pool.at, (int)v->name.len, v->name.at);
    return 0;
}

static int choose_pool(struct doing *d, const struct vm *vm, size_t i, const struct pool_choice *pools,
                       struct volume *v)
{
    const struct vm *template = ask_template(&d->k, vm->qid);
    struct span lines;
    v->pool = default_pool(d, layout[i].pool);
    if (vm->class == CLASS_DispVM && template != NULL &&
        known_item(&d->k, CHANGE_VOLUME, template->qid, v->name, &lines)) {
        v->rw = span_is(attribute(lines, "rw"), "True");
        v->ephemeral = attribute(lines, "ephemeral");
        v->pool = attribute(lines, "pool");
    }
    if (pools->all.at != NULL && v->kind != SNAPSHOT && v->rw)
        v->pool = pools->all;
    if (pools->one[i].at != NULL)
        v->pool = pools->one[i];
    if (pools->one[i].at != NULL && v->kind == SNAPSHOT)
        return fault_set(d->why, ERR_QUBES, "volume %s is a snapshot and lies in the pool of its source",
                         layout[i].name);
    if (v->kind == SNAPSHOT && !find_source(d, vm, v))
        return fault_set(d->why, ERR_QUBES, "the template has no volume %s to start from", layout[i].name);
    return check_pool_fits(d, v);
}

static const struct layout *layout_of(struct span name)
{
    for (size_t i = 0; i < COUNT(layout); i++)
        if (span_is(name, layout[i].name))
            return &layout[i];
    return NULL;
}

/* Volumes that a template has beyond the usual ones are laid out for its children, too. */
static void copy_extra(struct doing *d, const struct vm *vm, const struct vm *template)
{
    const struct item *at = model_items(d->k.model, template->qid, CHANGE_VOLUME);
    for (; at != NULL; at = at->next) {
        struct span lines = {at->value, at->value_len}, name = {at->key, at->key_len};
        struct volume v = {.name = name, .rw = span_is(attribute(lines, "rw"), "True"), .kind = FRESH};
        if (layout_of(name) != NULL)
            continue;
        v.pool = attribute(lines, "pool");
        v.ephemeral = attribute(lines, "ephemeral");
        v.source = attribute(lines, "source");
        v.size = number_in(lines, "size", 0);
        if (span_is(attribute(lines, "snap_on_start"), "True"))
            v.kind = SNAPSHOT;
        else if (span_is(attribute(lines, "save_on_stop"), "True"))
            v.kind = SAVED;
        put(d, vm, &v);
    }
}

int do_volumes(struct doing *d, const struct vm *vm, const struct pool_choice *pools)
{
    const struct vm *template = ask_template(&d->k, vm->qid);
    for (size_t i = 0; i < COUNT(layout); i++) {
        struct volume v = {.name = span_of(layout[i].name), .kind = kind_of(&layout[i], vm->class)};
        v.rw = v.kind != KERNEL;
        v.size = vm->class == CLASS_DispVM ? layout[i].dispvm_size : layout[i].size;
        int r = choose_pool(d, vm, i, pools, &v);
        if (r < 0)
            return r;
        put(d, vm, &v);
    }
    if (template != NULL)
        copy_extra(d, vm, template);
    return 0;
}

/* `t` has recorded the new template already, so that sources are found there. */
int do_volumes_follow_template(struct doing *d, const struct vm *vm)
{
    for (size_t i = 0; i < COUNT(layout); i++) {
        struct volume v = {.name = span_of(layout[i].name), .kind = kind_of(&layout[i], vm->class)};
        struct span lines;
        if (v.kind != SNAPSHOT || !known_item(&d->k, CHANGE_VOLUME, vm->qid, v.name, &lines))
            continue;
        v.rw = span_is(attribute(lines, "rw"), "True");
        v.ephemeral = attribute(lines, "ephemeral");
        if (!find_source(d, vm, &v))
            return fault_set(d->why, ERR_QUBES, "the new template has no volume %s to start from",
                             layout[i].name);
        put(d, vm, &v);
    }
    return 0;
}
