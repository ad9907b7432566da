/* SPDX-License-Identifier: MIT
 * The rows of property.def: finding, listing, and the first check of what clients send. */
#include "model/property.h"

#include <string.h>

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

static const struct row {
    const char *name, *help;
    unsigned classes, flags; /* classes 0: of the app object */
    uint8_t stage, type;
} rows[PROPERTIES] = {
#define VM_PROPERTY(name_, classes_, stage_, type_, set, dflt, flags_, help_)                                \
    [PROPERTY_##name_] = {#name_, help_, classes_, flags_, stage_, TYPE_##type_},
#define APP_PROPERTY(name_, stage_, type_, set, dflt, flags_, help_)                                         \
    [PROPERTY_app_##name_] = {#name_, help_, 0, flags_, stage_, TYPE_##type_},
#include "model/property.def"
};

const char *property_name(enum property p)
{
    return rows[p].name;
}

const char *property_wire_type(enum property p)
{
    static const char *const words[] = {
        [TYPE_STR] = "str",  [TYPE_INT] = "int",     [TYPE_BOOL] = "bool",
        [TYPE_VM] = "vm",    [TYPE_LABEL] = "label", [TYPE_POOL] = "str",
        [TYPE_IPV4] = "str", [TYPE_IPV6] = "str",    [TYPE_UUID] = "str",
    };
    return words[rows[p].type];
}

enum property_type property_type(enum property p)
{
    return (enum property_type)rows[p].type;
}

unsigned property_flags(enum property p)
{
    return rows[p].flags;
}

const char *property_help(enum property p)
{
    return rows[p].help;
}

bool property_applies(enum property p, enum vm_class class)
{
    return (rows[p].classes >> class & 1) != 0;
}

int property_lookup(struct span name, bool app, enum property *p)
{
    for (unsigned i = 0; i < PROPERTIES; i++) {
        if ((rows[i].classes == 0) == app && span_is(name, rows[i].name)) {
            *p = (enum property)i;
            return 0;
        }
    }
    return -ERR_NO_PROPERTY;
}

int property_find(const struct known *k, uint32_t qid, struct span name, enum property *p, struct fault *why)
{
    const struct vm *vm = qid == QID_GLOBAL ? NULL : ask_vm(k, qid);
    enum property found;
    if (qid != QID_GLOBAL && vm == NULL)
        return fault_set(why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    if (property_lookup(name, qid == QID_GLOBAL, &found) < 0 ||
        (vm != NULL && !property_applies(found, vm->class)))
        return fault_plain(why, fault_set(why, ERR_NO_PROPERTY, "%s has no property '%.*s'",
                                          vm != NULL ? vm_name(vm) : "the system",
                                          name.len > 100 ? 100 : (int)name.len, name.at));
    *p = found;
    return 0;
}

static bool comes_before(enum property a, enum property b)
{
    if (rows[a].stage != rows[b].stage)
        return rows[a].stage < rows[b].stage;
    return strcmp(rows[a].name, rows[b].name) < 0;
}

size_t property_list(const struct known *k, uint32_t qid, enum property list[PROPERTIES])
{
    const struct vm *vm = qid == QID_GLOBAL ? NULL : ask_vm(k, qid);
    size_t n = 0;
    if (qid != QID_GLOBAL && vm == NULL)
        return 0;
    for (unsigned i = 0; i < PROPERTIES; i++) {
        if (vm != NULL ? !property_applies((enum property)i, vm->class) : rows[i].classes != 0)
            continue;
        size_t at = n++;
        for (; at > 0 && comes_before((enum property)i, list[at - 1]); at--)
            list[at] = list[at - 1];
        list[at] = (enum property)i;
    }
    return n;
}

static bool is_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((s.at[i] < ' ' || s.at[i] > '~') && !(s.at[i] >= '\t' && s.at[i] <= '\r'))
            return false;
    return true;
}

static int check_integer(struct span raw, struct fault *why)
{
    char digits[130];
    if (raw.len > sizeof digits - 2)
        return fault_set(why, ERR_VALUE, "a number of that many digits is not accepted");
    return integer_canonical(raw, digits, why) < 0 ? -ERR_VALUE : 0;
}

static int check_typed(enum property_type type, struct span raw, struct fault *why)
{
    char text[64];
    bool truth;
    if (type == TYPE_BOOL)
        return bool_parse(raw, &truth, why);
    if (type == TYPE_INT)
        return check_integer(raw, why);
    if (type == TYPE_UUID)
        return uuid_canonical(raw, text, why);
    if (type == TYPE_IPV4 || type == TYPE_IPV6)
        return address_canonical(raw, type == TYPE_IPV6, text, why);
    if (!is_printable(raw))
        return fault_set(why, ERR_VALUE, "a property's value must be printable");
    return 0;
}

int property_sanitise(enum property p, struct span raw, struct fault *why)
{
    if (!span_is_ascii(raw))
        return fault_set(why, ERR_VALUE, "a property's value must be ASCII");
    if (raw.len > PROPERTY_VALUE_MAX)
        return fault_set(why, ERR_VALUE, "a property's value has at most %d bytes", PROPERTY_VALUE_MAX);
    if (rows[p].type == TYPE_VM)
        return raw.len == 0 ? 0 : vm_name_check(raw, why);
    int r = check_typed((enum property_type)rows[p].type, raw, why);
    return r < 0 ? r : 0;
}
