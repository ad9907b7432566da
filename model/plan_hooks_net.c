/* SPDX-License-Identifier: MIT
 * What a change of network properties brings with it, of a VM and of the default. Spec: net 1
 * to 3, events 5. */
#include "model/plan_hooks_inside.h"

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

static const struct span deferred = {"deferred-netvm-original", 23};

static int set_servicevm(struct doing *d, uint32_t qid, bool on)
{
    struct span name = SPAN_LITERAL("servicevm"), value;
    bool present = known_item(&d->k, CHANGE_FEATURE, qid, name, &value);
    if (on == (present && value.len > 0) && on == present)
        return 0;
    int r = on ? do_feature_set(d, qid, name, SPAN_LITERAL("1")) : do_feature_remove(d, qid, name);
    if (r >= 0)
        fire_computed(d, qid, PROPERTY_icon);
    return r;
}

int on_provides_network(struct doing *d, const struct turn *t)
{
    if (turn_changed(t)) {
        fire_computed(d, t->qid, PROPERTY_gateway);
        fire_computed(d, t->qid, PROPERTY_gateway6);
    }
    return set_servicevm(d, t->qid, span_is(t->new, "True"));
}

int on_provides_network_reset(struct doing *d, const struct turn *t)
{
    return set_servicevm(d, t->qid, false);
}

static bool effective_changed(struct doing *d, const struct turn *t)
{
    struct property_value now;
    property_get(&d->k, t->qid, t->p, &now);
    return now.is_none != t->old_none || !span_equal(now.text, t->old);
}

static int addresses_changed(struct doing *d, const struct turn *t, enum property own, enum property visible,
                             enum property clients)
{
    if (!effective_changed(d, t))
        return 0;
    if (property_true(&d->k, t->qid, PROPERTY_provides_network))
        fire_computed(d, t->qid, own);
    fire_computed(d, t->qid, visible);
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i), *net = ask_netvm(&d->k, vm->qid);
        if (net != NULL && net->qid == t->qid)
            fire_computed(d, vm->qid, clients);
    }
    return 0;
}

int on_ip(struct doing *d, const struct turn *t)
{
    return addresses_changed(d, t, PROPERTY_gateway, PROPERTY_visible_ip, PROPERTY_visible_gateway);
}

int on_ip6(struct doing *d, const struct turn *t)
{
    return addresses_changed(d, t, PROPERTY_gateway6, PROPERTY_visible_ip6, PROPERTY_visible_gateway6);
}

int pre_netvm(struct doing *d, const struct turn *t)
{
    const struct vm *new = named(d, t->new, t->new_none);
    struct span value;
    if (!world_is_running(d->k.world, t->qid))
        return 0;
    d->p->prepare |= PREPARE_NETVM;
    if (new != NULL && vm_is_qubes(new) && !world_is_running(d->k.world, new->qid))
        return fault_set(d->why, ERR_VM_NOT_STARTED, "start '%s' before a running VM is connected to it",
                         vm_name(new));
    if (!world_is_paused(d->k.world, t->qid) || known_item(&d->k, CHANGE_FEATURE, t->qid, deferred, &value))
        return 0;
    return do_feature_set(d, t->qid, deferred, t->old_none ? SPAN_LITERAL("") : t->old);
}

int on_netvm(struct doing *d, const struct turn *t)
{
    const struct vm *new = named(d, t->new, t->new_none), *self = ask_vm(&d->k, t->qid);
    if (new == NULL || !world_is_running(d->k.world, t->qid))
        return 0;
    struct plan_pair vm = {"vm", span_of(vm_name(self))};
    plan_event(d->p, t->qid, "domain-qdb-create", SPAN_LITERAL(""), 0, NULL);
    plan_event(d->p, new->qid, "net-domain-connect", SPAN_LITERAL(""), 1, &vm);
    return 0;
}

/* A reset is told as a set, too, where the default differs from what was. */
int pre_netvm_reset(struct doing *d, const struct turn *t)
{
    struct turn set = {
        .qid = t->qid, .p = t->p, .has_old = t->has_old, .old = t->old, .old_none = t->old_none};
    struct property_value v;
    struct span accepted;
    property_default(&d->k, t->qid, t->p, &v);
    set.new = keep_value(d, &v, &set.new_none);
    int r = set.new_none ? 0 : property_accept(d, t->qid, t->p, set.new, &accepted);
    if (r < 0 || !turn_changed(&set))
        return r;
    return turn_pre_set(d, &set);
}

int on_netvm_reset(struct doing *d, const struct turn *t)
{
    struct turn set = {
        .qid = t->qid, .p = t->p, .has_old = t->has_old, .old = t->old, .old_none = t->old_none};
    struct property_value v;
    property_get(&d->k, t->qid, t->p, &v);
    set.new = keep_value(d, &v, &set.new_none);
    return turn_changed(&set) ? turn_set(d, &set) : 0;
}

static bool follows_default(const struct doing *d, const struct vm *vm)
{
    return vm_is_qubes(vm) && property_stored(&d->k, vm->qid, PROPERTY_netvm).at == NULL;
}

int pre_default_netvm(struct doing *d, const struct turn *t)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        struct turn child = {.qid = vm->qid, .p = PROPERTY_netvm, .new = t->new, .new_none = t->new_none};
        if (!follows_default(d, vm))
            continue;
        turn_read_old(d, &child);
        r = turn_pre_set(d, &child);
    }
    return r;
}

int on_default_netvm(struct doing *d, const struct turn *t)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        struct turn child = {.qid = vm->qid, .p = PROPERTY_netvm, .resetting = true, .has_old = true};
        if (!follows_default(d, vm))
            continue;
        child.old = vm->class == CLASS_TemplateVM ? SPAN_LITERAL("") : t->old;
        child.old_none = vm->class == CLASS_TemplateVM || t->old_none || !t->has_old;
        r = on_netvm_reset(d, &child);
        fire_reset(d, &child);
    }
    return r;
}
