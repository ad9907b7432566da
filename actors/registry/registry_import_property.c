/* SPDX-License-Identifier: MIT
 * Properties of VMs and of the whole, their migrations and what is wrong with them. In `registry`, and in
 * tests. */
#include "actors/registry/registry_import_own.h"

/* One property on its way: what the file says becomes what is kept. `refusal` is NULL while it is fine. */
struct passage {
    struct import *im;
    struct import_vm *vm; /* NULL: a global one */
    struct span name, value;
    const char *refusal;
};

static struct span class_of(const struct passage *p)
{
    return p->vm != NULL ? p->vm->class_name : SPAN_LITERAL("");
}

static enum import_type type_of(const struct passage *p)
{
    return p->im->rules->type(p->im->rules->self, class_of(p), p->name);
}

/* A disposable-template property that names a VM of another sort becomes None, explicitly. */
static void pass_dispvm(struct passage *p, const struct import_vm *named)
{
    if (named->template_for_dispvms)
        return;
    import_tell(p->im, IMPORT_NOTE, NULL, p->vm,
                "%.*s named '%.*s', which is no disposable template: now None", SPAN_ARG(p->name),
                SPAN_ARG(p->value));
    p->value = SPAN_LITERAL("");
}

static void pass_template(struct passage *p, const struct import_vm *named)
{
    bool fits = span_is(class_of(p), "DispVM") ? named->template_for_dispvms
                                               : span_is(named->class_name, "TemplateVM");
    if (!fits)
        p->refusal = "it names a VM that is no template for this class";
}

static void pass_vm(struct passage *p)
{
    if (p->value.len == 0) {
        if (span_is(p->name, "template"))
            p->refusal = "it may not be empty";
        return;
    }
    const struct import_vm *named = import_find_vm(p->im, p->value);
    if (named == NULL)
        p->refusal = "it names a VM that is not there";
    else if (span_is(p->name, "default_dispvm") || span_is(p->name, "management_dispvm"))
        pass_dispvm(p, named);
    else if (span_is(p->name, "template") || span_is(p->name, "default_template"))
        pass_template(p, named);
    else if (span_is(p->name, "netvm") && !named->provides_network)
        p->refusal = "it names a VM that does not provide network";
}

static void pass_text(struct passage *p)
{
    if (p->value.len == 0)
        p->value = SPAN_LITERAL("None");
}

static void pass_empty_ok(struct passage *p)
{
    (void)p;
}

static void pass_int(struct passage *p)
{
    struct span digits = p->value = span_trim(p->value);
    if (digits.len > 0 && (digits.at[0] == '-' || digits.at[0] == '+'))
        digits = (struct span){digits.at + 1, digits.len - 1};
    uint64_t any;
    if (text_number(digits, 0, INT64_MAX, &any) < 0)
        p->refusal = "it is not a number";
}

static void pass_bool(struct passage *p)
{
    int truth = import_bool(p->value);
    if (truth < 0)
        p->refusal = "it is neither true nor false";
    else
        p->value = span_of(truth ? "True" : "False");
}

/* A label goes by name; 'label-3' and '3' mean the third. */
static void pass_label(struct passage *p)
{
    struct span number = p->value;
    uint64_t index = 0;
    for (size_t i = 0; i < p->im->label_count; i++)
        if (span_equal(p->im->labels[i].name, p->value))
            return;
    if (span_starts(number, "label-"))
        number = (struct span){number.at + 6, number.len - 6};
    if (text_number(number, 1, UINT32_MAX, &index) >= 0)
        for (size_t i = 0; i < p->im->label_count; i++)
            if (p->im->labels[i].index == index) {
                p->value = p->im->labels[i].name;
                return;
            }
    p->refusal = "there is no such label";
}

static void pass_pool(struct passage *p)
{
    if (import_find_pool(p->im, p->value) == NULL)
        p->refusal = "there is no such pool";
}

static void pass_unknown(struct passage *p)
{
    p->refusal = "no such property is known";
}

static void pass_read_only(struct passage *p)
{
    p->refusal = "it cannot be set";
}

static void pass(struct passage *p, struct fault *why)
{
    static void (*const types[])(struct passage *) = {
        [IMPORT_UNKNOWN] = pass_unknown, [IMPORT_READ_ONLY] = pass_read_only, [IMPORT_VM] = pass_vm,
        [IMPORT_TEXT] = pass_text,       [IMPORT_EMPTY_OK] = pass_empty_ok,   [IMPORT_INT] = pass_int,
        [IMPORT_BOOL] = pass_bool,       [IMPORT_LABEL] = pass_label,         [IMPORT_POOL] = pass_pool,
    };
    const struct import_rules *rules = p->im->rules;
    types[type_of(p)](p);
    if (p->refusal == NULL && rules->check != NULL &&
        rules->check(rules->self, class_of(p), p->name, p->value, why) < 0)
        p->refusal = why->text;
}

/* Old names: hvm became virt_mode, dispvm_allowed became template_for_dispvms. */
static void migrate(struct passage *p, const struct xml_element *at)
{
    int truth = import_bool(p->value);
    if (type_of(p) != IMPORT_UNKNOWN || truth < 0)
        return;
    if (span_is(p->name, "hvm")) {
        p->name = SPAN_LITERAL("virt_mode");
        p->value = span_of(truth ? "hvm" : "pv");
    } else if (span_is(p->name, "dispvm_allowed") && span_is(class_of(p), "AppVM")) {
        p->name = SPAN_LITERAL("template_for_dispvms");
    } else {
        return;
    }
    import_tell(p->im, IMPORT_NOTE, at, p->vm, "old property written as %.*s", SPAN_ARG(p->name));
}

/* Settled already: name and qid by the index; a uuid that is another's, or that a later line replaces. */
static bool is_settled(const struct import_vm *vm, const struct xml_element *at, struct span name)
{
    if (vm->qid == 0)
        return false;
    if (span_is(name, "uuid"))
        return vm->no_uuid || import_find_property(vm->at, "uuid") != at;
    return span_is(name, "name") || span_is(name, "qid");
}

static void vm_property(struct import *im, struct import_vm *vm, const struct xml_element *at)
{
    struct passage p = {im, vm, import_attribute(at, "name"), import_value(at), NULL};
    struct fault why = {0};
    if (is_settled(vm, at, p.name))
        return;
    migrate(&p, at);
    pass(&p, &why);
    if (p.refusal == NULL)
        import_emit(im, CHANGE_PROPERTY, vm->qid, p.name, p.value);
    else
        import_tell(im, IMPORT_DISABLES, at, vm, "property '%.*s' = '%.*s' left out: %s", SPAN_ARG(p.name),
                    SPAN_ARG(p.value), p.refusal);
}

static void identity(struct import *im, struct import_vm *vm)
{
    import_emit(im, CHANGE_PROPERTY, vm->qid, SPAN_LITERAL("name"), vm->name);
    if (import_find_property(vm->at, "uuid") == NULL)
        import_tell(im, IMPORT_DISABLES, vm->at, vm, "it has no uuid");
    if (im->rules->type(im->rules->self, vm->class_name, SPAN_LITERAL("template")) == IMPORT_VM &&
        import_find_property(vm->at, "template") == NULL)
        import_tell(im, IMPORT_DISABLES, vm->at, vm, "it has no template");
}

static void give_firewall_netvm(struct import *im, struct import_vm *vm)
{
    struct span netvm = SPAN_LITERAL("netvm");
    if (im->firewall_netvm.len == 0 || !vm->provides_network || import_find_property(vm->at, "netvm") != NULL)
        return;
    if (span_equal(vm->name, im->firewall_netvm) ||
        im->rules->type(im->rules->self, vm->class_name, netvm) == IMPORT_UNKNOWN)
        return;
    import_emit(im, CHANGE_PROPERTY, vm->qid, netvm, im->firewall_netvm);
    import_tell(im, IMPORT_NOTE, vm->at, vm, "netvm set to '%.*s', the old default_fw_netvm",
                SPAN_ARG(im->firewall_netvm));
}

void import_vm_properties(struct import *im, struct import_vm *vm)
{
    if (vm->at == NULL) {
        if (import_has_label(im, SPAN_LITERAL("black"), 0))
            import_emit(im, CHANGE_PROPERTY, vm->qid, SPAN_LITERAL("label"), SPAN_LITERAL("black"));
        return;
    }
    if (vm->qid != 0)
        identity(im, vm);
    const struct xml_element *list = xml_child(vm->at, "properties");
    const struct xml_element *at = list != NULL ? xml_child(list, "property") : NULL;
    for (; at != NULL && im->result >= 0; at = xml_next(at, "property"))
        vm_property(im, vm, at);
    give_firewall_netvm(im, vm);
}

static void global_property(struct import *im, const struct xml_element *at)
{
    struct passage p = {im, NULL, import_attribute(at, "name"), import_value(at), NULL};
    struct fault why = {0};
    if (span_is(p.name, "default_fw_netvm")) {
        import_tell(im, IMPORT_NOTE, at, NULL,
                    "default_fw_netvm is no more; it was turned into netvm where it meant one");
        return;
    }
    bool unknown = type_of(&p) == IMPORT_UNKNOWN;
    pass(&p, &why);
    if (p.refusal == NULL)
        import_emit(im, CHANGE_PROPERTY, QID_GLOBAL, p.name, p.value);
    else
        import_tell(im, unknown ? IMPORT_NOTE : IMPORT_WARNING, at, NULL,
                    "global property '%.*s' = '%.*s' left out: %s", SPAN_ARG(p.name), SPAN_ARG(p.value),
                    p.refusal);
}

void import_global_properties(struct import *im)
{
    const struct xml_element *list = xml_child(im->root, "properties");
    const struct xml_element *at = list != NULL ? xml_child(list, "property") : NULL;
    for (; at != NULL && im->result >= 0; at = xml_next(at, "property"))
        global_property(im, at);
}
