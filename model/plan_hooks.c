/* SPDX-License-Identifier: MIT
 * Which properties have consequences, and those of plain VM properties. Spec: events 5,
 * vm-model 7, 8.6 and 10. */
#include "model/plan_hooks_inside.h"

#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"
#include "model/preload.h"

/* In the order in which they run. */
static const struct hook_row {
    enum property p;
    enum hook_time when;
    property_hook *run;
} hooks[] = {
    {PROPERTY_kernel, PRE_SET, pre_kernel},
    {PROPERTY_app_default_kernel, PRE_SET, pre_kernel},
    {PROPERTY_app_default_kernel, PRE_RESET, pre_default_kernel_reset},
    {PROPERTY_maxmem, PRE_SET, pre_maxmem},
    {PROPERTY_template, PRE_SET, pre_template},
    {PROPERTY_template, PRE_RESET, pre_template_reset},
    {PROPERTY_template, SET, on_template},
    {PROPERTY_template_for_dispvms, PRE_SET, pre_template_for_dispvms},
    {PROPERTY_template_for_dispvms, PRE_RESET, pre_template_for_dispvms},
    {PROPERTY_template_for_dispvms, SET, on_template_for_dispvms},
    {PROPERTY_template_for_dispvms, RESET, on_template_for_dispvms_reset},
    {PROPERTY_label, SET, on_label},
    {PROPERTY_provides_network, SET, on_provides_network},
    {PROPERTY_provides_network, RESET, on_provides_network_reset},
    {PROPERTY_ip, SET, on_ip},
    {PROPERTY_ip, RESET, on_ip},
    {PROPERTY_ip6, SET, on_ip6},
    {PROPERTY_default_user, SET, on_inherited},
    {PROPERTY_kernel, SET, on_inherited},
    {PROPERTY_kernelopts, SET, on_inherited},
    {PROPERTY_vcpus, SET, on_inherited},
    {PROPERTY_memory, SET, on_inherited},
    {PROPERTY_maxmem, SET, on_inherited},
    {PROPERTY_qrexec_timeout, SET, on_inherited},
    {PROPERTY_shutdown_timeout, SET, on_inherited},
    {PROPERTY_management_dispvm, SET, on_inherited},
    {PROPERTY_appvm_default_bootmode, SET, on_appvm_default_bootmode},
    {PROPERTY_appvm_default_bootmode, RESET, on_appvm_default_bootmode},
    {PROPERTY_keyboard_layout, SET, on_keyboard_layout},
    {PROPERTY_netvm, PRE_SET, pre_netvm},
    {PROPERTY_netvm, PRE_RESET, pre_netvm_reset},
    {PROPERTY_netvm, SET, on_netvm},
    {PROPERTY_netvm, RESET, on_netvm_reset},
    {PROPERTY_guivm, SET, on_guivm},
    {PROPERTY_guivm, RESET, on_guivm},
    {PROPERTY_audiovm, SET, on_audiovm},
    {PROPERTY_audiovm, RESET, on_audiovm},
    {PROPERTY_relayvm, SET, on_relayvm},
    {PROPERTY_relayvm, RESET, on_relayvm},
    {PROPERTY_app_default_netvm, PRE_SET, pre_default_netvm},
    {PROPERTY_app_default_netvm, SET, on_default_netvm},
    {PROPERTY_app_default_dispvm, SET, on_default_dispvm},
    {PROPERTY_app_default_dispvm, RESET, on_default_dispvm},
    {PROPERTY_app_default_guivm, SET, on_default_guivm},
    {PROPERTY_app_default_audiovm, SET, on_default_audiovm},
    {PROPERTY_app_clockvm, PRE_SET, pre_clockvm},
    {PROPERTY_app_clockvm, SET, on_clockvm},
};

int hooks_run(struct doing *d, enum hook_time when, const struct turn *t)
{
    for (size_t i = 0; i < COUNT(hooks); i++) {
        int r = hooks[i].p == t->p && hooks[i].when == when ? hooks[i].run(d, t) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

const struct vm *named(const struct doing *d, struct span name, bool none)
{
    return none ? NULL : model_named(d->k.model, name);
}

int pre_kernel(struct doing *d, const struct turn *t)
{
    if (t->new.len == 0)
        return 0;
    enum kernel_state state = world_kernel(d->k.world, t->new.at);
    if (state == KERNEL_INSTALLED)
        return 0;
    return fault_set(d->why, ERR_PROPERTY_VALUE, "kernel '%.100s' %s", t->new.at,
                     state == KERNEL_BROKEN ? "has no vmlinuz; install it again" : "is not installed");
}

/* Does a VM's kernel come from default_kernel: neither its own nor that of what it is based on? */
static bool needs_default_kernel(const struct doing *d, const struct vm *vm)
{
    for (; vm != NULL; vm = ask_template(&d->k, vm->qid))
        if (!vm_is_qubes(vm) || property_stored(&d->k, vm->qid, PROPERTY_kernel).at != NULL)
            return false;
    return true;
}

/* Every qube's kernel volume is named after its kernel, so the last source of one cannot go. */
int pre_default_kernel_reset(struct doing *d, const struct turn *t)
{
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (needs_default_kernel(d, vm))
            return fault_set(
                d->why, ERR_PROPERTY_VALUE,
                "default_kernel has no default of its own, and '%s' needs one; set another kernel or none",
                vm_name(vm));
    }
    (void)t;
    return 0;
}

int pre_maxmem(struct doing *d, const struct turn *t)
{
    if (!turn_changed(t) || world_is_halted(d->k.world, t->qid) || ask_memory_hotplug(&d->k, t->qid))
        return 0;
    return fault_set(d->why, ERR_VM_NOT_HALTED, "shut '%s' down before its maxmem is changed",
                     vm_name(ask_vm(&d->k, t->qid)));
}

static bool is_based_on(const struct doing *d, const struct vm *vm, uint32_t template_qid)
{
    const struct vm *template = ask_template(&d->k, vm->qid);
    return template != NULL && template->qid == template_qid;
}

int pre_template(struct doing *d, const struct turn *t)
{
    const struct vm *self = ask_vm(&d->k, t->qid);
    if (!world_is_halted(d->k.world, t->qid))
        return fault_set(d->why, ERR_VM_NOT_HALTED, "shut '%s' down before its template is changed",
                         vm_name(self));
    if (self->class != CLASS_AppVM || !turn_changed(t) ||
        !property_true(&d->k, t->qid, PROPERTY_template_for_dispvms))
        return 0;
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (vm->class == CLASS_DispVM && is_based_on(d, vm, t->qid) &&
            world_is_running(d->k.world, vm->qid) && !property_true(&d->k, vm->qid, PROPERTY_is_preload))
            return fault_set(d->why, ERR_VM_IN_USE, "disposable '%s' is based on it and runs", vm_name(vm));
    }
    return 0;
}

int pre_template_reset(struct doing *d, const struct turn *t)
{
    (void)t;
    return fault_set(d->why, ERR_VALUE, "a template has no default; set another one instead");
}

int on_template(struct doing *d, const struct turn *t)
{
    const struct vm *self = ask_vm(&d->k, t->qid);
    bool bases = self->class == CLASS_AppVM && turn_changed(t) &&
                 property_true(&d->k, t->qid, PROPERTY_template_for_dispvms);
    int r = do_volumes_follow_template(d, self);
    if (r >= 0 && bases)
        r = do_preload_empty(d, t->qid);
    if (bases && preload_max(&d->k, t->qid) > 0)
        preload_start_later(d, t->qid, "its template has changed");
    for (size_t i = 0; r >= 0 && self->class == CLASS_AppVM && i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (vm->class == CLASS_DispVM && is_based_on(d, vm, t->qid))
            r = do_volumes_follow_template(d, vm);
    }
    return r;
}

static bool refers_explicitly(const struct doing *d, const struct vm *vm, enum property p, const char *name)
{
    return property_applies(p, vm->class) && span_is(property_stored(&d->k, vm->qid, p), name);
}

/* A VM that still takes `name` as what its disposables, or itself, are based on. */
static const struct vm *dispvm_template_user(const struct doing *d, const struct vm *self, const char *name)
{
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (vm == self || (vm->class == CLASS_DispVM && property_true(&d->k, vm->qid, PROPERTY_is_preload)))
            continue;
        if (refers_explicitly(d, vm, PROPERTY_default_dispvm, name) ||
            refers_explicitly(d, vm, PROPERTY_management_dispvm, name) ||
            refers_explicitly(d, vm, PROPERTY_template, name))
            return vm;
    }
    return NULL;
}

int pre_template_for_dispvms(struct doing *d, const struct turn *t)
{
    const struct vm *self = ask_vm(&d->k, t->qid);
    if (!span_is(t->old, "True") || (!t->resetting && span_is(t->new, "True")))
        return 0;
    if (property_vm(&d->k, QID_GLOBAL, PROPERTY_app_default_dispvm) == self ||
        property_vm(&d->k, QID_GLOBAL, PROPERTY_app_management_dispvm) == self)
        return fault_set(d->why, ERR_VM_IN_USE, "'%s' is the system's default_dispvm or management_dispvm",
                         vm_name(self));
    const struct vm *user = dispvm_template_user(d, self, vm_name(self));
    if (user != NULL)
        return fault_set(d->why, ERR_VM_IN_USE, "'%s' still refers to '%s'; change that first", vm_name(user),
                         vm_name(self));
    return 0;
}

int on_template_for_dispvms(struct doing *d, const struct turn *t)
{
    fire_computed(d, t->qid, PROPERTY_icon);
    if (!span_is(t->new, "True"))
        return do_preload_empty(d, t->qid);
    preload_start_if_vacant(d, t->qid, "it offers itself for disposables");
    return 0;
}

int on_template_for_dispvms_reset(struct doing *d, const struct turn *t)
{
    return do_preload_empty(d, t->qid);
}

int on_label(struct doing *d, const struct turn *t)
{
    if (vm_is_qubes(ask_vm(&d->k, t->qid)))
        fire_computed(d, t->qid, PROPERTY_icon);
    return 0;
}

/* A template's value counts for those who are based on it and have none of their own. */
int on_inherited(struct doing *d, const struct turn *t)
{
    if (ask_vm(&d->k, t->qid)->class != CLASS_TemplateVM || !turn_changed(t))
        return 0;
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (vm->class == CLASS_AppVM && is_based_on(d, vm, t->qid) &&
            property_stored(&d->k, vm->qid, t->p).at == NULL)
            fire_computed(d, vm->qid, t->p);
    }
    return 0;
}

int on_appvm_default_bootmode(struct doing *d, const struct turn *t)
{
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (class_has_template(vm->class) && is_based_on(d, vm, t->qid) &&
            property_stored(&d->k, vm->qid, PROPERTY_bootmode).at == NULL)
            fire_computed(d, vm->qid, PROPERTY_bootmode);
    }
    return 0;
}

int on_keyboard_layout(struct doing *d, const struct turn *t)
{
    if (!turn_changed(t))
        return 0;
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (!vm_is_qubes(vm) || vm->qid == t->qid ||
            property_stored(&d->k, vm->qid, PROPERTY_keyboard_layout).at != NULL)
            continue;
        const struct vm *gui = property_vm(&d->k, vm->qid, PROPERTY_guivm);
        struct turn child = {.qid = vm->qid, .p = t->p, .has_old = t->has_old, .old = t->old};
        if (gui != NULL && gui->qid == t->qid)
            fire_reset(d, &child);
    }
    return 0;
}
