/* SPDX-License-Identifier: MIT
 * Who exists: every domain with its qid, class and name, and every volume, before any of them is told, since
 * they refer to each other. In `registry`, and in tests. */
#include "actors/registry/registry_import_own.h"

#include <stdio.h>
#include <stdlib.h>

#define ADMIN_UUID "00000000-0000-0000-0000-000000000000"

static bool property_is_true(const struct xml_element *domain, const char *name)
{
    const struct xml_element *p = import_find_property(domain, name);
    return p != NULL && import_bool(import_value(p)) == 1;
}

static struct span property_text(const struct xml_element *domain, const char *name)
{
    const struct xml_element *p = import_find_property(domain, name);
    return p != NULL ? import_value(p) : SPAN_LITERAL("");
}

static struct import_vm *add_vm(struct import *im, const struct xml_element *at, struct span class_name)
{
    if (im->vm_count > QID_MAX && im->result >= 0)
        im->result = -ERR_TOO_BIG;
    struct import_vm *grown = import_grow(im, im->vms, im->vm_count, sizeof *grown);
    if (grown == NULL)
        return NULL;
    im->vms = grown;
    struct import_vm *vm = &im->vms[im->vm_count++];
    *vm = (struct import_vm){.at = at, .class_name = class_name, .qid = QID_GLOBAL};
    return vm;
}

static const struct xml_element *first_domain(const struct import *im)
{
    const struct xml_element *list = xml_child(im->root, "domains");
    return list != NULL ? xml_child(list, "domain") : NULL;
}

/* dom0 first, made when the file has none; a second one has nothing to say. */
static void add_dom0(struct import *im)
{
    const struct xml_element *found = NULL;
    for (const struct xml_element *at = first_domain(im); at != NULL; at = xml_next(at, "domain")) {
        if (!span_is(import_attribute(at, "class"), "AdminVM"))
            continue;
        if (found != NULL)
            import_tell(im, IMPORT_WARNING, at, NULL, "a second AdminVM left out");
        else
            found = at;
    }
    struct import_vm *dom0 = add_vm(im, found, SPAN_LITERAL("AdminVM"));
    if (dom0 == NULL)
        return;
    dom0->qid = 0;
    dom0->name = SPAN_LITERAL("dom0");
    if (found == NULL)
        import_tell(im, IMPORT_NOTE, NULL, NULL, "dom0 was missing and is added");
}

static void add_others(struct import *im)
{
    for (const struct xml_element *at = first_domain(im); at != NULL; at = xml_next(at, "domain")) {
        struct span class_name = import_attribute(at, "class");
        if (span_is(class_name, "AdminVM"))
            continue;
        struct import_vm *vm = add_vm(im, at, class_name);
        if (vm == NULL)
            return;
        vm->name = property_text(at, "name");
        vm->provides_network = property_is_true(at, "provides_network");
        vm->template_for_dispvms = property_is_true(at, "template_for_dispvms") ||
                                   (span_is(class_name, "AppVM") && property_is_true(at, "dispvm_allowed"));
    }
}

/* Where the file's qid cannot be kept the VM gets a free one, after all good ones are taken. */
static void give_qids(struct import *im)
{
    bool used[QID_MAX + 1] = {true};
    for (size_t i = 1; i < im->vm_count; i++) {
        struct import_vm *vm = &im->vms[i];
        uint64_t qid = 0;
        if (text_number(span_trim(property_text(vm->at, "qid")), 1, QID_MAX, &qid) < 0 || used[qid])
            continue;
        vm->qid = (uint32_t)qid;
        used[qid] = true;
    }
    uint32_t next = 1;
    for (size_t i = 1; i < im->vm_count; i++) {
        if (im->vms[i].qid != QID_GLOBAL)
            continue;
        while (used[next])
            next++;
        used[next] = true;
        im->vms[i].qid = next;
        import_tell(im, IMPORT_DISABLES, im->vms[i].at, &im->vms[i],
                    "'%.*s' has no qid of its own (missing, malformed or another's); it is kept as %u",
                    SPAN_ARG(im->vms[i].name), next);
    }
}

static int order_by_name(const void *a, const void *b)
{
    const struct import_vm *x = *(struct import_vm *const *)a, *y = *(struct import_vm *const *)b;
    int order = span_order(x->name, y->name);
    return order != 0 ? order : (x > y) - (x < y);
}

const struct import_vm *import_find_vm(const struct import *im, struct span name)
{
    size_t lo = 0, hi = im->vm_count;
    while (lo < hi) {
        size_t middle = (lo + hi) / 2;
        int order = span_order(im->by_name[middle]->name, name);
        if (order == 0)
            return im->by_name[middle];
        *(order < 0 ? &lo : &hi) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

static void rename_vm(struct import *im, struct import_vm *vm, const char *reason)
{
    import_tell(im, IMPORT_DISABLES, vm->at, vm, "'%.*s' cannot keep its name: %s", SPAN_ARG(vm->name),
                reason);
    for (unsigned n = 0;; n++) {
        snprintf(vm->new_name, sizeof vm->new_name, n == 0 ? "domain-%u" : "domain-%u-%u", vm->qid, n);
        bool taken = false;
        for (size_t i = 0; i < im->vm_count && !taken; i++)
            taken = &im->vms[i] != vm && span_is(im->vms[i].name, vm->new_name);
        if (!taken)
            break;
    }
    vm->name = span_of(vm->new_name);
}

/* A class that is not known is kept as one that needs nothing; it cannot start. */
static void settle_classes(struct import *im)
{
    for (size_t i = 1; i < im->vm_count && im->result >= 0; i++) {
        struct import_vm *vm = &im->vms[i];
        if (im->rules->type(im->rules->self, vm->class_name, SPAN_LITERAL("name")) != IMPORT_UNKNOWN)
            continue;
        import_tell(im, IMPORT_DISABLES, vm->at, vm,
                    "its class '%.*s' is not known; it is kept as StandaloneVM", SPAN_ARG(vm->class_name));
        vm->class_name = SPAN_LITERAL("StandaloneVM");
    }
}

static struct span uuid_of(const struct import_vm *vm)
{
    return vm->at != NULL && vm->qid != 0 ? property_text(vm->at, "uuid") : SPAN_LITERAL(ADMIN_UUID);
}

static int order_by_uuid(const void *a, const void *b)
{
    const struct import_vm *x = *(struct import_vm *const *)a, *y = *(struct import_vm *const *)b;
    int order = span_order(uuid_of(x), uuid_of(y));
    return order != 0 ? order : (x > y) - (x < y);
}

/* Of those that share a uuid the first keeps it; dom0's is taken from the start. */
static void settle_uuids(struct import *im)
{
    for (size_t i = 0; i < im->vm_count; i++)
        im->by_name[i] = &im->vms[i];
    qsort(im->by_name, im->vm_count, sizeof *im->by_name, order_by_uuid);
    for (size_t i = 1; i < im->vm_count; i++) {
        struct import_vm *vm = im->by_name[i];
        if (uuid_of(vm).len == 0 || !span_equal(uuid_of(vm), uuid_of(im->by_name[i - 1])))
            continue;
        vm->no_uuid = true;
        import_tell(im, IMPORT_DISABLES, vm->at, vm, "its uuid is another's");
    }
}

static void sort_by_name(struct import *im)
{
    for (size_t i = 0; i < im->vm_count; i++)
        im->by_name[i] = &im->vms[i];
    qsort(im->by_name, im->vm_count, sizeof *im->by_name, order_by_name);
}

/* Every VM gets a name of its own; of two that share one the first in the file keeps it. */
static void settle_names(struct import *im)
{
    im->by_name = im->result >= 0 ? calloc(im->vm_count, sizeof *im->by_name) : NULL;
    if (im->by_name == NULL) {
        im->vm_count = 0;
        if (im->result >= 0)
            im->result = -ERR_NOMEM;
        return;
    }
    settle_uuids(im);
    sort_by_name(im);
    for (size_t i = im->vm_count; i-- > 1;)
        if (span_equal(im->by_name[i]->name, im->by_name[i - 1]->name))
            rename_vm(im, im->by_name[i], "another has it");
    for (size_t i = 1; i < im->vm_count; i++) {
        struct import_vm *vm = &im->vms[i];
        struct fault why = {0};
        if (vm->name.len == 0)
            rename_vm(im, vm, "it is empty");
        else if (im->rules->check != NULL && vm->new_name[0] == '\0' &&
                 im->rules->check(im->rules->self, vm->class_name, SPAN_LITERAL("name"), vm->name, &why) < 0)
            rename_vm(im, vm, why.text);
    }
    sort_by_name(im);
}

static int order_of_volumes(const void *a, const void *b)
{
    const struct import_volume *x = a, *y = b;
    int order = span_order(x->pool, y->pool);
    return order != 0 ? order : span_order(x->vid, y->vid);
}

bool import_has_volume(const struct import *im, struct span pool, struct span vid)
{
    struct import_volume wanted = {pool, vid};
    return im->volume_count > 0 &&
           bsearch(&wanted, im->volumes, im->volume_count, sizeof wanted, order_of_volumes) != NULL;
}

static void add_volumes(struct import *im, const struct xml_element *domain)
{
    const struct xml_element *list = xml_child(domain, "volume-config");
    const struct xml_element *at = list != NULL ? xml_child(list, "volume") : NULL;
    for (; at != NULL; at = xml_next(at, "volume")) {
        struct import_volume volume = {import_attribute(at, "pool"), import_attribute(at, "vid")};
        if (volume.pool.len == 0 || volume.vid.len == 0)
            continue;
        struct import_volume *grown = import_grow(im, im->volumes, im->volume_count, sizeof *grown);
        if (grown == NULL)
            return;
        im->volumes = grown;
        im->volumes[im->volume_count++] = volume;
    }
}

/* default_fw_netvm matters only where it names an existing VM other than default_netvm. */
static void find_firewall_netvm(struct import *im)
{
    struct span name = property_text(im->root, "default_fw_netvm");
    if (name.len > 0 && import_find_vm(im, name) != NULL &&
        !span_equal(name, property_text(im->root, "default_netvm")))
        im->firewall_netvm = name;
}

void import_index(struct import *im)
{
    add_dom0(im);
    add_others(im);
    if (im->result >= 0)
        give_qids(im);
    settle_classes(im);
    settle_names(im);
    for (const struct xml_element *at = first_domain(im); at != NULL; at = xml_next(at, "domain"))
        add_volumes(im, at);
    if (im->volume_count > 0)
        qsort(im->volumes, im->volume_count, sizeof *im->volumes, order_of_volumes);
    find_firewall_netvm(im);
}
