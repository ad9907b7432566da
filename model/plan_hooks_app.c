/* SPDX-License-Identifier: MIT
 * What a change of the system's defaults, and of the VMs that serve others, brings with it.
 * Spec: events 5, vm-model 4.1 and 10. */
#include "model/plan_hooks_inside.h"

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

static int follow(struct doing *d, const struct turn *t, const char *prefix, bool keep)
{
    struct property_value v;
    bool none;
    property_get(&d->k, t->qid, t->p, &v);
    struct span now = keep_value(d, &v, &none);
    if (!t->resetting) {
        now = t->new; /* also when it is a default that is about to change */
        none = t->new_none;
    }
    return do_follow_tag(d, prefix, t->qid, now, none, keep);
}

int on_guivm(struct doing *d, const struct turn *t)
{
    return follow(d, t, "guivm-", true);
}

int on_audiovm(struct doing *d, const struct turn *t)
{
    return follow(d, t, "audiovm-", false);
}

int on_relayvm(struct doing *d, const struct turn *t)
{
    return follow(d, t, "relayvm-", false);
}

static bool uses_default(const struct doing *d, const struct vm *vm, enum property p)
{
    return property_applies(p, vm->class) && property_stored(&d->k, vm->qid, p).at == NULL;
}

static int set_for_followers(struct doing *d, const struct turn *t, enum property p)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        struct turn child = *t;
        child.qid = vm->qid;
        child.p = p;
        if (uses_default(d, vm, p))
            r = turn_set(d, &child);
    }
    return r;
}

int on_default_guivm(struct doing *d, const struct turn *t)
{
    return set_for_followers(d, t, PROPERTY_guivm);
}

int on_default_audiovm(struct doing *d, const struct turn *t)
{
    return set_for_followers(d, t, PROPERTY_audiovm);
}

/* What dom0 wishes for the default moves with it. */
static void preload_follows(struct doing *d, const struct vm *vm)
{
    struct span global, own, key = SPAN_LITERAL("preload-dispvm-max");
    if (vm == NULL || ask_feature(&d->k, 0, CHAIN_OWN, key, &global) != 1 || global.len == 0)
        return;
    if (ask_feature(&d->k, vm->qid, CHAIN_OWN, key, &own) != 1 || !span_equal(own, global))
        preload_start_later(d, vm->qid, "default_dispvm has changed");
}

int on_default_dispvm(struct doing *d, const struct turn *t)
{
    const struct vm *old = t->has_old ? named(d, t->old, t->old_none) : NULL;
    const struct vm *new = property_vm(&d->k, QID_GLOBAL, PROPERTY_app_default_dispvm);
    preload_follows(d, old);
    if (new != old)
        preload_follows(d, new);
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        struct turn child = *t;
        child.qid = vm->qid;
        child.p = PROPERTY_default_dispvm;
        if (uses_default(d, vm, PROPERTY_default_dispvm))
            fire_reset(d, &child);
    }
    return 0;
}

int pre_clockvm(struct doing *d, const struct turn *t)
{
    const struct vm *new = named(d, t->new, t->new_none);
    struct span name = SPAN_LITERAL("service.clocksync"), value;
    if (new == NULL || known_item(&d->k, CHANGE_FEATURE, new->qid, name, &value))
        return 0;
    return do_feature_set(d, new->qid, name, SPAN_LITERAL("1"));
}

int on_clockvm(struct doing *d, const struct turn *t)
{
    const struct vm *old = t->has_old ? named(d, t->old, t->old_none) : NULL;
    struct span name = SPAN_LITERAL("service.clocksync"), value;
    if (old == NULL || !turn_changed(t) || !known_item(&d->k, CHANGE_FEATURE, old->qid, name, &value) ||
        value.len == 0)
        return 0;
    return do_feature_remove(d, old->qid, name);
}
