/* SPDX-License-Identifier: MIT
 * What a property takes: setters turn what was sent into the text that is kept, or refuse.
 * Spec: vm-model 2.2, 4.1 to 4.8; net 1. */
#include "model/plan_inside.h"

#include <ctype.h>
#include <arpa/inet.h>
#include <string.h>

#include "base/char.h"
#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

/* One value on its way in. */
struct setting {
    struct doing *d;
    uint32_t qid;
    enum property p;
    struct span raw, *out;
};

typedef int setter(struct setting *s);

static int refuse(const struct setting *s, const char *text)
{
    return fault_set(s->d->why, ERR_PROPERTY_VALUE, "%s: %s", property_name(s->p), text);
}

static int set_read_only(struct setting *s)
{
    return refuse(s, "this property is read-only");
}

static int set_str(struct setting *s)
{
    *s->out = plan_keep(s->d->p, s->raw);
    return 0;
}

static int set_bool(struct setting *s)
{
    bool value;
    int r = bool_parse(s->raw, &value, s->d->why);
    if (r < 0)
        return r;
    *s->out = value ? SPAN_LITERAL("True") : SPAN_LITERAL("False");
    return 0;
}

static int set_int(struct setting *s)
{
    char *digits = plan_room(s->d->p, s->raw.len + 2);
    if (digits == NULL)
        return 0; /* the plan remembers that it is full */
    int len = integer_canonical(s->raw, digits, s->d->why);
    if (len < 0)
        return len;
    *s->out = (struct span){digits, (size_t)len};
    return 0;
}

static int set_int_not_negative(struct setting *s)
{
    int r = set_int(s);
    if (r >= 0 && s->out->len > 0 && s->out->at[0] == '-')
        return refuse(s, "this number cannot be below zero");
    return r;
}

static int set_int_positive(struct setting *s)
{
    int r = set_int_not_negative(s);
    if (r >= 0 && span_is(*s->out, "0"))
        return refuse(s, "this number must be above zero");
    return r;
}

static int set_address(struct setting *s, bool six)
{
    char text[INET6_ADDRSTRLEN];
    int len = address_canonical(s->raw, six, text, s->d->why);
    if (len < 0)
        return len;
    *s->out = plan_keep(s->d->p, (struct span){text, (size_t)len});
    return 0;
}

static int set_ipv4(struct setting *s)
{
    return set_address(s, false);
}

static int set_ipv6(struct setting *s)
{
    return set_address(s, true);
}

/* A copy in lower case; NULL when the plan is full. */
static char *lower(struct setting *s)
{
    char *text = plan_room(s->d->p, s->raw.len + 1);
    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < s->raw.len; i++)
        text[i] = (char)tolower((unsigned char)s->raw.at[i]); /* ASCII: no locale is ever set */
    text[s->raw.len] = '\0';
    *s->out = (struct span){text, s->raw.len};
    return text;
}

static int set_mac(struct setting *s)
{
    const char *text = lower(s);
    bool good = s->raw.len == 17;
    for (size_t i = 0; good && text != NULL && i < 17; i++)
        good = i % 3 == 2 ? text[i] == ':' : text[i] != '\0' && strchr("0123456789abcdef", text[i]) != NULL;
    return good ? 0 : refuse(s, "a hardware address is six pairs of hexadecimal digits joined by ':'");
}

static int set_virt_mode(struct setting *s)
{
    if (lower(s) == NULL)
        return 0;
    if (!span_is(*s->out, "hvm") && !span_is(*s->out, "pv") && !span_is(*s->out, "pvh"))
        return refuse(s, "the mode is one of hvm, pv and pvh");
    if (span_is(*s->out, "pvh") && ask_has_pci(&s->d->k, s->qid))
        return refuse(s, "pvh is not possible while a PCI device is assigned; unassign it first");
    return 0;
}

static bool are_letters(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_letter(s.at[i]))
            return false;
    return true;
}

static int set_default_user(struct setting *s)
{
    if (!span_is_plain(s->raw, "_-+,."))
        return refuse(s, "an account consists of letters, digits and _-+,.");
    return set_str(s);
}

static int set_keyboard_layout(struct setting *s)
{
    struct span rest, layout = span_split(s->raw, '+', &rest);
    struct span variant, options;
    variant = span_split(rest, '+', &options);
    bool three = rest.at != NULL && options.at != NULL && memchr(options.at, '+', options.len) == NULL;
    if (!three || layout.len == 0 || !are_letters(layout) || !span_is_plain(variant, "-_") ||
        !span_is_plain(options, "-_:,"))
        return refuse(s, "a keyboard is layout+variant+options, as in us++ or de+neo+compose:ralt");
    return set_str(s);
}

static int by_code(const void *a, const void *b)
{
    return memcmp(a, b, 7);
}

static bool is_interface(const char *code)
{
    if (code[0] == '\0' || strchr("bump*", code[0]) == NULL)
        return false;
    for (int i = 1; i < 7; i++)
        if (code[i] == '\0' || strchr("0123456789abcdef*", code[i]) == NULL)
            return false;
    return true;
}

static int set_devices_denied(struct setting *s)
{
    char *text = plan_room(s->d->p, s->raw.len + 1);
    size_t len = 0;
    if (s->raw.len % 7 != 0)
        return fault_set(s->d->why, ERR_VALUE, "devices_denied: interfaces have seven characters each");
    if (text == NULL || s->raw.len == 0) {
        *s->out = SPAN_LITERAL("");
        return 0;
    }
    memcpy(text, s->raw.at, s->raw.len);
    qsort(text, s->raw.len / 7, 7, by_code);
    for (size_t i = 0; i < s->raw.len; i += 7) {
        if (!is_interface(text + i))
            return refuse(s, "an interface is one of b u m p * and six of 0-9 a-f *");
        if (len == 0 || memcmp(text + len - 7, text + i, 7) != 0) {
            memmove(text + len, text + i, 7);
            len += 7;
        }
    }
    *s->out = (struct span){text, len};
    return 0;
}

static int set_kernel(struct setting *s)
{
    if (s->raw.len > 0 && memchr(s->raw.at, '/', s->raw.len) != NULL)
        return refuse(s, "a kernel is named without '/'");
    return set_str(s);
}

static int set_kernelopts(struct setting *s)
{
    if (s->raw.len > 512)
        return refuse(s, "kernel options have at most 512 characters");
    return set_str(s);
}

/* A name or an index; behind "label-" an index only. */
static int set_label(struct setting *s)
{
    struct label label;
    struct span name = s->raw;
    uint64_t index = 0;
    if (span_starts(name, "label-"))
        name = (struct span){name.at + 6, name.len - 6};
    bool indexed = name.len == s->raw.len || text_number(name, 0, UINT32_MAX, &index) == 0;
    if (!indexed || ask_label(&s->d->k, name, &label, s->d->why) < 0)
        return fault_set(s->d->why, ERR_LABEL_NOT_FOUND, "there is no label %.*s",
                         s->raw.len > 100 ? 100 : (int)s->raw.len, s->raw.at);
    *s->out = plan_keep(s->d->p, span_of(label.name));
    return 0;
}

static int set_pool(struct setting *s)
{
    if (model_item(s->d->k.model, QID_GLOBAL, CHANGE_POOL, s->raw) == NULL)
        return refuse(s, "there is no such storage pool");
    return set_str(s);
}

/* The VM that is meant, *vm NULL for none; text kept. */
static int find_vm(struct setting *s, const struct vm **vm)
{
    *vm = NULL;
    *s->out = SPAN_LITERAL("");
    if (s->raw.len == 0)
        return property_flags(s->p) & ALLOW_NONE ? 0 : refuse(s, "a VM must be given");
    *vm = model_named(s->d->k.model, s->raw);
    if (*vm == NULL && s->d->k.newborn != NULL && span_is(s->raw, vm_name(s->d->k.newborn)))
        *vm = s->d->k.newborn;
    if (*vm == NULL)
        return fault_set(s->d->why, ERR_PROPERTY_VALUE, "%s: there is no VM '%.*s'", property_name(s->p),
                         s->raw.len > 100 ? 100 : (int)s->raw.len, s->raw.at);
    if (property_flags(s->p) & TEMPLATE_ONLY && (*vm)->class != CLASS_TemplateVM)
        return refuse(s, "only a TemplateVM is possible here");
    *s->out = plan_keep(s->d->p, s->raw);
    return 0;
}

static int set_vm(struct setting *s)
{
    const struct vm *vm;
    return find_vm(s, &vm);
}

static bool offers_itself(const struct known *k, const struct vm *vm)
{
    return property_applies(PROPERTY_template_for_dispvms, vm->class) &&
           property_true(k, vm->qid, PROPERTY_template_for_dispvms);
}

static int set_dispvm(struct setting *s)
{
    const struct vm *vm;
    int r = find_vm(s, &vm);
    if (r >= 0 && vm != NULL && !offers_itself(&s->d->k, vm))
        return fault_set(s->d->why, ERR_PROPERTY_VALUE,
                         "%s: set template_for_dispvms of '%s' to True before disposables are based on it",
                         property_name(s->p), vm_name(vm));
    return r;
}

static int set_template(struct setting *s)
{
    const struct vm *vm, *self = ask_vm(&s->d->k, s->qid);
    int r = find_vm(s, &vm);
    if (r < 0)
        return r;
    if (self == NULL || vm == NULL)
        return refuse(s, "a VM needs a template");
    if (self->class == CLASS_AppVM && vm->class != CLASS_TemplateVM)
        return refuse(s, "an AppVM is based on a TemplateVM");
    if (self->class == CLASS_DispVM && !offers_itself(&s->d->k, vm))
        return refuse(s, "a disposable is based on a VM whose template_for_dispvms is True");
    return 0;
}

static bool provides_network(const struct known *k, const struct vm *vm)
{
    return vm_is_qubes(vm) && property_true(k, vm->qid, PROPERTY_provides_network);
}

static int set_netvm(struct setting *s)
{
    const struct vm *vm;
    int r = find_vm(s, &vm);
    if (r < 0 || vm == NULL)
        return r;
    if (!provides_network(&s->d->k, vm))
        return fault_set(s->d->why, ERR_VALUE, "'%s' provides no network; set its provides_network first",
                         vm_name(vm));
    if (vm->qid == s->qid || ask_is_client(&s->d->k, s->qid, vm->qid))
        return fault_set(s->d->why, ERR_VALUE, "this netvm would make the network a loop");
    return 0;
}

static int set_provides_network(struct setting *s)
{
    int r = set_bool(s);
    if (r >= 0 && span_is(*s->out, "False") && ask_connected(&s->d->k, s->qid, NULL, 0) > 0)
        return fault_set(s->d->why, ERR_VALUE, "other VMs have this one as netvm; change theirs first");
    return r;
}

static int set_default_netvm(struct setting *s)
{
    const struct vm *new;
    int r = find_vm(s, &new);
    if (r < 0 || new == NULL)
        return r;
    if (!vm_is_qubes(new))
        return refuse(s, "this VM cannot provide network");
    for (size_t i = 0; i < model_vm_count(s->d->k.model); i++) {
        const struct vm *vm = model_vm_at(s->d->k.model, i);
        if (!vm_is_qubes(vm) || property_stored(&s->d->k, vm->qid, PROPERTY_netvm).at != NULL)
            continue;
        if (vm == new || ask_is_client(&s->d->k, vm->qid, new->qid))
            return fault_set(s->d->why, ERR_PROPERTY_VALUE,
                             "default_netvm: '%s' follows the default and would end in a network loop",
                             vm_name(vm));
    }
    return 0;
}

int property_accept(struct doing *d, uint32_t qid, enum property p, struct span raw, struct span *out)
{
    static setter *const setters[PROPERTIES] = {
#define VM_PROPERTY(name, classes, stage, type, set, dflt, flags, help) [PROPERTY_##name] = set_##set,
#define APP_PROPERTY(name, stage, type, set, dflt, flags, help)         [PROPERTY_app_##name] = set_##set,
#include "model/property.def"
    };
    struct setting s = {d, qid, p, raw, out};
    *out = SPAN_LITERAL("");
    if (qid == 0 && property_flags(p) & ADMIN_READ_ONLY)
        return set_read_only(&s);
    if (property_flags(p) & WRITE_ONCE && property_stored(&d->k, qid, p).at != NULL)
        return refuse(&s, "this property is set once, at creation");
    if (p == PROPERTY_qid)
        return refuse(&s, "this property is set once, at creation");
    return setters[p](&s);
}
