/* SPDX-License-Identifier: MIT
 * Removing VMs. Spec: vm-model 8.3, admin-api-methods 4.1. */
#include "model/plan_inside.h"

#include <stdio.h>

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/plan_storage.h"
#include "model/plan_device.h"

static int check_itself(struct doing *d, const struct vm *vm)
{
    if (vm->class == CLASS_AdminVM)
        return fault_set(d->why, ERR_VM_IN_USE, "dom0 stays");
    if (!vm_is_qubes(vm))
        return 0;
    if (property_true(&d->k, vm->qid, PROPERTY_installed_by_rpm))
        return fault_set(d->why, ERR_VM_IN_USE, "a package owns '%s'; remove the package instead",
                         vm_name(vm));
    if (!world_is_halted(d->k.world, vm->qid))
        return fault_set(d->why, ERR_VM_NOT_HALTED, "shut '%s' down before it is removed", vm_name(vm));
    return 0;
}

static int check_system(struct doing *d, const struct vm *vm)
{
    for (unsigned i = 0; i < PROPERTIES; i++) {
        enum property p = (enum property)i;
        enum property found;
        if (property_type(p) == TYPE_VM && property_lookup(span_of(property_name(p)), true, &found) == 0 &&
            found == p && property_vm(&d->k, QID_GLOBAL, p) == vm)
            return fault_set(d->why, ERR_VM_IN_USE, "'%s' is the system's %s", vm_name(vm), property_name(p));
    }
    return 0;
}

/* A disposable that was started ahead of its use does not hold what it is based on. */
static bool is_exempt(struct doing *d, const struct vm *user, enum property p, const struct vm *vm)
{
    return user->class == CLASS_DispVM && ask_template(&d->k, user->qid) == vm &&
           (p == PROPERTY_template || p == PROPERTY_default_dispvm || p == PROPERTY_management_dispvm) &&
           property_true(&d->k, user->qid, PROPERTY_is_preload);
}

static int check_user(struct doing *d, const struct vm *user, const struct vm *vm)
{
    for (unsigned i = 0; i < PROPERTIES; i++) {
        enum property p = (enum property)i;
        if (property_type(p) != TYPE_VM || !property_applies(p, user->class) ||
            !span_is(property_stored(&d->k, user->qid, p), vm_name(vm)) || is_exempt(d, user, p, vm))
            continue;
        return fault_set(d->why, ERR_VM_IN_USE, "'%s' has '%s' as its %s; change that first", vm_name(user),
                         vm_name(vm), property_name(p));
    }
    return 0;
}

static int check_others(struct doing *d, const struct vm *vm)
{
    int r = check_system(d, vm);
    for (size_t i = 0; r >= 0 && i < model_vm_count(d->k.model); i++) {
        const struct vm *user = model_vm_at(d->k.model, i);
        r = user == vm ? 0 : check_user(d, user, vm);
    }
    const struct vm *holder = r >= 0 ? ask_device_user(&d->k, vm->qid) : NULL;
    if (holder != NULL)
        return fault_set(d->why, ERR_VM_IN_USE, "'%s' has a device of '%s' assigned; unassign it first",
                         vm_name(holder), vm_name(vm));
    return r;
}

static void take_away(struct doing *d, const struct vm *vm)
{
    struct plan_pair pair = {"vm", span_of(vm_name(vm))};
    if (vm_is_qubes(vm) && do_volume_jobs(d, vm->qid, "remove") >= 0)
        plan_leftovers(d->p, d->p->job, false);
    d->p->qid = vm->qid;
    d->p->generation = vm->generation;
    do_devices_forget(d, vm); /* only VMs of other hosts still have any: check_others */
    plan_gone(d->p, CHANGE_VM, vm->qid, SPAN_LITERAL(""));
    plan_change(d->p, CHANGE_GENERATION, vm->qid, SPAN_LITERAL(""),
                plan_format(d->p, "%u", (unsigned)model_last_generation(d->k.model, vm->qid)));
    plan_event(d->p, QID_GLOBAL, "domain-delete", SPAN_LITERAL(""), 1, &pair);
    if (vm_is_qubes(vm))
        d->p->prepare |= PREPARE_UNDEFINE | FINISH_REMOVE;
}

static void ask_listeners(struct doing *d, const struct vm *vm)
{
    struct plan_pair pair = {"vm", span_of(vm_name(vm))};
    plan_event(d->p, QID_GLOBAL, "domain-pre-delete", SPAN_LITERAL(""), 1, &pair);
}

static int remove_vm(struct doing *d, uint32_t qid, bool check)
{
    const struct vm *vm = model_vm(d->k.model, qid);
    if (vm == NULL || vm_name(vm) == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    int r = check ? check_itself(d, vm) : 0;
    if (r < 0)
        return r;
    ask_listeners(d, vm);
    r = check ? check_others(d, vm) : 0;
    if (r >= 0)
        r = do_preload_empty(d, qid); /* what was started ahead goes with what it is based on */
    const struct vm *template = vm->class == CLASS_DispVM ? ask_template(&d->k, qid) : NULL;
    if (r >= 0)
        take_away(d, vm);
    if (r >= 0 && check && vm_is_qubes(vm)) /* what was never made is not removed from any disk */
        plan_event(d->p, qid, "domain-remove-from-disk", SPAN_LITERAL(""), 0, NULL);
    return r >= 0 && template != NULL ? do_preload_leave(d, template->qid, span_of(vm_name(vm))) : r;
}

int plan_vm_remove(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, remove_vm(&d, qid, true));
}

/* The end of its life is what removes it: that it was halted is what its process has said. */
static int end_disposable(struct doing *d, uint32_t qid, bool force)
{
    const struct vm *vm = model_vm(d->k.model, qid);
    if (vm == NULL || vm->class != CLASS_DispVM)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no disposable with qid %u", (unsigned)qid);
    if (!world_is_halted(d->k.world, qid))
        return fault_set(d->why, ERR_VM_NOT_HALTED, "'%s' lives again", vm_name(vm));
    if (!force && !property_true(&d->k, qid, PROPERTY_auto_cleanup))
        return 0;
    const struct vm *template = ask_template(&d->k, qid);
    int r = template != NULL ? do_preload_leave(d, template->qid, span_of(vm_name(vm))) : 0;
    return r < 0 ? r : remove_vm(d, qid, true);
}

int plan_disposable_end(const struct known *k, uint32_t qid, bool force, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    return doing_end(&d, end_disposable(&d, qid, force));
}

int plan_vm_uncreate(const struct known *k, uint32_t qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    return doing_end(&d, remove_vm(&d, qid, false));
}
