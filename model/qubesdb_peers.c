/* SPDX-License-Identifier: MIT
 * Entries of a QubesDB about other VMs: who shows its windows, who plays its sound, for whom it passes calls
 * on. See model/qubesdb.h. Spec: net 6.1, 6.2. */
#include <stdio.h>
#include <string.h>

#include "model/ask.h"
#include "model/qubesdb_inside.h"

enum { PATH_SIZE = 64 };

static void put_videoram(struct writing *w, const char *name)
{
    struct span value;
    char path[PATH_SIZE];
    if (ask_feature(w->k, w->qid, CHAIN_TEMPLATE_ADMINVM, span_of(name), &value) != 1)
        return;
    snprintf(path, sizeof path, "/qubes-%s", name);
    put_text(w, path, value);
}

static bool has_own(struct writing *w, const char *name, bool otherwise)
{
    struct span value;
    return ask_feature(w->k, w->qid, CHAIN_OWN, span_of(name), &value) == 1 ? value.len > 0 : otherwise;
}

/* The domain of the VM that shows windows or plays sound: dom0 is number 0. */
static bool domain_of(struct writing *w, const struct vm *vm, char domid[16])
{
    const char *xid = vm_qid(vm) == 0 ? "0" : world_fact(w->k->world, vm_qid(vm), FACT_xid);
    if (xid == NULL || (vm_qid(vm) != 0 && !world_is_running(w->k->world, vm_qid(vm))))
        return false;
    snprintf(domid, 16, "%s", xid);
    return true;
}

static void put_domain(struct writing *w, const char *path, const struct vm *vm)
{
    char domid[16];
    if (vm != NULL && vm_qid(vm) != w->qid && domain_of(w, vm, domid))
        put_text(w, path, span_of(domid));
}

static void put_enabled(struct writing *w, const struct vm *gui)
{
    put_text(w, "/qubes-gui-enabled",
             gui != NULL && has_own(w, "gui", true) ? SPAN_LITERAL("True") : SPAN_LITERAL("False"));
}

static void put_sound(struct writing *w, const struct vm *audio)
{
    if (audio == NULL)
        put_gone(w, "/qubes-audio-domain-xid");
    else
        put_domain(w, "/qubes-audio-domain-xid", audio);
}

void put_screen(struct writing *w)
{
    const struct vm *gui = property_vm(w->k, w->qid, PROPERTY_guivm);
    const struct vm *audio = property_vm(w->k, w->qid, PROPERTY_audiovm);
    put_videoram(w, "gui-videoram-overhead");
    put_videoram(w, "gui-videoram-min");
    put_enabled(w, gui);
    if (gui != NULL && vm_qid(gui) != w->qid)
        put_property(w, "/keyboard-layout", w->qid, PROPERTY_keyboard_layout);
    put_domain(w, "/qubes-gui-domain-xid", gui);
    if (has_own(w, "service.guivm", false)) {
        struct span prefix;
        bool own = ask_feature(w->k, w->qid, CHAIN_OWN, SPAN_LITERAL("guivm-windows-prefix"), &prefix) == 1;
        put_text(w, "/guivm-windows-prefix", own ? prefix : SPAN_LITERAL("GuiVM"));
    }
    put_sound(w, audio);
}

int qubesdb_keyboard(const struct known *k, uint32_t qid, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    const struct vm *gui = property_vm(k, qid, PROPERTY_guivm);
    if (gui != NULL && vm_qid(gui) != qid)
        put_property(&w, "/keyboard-layout", qid, PROPERTY_keyboard_layout);
    return w.r;
}

int qubesdb_audio(const struct known *k, uint32_t qid, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    put_sound(&w, property_vm(k, qid, PROPERTY_audiovm));
    return w.r;
}

int qubesdb_shown_by(const struct known *k, uint32_t qid, uint32_t by, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    const struct vm *gui = property_vm(k, qid, PROPERTY_guivm),
                    *audio = property_vm(k, qid, PROPERTY_audiovm);
    if (gui != NULL && vm_qid(gui) == by) {
        put_enabled(&w, gui);
        put_domain(&w, "/qubes-gui-domain-xid", gui);
    }
    if (audio != NULL && vm_qid(audio) == by)
        put_domain(&w, "/qubes-audio-domain-xid", audio);
    return w.r;
}

/* ---- RemoteVMs ---- */

static void put_remote(struct writing *w, const struct vm *remote)
{
    char path[PATH_SIZE];
    struct property_value name;
    property_get(w->k, vm_qid(remote), PROPERTY_remote_name, &name);
    bool named = name.is_set && !name.is_none && name.text.len > 0;
    snprintf(path, sizeof path, "/remote/%s", vm_name(remote));
    put_text(w, path, named ? name.text : span_of(vm_name(remote)));
}

void put_remotes(struct writing *w)
{
    for (size_t i = 0; w->r >= 0 && i < model_vm_count(w->k->model); i++) {
        const struct vm *remote = model_vm_at(w->k->model, i), *relay;
        if (vm_class(remote) != CLASS_RemoteVM)
            continue;
        relay = property_vm(w->k, vm_qid(remote), PROPERTY_relayvm);
        if (relay != NULL && vm_qid(relay) == w->qid)
            put_remote(w, remote);
    }
}

int qubesdb_remote(const struct known *k, uint32_t remote, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = remote, .to = to};
    put_remote(&w, ask_vm(k, remote));
    return w.r;
}
