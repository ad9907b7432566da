/* SPDX-License-Identifier: MIT
 * A change of the netvm that was put off; see model/plan_netvm.h. */
#include "model/plan_netvm.h"

#include "model/ask.h"
#include "model/plan_inside.h"

#define RECORD SPAN_LITERAL("deferred-netvm-original")

bool netvm_put_off(const struct known *k, uint32_t qid)
{
    struct span was;
    return known_item(k, CHANGE_FEATURE, qid, RECORD, &was) == 1;
}

static int none(struct doing *d)
{
    return fault_set(d->why, ERR_STATE, "no change of the netvm was put off that can be made");
}

static int may_apply(struct doing *d, uint32_t qid)
{
    const struct vm *vm = ask_vm(&d->k, qid), *netvm = vm != NULL ? ask_netvm(&d->k, qid) : NULL;
    bool preload = vm != NULL && property_applies(PROPERTY_is_preload, vm_class(vm)) &&
                   property_true(&d->k, qid, PROPERTY_is_preload);
    bool waits = netvm != NULL && vm_is_qubes(netvm) && !world_is_running(d->k.world, vm_qid(netvm));
    if (vm == NULL || preload || waits || !world_is_running(d->k.world, qid) ||
        world_is_paused(d->k.world, qid) || !netvm_put_off(&d->k, qid))
        return none(d);
    return 0;
}

/* The record goes with the commit, between the events that tell of the change and those of its own end. */
static void drop_record(struct doing *d, uint32_t qid)
{
    plan_gone(d->p, CHANGE_FEATURE, qid, RECORD);
}

static void tell_record(struct doing *d, uint32_t qid)
{
    struct plan_pair feature = {"feature", RECORD};
    plan_event(d->p, qid, "domain-feature-pre-delete:", RECORD, 1, &feature);
    plan_event(d->p, qid, "domain-feature-delete:", RECORD, 1, &feature);
}

int plan_netvm_apply(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    struct turn t = {.qid = qid, .p = PROPERTY_netvm, .has_old = true};
    struct property_value now;
    struct span was = {NULL, 0};
    int r = may_apply(&d, qid);
    if (r >= 0) {
        known_item(&d.k, CHANGE_FEATURE, qid, RECORD, &was);
        property_get(&d.k, qid, PROPERTY_netvm, &now);
        t.new = keep_value(&d, &now, &t.new_none);
        t.old = plan_keep(p, was);
        t.old_none = was.len == 0 || model_named(k->model, was) == NULL;
        r = turn_pre_set(&d, &t);
    }
    if (r >= 0)
        drop_record(&d, qid);
    if (r >= 0 && !t.new_none)
        r = turn_set(&d, &t);
    if (r >= 0)
        tell_record(&d, qid);
    return doing_end(&d, r);
}

int plan_netvm_forget(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    int r =
        ask_vm(&d.k, qid) != NULL && netvm_put_off(&d.k, qid) ? do_feature_remove(&d, qid, RECORD) : none(&d);
    return doing_end(&d, r);
}
