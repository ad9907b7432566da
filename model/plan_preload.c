/* SPDX-License-Identifier: MIT
 * Preloaded disposables as they come, wait, are handed out and go. One plan does what the reference does in
 * several saves, so that no crash leaves one half marked. Spec: vm-model 8.4 to 8.7, events 5. */
#include "model/plan_inside.h"

#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"
#include "model/preload.h"

#define LIST        SPAN_LITERAL("preload-dispvm")
#define IN_PROGRESS SPAN_LITERAL("preload-dispvm-in-progress")
#define COMPLETED   SPAN_LITERAL("preload-dispvm-completed")
#define INTERNAL    SPAN_LITERAL("internal")
#define YES         SPAN_LITERAL("1")
#define NO          SPAN_LITERAL("")

void preload_start_later(struct doing *d, uint32_t qid, const char *reason)
{
    struct plan *p = d->p;
    for (unsigned i = 0; i < p->laters; i++)
        if (p->later[i].qid == qid)
            return;
    if (p->laters < COUNT(p->later)) {
        p->later[p->laters].qid = qid;
        p->later[p->laters++].reason = reason;
    }
}

void preload_tell_later(struct plan *p)
{
    for (unsigned i = 0; i < p->laters; i++) {
        struct plan_pair reason = {"reason", span_of(p->later[i].reason)};
        plan_event(p, p->later[i].qid, "domain-preload-dispvm-start", SPAN_LITERAL(""), 1, &reason);
    }
}

void preload_start_if_vacant(struct doing *d, uint32_t qid, const char *reason)
{
    if (preload_count(preload_list(&d->k, qid)) < preload_max(&d->k, qid))
        preload_start_later(d, qid, reason);
}

/* ---- the list ---- */

static void fire_is_preload(struct doing *d, struct span list, struct span other)
{
    while (list.len > 0) {
        struct span name = span_split(list, ' ', &list);
        const struct vm *vm =
            name.len > 0 && !preload_has(other, name) ? model_named(d->k.model, name) : NULL;
        if (vm == NULL && d->k.newborn != NULL && span_is(name, vm_name(d->k.newborn)))
            vm = d->k.newborn;
        if (vm != NULL && vm->class == CLASS_DispVM)
            fire_computed(d, vm->qid, PROPERTY_is_preload);
    }
}

int do_preload_list(struct doing *d, uint32_t template_qid, struct span list)
{
    struct span old = plan_keep(d->p, preload_list(&d->k, template_qid));
    int r = do_feature_set(d, template_qid, LIST, list);
    if (r < 0)
        return r;
    fire_is_preload(d, old, list);
    fire_is_preload(d, list, old);
    return 0;
}

int do_preload_empty(struct doing *d, uint32_t template_qid)
{
    return preload_list(&d->k, template_qid).len > 0 ? do_preload_list(d, template_qid, NO) : 0;
}

int do_preload_leave(struct doing *d, uint32_t template_qid, struct span name)
{
    struct span list = preload_list(&d->k, template_qid);
    char *left = plan_room(d->p, list.len + 1);
    size_t len = 0;
    if (left == NULL || !preload_has(list, name))
        return 0;
    while (list.len > 0) {
        struct span one = span_split(list, ' ', &list);
        if (one.len == 0 || span_equal(one, name))
            continue;
        if (len > 0)
            left[len++] = ' ';
        memcpy(left + len, one.at, one.len);
        len += one.len;
    }
    return do_preload_list(d, template_qid, (struct span){left, len});
}

static int join_list(struct doing *d, uint32_t template_qid, struct span name)
{
    struct span list = preload_list(&d->k, template_qid);
    return do_preload_list(d, template_qid,
                           plan_format(d->p, "%.*s%s%.*s", (int)list.len, list.at, list.len > 0 ? " " : "",
                                       (int)name.len, name.at));
}

/* ---- their life ---- */

int do_preload_mark(struct doing *d, const struct vm *vm, const struct vm *template)
{
    int r = do_feature_set(d, vm->qid, IN_PROGRESS, YES);
    if (r >= 0)
        r = join_list(d, template->qid, span_of(vm_name(vm)));
    return r < 0 ? r : do_feature_set(d, vm->qid, INTERNAL, YES);
}

static int complete(struct doing *d, uint32_t qid)
{
    const struct vm *vm = ask_vm(&d->k, qid), *template = ask_template(&d->k, qid);
    if (vm == NULL || template == NULL ||
        !preload_has(preload_list(&d->k, template->qid), span_of(vm_name(vm))))
        return fault_set(d->why, ERR_VM_NOT_FOUND, "VM %u is not a preloaded disposable any more",
                         (unsigned)qid);
    int r = do_feature_set(d, qid, COMPLETED, YES);
    return r < 0 ? r : do_feature_set(d, qid, IN_PROGRESS, NO);
}

int plan_preload_complete(const struct known *k, uint32_t qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    return doing_end(&d, complete(&d, qid));
}

/* The first on the list that can be used as it is; NULL: none. */
static const struct vm *first_usable(const struct doing *d, uint32_t template_qid)
{
    struct span list = preload_list(&d->k, template_qid);
    while (list.len > 0) {
        const struct vm *vm = model_named(d->k.model, span_split(list, ' ', &list));
        if (vm != NULL && preload_is_complete(&d->k, vm->qid) && !world_is_halted(d->k.world, vm->qid) &&
            !preload_is_outdated(&d->k, vm->qid))
            return vm;
    }
    return NULL;
}

static void fire_used(struct doing *d, const struct vm *vm, uint32_t template_qid)
{
    int64_t delay = preload_delay(&d->k, template_qid);
    struct plan_pair pair[2] = {{"dispvm", span_of(vm_name(vm))}};
    if (delay < 0 && preload_list(&d->k, template_qid).len > 0)
        return;
    pair[1].key = "delay";
    pair[1].value = delay % 1000 == 0 ? plan_format(d->p, "%lld", (long long)(delay / 1000))
                                      : plan_format(d->p, "%g", (double)delay / 1000);
    plan_event(d->p, template_qid, "domain-preload-dispvm-used", NO, 2, pair);
}

int do_preload_use(struct doing *d, uint32_t template_qid, const struct vm **used)
{
    const struct vm *vm = *used = first_usable(d, template_qid);
    struct span value, uuid;
    if (vm == NULL)
        return 0;
    int r = do_feature_set(d, vm->qid, IN_PROGRESS, YES);
    if (r >= 0)
        r = do_preload_leave(d, template_qid, span_of(vm_name(vm)));
    if (r >= 0 && known_item(&d->k, CHANGE_FEATURE, vm->qid, INTERNAL, &value) &&
        !ask_feature_true(&d->k, template_qid, CHAIN_OWN, "internal"))
        r = do_feature_remove(d, vm->qid, INTERNAL);
    if (r >= 0)
        r = do_feature_set(d, vm->qid, IN_PROGRESS, NO);
    if (r < 0)
        return r;
    fire_used(d, vm, template_qid);
    uuid = property_stored(&d->k, vm->qid, PROPERTY_uuid);
    d->p->qid = vm->qid;
    d->p->generation = vm->generation;
    d->p->result = plan_format(d->p, "%s %.*s", vm_name(vm), (int)uuid.len, uuid.at);
    d->p->prepare |= FINISH_UNPAUSE;
    return 0;
}

static int drop(struct doing *d, uint32_t template_qid, struct span name)
{
    if (ask_vm(&d->k, template_qid) == NULL || !preload_has(preload_list(&d->k, template_qid), name))
        return fault_set(d->why, ERR_VM_NOT_FOUND, "the disposable is not on the list any more");
    return do_preload_leave(d, template_qid, name);
}

int plan_preload_drop(const struct known *k, uint32_t template_qid, struct span name, struct plan *p,
                      struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    return doing_end(&d, drop(&d, template_qid, name));
}
