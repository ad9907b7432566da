/* SPDX-License-Identifier: MIT
 * Relations between VMs: networks, devices; and what GetSystemInfo tells of one. */
#include "model/ask.h"

#include <stdio.h>
#include <string.h>

#include "model/model_inside.h"
#include "model/names.h"

enum { NET_DEPTH_MOST = 256 };

const struct vm *ask_netvm(const struct known *k, uint32_t qid)
{
    const struct vm *vm = ask_vm(k, qid);
    return vm != NULL && vm_is_qubes(vm) ? property_vm(k, qid, PROPERTY_netvm) : NULL;
}

size_t ask_connected(const struct known *k, uint32_t qid, const struct vm **list, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < model_vm_count(k->model); i++) {
        const struct vm *vm = model_vm_at(k->model, i), *net = ask_netvm(k, vm->qid);
        if (net == NULL || net->qid != qid)
            continue;
        if (n < room)
            list[n] = vm;
        n++;
    }
    return n;
}

/* Every VM has one netvm at most, so walking up from the client is all it takes. */
bool ask_is_client(const struct known *k, uint32_t provider, uint32_t qid)
{
    const struct vm *net = ask_netvm(k, qid);
    for (int i = 0; net != NULL && i < NET_DEPTH_MOST; i++) {
        if (net->qid == provider)
            return true;
        net = ask_netvm(k, net->qid);
    }
    return false;
}

bool ask_has_pci(const struct known *k, uint32_t qid)
{
    for (const struct item *at = model_items(k->model, qid, CHANGE_DEVICE); at != NULL; at = at->next)
        if (strncmp(at->key, "pci ", 4) == 0)
            return true;
    return false;
}

static bool is_backend(const struct item *device, const char *name)
{
    struct span rest, key = {device->key, device->key_len};
    span_split(key, ' ', &rest);
    return span_is(span_split(rest, ' ', &rest), name);
}

const struct vm *ask_device_user(const struct known *k, uint32_t backend)
{
    const struct vm *owner = model_vm(k->model, backend);
    if (owner == NULL || vm_name(owner) == NULL)
        return NULL;
    for (size_t i = 0; i < model_vm_count(k->model); i++) {
        const struct vm *vm = model_vm_at(k->model, i);
        if (vm == owner || !vm_is_local(vm))
            continue;
        for (const struct item *at = model_items(k->model, vm->qid, CHANGE_DEVICE); at != NULL; at = at->next)
            if (is_backend(at, vm_name(owner)))
                return vm;
    }
    return NULL;
}

static bool kernel_is_from_vm(const char *mode, const char *kernel)
{
    if (kernel[0] == '\0')
        return true;
    return strcmp(mode, "pvh") == 0 ? strcmp(kernel, "pvgrub2-pvh") == 0
                                    : strcmp(mode, "pv") == 0 && strcmp(kernel, "pvgrub2") == 0;
}

bool ask_memory_hotplug(const struct known *k, uint32_t qid)
{
    struct property_value mode, kernel;
    struct span value;
    char mode_text[8], name[PROPERTY_SCRATCH];
    const char *hypervisor = world_fact(k->world, QID_GLOBAL, FACT_host_hypervisor);
    if (hypervisor == NULL || strcmp(hypervisor, "xen") != 0)
        return false;
    if (ask_feature(k, qid, CHAIN_TEMPLATE, span_of("memory-hotplug"), &value))
        return value.len > 0;
    property_get(k, qid, PROPERTY_virt_mode, &mode);
    property_get(k, qid, PROPERTY_kernel, &kernel);
    if (text_copy(mode_text, sizeof mode_text, mode.text) < 0 || strcmp(mode_text, "hvm") == 0 ||
        text_copy(name, sizeof name, kernel.text) < 0)
        return false;
    if (!kernel_is_from_vm(mode_text, name))
        return world_kernel_file(k->world, name, "memory-hotplug-supported") != NULL;
    return ask_feature_true(k, qid, CHAIN_TEMPLATE, "supported-feature.memory-hotplug");
}

const char *ask_power_state(const struct known *k, uint32_t qid)
{
    const struct vm *vm = ask_vm(k, qid);
    if (vm != NULL && !vm_is_qubes(vm))
        return "Running";
    const char *state = world_fact(k->world, qid, FACT_power_state);
    return state != NULL ? state : "Halted";
}

static const char *name_or_null(const struct known *k, uint32_t qid, enum property p)
{
    const struct vm *vm = ask_vm(k, qid);
    const struct vm *found = vm != NULL && property_applies(p, vm->class) ? property_vm(k, qid, p) : NULL;
    return found != NULL ? vm_name(found) : NULL;
}

void ask_system_info(const struct known *k, uint32_t qid, struct system_info *out)
{
    const struct vm *vm = ask_vm(k, qid);
    struct property_value label;
    struct label found;
    *out = (struct system_info){.class = "", .power_state = "Halted", .uuid = ""};
    if (vm == NULL)
        return;
    const struct item *internal = model_item(k->model, qid, CHANGE_FEATURE, span_of("internal"));
    out->internal = internal != NULL ? internal->value : NULL;
    out->class = class_name(vm->class);
    out->template_for_dispvms = property_applies(PROPERTY_template_for_dispvms, vm->class) &&
                                property_true(k, qid, PROPERTY_template_for_dispvms);
    out->default_dispvm = name_or_null(k, qid, PROPERTY_default_dispvm);
    out->guivm = name_or_null(k, qid, PROPERTY_guivm);
    out->relayvm = name_or_null(k, qid, PROPERTY_relayvm);
    out->transport_rpc = vm->holder.property[PROPERTY_transport_rpc];
    out->power_state = ask_power_state(k, qid);
    out->uuid = vm_uuid(vm) != NULL ? vm_uuid(vm) : "";
    property_get(k, qid, PROPERTY_label, &label);
    if (label.is_set && ask_label(k, label.text, &found, NULL) == 0) {
        snprintf(out->icon, sizeof out->icon, "appvm-%s", found.name);
        memcpy(out->colour, found.colour, sizeof out->colour);
    }
}
