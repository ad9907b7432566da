/* SPDX-License-Identifier: MIT
 * Creating VMs. Spec: admin-api-methods 4.2, vm-model 8.1 and 8.4, events 4.1. */
#include "model/plan_create_inside.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"

enum { QID_LAST_FREE = 9999, DISPIDS = 10000, DISPID_DRAWS = 100 };

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

int create_draw_dispid(struct doing *d, uint32_t *id)
{
    for (int i = 0; i < DISPID_DRAWS && d->k.world != NULL && d->k.world->random != NULL; i++) {
        *id = d->k.world->random(d->k.world->arg) % DISPIDS;
        if (dispid_is_free(d, *id))
            return 0;
    }
    return fault_set(d->why, ERR_QUBES, "no free number for a disposable was found; try again");
}

void create_put(struct doing *d, uint32_t qid, enum property p, struct span value)
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
            create_put(d, vm->qid, p, value);
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

int create_furnish(struct doing *d, const struct vm *vm, const struct wish *w)
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

int create_found(struct doing *d, struct vm *vm, const struct wish *w)
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
    create_put(d, vm->qid, PROPERTY_name, name);
    create_put(d, vm->qid, PROPERTY_uuid, span_of(uuid));
    if (w->label.at != NULL)
        create_put(d, vm->qid, PROPERTY_label, w->label);
    if (w->template != NULL)
        create_put(d, vm->qid, PROPERTY_template, span_of(vm_name(w->template)));
    return 0;
}

void create_announce(struct doing *d, const struct vm *vm)
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

int create_disk(struct doing *d, const struct vm *vm, const struct wish *w)
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

int create_tag_creator(struct doing *d, const struct vm *vm, const char *prefix)
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
    int r = create_check_template(d, w);
    if (r >= 0)
        r = create_found(d, &vm, w);
    if (r >= 0 && vm.class == CLASS_DispVM && (r = create_draw_dispid(d, &dispid)) >= 0)
        create_put(d, vm.qid, PROPERTY_dispid, plan_format(d->p, "%u", (unsigned)dispid));
    if (r >= 0)
        r = create_furnish(d, &vm, w);
    if (r >= 0) {
        create_announce(d, &vm);
        r = create_tag_creator(d, &vm, "created-by-");
    }
    if (r >= 0)
        r = create_disk(d, &vm, w);
    d->k.newborn = NULL; /* it ends with this call */
    return r;
}

int plan_vm_create(const struct known *k, uint32_t actor, enum vm_class class, struct span template_name,
                   struct span payload, bool in_pool, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    struct wish w = {.class = class, .template_name = template_name};
    int r = create_parse(&d, payload, in_pool, &w);
    if (r >= 0)
        r = create_check_exists(&d, &w);
    if (r >= 0)
        r = create(&d, &w);
    return doing_end(&d, r);
}
