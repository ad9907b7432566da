/* SPDX-License-Identifier: MIT
 * Interfaces of devices that a VM must not be given by hand: codes of seven characters, all of them in the
 * property devices_denied. Spec: admin-api-methods 8.6, vm-model 4.5. */
#include "model/plan_inside.h"

#include <string.h>

#include "model/ask.h"
#include "model/names.h"

enum { CODE = 7 };

static struct span code_at(struct span codes, size_t i)
{
    return (struct span){codes.at + i * CODE, CODE};
}

static bool holds(struct span codes, size_t count, struct span code)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(codes.at + i * CODE, code.at, CODE) == 0)
            return true;
    return false;
}

/* What a client sent as codes, whatever their letters. */
static int check_codes(struct doing *d, struct span codes)
{
    if (!span_is_ascii(codes))
        return fault_set(d->why, ERR_PROTOCOL, "Device interface contains non-ASCII characters");
    if (codes.len % CODE != 0)
        return fault_set(d->why, ERR_VALUE,
                         "a list of device interfaces has 7 characters for each; this has %zu", codes.len);
    for (size_t i = 0; i < codes.len / CODE; i++)
        if (holds(codes, i, code_at(codes, i)))
            return fault_set(d->why, ERR_PROTOCOL, "Duplicated device interfaces in payload");
    return 0;
}

/* The codes that the VM has now, kept in the plan. */
static int present(struct doing *d, uint32_t qid, struct span *codes)
{
    struct property_value value;
    const struct vm *vm = ask_vm(&d->k, qid);
    if (vm == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    if (!property_applies(PROPERTY_devices_denied, vm_class(vm)))
        return fault_set(d->why, ERR_NO_PROPERTY, "a %s has no list of denied devices",
                         class_name(vm_class(vm)));
    property_get(&d->k, qid, PROPERTY_devices_denied, &value);
    *codes = plan_keep(d->p, value.text);
    codes->len -= codes->len % CODE;
    return 0;
}

static int add(struct doing *d, uint32_t qid, struct span codes)
{
    struct span old;
    int r = present(d, qid, &old);
    if (r == 0)
        r = check_codes(d, codes);
    if (r < 0)
        return r;
    struct span all =
        plan_format(d->p, "%.*s%.*s", (int)old.len, old.at, (int)codes.len, codes.at != NULL ? codes.at : "");
    return do_property_set(d, qid, PROPERTY_devices_denied, all);
}

/* Those of `old` that are not among `codes`; NULL: no room in the plan. */
static char *without(struct doing *d, struct span old, struct span codes, size_t *len)
{
    char *kept = plan_room(d->p, old.len + 1);
    *len = 0;
    for (size_t i = 0; kept != NULL && i < old.len / CODE; i++) {
        struct span code = code_at(old, i);
        if (holds(codes, codes.len / CODE, code))
            continue;
        memcpy(kept + *len, code.at, CODE);
        *len += CODE;
    }
    return kept;
}

static int take_away(struct doing *d, uint32_t qid, struct span codes)
{
    struct span old;
    size_t len = 0;
    bool all = span_is(codes, "all");
    int r = present(d, qid, &old);
    if (r == 0 && !all)
        r = check_codes(d, codes);
    if (r < 0)
        return r;
    const char *kept = all ? "" : without(d, old, codes, &len);
    if (kept == NULL || len == old.len)
        return 0;
    return do_property_set(d, qid, PROPERTY_devices_denied, (struct span){kept, len});
}

int plan_denied_add(const struct known *k, uint32_t actor, uint32_t qid, struct span codes, struct plan *p,
                    struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, add(&d, qid, codes));
}

int plan_denied_remove(const struct known *k, uint32_t actor, uint32_t qid, struct span codes, struct plan *p,
                       struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    return doing_end(&d, take_away(&d, qid, codes));
}
