/* SPDX-License-Identifier: MIT
 * Setting and resetting a property: the sequence of events around it. What else happens is in
 * plan_hooks.c. Spec: vm-model 2.2 and 2.3, events 5. */
#include "model/plan_inside.h"

#include <string.h>

#include "model/ask.h"
#include "model/names.h"

bool turn_changed(const struct turn *t)
{
    return !t->has_old || t->old_none != t->new_none || !span_equal(t->old, t->new);
}

struct span keep_value(struct doing *d, const struct property_value *v, bool *none)
{
    *none = v->is_none;
    return plan_keep(d->p, v->text);
}

void turn_read_old(struct doing *d, struct turn *t)
{
    struct property_value v;
    property_get(&d->k, t->qid, t->p, &v);
    t->has_old = v.is_set;
    t->old = keep_value(d, &v, &t->old_none);
}

static struct span event_text(struct span s, bool none)
{
    return none ? SPAN_LITERAL("None") : s;
}

static void fire(struct doing *d, const char *prefix, const struct turn *t)
{
    struct plan_pair pair[3];
    unsigned n = 0;
    struct span name = span_of(property_name(t->p));
    pair[n++] = (struct plan_pair){"name", name};
    if (!t->resetting)
        pair[n++] = (struct plan_pair){"newvalue", event_text(t->new, t->new_none)};
    if (t->has_old)
        pair[n++] = (struct plan_pair){"oldvalue", event_text(t->old, t->old_none)};
    plan_event(d->p, t->qid, prefix, name, n, pair);
}

int turn_pre_set(struct doing *d, const struct turn *t)
{
    fire(d, "property-pre-set:", t);
    return hooks_run(d, PRE_SET, t);
}

int turn_set(struct doing *d, const struct turn *t)
{
    int r = hooks_run(d, SET, t);
    if (r >= 0)
        fire(d, "property-set:", t);
    return r;
}

void fire_reset(struct doing *d, const struct turn *t)
{
    struct turn reset = *t;
    reset.resetting = true;
    fire(d, "property-reset:", &reset);
}

void fire_computed(struct doing *d, uint32_t qid, enum property p)
{
    struct turn t = {.qid = qid, .p = p, .resetting = true};
    fire(d, "property-reset:", &t);
}

int do_property_set(struct doing *d, uint32_t qid, enum property p, struct span value)
{
    struct turn t = {.qid = qid, .p = p};
    struct span name = span_of(property_name(p));
    int r = property_sanitise(p, value, d->why);
    if (r >= 0)
        r = property_accept(d, qid, p, value, &t.new);
    if (r < 0)
        return r;
    t.new_none = property_type(p) == TYPE_VM && t.new.len == 0;
    turn_read_old(d, &t);
    r = turn_pre_set(d, &t);
    if (r < 0)
        return r;
    plan_change(d->p, CHANGE_PROPERTY, qid, name, t.new);
    return turn_set(d, &t);
}

int do_property_reset(struct doing *d, uint32_t qid, enum property p)
{
    struct turn t = {.qid = qid, .p = p, .resetting = true};
    struct span name = span_of(property_name(p));
    if (property_flags(p) & WRITE_ONCE && qid != 0)
        return fault_set(d->why, ERR_PROPERTY_VALUE, "%s: this property is set once, at creation",
                         property_name(p));
    turn_read_old(d, &t);
    fire(d, "property-pre-reset:", &t);
    int r = hooks_run(d, PRE_RESET, &t);
    if (r < 0)
        return r;
    fire(d, "property-pre-del:", &t);
    if (property_stored(&d->k, qid, p).at != NULL)
        plan_gone(d->p, CHANGE_PROPERTY, qid, name);
    r = hooks_run(d, RESET, &t);
    if (r < 0)
        return r;
    fire(d, "property-reset:", &t);
    fire(d, "property-del:", &t);
    return 0;
}

int plan_property_set(const struct known *k, uint32_t actor, uint32_t qid, struct span name,
                      struct span value, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    enum property property;
    int r = property_find(&d.k, qid, name, &property, why);
    return doing_end(&d, r < 0 ? r : do_property_set(&d, qid, property, value));
}

int plan_property_reset(const struct known *k, uint32_t actor, uint32_t qid, struct span name, struct plan *p,
                        struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    enum property property;
    int r = property_find(&d.k, qid, name, &property, why);
    return doing_end(&d, r < 0 ? r : do_property_reset(&d, qid, property));
}
