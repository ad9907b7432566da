/* SPDX-License-Identifier: MIT
 * Creating VMs. Spec: admin-api-methods 4.2, vm-model 8.1 and 8.4, events 4.1. */
#include "model/plan_inside.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"
#include "model/preload.h"

enum { QID_LAST_FREE = 9999, DISPIDS = 10000, DISPID_DRAWS = 100 };

/* What the caller asked for. */
struct wish {
    enum vm_class class;
    struct span name, label, template_name;
    const struct vm *template;
    struct pool_choice pools;
    bool has_pools;
};

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

static int parse(struct doing *d, struct span payload, bool in_pool, struct wish *w)
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

static int check_exists(struct doing *d, struct wish *w)
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

static int check_template(struct doing *d, struct wish *w)
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

static int choose_qid(struct doing *d, uint32_t *qid)
{
    for (uint32_t i = 1; i <= QID_LAST_FREE; i++) {
        if (model_vm(d->k.model, i) == NULL) {
            *qid = i;
            return 0;
        }
    }
    return fault_set(d->why, ERR_QUBES, "all %d VM numbers are taken; remove a VM first", QID_LAST_FREE);
}

static int draw_uuid(struct doing *d, char text[37])
{
    uint32_t n[4];
    if (d->k.world == NULL || d->k.world->random == NULL)
        return fault_set(d->why, ERR_STATE, "no random numbers are at hand to make a UUID");
    for (size_t i = 0; i < COUNT(n); i++)
        n[i] = d->k.world->random(d->k.world->arg);
    snprintf(text, 37, "%08x-%04x-4%03x-%04x-%04x%08x", n[0], n[1] >> 16, n[1] & 0xfff,
             0x8000 | (n[2] >> 16 & 0x3fff), n[2] & 0xffff, n[3]);
    return 0;
}

static bool dispid_is_free(const struct doing *d, uint32_t id)
{
    const struct world *w = d->k.world;
    char name[16];
    if (w->dispid_rests != NULL && w->dispid_rests(w->arg, id))
        return false;
    snprintf(name, sizeof name, "disp%u", (unsigned)id);
    if (model_named(d->k.model, span_of(name)) != NULL || world_is_being_made(w, name))
        return false;
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        if (vm->class == CLASS_DispVM && span_is(property_stored(&d->k, vm->qid, PROPERTY_dispid), name + 4))
            return false;
    }
    return true;
}

static int draw_dispid(struct doing *d, uint32_t *id)
{
    for (int i = 0; i < DISPID_DRAWS && d->k.world != NULL && d->k.world->random != NULL; i++) {
        *id = d->k.world->random(d->k.world->arg) % DISPIDS;
        if (dispid_is_free(d, *id))
            return 0;
    }
    return fault_set(d->why, ERR_QUBES, "no free number for a disposable was found; try again");
}

static void put_property(struct doing *d, uint32_t qid, enum property p, struct span value)
{
    plan_change(d->p, CHANGE_PROPERTY, qid, span_of(property_name(p)), value);
}

/* A disposable starts as a copy of what its template's owner has set. */
static void clone_properties(struct doing *d, const struct vm *vm, const struct vm *from)
{
    for (unsigned i = 0; i < PROPERTIES; i++) {
        enum property p = (enum property)i;
        struct span value;
        if (p == PROPERTY_template || property_flags(p) & NOT_CLONED || !property_applies(p, from->class) ||
            !property_applies(p, vm->class) || property_stored(&d->k, vm->qid, p).at != NULL)
            continue;
        value = property_stored(&d->k, from->qid, p);
        if (value.at != NULL)
            put_property(d, vm->qid, p, value);
    }
}

/* With what its maker wishes for the VMs that it makes, unless the maker is gone. */
static int clone_tag(struct doing *d, const struct vm *vm, struct span tag)
{
    bool names_maker = span_starts(tag, "created-by-");
    if (!names_maker || model_named(d->k.model, (struct span){tag.at + 11, tag.len - 11}) != NULL)
        return do_tag_add(d, vm->qid, tag);
    plan_change(d->p, CHANGE_TAG, vm->qid, tag, SPAN_LITERAL(""));
    return 0;
}

static int clone_words(struct doing *d, const struct vm *vm, const struct vm *from)
{
    int r = 0;
    const struct item *at = model_items(d->k.model, from->qid, CHANGE_FEATURE);
    for (; at != NULL && r >= 0; at = at->next)
        if (strncmp(at->key, "preload-dispvm", 14) != 0)
            r = do_feature_set(d, vm->qid, (struct span){at->key, at->key_len},
                               (struct span){at->value, at->value_len});
    if (r >= 0)
        r = do_firewall_clone(d, vm->qid, from->qid);
    for (at = model_items(d->k.model, from->qid, CHANGE_TAG); at != NULL && r >= 0; at = at->next)
        r = clone_tag(d, vm, (struct span){at->key, at->key_len});
    return r;
}

/* What a VM brings along when it is announced; nobody hears of it separately. */
static int furnish(struct doing *d, const struct vm *vm, const struct wish *w)
{
    struct property_value v;
    size_t events = d->p->events;
    bool none;
    int r = 0;
    if (vm_is_qubes(vm) && !property_true(&d->k, QID_GLOBAL, PROPERTY_app_check_updates_vm))
        plan_change(d->p, CHANGE_FEATURE, vm->qid, SPAN_LITERAL("check-updates"), SPAN_LITERAL(""));
    if (vm->class == CLASS_DispVM) { /* what the template says itself counts more */
        clone_properties(d, vm, w->template);
        r = clone_words(d, vm, w->template);
    }
    if (r >= 0 && vm_is_qubes(vm)) {
        property_get(&d->k, vm->qid, PROPERTY_guivm, &v);
        struct span gui = keep_value(d, &v, &none);
        r = do_follow_tag(d, "guivm-", vm->qid, gui, none, true);
        property_get(&d->k, vm->qid, PROPERTY_audiovm, &v);
        struct span audio = keep_value(d, &v, &none);
        if (r >= 0)
            r = do_follow_tag(d, "audiovm-", vm->qid, audio, none, false);
    }
    d->p->events = events;
    return r;
}

/* The VM itself: number, identity and what was given. */
static int found(struct doing *d, struct vm *vm, const struct wish *w)
{
    char uuid[37];
    int r = choose_qid(d, &vm->qid);
    if (r >= 0)
        r = draw_uuid(d, uuid);
    if (r < 0)
        return r;
    struct span name = plan_keep(d->p, w->name);
    vm->class = w->class;
    vm->generation = model_last_generation(d->k.model, vm->qid) + 1;
    vm->holder.property[PROPERTY_name] = (char *)name.at; /* lent; nothing frees a newborn */
    d->k.newborn = vm;
    d->p->qid = vm->qid;
    d->p->generation = vm->generation;
    plan_change(d->p, CHANGE_VM, vm->qid, SPAN_LITERAL(""),
                plan_format(d->p, "%u %s", (unsigned)vm->generation, class_name(vm->class)));
    put_property(d, vm->qid, PROPERTY_name, name);
    put_property(d, vm->qid, PROPERTY_uuid, span_of(uuid));
    if (w->label.at != NULL)
        put_property(d, vm->qid, PROPERTY_label, w->label);
    if (w->template != NULL)
        put_property(d, vm->qid, PROPERTY_template, span_of(vm_name(w->template)));
    return 0;
}

static void announce(struct doing *d, const struct vm *vm)
{
    struct plan_pair pair = {"vm", span_of(vm_name(vm))};
    plan_event(d->p, QID_GLOBAL, "domain-add", SPAN_LITERAL(""), 1, &pair);
}

static bool has_os(struct doing *d, const struct vm *template, const char *os)
{
    struct span value;
    return template != NULL &&
           ask_feature(&d->k, template->qid, CHAIN_TEMPLATE, SPAN_LITERAL("os"), &value) == 1 &&
           span_is(value, os);
}

static int make_disk(struct doing *d, const struct vm *vm, const struct wish *w)
{
    if (!vm_is_qubes(vm))
        return 0;
    int r = do_volumes(d, vm, &w->pools);
    if (r >= 0)
        r = do_volume_jobs(d, vm->qid, "create");
    d->p->prepare |= PREPARE_DISK;
    if (vm->class == CLASS_AppVM && has_os(d, w->template, "Windows"))
        r = r < 0 ? r : do_volume_from(d, vm->qid, SPAN_LITERAL("private"), w->template->qid);
    d->p->disk_at = d->p->events;
    plan_event(d->p, vm->qid, "domain-create-on-disk", SPAN_LITERAL(""), 0, NULL);
    return r;
}

static int tag_creator(struct doing *d, const struct vm *vm, const char *prefix)
{
    const struct vm *actor = ask_vm(&d->k, d->actor);
    if (actor == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "the creator, VM %u, does not exist", (unsigned)d->actor);
    return do_tag_add(d, vm->qid, plan_format(d->p, "%s%s", prefix, vm_name(actor)));
}

static int create(struct doing *d, struct wish *w)
{
    struct vm vm = {0};
    uint32_t dispid = 0;
    int r = check_template(d, w);
    if (r >= 0)
        r = found(d, &vm, w);
    if (r >= 0 && vm.class == CLASS_DispVM && (r = draw_dispid(d, &dispid)) >= 0)
        put_property(d, vm.qid, PROPERTY_dispid, plan_format(d->p, "%u", (unsigned)dispid));
    if (r >= 0)
        r = furnish(d, &vm, w);
    if (r >= 0) {
        announce(d, &vm);
        r = tag_creator(d, &vm, "created-by-");
    }
    if (r >= 0)
        r = make_disk(d, &vm, w);
    d->k.newborn = NULL; /* it ends with this call */
    return r;
}

int plan_vm_create(const struct known *k, uint32_t actor, enum vm_class class, struct span template_name,
                   struct span payload, bool in_pool, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    struct wish w = {.class = class, .template_name = template_name};
    int r = parse(&d, payload, in_pool, &w);
    if (r >= 0)
        r = check_exists(&d, &w);
    if (r >= 0)
        r = create(&d, &w);
    return doing_end(&d, r);
}

static int tag_asker(struct doing *d, const struct vm *vm)
{
    int r = tag_creator(d, vm, "created-by-");
    return r < 0 ? r : tag_creator(d, vm, "disp-created-by-");
}

static int create_disposable(struct doing *d, struct wish *w, bool preload)
{
    struct vm vm = {0};
    uint32_t dispid;
    int r = draw_dispid(d, &dispid);
    if (r < 0)
        return r;
    w->name = plan_format(d->p, "disp%u", (unsigned)dispid);
    r = found(d, &vm, w);
    if (r < 0)
        return r;
    put_property(d, vm.qid, PROPERTY_dispid, (struct span){w->name.at + 4, w->name.len - 4});
    put_property(d, vm.qid, PROPERTY_auto_cleanup, SPAN_LITERAL("True"));
    r = furnish(d, &vm, w);
    if (r < 0)
        return r;
    struct span uuid = property_stored(&d->k, vm.qid, PROPERTY_uuid);
    d->p->result = plan_format(d->p, "%.*s %.*s", (int)w->name.len, w->name.at, (int)uuid.len, uuid.at);
    announce(d, &vm);
    if (preload)
        r = do_preload_mark(d, &vm, w->template);
    if (r >= 0)
        r = make_disk(d, &vm, w);
    if (r >= 0 && !preload)
        r = tag_asker(d, &vm);
    d->k.newborn = NULL; /* it ends with this call */
    return r;
}

/* The one that was named; of dom0, the one that the asker's disposables are based on. */
static const struct vm *disposable_template(const struct known *k, uint32_t actor, uint32_t qid)
{
    const struct vm *asker = ask_vm(k, actor), *t = ask_vm(k, qid);
    if (qid == 0)
        t = asker != NULL && property_applies(PROPERTY_default_dispvm, asker->class)
                ? property_vm(k, actor, PROPERTY_default_dispvm)
                : NULL;
    bool offers = t != NULL && property_applies(PROPERTY_template_for_dispvms, t->class) &&
                  property_true(k, t->qid, PROPERTY_template_for_dispvms);
    return offers ? t : NULL;
}

static int no_template(struct doing *d)
{
    return fault_set(d->why, ERR_QUBES,
                     "the VM does not offer itself for disposables; set its template_for_dispvms");
}

/* One that waits already, or a new one. */
static int give_disposable(struct doing *d, struct wish *w)
{
    const struct vm *used;
    int r = do_preload_use(d, w->template->qid, &used);
    if (r < 0 || used == NULL)
        return r < 0 ? r : create_disposable(d, w, false);
    return tag_asker(d, used);
}

int plan_disposable_create(const struct known *k, uint32_t actor, uint32_t template_qid, struct plan *p,
                           struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    struct wish w = {.class = CLASS_DispVM, .template = disposable_template(k, actor, template_qid)};
    return doing_end(&d, w.template != NULL ? give_disposable(&d, &w) : no_template(&d));
}

static int preload_more(struct doing *d, struct wish *w)
{
    uint32_t qid = w->template->qid;
    if (preload_count(preload_list(&d->k, qid)) >= preload_max(&d->k, qid))
        return fault_set(d->why, ERR_STATE, "'%s' has its preloaded disposables", vm_name(w->template));
    return create_disposable(d, w, true);
}

int plan_preload_create(const struct known *k, uint32_t template_qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct wish w = {.class = CLASS_DispVM,
                     .template = template_qid != 0 ? disposable_template(k, 0, template_qid) : NULL};
    return doing_end(&d, w.template != NULL ? preload_more(&d, &w) : no_template(&d));
}

static int preload_start(struct doing *d, const struct vm *template)
{
    if (!preload_is_supported(&d->k, template->qid))
        return fault_set(d->why, ERR_VALUE, "'%s' does not offer the services that preloading waits for",
                         vm_name(template));
    preload_start_later(d, template->qid, "it was asked for");
    return 0;
}

int plan_preload_start(const struct known *k, uint32_t actor, uint32_t template_qid, struct plan *p,
                       struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    const struct vm *template = disposable_template(k, actor, template_qid);
    return doing_end(&d, template != NULL ? preload_start(&d, template) : no_template(&d));
}
