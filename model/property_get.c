/* SPDX-License-Identifier: MIT
 * Reading a property: what is stored, else its default. */
#include "model/property.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/model_inside.h"
#include "model/names.h"
#include "model/plan_inside.h"
#include "model/property_inside.h"

void say_span(struct asking *a, struct span s)
{
    a->out->is_set = true;
    a->out->is_none = false;
    a->out->text = s;
}

void say_text(struct asking *a, const char *text)
{
    say_span(a, span_of(text));
}

void say_copy(struct asking *a, struct span s)
{
    size_t len = s.len < PROPERTY_SCRATCH ? s.len : PROPERTY_SCRATCH - 1;
    if (len > 0)
        memmove(a->out->scratch, s.at, len);
    say_span(a, (struct span){a->out->scratch, len});
}

void say_format(struct asking *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(a->out->scratch, PROPERTY_SCRATCH, format, args);
    va_end(args);
    if (len < 0)
        len = 0;
    say_span(a, (struct span){a->out->scratch, len < PROPERTY_SCRATCH ? (size_t)len : PROPERTY_SCRATCH - 1});
}

void say_bool(struct asking *a, bool truth)
{
    say_text(a, truth ? "True" : "False");
}

void say_none(struct asking *a)
{
    say_text(a, "");
    a->out->is_none = true;
}

void say_vm(struct asking *a, const struct vm *vm)
{
    if (vm == NULL || vm_name(vm) == NULL)
        say_none(a);
    else
        say_text(a, vm_name(vm));
}

void say_property(struct asking *a, uint32_t qid, enum property p)
{
    property_get(a->k, qid, p, a->out);
    a->out->is_default = true;
}

bool say_template(struct asking *a)
{
    const struct vm *template = ask_template(a->k, a->qid);
    if (template == NULL || !property_applies(a->p, template->class))
        return false;
    say_property(a, template->qid, a->p);
    return true;
}

bool say_feature(struct asking *a, enum feature_chain chain, const char *name)
{
    struct span value;
    if (!ask_feature(a->k, a->qid, chain, span_of(name), &value) || value.len == 0)
        return false;
    say_span(a, value);
    return true;
}

/* What is stored, as it is printed: imports may have kept other spellings. */
static void say_stored(struct asking *a, struct span s)
{
    bool truth;
    struct label label;
    switch (property_type(a->p)) {
    case TYPE_BOOL:
        say_bool(a, bool_parse(s, &truth, NULL) == 0 && truth);
        return;
    case TYPE_VM:
        say_vm(a, s.len > 0 ? model_named(a->k->model, s) : NULL);
        return;
    case TYPE_LABEL:
        if (span_starts(s, "label-") &&
            ask_label(a->k, (struct span){s.at + 6, s.len - 6}, &label, NULL) == 0)
            say_text(a, label.name);
        else
            say_span(a, s);
        return;
    case TYPE_STR:
    case TYPE_INT:
    case TYPE_POOL:
    case TYPE_IPV4:
    case TYPE_IPV6:
    case TYPE_UUID:
        say_span(a, s);
    }
}

struct span property_stored(const struct known *k, uint32_t qid, enum property p)
{
    const struct change *c =
        k->plan != NULL ? plan_lookup(k->plan, CHANGE_PROPERTY, qid, span_of(property_name(p))) : NULL;
    const struct holder *h = holder_of(k->model, qid);
    if (c != NULL && c->gone)
        return (struct span){NULL, 0};
    if (c != NULL)
        return c->value;
    if (h == NULL || h->property[p] == NULL)
        return (struct span){NULL, 0};
    return span_of(h->property[p]);
}

static struct asking asking_of(const struct known *k, uint32_t qid, enum property p,
                               struct property_value *out)
{
    out->text = (struct span){"", 0};
    out->is_default = true;
    out->is_set = out->is_none = false;
    return (struct asking){k, qid, qid == QID_GLOBAL ? NULL : ask_vm(k, qid), p, out};
}

void property_default(const struct known *k, uint32_t qid, enum property p, struct property_value *out)
{
    static default_rule *const rules[PROPERTIES] = {
#define VM_PROPERTY(name, classes, stage, type, set, dflt, flags, help) [PROPERTY_##name] = dflt_##dflt,
#define APP_PROPERTY(name, stage, type, set, dflt, flags, help)         [PROPERTY_app_##name] = dflt_##dflt,
#include "model/property.def"
    };
    struct asking a = asking_of(k, qid, p, out);
    if (a.vm != NULL || qid == QID_GLOBAL)
        rules[p](&a);
}

void property_get(const struct known *k, uint32_t qid, enum property p, struct property_value *out)
{
    struct span stored = property_stored(k, qid, p);
    if (p == PROPERTY_qid && qid != 0) {
        struct asking a = asking_of(k, qid, p, out);
        say_format(&a, "%u", (unsigned)qid);
        out->is_default = false;
    } else if (stored.at == NULL) {
        property_default(k, qid, p, out);
    } else {
        struct asking a = asking_of(k, qid, p, out);
        say_stored(&a, stored);
        out->is_default = false;
    }
}

bool property_true(const struct known *k, uint32_t qid, enum property p)
{
    struct property_value v;
    property_get(k, qid, p, &v);
    return span_is(v.text, "True");
}

const struct vm *property_vm(const struct known *k, uint32_t qid, enum property p)
{
    struct property_value v;
    property_get(k, qid, p, &v);
    return v.is_set && !v.is_none ? model_named(k->model, v.text) : NULL;
}

int64_t property_number(const struct known *k, uint32_t qid, enum property p, int64_t none)
{
    struct property_value v;
    uint64_t n;
    property_get(k, qid, p, &v);
    if (!v.is_set || v.is_none || v.text.len == 0)
        return none;
    if (v.text.at[0] == '-')
        return 0;
    return text_number(v.text, 0, INT64_MAX, &n) == 0 ? (int64_t)n : INT64_MAX;
}

bool property_text_is(const struct known *k, uint32_t qid, enum property p, const char *text)
{
    struct property_value v;
    property_get(k, qid, p, &v);
    return v.is_set && span_is(v.text, text);
}
