/* SPDX-License-Identifier: MIT
 * Views: what a VM's process needs to know of its VM, resolved. */
#include "actors/registry/registry_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/ask.h"
#include "model/plan_netvm.h"
#include "model/preload.h"
#include "model/pool.h"
#include "proto/record_values.h"

enum { CLIENTS_BYTES = 1 << 20, VCPUS_MOST = 8192 /* of a domain of Xen's */ };

void view_memory_free(struct view_memory *memory)
{
    text_free(&memory->clients);
    text_free(&memory->netvm);
    text_free(&memory->volumes);
    text_free(&memory->hvm);
    text_free(&memory->devices);
}

static void copy_text(struct registry *r, uint32_t qid, enum property p, char *to, size_t size)
{
    struct property_value value;
    property_get(&r->known, qid, p, &value);
    if (!value.is_set || value.is_none || text_copy(to, size, value.text) < 0)
        to[0] = '\0';
}

/* What is more than a view can say is the most that it can. */
static uint32_t number(struct registry *r, uint32_t qid, enum property p, uint32_t least, uint32_t otherwise)
{
    int64_t n = property_number(&r->known, qid, p, otherwise);
    return n < least ? least : n > INT32_MAX ? INT32_MAX : (uint32_t)n;
}

/* Of what is no time qrexec-daemon makes its own minute. */
static uint32_t agent_seconds(struct registry *r, uint32_t qid)
{
    uint32_t seconds = number(r, qid, PROPERTY_qrexec_timeout, 0, 60);
    return seconds > 0 ? seconds : 60;
}

static void add_peer(struct registry *r, struct wire_list *list, struct text *elements, const struct vm *vm)
{
    struct view_peer peer = {.qid = vm_qid(vm), .generation = vm_generation(vm)};
    bool is_preload = vm_class(vm) == CLASS_DispVM && property_true(&r->known, peer.qid, PROPERTY_is_preload);
    peer.living = peer.qid == 0 || (r->claims[peer.qid].living && !is_preload);
    (void)text_copy(peer.name, sizeof peer.name, span_of(vm_name(vm)));
    view_peer_add(list, elements, &peer);
}

static void add_relations(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory)
{
    const struct vm *netvm = ask_netvm(&r->known, qid);
    size_t count = view->provides_network ? ask_connected(&r->known, qid, NULL, 0) : 0;
    const struct vm **clients = count > 0 ? calloc(count, sizeof *clients) : NULL;
    memory->clients = memory->netvm = memory->volumes = memory->hvm = memory->devices =
        TEXT_WITH_LIMIT(CLIENTS_BYTES);
    if (netvm != NULL)
        add_peer(r, &view->netvm, &memory->netvm, netvm);
    if (clients != NULL)
        count = ask_connected(&r->known, qid, clients, count);
    for (size_t i = 0; clients != NULL && i < count; i++)
        add_peer(r, &view->clients, &memory->clients, clients[i]);
    free(clients);
}

static bool offers_itself(struct registry *r, const struct vm *vm)
{
    return vm != NULL && (vm_class(vm) == CLASS_AppVM || vm_class(vm) == CLASS_StandaloneVM) &&
           property_true(&r->known, vm_qid(vm), PROPERTY_template_for_dispvms);
}

/* A volume that keeps no revision cannot be written while disposables read it. */
static bool keeps_no_revision(struct registry *r, uint32_t qid)
{
    const struct item *at = model_items(r->model, qid, CHANGE_VOLUME);
    for (; at != NULL; at = at->next) {
        struct span lines = {at->value, at->value_len}, revisions, saved;
        if (ask_attribute(lines, "revisions_to_keep", &revisions) == 1 && span_is(revisions, "-1") &&
            ask_attribute(lines, "save_on_stop", &saved) == 1 && span_is(saved, "True"))
            return true;
    }
    return false;
}

static const struct vm *living_disposable(struct registry *r, const struct vm *of)
{
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1))
        if (vm_class(vm) == CLASS_DispVM && r->claims[vm_qid(vm)].living &&
            ask_template(&r->known, vm_qid(vm)) == of)
            return vm;
    return NULL;
}

/* What disposables and those that they are based on need of each other (vm-model 8.4, 8.7). */
static void add_disposable_refusal(struct registry *r, const struct vm *vm, struct vm_view *view)
{
    const struct vm *disposable;
    if (vm_class(vm) == CLASS_DispVM && !offers_itself(r, ask_template(&r->known, vm_qid(vm)))) {
        strcpy(view->refusal, "template for disposable must have template_for_dispvms=True");
        strcpy(view->refusal_class, "QubesException");
        view->vetoed = VETO_UNTOLD;
    } else if (offers_itself(r, vm) && keeps_no_revision(r, vm_qid(vm)) &&
               (disposable = living_disposable(r, vm)) != NULL) {
        snprintf(view->refusal, sizeof view->refusal,
                 "disposable '%s' reads a volume that keeps no revisions; shut it down first",
                 vm_name(disposable));
        strcpy(view->refusal_class, "QubesVMNotHaltedError");
        view->vetoed = VETO_BEGUN;
    }
}

/* What it would copy is being written (storage 1.3, 4). */
static void add_source_refusal(struct registry *r, const struct vm *vm, struct vm_view *view)
{
    const struct item *at = model_items(r->model, vm_qid(vm), CHANGE_VOLUME);
    for (; at != NULL && view->refusal[0] == '\0'; at = at->next) {
        struct span lines = {at->value, at->value_len}, name = {at->key, at->key_len}, source = {"", 0};
        const struct vm *of = volume_source_in_place(&r->known, vm_qid(vm), name, lines);
        if (of == NULL || !r->claims[vm_qid(of)].living)
            continue;
        ask_attribute(lines, "source", &source);
        snprintf(view->refusal, sizeof view->refusal, "Volume %.*s is running", (int)source.len, source.at);
        strcpy(view->refusal_class, "QubesVMError");
        view->vetoed = VETO_BEGUN;
    }
}

/* In their order; the paths come from storage. */
static void add_volumes(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory)
{
    const struct item *at = model_items(r->model, qid, CHANGE_VOLUME);
    for (; at != NULL && view->volumes.count < 64; at = at->next) {
        struct view_volume v = {.path = ""};
        struct span lines = {at->value, at->value_len}, pool = {"", 0}, rw = {"", 0};
        ask_attribute(lines, "pool", &pool);
        ask_attribute(lines, "rw", &rw);
        if (text_copy(v.name, sizeof v.name, span_of(at->key)) < 0 ||
            text_copy(v.pool, sizeof v.pool, pool) < 0)
            continue;
        v.writable = span_is(rw, "True");
        v.storage = pool_instance(pool);
        view_volume_add(&view->volumes, &memory->volumes, &v);
    }
}

/* Why it may not start, as lifecycle 3 has it. */
static void add_refusal(struct registry *r, const struct vm *vm, struct vm_view *view)
{
    struct span reason;
    if (vm_disabled(vm) != NULL) {
        (void)text_copy(view->refusal, sizeof view->refusal, span_of(vm_disabled(vm)));
        strcpy(view->refusal_class, "disabled");
    } else if (ask_feature(&r->known, vm_qid(vm), CHAIN_OWN, SPAN_LITERAL("prohibit-start"), &reason) == 1 &&
               reason.len > 0) {
        reason.len = reason.len < 400 ? reason.len : 400;
        snprintf(view->refusal, sizeof view->refusal, "Qube start is prohibited. Rationale: %.*s",
                 (int)reason.len, reason.at);
        strcpy(view->refusal_class, "prohibit-start");
    } else if (ask_tag(&r->known, vm_qid(vm), SPAN_LITERAL("backup-restore-in-progress"))) {
        strcpy(view->refusal, "Restore of this qube from a backup is not finished");
        strcpy(view->refusal_class, "QubesVMError");
        view->vetoed = VETO_BEGUN;
    } else {
        add_disposable_refusal(r, vm, view);
        add_source_refusal(r, vm, view);
    }
}

void view_too_much(struct vm_view *view, const char *property, const char *class)
{
    if (view->refusal[0] != '\0')
        return;
    snprintf(view->refusal, sizeof view->refusal, "%s is more than any host has; set it lower", property);
    (void)text_copy(view->refusal_class, sizeof view->refusal_class, span_of(class));
    view->vetoed = VETO_BEGUN;
}

/* A hypervisor that is asked for that much can hang over it. */
static void add_size_refusal(struct vm_view *view)
{
    if (view->memory == INT32_MAX)
        view_too_much(view, "memory", "QubesMemoryError");
    if (view->maxmem == INT32_MAX)
        view_too_much(view, "maxmem", "QubesMemoryError");
    if (view->vcpus > VCPUS_MOST)
        view_too_much(view, "vcpus", "QubesException");
}

/* Its daemons would be told another one, or none. */
static void add_user_refusal(struct registry *r, uint32_t qid, struct vm_view *view)
{
    struct daemons_reply d;
    if (view->refusal[0] != '\0' || view_user(r, qid, d.user, sizeof d.user) == 0)
        return;
    snprintf(view->refusal, sizeof view->refusal,
             "The default user has a name of more than %zu characters; shorten it", sizeof d.user - 1);
    strcpy(view->refusal_class, "QubesException");
    view->vetoed = VETO_BEGUN;
}

static void add_kernel(struct registry *r, uint32_t qid, struct vm_view *view)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(sizeof view->kernelopts - 1);
    copy_text(r, qid, PROPERTY_kernel, view->kernel, sizeof view->kernel);
    view_cmdline(r, qid, view, &line);
    (void)text_copy(view->kernelopts, sizeof view->kernelopts, text_span(&line));
    if (line.failed < 0 && view->refusal[0] == '\0') {
        strcpy(view->refusal, "The kernel command line is too long; shorten kernelopts");
        strcpy(view->refusal_class, "kernelopts");
    }
}

/* What the guest of a disposable that is started ahead of its use is waited for (vm-model 8.7): bit 0 that
 * its system runs, bit 1 that its session does. */
static void add_preload(struct registry *r, const struct vm *vm, struct vm_view *view)
{
    uint32_t qid = vm_qid(vm);
    view->is_preload = vm_class(vm) == CLASS_DispVM && property_true(&r->known, qid, PROPERTY_is_preload);
    if (!view->is_preload || preload_is_complete(&r->known, qid))
        return;
    bool session = property_vm(&r->known, qid, PROPERTY_guivm) != NULL &&
                   ask_feature_true(&r->known, qid, CHAIN_TEMPLATE, "gui") &&
                   ask_feature_true(&r->known, qid, CHAIN_TEMPLATE, "supported-feature.late-gui-daemon");
    view->preload_waits = PRELOAD_WAITS_FOR_SYSTEM | (session ? PRELOAD_WAITS_FOR_SESSION : 0u);
}

int view_make(struct registry *r, uint32_t qid, struct vm_view *view, struct view_memory *memory,
              struct fault *why)
{
    const struct vm *vm = model_vm(r->model, qid);
    *view = (struct vm_view){.version = r->version};
    *memory = (struct view_memory){0};
    if (vm == NULL || vm_name(vm) == NULL || vm_uuid(vm) == NULL)
        return fault_set(why, ERR_VM_NOT_FOUND, "No such domain: %u", qid);
    (void)text_copy(view->name, sizeof view->name, span_of(vm_name(vm)));
    (void)text_copy(view->uuid, sizeof view->uuid, span_of(vm_uuid(vm)));
    (void)text_copy(view->class, sizeof view->class, span_of(class_name(vm_class(vm))));
    copy_text(r, qid, PROPERTY_virt_mode, view->virt_mode, sizeof view->virt_mode);
    copy_text(r, qid, PROPERTY_ip, view->ip, sizeof view->ip);
    copy_text(r, qid, PROPERTY_ip6, view->ip6, sizeof view->ip6);
    copy_text(r, qid, PROPERTY_mac, view->mac, sizeof view->mac);
    view->memory = number(r, qid, PROPERTY_memory, 1, 400);
    view->maxmem = number(r, qid, PROPERTY_maxmem, 0, 0);
    view->vcpus = number(r, qid, PROPERTY_vcpus, 1, 1);
    view->shutdown_timeout = number(r, qid, PROPERTY_shutdown_timeout, 0, 60);
    view->debug = property_true(&r->known, qid, PROPERTY_debug);
    view->provides_network = property_true(&r->known, qid, PROPERTY_provides_network);
    view->calls_scarce = r->calls_scarce;
    view->netvm_put_off = netvm_put_off(&r->known, qid);
    view->qrexec = ask_feature_true(&r->known, qid, CHAIN_TEMPLATE, "qrexec");
    view->qrexec_timeout = agent_seconds(r, qid);
    add_preload(r, vm, view);
    add_relations(r, qid, view, memory);
    add_volumes(r, qid, view, memory);
    add_refusal(r, vm, view);
    add_size_refusal(view);
    add_user_refusal(r, qid, view);
    add_kernel(r, qid, view);
    if (view->virt_mode[0] == '\0')
        strcpy(view->virt_mode, "pvh");
    view_domain(r, qid, view, memory);
    view->homeless = r->home_is_there != NULL && !r->home_is_there(class_folder(vm_class(vm)), vm_name(vm));
    return 0;
}

/* vm-model 4.11: a boot mode can bring a user of its own, even an empty one. */
int view_user(struct registry *r, uint32_t qid, char *to, size_t size)
{
    char mode[256], name[320];
    struct property_value user;
    struct span value;
    property_get(&r->known, qid, PROPERTY_default_user, &user);
    copy_text(r, qid, PROPERTY_bootmode, mode, sizeof mode);
    snprintf(name, sizeof name, "boot-mode.default-user.%s", mode);
    if (mode[0] == '\0' || strcmp(mode, "default") == 0 ||
        ask_feature(&r->known, qid, CHAIN_TEMPLATE, span_of(name), &value) != 1)
        value = user.text;
    to[0] = '\0';
    return text_copy(to, size, value);
}

void view_daemons(struct registry *r, uint32_t qid, struct daemons_reply *d)
{
    const struct vm *vm = model_vm(r->model, qid);
    char mode[16];
    (void)text_copy(d->name, sizeof d->name, span_of(vm_name(vm)));
    (void)text_copy(d->uuid, sizeof d->uuid, span_of(vm_uuid(vm) != NULL ? vm_uuid(vm) : ""));
    (void)view_user(r, qid, d->user, sizeof d->user); /* who has a longer one was not started */
    d->debug = property_true(&r->known, qid, PROPERTY_debug);
    d->qrexec = ask_feature_true(&r->known, qid, CHAIN_TEMPLATE, "qrexec");
    copy_text(r, qid, PROPERTY_virt_mode, mode, sizeof mode);
    d->stubdom_qrexec =
        strcmp(mode, "hvm") == 0 && ask_feature_true(&r->known, qid, CHAIN_TEMPLATE, "stubdom-qrexec");
    d->qrexec_timeout = agent_seconds(r, qid);
}

/* Whether a change of `qid` can show in the view of `other`. */
static bool touches(struct registry *r, uint32_t qid, uint32_t other)
{
    const struct vm *template = ask_template(&r->known, other), *netvm = ask_netvm(&r->known, other);
    return qid == QID_GLOBAL || qid == other || (template != NULL && vm_qid(template) == qid) ||
           (netvm != NULL && vm_qid(netvm) == qid) || ask_is_client(&r->known, other, qid);
}

static void tell(struct registry *r, struct out *out, const struct vm *vm)
{
    struct context c = context_about_vm(vm_qid(vm), vm_generation(vm));
    struct view m;
    struct view_memory memory;
    if (view_make(r, vm_qid(vm), &m.view, &memory, NULL) == 0)
        publish_sent(r, EVENT(out, view, ((struct address){KIND_VM, vm_qid(vm)}), &c, &m));
    view_memory_free(&memory);
}

void view_publish(struct registry *r, struct out *out, const struct plan *p)
{
    uint32_t last = QID_GLOBAL - 1;
    for (size_t i = 0; i < p->changes; i++) {
        if (p->change[i].qid == last)
            continue;
        last = p->change[i].qid;
        for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
             vm = model_vm_from(r->model, vm_qid(vm) + 1))
            if (r->claims[vm_qid(vm)].living && touches(r, last, vm_qid(vm)))
                tell(r, out, vm);
    }
}
