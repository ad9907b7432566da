/* SPDX-License-Identifier: MIT
 * What is wished of a new VM: read, and held against what there is. Spec: admin-api-methods 4.2. */
#include "model/plan_create_inside.h"

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

static int twice(struct doing *d, struct span key)
{
    return fault_set(d->why, ERR_PROTOCOL, "'%.*s' is given twice", key.len > 60 ? 60 : (int)key.len, key.at);
}

static int parse_pool(struct doing *d, struct span key, struct span value, struct wish *w)
{
    static const char *const keys[] = {"pool:root", "pool:private", "pool:volatile", "pool:kernel"};
    struct span *to = span_is(key, "pool") ? &w->pools.all : NULL;
    for (size_t i = 0; i < COUNT(keys); i++)
        if (span_is(key, keys[i]))
            to = &w->pools.one[i];
    if (to == NULL)
        return fault_set(d->why, ERR_PROTOCOL, "a pool is chosen for root, private, volatile or kernel");
    if (to->at != NULL)
        return twice(d, key);
    *to = value;
    w->has_pools = w->has_pools || to != &w->pools.all;
    return 0;
}

static int parse_item(struct doing *d, struct span item, bool in_pool, struct wish *w)
{
    struct span value, key = span_split(item, '=', &value);
    struct label label;
    if (value.at == NULL)
        return fault_set(d->why, ERR_PROTOCOL,
                         "a creation is described by key=value words with one space between");
    if ((span_is(key, "name") && w->name.at != NULL) || (span_is(key, "label") && w->label.at != NULL))
        return twice(d, key);
    if (span_is(key, "name")) {
        w->name = value;
        return vm_name_check(value, d->why);
    }
    if (span_is(key, "label")) {
        int r = label_name_check(value, true, d->why);
        if (r >= 0 && ask_label(&d->k, value, &label, NULL) == 0)
            w->label = value;
        return r; /* an unknown label counts as none */
    }
    if (in_pool && (span_is(key, "pool") || span_starts(key, "pool:")))
        return parse_pool(d, key, value, w);
    return fault_set(d->why, ERR_PROTOCOL, "'%.*s' says nothing about a new VM here",
                     key.len > 60 ? 60 : (int)key.len, key.at);
}

int create_parse(struct doing *d, struct span payload, bool in_pool, struct wish *w)
{
    int r = 0;
    if (w->template_name.len > 0 && !class_has_template(w->class))
        return fault_set(d->why, ERR_PROTOCOL, "a %s is not based on a template", class_name(w->class));
    if (!span_is_ascii(payload))
        return fault_set(d->why, ERR_PROTOCOL, "a creation is described in ASCII");
    struct span rest = payload;
    do {
        struct span item = span_split(rest, ' ', &rest);
        r = parse_item(d, item, in_pool, w);
    } while (r >= 0 && rest.at != NULL);
    if (r < 0)
        return r;
    if (w->name.at == NULL || w->label.at == NULL)
        return fault_set(d->why, ERR_PROTOCOL, "a new VM needs a %s",
                         w->name.at == NULL ? "name" : "known label");
    if (w->pools.all.at != NULL && w->has_pools)
        return fault_set(d->why, ERR_PROTOCOL, "choose one pool for all volumes or one for each, not both");
    return 0;
}

static int check_pool(struct doing *d, struct span pool)
{
    if (pool.at == NULL || model_item(d->k.model, QID_GLOBAL, CHANGE_POOL, pool) != NULL)
        return 0;
    return fault_set(d->why, ERR_QUBES, "there is no storage pool %.*s", pool.len > 100 ? 100 : (int)pool.len,
                     pool.at);
}

int create_check_exists(struct doing *d, struct wish *w)
{
    struct span name = w->template_name;
    if (model_named(d->k.model, w->name) != NULL ||
        world_is_being_made(d->k.world, plan_keep(d->p, w->name).at))
        return fault_set(d->why, ERR_VM_EXISTS, "there is a VM '%.*s' already", (int)w->name.len, w->name.at);
    if (name.len > 0 && (w->template = model_named(d->k.model, name)) == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM '%.*s' to base it on",
                         name.len > 100 ? 100 : (int)name.len, name.at);
    int r = check_pool(d, w->pools.all);
    for (size_t i = 0; i < COUNT(w->pools.one) && r >= 0; i++)
        r = check_pool(d, w->pools.one[i]);
    if (r >= 0 && w->class == CLASS_AdminVM)
        return fault_set(d->why, ERR_PROPERTY_VALUE, "there is one AdminVM, and it exists");
    return r;
}

int create_check_template(struct doing *d, struct wish *w)
{
    enum property rule =
        w->class == CLASS_DispVM ? PROPERTY_app_default_dispvm : PROPERTY_app_default_template;
    if (!class_has_template(w->class))
        return 0;
    if (w->template == NULL)
        w->template = property_vm(&d->k, QID_GLOBAL, rule);
    if (w->template == NULL)
        return fault_set(d->why, ERR_VALUE, "name a template, or set %s", property_name(rule));
    if (w->class == CLASS_AppVM && w->template->class != CLASS_TemplateVM)
        return fault_set(d->why, ERR_PROPERTY_VALUE, "'%s' is no TemplateVM", vm_name(w->template));
    if (w->class == CLASS_DispVM && (!property_applies(PROPERTY_template_for_dispvms, w->template->class) ||
                                     !property_true(&d->k, w->template->qid, PROPERTY_template_for_dispvms)))
        return fault_set(d->why, ERR_VALUE,
                         "'%s' does not offer itself for disposables; set its template_for_dispvms",
                         vm_name(w->template));
    return 0;
}
