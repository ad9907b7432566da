/* SPDX-License-Identifier: MIT
 * Preloaded disposables: how one comes to its place on a list, and what leaves a list unused is ended.
 * Starting and pausing is their processes' work. Spec: vm-model 8.7. */
#include "actors/registry/registry_preload.h"

#include <string.h>

#include "base/log.h"
#include "model/ask.h"
#include "model/preload.h"

#define START_MOST         (600 * SECONDS)
#define SHORT_MOST         (30 * SECONDS)
#define AFTER_A_CHANGE     (30 * SECONDS)
#define AFTER_ITS_SHUTDOWN (4 * SECONDS)

static bool bases_disposables(const struct vm *vm)
{
    return vm != NULL && (vm_class(vm) == CLASS_AppVM || vm_class(vm) == CLASS_StandaloneVM);
}

/* ---- ending those that nobody will use ---- */

void preload_end_unused(struct registry *r, struct out *out, uint32_t qid)
{
    const struct vm *vm = model_vm(r->model, qid);
    if (vm == NULL || vm_class(vm) != CLASS_DispVM)
        return;
    if (!r->claims[qid].living) {
        operate_own(r, out, OPERATION_disposable_end, qid, "force", NULL);
        return;
    }
    struct context c = context_about_vm(qid, vm_generation(vm));
    c.op = operate_new_id(r);
    c.deadline = out->now + SHORT_MOST;
    (void)ASK(out, vm_kill, ((struct address){KIND_VM, qid}), &c, 0, NO_MESSAGE(vm_kill));
}

static void drop_from(struct registry *r, struct out *out, uint32_t qid, struct span name)
{
    char text[64];
    if (text_copy(text, sizeof text, name) == 0)
        operate_own(r, out, OPERATION_preload_drop, qid, text, NULL);
}

/* A copy of the list: operations of our own may change it at once. */
static struct text list_of(const struct registry *r, uint32_t qid)
{
    struct text list = TEXT_WITH_LIMIT(1 << 20);
    text_append(&list, preload_list(&r->known, qid));
    return list;
}

static struct span next_name(struct span *rest)
{
    struct span name = {NULL, 0};
    while (name.len == 0 && rest->len > 0)
        name = span_split(*rest, ' ', rest);
    return name;
}

static bool is_dropped(const struct registry *r, struct span name, enum drop_which which)
{
    const struct vm *vm = model_named(r->model, name);
    if (vm == NULL || which == DROP_ALL)
        return true;
    if (which == DROP_UNUSABLE)
        return !preload_is_complete(&r->known, vm_qid(vm)) || !r->claims[vm_qid(vm)].living;
    return preload_is_complete(&r->known, vm_qid(vm)) && preload_is_outdated(&r->known, vm_qid(vm));
}

/* Those that are of this kind, and those behind the first `most`: how many. */
unsigned preload_drop_some(struct registry *r, struct out *out, uint32_t qid, enum drop_which which,
                           size_t most)
{
    AUTO_TEXT list = list_of(r, qid);
    struct span rest = text_span(&list);
    unsigned dropped = 0, kept = 0;
    for (struct span name = next_name(&rest); name.len > 0; name = next_name(&rest)) {
        if (kept < most && !is_dropped(r, name, which)) {
            kept++;
            continue;
        }
        drop_from(r, out, qid, name);
        dropped++;
    }
    return dropped;
}

/* ---- a new one's way to its place on the list ---- */

static void ask_next(struct registry *r, struct out *out, struct registry_preloading *p)
{
    struct context c = context_about_vm(p->qid, p->generation);
    struct address to = {KIND_VM, p->qid};
    c.op = operate_new_id(r);
    c.deadline = out->now + (p->pauses ? SHORT_MOST : START_MOST);
    p->tag = ++r->next_number;
    int e = p->pauses ? ASK(out, vm_pause, to, &c, p->tag, NO_MESSAGE(vm_pause))
                      : ASK(out, vm_start, to, &c, p->tag, NO_MESSAGE(vm_start));
    if (e < 0)
        p->tag = 0;
}

static void begin_to_preload(struct registry *r, struct out *out, const struct plan *p)
{
    for (unsigned i = 0; i < REGISTRY_PRELOADS; i++) {
        if (r->preloading[i].tag != 0)
            continue;
        r->preloading[i] = (struct registry_preloading){.qid = p->qid, .generation = p->generation};
        ask_next(r, out, &r->preloading[i]);
        return;
    }
    preload_end_unused(r, out,
                       p->qid); /* more were made than there are places: the next look makes it again */
}

bool preload_answered(struct registry *r, struct out *out, const struct answer *a)
{
    struct registry_preloading *p = NULL;
    for (unsigned i = 0; i < REGISTRY_PRELOADS && a->tag != 0; i++)
        if (r->preloading[i].tag == a->tag)
            p = &r->preloading[i];
    if (p == NULL || a->progress)
        return p != NULL;
    p->tag = 0;
    if (a->r < 0) {
        log_line(LOG_WARN, "VM %u was not preloaded: %s", p->qid,
                 a->why.text[0] != '\0' ? a->why.text : err_text((enum err) - a->r));
        if (r->claims[p->qid].living) /* one whose start has failed ends by itself */
            preload_end_unused(r, out, p->qid);
    } else if (p->pauses) {
        operate_own(r, out, OPERATION_preload_complete, p->qid, "", NULL);
    } else {
        p->pauses = true;
        ask_next(r, out, p);
    }
    return true;
}

void preload_failed(struct registry *r, struct out *out, enum operation operation, uint32_t qid)
{
    if (operation == OPERATION_preload_complete)
        preload_end_unused(r, out, qid); /* the next look makes another one */
    else if (operation == OPERATION_preload_create || operation == OPERATION_preload_drop)
        preload_look_at(r, out, qid, AFTER_A_CHANGE);
    sleep_dropped(r, out);
}

/* ---- what a commit brings ---- */

static bool ends_in(const struct plan *p, uint32_t qid)
{
    for (size_t i = 0; i < p->changes; i++)
        if (p->change[i].kind == CHANGE_VM && p->change[i].gone && p->change[i].qid == qid)
            return true;
    return false;
}

/* Names that this change takes from a list, but for one that is handed out and one that ends. */
static void remember_leavers(struct registry *r, const struct plan *p, const struct change *c)
{
    struct span rest = preload_list(&r->known, c->qid), after = c->gone ? SPAN_LITERAL("") : c->value;
    for (struct span name = next_name(&rest); name.len > 0; name = next_name(&rest)) {
        const struct vm *vm = preload_has(after, name) ? NULL : model_named(r->model, name);
        if (vm == NULL || (vm_qid(vm) == p->qid && p->prepare & FINISH_UNPAUSE) || ends_in(p, vm_qid(vm)))
            continue;
        r->leaves[vm_qid(vm)] = true;
        r->leavers = true;
    }
}

void preload_before(struct registry *r, const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++)
        if (p->change[i].kind == CHANGE_FEATURE && span_is(p->change[i].key, "preload-dispvm"))
            remember_leavers(r, p, &p->change[i]);
}

static void end_leavers(struct registry *r, struct out *out)
{
    if (!r->leavers)
        return;
    r->leavers = false;
    for (uint32_t qid = 1; qid <= QID_MAX; qid++) {
        if (!r->leaves[qid])
            continue;
        r->leaves[qid] = false;
        preload_end_unused(r, out, qid);
    }
}

/* A template's property that counts has changed: disposables that wait are looked at in a while. */
static void look_after_change(struct registry *r, struct out *out, const struct change *c)
{
    enum property p;
    const struct vm *vm =
        c->kind == CHANGE_PROPERTY && c->qid != QID_GLOBAL ? model_vm(r->model, c->qid) : NULL;
    if (bases_disposables(vm) && property_lookup(c->key, false, &p) == 0 && preload_property_matters(p) &&
        preload_list(&r->known, c->qid).len > 0)
        preload_look_at(r, out, c->qid, AFTER_A_CHANGE);
}

void preload_after(struct registry *r, struct out *out, enum operation operation, const struct plan *p)
{
    for (size_t i = 0; i < p->events; i++) {
        const struct plan_event *e = &p->event[i];
        if (span_is(e->name, "domain-preload-dispvm-start") || span_is(e->name, "domain-preload-dispvm-used"))
            preload_look_at(r, out, e->subject, preload_delay_of(r, e->subject));
    }
    for (size_t i = 0; i < p->changes; i++)
        look_after_change(r, out, &p->change[i]);
    if (operation == OPERATION_preload_create)
        begin_to_preload(r, out, p);
    if (p->prepare & FINISH_UNPAUSE) {
        struct context c = context_about_vm(p->qid, p->generation);
        c.op = operate_new_id(r);
        c.deadline = out->now + SHORT_MOST;
        (void)ASK(out, vm_unpause, ((struct address){KIND_VM, p->qid}), &c, 0, NO_MESSAGE(vm_unpause));
    }
    end_leavers(r, out);
    sleep_dropped(r, out);
}

/* ---- ends of lives, and beginnings of registry ---- */

/* What was saved at its stop is newer than what they were started from. */
static void renew(struct registry *r, struct out *out, uint32_t qid)
{
    if (preload_list(&r->known, qid).len == 0)
        return;
    preload_drop_some(r, out, qid, DROP_ALL, 0);
    preload_look_at(r, out, qid, AFTER_ITS_SHUTDOWN);
}

void preload_life_ended(struct registry *r, struct out *out, uint32_t qid)
{
    const struct vm *ended = model_vm(r->model, qid);
    if (bases_disposables(ended))
        renew(r, out, qid);
    if (ended == NULL || vm_class(ended) != CLASS_TemplateVM)
        return;
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1))
        if (ask_template(&r->known, vm_qid(vm)) == ended && bases_disposables(vm))
            renew(r, out, vm_qid(vm));
}

/* It was made for a list, is on none, and was not handed out: then it would not be internal. */
static bool is_orphan(const struct registry *r, const struct vm *vm)
{
    const struct vm *template = ask_template(&r->known, vm_qid(vm));
    struct span value;
    return vm_class(vm) == CLASS_DispVM && template != NULL &&
           !preload_has(preload_list(&r->known, vm_qid(template)), span_of(vm_name(vm))) &&
           ask_feature(&r->known, vm_qid(vm), CHAIN_OWN, SPAN_LITERAL("preload-dispvm-in-progress"),
                       &value) == 1 &&
           ask_feature_true(&r->known, vm_qid(vm), CHAIN_OWN, "internal") &&
           !ask_feature_true(&r->known, vm_qid(template), CHAIN_OWN, "internal");
}

void preload_host_is_heard(struct registry *r, struct out *out)
{
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1)) {
        uint32_t qid = vm_qid(vm);
        if (is_orphan(r, vm))
            preload_end_unused(r, out, qid);
        preload_drop_some(r, out, qid, DROP_UNUSABLE, SIZE_MAX);
        if (preload_max(&r->known, qid) > 0)
            preload_look_at(r, out, qid, preload_delay_of(r, qid));
    }
}

void preload_drop_all(struct registry *r, struct out *out)
{
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1))
        (void)preload_drop_some(r, out, vm_qid(vm), DROP_ALL, 0);
}

bool preload_any(const struct registry *r)
{
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1))
        if (preload_count(preload_list(&r->known, vm_qid(vm))) > 0)
            return true;
    return false;
}
