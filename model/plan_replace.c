/* SPDX-License-Identifier: MIT
 * A whole model takes the place of the one that is: what an import into a store in use does. */
#include "model/plan_inside.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

struct replacing {
    struct doing d;
    struct model *want;
};

static struct span text_of(const char *text)
{
    return text != NULL ? span_of(text) : (struct span){NULL, 0};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* ---- what is told ---- */

static void tell_property(struct doing *d, uint32_t qid, const char *name, const char *old, const char *new)
{
    struct plan_pair pair[3] = {{"name", span_of(name)}};
    unsigned pairs = 1;
    if (new != NULL)
        pair[pairs++] = (struct plan_pair){"newvalue", span_of(new)};
    if (old != NULL)
        pair[pairs++] = (struct plan_pair){"oldvalue", span_of(old)};
    plan_event(d->p, qid, new != NULL ? "property-set:" : "property-reset:", span_of(name), pairs, pair);
}

static void tell_feature(struct doing *d, uint32_t qid, const char *key, const struct item *now)
{
    struct plan_pair pair[2] = {{"feature", span_of(key)},
                                {"value", text_of(now != NULL ? now->value : NULL)}};
    plan_event(d->p, qid, now != NULL ? "domain-feature-set:" : "domain-feature-delete:", span_of(key),
               now != NULL ? 2 : 1, pair);
}

static void tell_tag(struct doing *d, uint32_t qid, const char *key, const struct item *now)
{
    struct plan_pair pair = {"tag", span_of(key)};
    plan_event(d->p, qid, now != NULL ? "domain-tag-add:" : "domain-tag-delete:", span_of(key), 1, &pair);
}

static void tell_pool(struct doing *d, uint32_t qid, const char *key, const struct item *now)
{
    struct plan_pair pair = {"pool", span_of(key)};
    plan_event(d->p, qid, now != NULL ? "pool-add" : "pool-delete", SPAN_LITERAL(""), 1, &pair);
}

/* The event of an item of this kind; what has none is only changed. `now` NULL: it is gone. */
static void tell_item(struct doing *d, enum change_kind kind, uint32_t qid, const char *key,
                      const struct item *now)
{
    static void (*const tell[CHANGE_KINDS])(struct doing *, uint32_t, const char *, const struct item *) = {
        [CHANGE_FEATURE] = tell_feature, [CHANGE_TAG] = tell_tag, [CHANGE_POOL] = tell_pool};
    if (tell[kind] != NULL)
        tell[kind](d, qid, key, now);
}

static void tell_vm(struct doing *d, const char *event, const struct vm *vm)
{
    struct plan_pair pair = {"vm", text_of(vm_name(vm))};
    plan_event(d->p, QID_GLOBAL, event, SPAN_LITERAL(""), 1, &pair);
}

/* ---- what differs ---- */

static void replace_properties(struct doing *d, uint32_t qid, const struct holder *is,
                               const struct holder *want)
{
    for (unsigned i = 0; i < PROPERTIES; i++) {
        const char *name = property_name((enum property)i);
        const char *old = is != NULL ? is->property[i] : NULL, *new = want->property[i];
        if (same_text(old, new))
            continue;
        if (new != NULL)
            plan_change(d->p, CHANGE_PROPERTY, qid, span_of(name), span_of(new));
        else
            plan_gone(d->p, CHANGE_PROPERTY, qid, span_of(name));
        if (is != NULL)
            tell_property(d, qid, name, old, new);
    }
}

static void replace_items(struct doing *d, enum change_kind kind, uint32_t qid, const struct holder *is,
                          const struct holder *want)
{
    const struct item *at = is != NULL ? is->list[kind].first : NULL;
    for (; at != NULL; at = at->next) {
        if (item_find(&want->list[kind], (struct span){at->key, at->key_len}) != NULL)
            continue;
        plan_gone(d->p, kind, qid, (struct span){at->key, at->key_len});
        tell_item(d, kind, qid, at->key, NULL);
    }
    for (at = want->list[kind].first; at != NULL; at = at->next) {
        struct span key = {at->key, at->key_len}, value = {at->value, at->value_len};
        const struct item *old = is != NULL ? item_find(&is->list[kind], key) : NULL;
        if (old != NULL && span_equal((struct span){old->value, old->value_len}, value))
            continue;
        plan_change(d->p, kind, qid, key, value);
        if (is != NULL)
            tell_item(d, kind, qid, at->key, at);
    }
}

/* `is` NULL: a new holder, of which one event tells. */
static void replace_holder(struct doing *d, uint32_t qid, const struct holder *is, const struct holder *want)
{
    replace_properties(d, qid, is, want);
    size_t rules = d->p->changes;
    replace_items(d, CHANGE_FIREWALL, qid, is, want);
    if (is != NULL && d->p->changes > rules)
        plan_event(d->p, qid, "firewall-changed", SPAN_LITERAL(""), 0, NULL);
    for (unsigned kind = 0; kind < CHANGE_KINDS; kind++)
        if (kind != CHANGE_FIREWALL && kind != CHANGE_LEFTOVER) /* what lies on the disk lies there still */
            replace_items(d, (enum change_kind)kind, qid, is, want);
}

static void replace_reason(struct doing *d, uint32_t qid, const char *is, const char *want)
{
    if (same_text(is, want))
        return;
    if (want != NULL)
        plan_change(d->p, CHANGE_DISABLED, qid, SPAN_LITERAL(""), span_of(want));
    else
        plan_gone(d->p, CHANGE_DISABLED, qid, SPAN_LITERAL(""));
}

static int check_life(struct replacing *r, const struct vm *vm, size_t before, const char *what)
{
    if (r->d.p->changes == before || vm->class == CLASS_AdminVM || world_is_halted(r->d.k.world, vm->qid))
        return 0;
    return fault_set(r->d.why, ERR_VM_NOT_HALTED, "'%s' lives and would be %s; shut it down and import again",
                     vm_name(vm), what);
}

static bool is_same_vm(const struct vm *is, const struct vm *want)
{
    return is != NULL && want != NULL && is->class == want->class && same_text(vm_name(is), vm_name(want)) &&
           same_text(vm_uuid(is), vm_uuid(want));
}

static int remove_others(struct replacing *r)
{
    struct doing *d = &r->d;
    for (const struct vm *vm = model_vm_from(d->k.model, 1); vm != NULL;
         vm = model_vm_from(d->k.model, vm->qid + 1)) {
        size_t before = d->p->changes;
        if (is_same_vm(vm, model_vm(r->want, vm->qid)))
            continue;
        plan_gone(d->p, CHANGE_VM, vm->qid, SPAN_LITERAL(""));
        plan_change(d->p, CHANGE_GENERATION, vm->qid, SPAN_LITERAL(""),
                    plan_format(d->p, "%u", (unsigned)model_last_generation(d->k.model, vm->qid)));
        tell_vm(d, "domain-delete", vm);
        int life = check_life(r, vm, before, "removed");
        if (life < 0)
            return life;
    }
    return 0;
}

static void add_vm(struct replacing *r, const struct vm *want)
{
    struct doing *d = &r->d;
    uint32_t generation = model_last_generation(d->k.model, want->qid) + 1;
    plan_change(d->p, CHANGE_VM, want->qid, SPAN_LITERAL(""),
                plan_format(d->p, "%u %s", (unsigned)generation, class_name(want->class)));
    replace_holder(d, want->qid, NULL, &want->holder);
    replace_reason(d, want->qid, NULL, want->disabled);
    tell_vm(d, "domain-add", want);
}

static int replace_vms(struct replacing *r)
{
    int result = 0;
    for (const struct vm *want = model_vm_from(r->want, 0); want != NULL && result >= 0;
         want = model_vm_from(r->want, want->qid + 1)) {
        const struct vm *is = model_vm(r->d.k.model, want->qid);
        size_t before = r->d.p->changes;
        if (!is_same_vm(is, want)) {
            add_vm(r, want);
            continue;
        }
        replace_holder(&r->d, want->qid, &is->holder, &want->holder);
        replace_reason(&r->d, want->qid, is->disabled, want->disabled);
        result = check_life(r, is, before, "changed");
    }
    return result;
}

static int make_wanted(struct replacing *r, const struct change *changes, size_t count)
{
    int result = 0;
    r->want = model_new();
    if (r->want == NULL)
        return fault_set(r->d.why, ERR_NOMEM, "no memory for a second model");
    for (size_t i = 0; i < count && result >= 0; i++)
        result = model_apply(r->want, &changes[i], r->d.why);
    if (result >= 0 && model_vm(r->want, 0) == NULL)
        return fault_set(r->d.why, ERR_BAD, "what is to be imported has no dom0");
    return result;
}

int plan_replace(const struct known *k, const struct change *changes, size_t count, struct plan *p,
                 struct fault *why)
{
    struct replacing r = {.d = doing_begin(k, 0, p, why)};
    int result = make_wanted(&r, changes, count);
    if (result >= 0)
        result = remove_others(&r);
    if (result >= 0)
        replace_holder(&r.d, QID_GLOBAL, &k->model->app, &r.want->app);
    if (result >= 0)
        result = replace_vms(&r);
    model_free(r.want);
    /* What is announced before anything is agreed would be told even of a refusal. */
    p->commit_at = 0;
    if (result < 0)
        p->events = 0;
    return doing_end(&r.d, result);
}
