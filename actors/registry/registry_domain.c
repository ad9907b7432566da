/* SPDX-License-Identifier: MIT
 * What of a VM's view only its domain's XML needs (spec libvirt-xml 2 to 4): features and properties,
 * resolved. */
#include "actors/registry/registry_view.h"

#include <stdio.h>
#include <string.h>

#include "model/ask.h"
#include "model/device_wire.h"

/* As the view's list (proto/record.def). */
/* A feature along the template chain. A value that does not fit refuses the start rather than be cut. */
static bool feature(struct registry *r, struct vm_view *view, uint32_t qid, const char *name, char *to,
                    size_t size)
{
    struct span value;
    if (ask_feature(&r->known, qid, CHAIN_TEMPLATE, span_of(name), &value) != 1)
        return false;
    if (text_copy(to, size, value) == 0)
        return true;
    if (view->refusal[0] == '\0') {
        snprintf(view->refusal, sizeof view->refusal, "The feature %s is longer than %zu bytes; shorten it",
                 name, size - 1);
        strcpy(view->refusal_class, "feature");
    }
    return false;
}

static bool is_true(struct registry *r, uint32_t qid, const char *name, bool otherwise)
{
    struct span value;
    int found = ask_feature(&r->known, qid, CHAIN_TEMPLATE, span_of(name), &value);
    return found == 1 ? value.len > 0 : otherwise;
}

static void property(struct registry *r, uint32_t qid, enum property p, char *to, size_t size)
{
    struct property_value value;
    property_get(&r->known, qid, p, &value);
    if (!value.is_set || value.is_none || text_copy(to, size, value.text) < 0)
        to[0] = '\0';
}

static void add_screen_and_sound(struct registry *r, uint32_t qid, struct vm_view *view, struct view_hvm *hvm)
{
    const struct vm *gui = property_vm(&r->known, qid, PROPERTY_guivm);
    const struct vm *audio = property_vm(&r->known, qid, PROPERTY_audiovm);
    (void)feature(r, view, qid, "audio-model", hvm->sound_model, sizeof hvm->sound_model);
    if (!feature(r, view, qid, "video-model", hvm->video_model, sizeof hvm->video_model))
        strcpy(hvm->video_model, "vga");
    if (strcmp(hvm->video_model, "none") == 0)
        hvm->video_model[0] = '\0';
    if (gui != NULL && vm_is_qubes(gui) && r->claims[vm_qid(gui)].living)
        (void)text_copy(hvm->gui_domain, sizeof hvm->gui_domain, span_of(vm_name(gui)));
    hvm->audio_is_dom0 = audio != NULL && vm_qid(audio) == 0;
    if (audio != NULL && vm_is_qubes(audio) && vm_uuid(audio) != NULL)
        (void)text_copy(hvm->audio_uuid, sizeof hvm->audio_uuid, span_of(vm_uuid(audio)));
}

static void add_network(struct registry *r, uint32_t qid, struct view_hvm *hvm)
{
    char dns[256];
    struct span second, first;
    const struct vm *netvm = ask_netvm(&r->known, qid);
    property(r, qid, PROPERTY_dns, dns, sizeof dns);
    first = span_split(span_of(dns), ' ', &second);
    (void)text_copy(hvm->dns_0, sizeof hvm->dns_0, first);
    if (second.at != NULL)
        (void)text_copy(hvm->dns_1, sizeof hvm->dns_1, span_split(second, ' ', &second));
    if (netvm != NULL)
        property(r, vm_qid(netvm), PROPERTY_gateway, hvm->gateway, sizeof hvm->gateway);
}

static void add_hvm(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory)
{
    struct view_hvm hvm = {.uefi = is_true(r, qid, "uefi", false),
                           .linux_stubdom = is_true(r, qid, "linux-stubdom", true)};
    int64_t stubdom_mem = property_number(&r->known, qid, PROPERTY_stubdom_mem, 0);
    hvm.stubdom_qrexec = is_true(r, qid, "stubdom-qrexec", false);
    hvm.full_stubdom = hvm.stubdom_qrexec || is_true(r, qid, "audio-model", false);
    if (stubdom_mem >= INT32_MAX)
        view_too_much(view, "stubdom_mem", "QubesMemoryError");
    else
        hvm.stubdom_mem = (uint32_t)stubdom_mem;
    (void)feature(r, view, qid, "qemu-extra-args", hvm.arguments, sizeof hvm.arguments);
    (void)feature(r, view, qid, "timezone", hvm.timezone, sizeof hvm.timezone);
    add_screen_and_sound(r, qid, view, &hvm);
    add_network(r, qid, &hvm);
    view_hvm_add(&view->hvm, &memory->hvm, &hvm);
}

/* A living VM whose windows or sound this one has: until it has ended this one is not shut down. One that is
 * preloaded makes no sound. */
void view_users(struct registry *r, uint32_t qid, struct vm_view *view)
{
    for (size_t i = 0; i < model_vm_count(r->model); i++) {
        const struct vm *user = model_vm_at(r->model, i);
        uint32_t by = vm_qid(user);
        if (!vm_is_qubes(user) || by == qid || !r->claims[by].living)
            continue;
        const struct vm *gui = property_vm(&r->known, by, PROPERTY_guivm);
        const struct vm *audio = property_vm(&r->known, by, PROPERTY_audiovm);
        if (gui != NULL && vm_qid(gui) == qid)
            (void)text_copy(view->gui_user, sizeof view->gui_user, span_of(vm_name(user)));
        bool is_preload = vm_class(user) == CLASS_DispVM && property_true(&r->known, by, PROPERTY_is_preload);
        if (audio != NULL && vm_qid(audio) == qid && !is_preload)
            (void)text_copy(view->audio_user, sizeof view->audio_user, span_of(vm_name(user)));
    }
}

void view_domain(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory)
{
    struct span e820;
    int found = ask_feature(&r->known, qid, CHAIN_OWN, SPAN_LITERAL("pci-e820-host"), &e820);
    view->memory_hotplug = ask_memory_hotplug(&r->known, qid);
    view->has_pci = ask_has_pci(&r->known, qid);
    view->e820_host = found != 1 || e820.len > 0;
    view_devices(r, qid, view, memory);
    if (strcmp(view->virt_mode, "hvm") == 0)
        add_hvm(r, qid, view, memory);
}
