/* SPDX-License-Identifier: MIT
 * Setting and removing features: names that mean something are checked, and some have
 * consequences. Spec: vm-model 5, events 6. */
#include "model/plan_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"
#include "model/preload.h"

static struct span after(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return span_starts(s, prefix) ? (struct span){s.at + len, s.len - len} : (struct span){NULL, 0};
}

static bool all_digits(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return true;
}

/* strtod takes hexadecimal digits and the payload of a NaN besides. */
static bool is_number(struct span s)
{
    char text[64], *end;
    if (s.len == 0)
        return true;
    if (text_copy(text, sizeof text, span_trim(s)) < 0 || text[0] == '\0' || strpbrk(text, "xX(") != NULL)
        return false;
    strtod(text, &end);
    return *end == '\0';
}

static int check_service(struct doing *d, struct span name)
{
    struct span rest = after(name, "service.");
    if (rest.at == NULL)
        return 0;
    if (rest.len == 0 || memchr(rest.at, '/', rest.len) != NULL || span_is(rest, ".") || span_is(rest, ".."))
        return fault_set(d->why, ERR_VALUE, "a service needs a name that can be a file's");
    if (rest.len > 48 && !span_starts(rest, "app-dispvm."))
        return fault_set(d->why, ERR_VALUE, "a service's name has at most 48 characters");
    return 0;
}

static int check_preload_max(struct doing *d, uint32_t qid, struct span value)
{
    const char *const needed[] = {"supported-rpc.qubes.WaitForRunningSystem",
                                  "supported-rpc.qubes.WaitForSession"};
    for (size_t i = 0; i < COUNT(needed); i++)
        if (!ask_feature_true(&d->k, qid, CHAIN_TEMPLATE, needed[i]) ||
            !ask_feature_true(&d->k, qid, CHAIN_TEMPLATE, "qrexec"))
            return fault_set(d->why, ERR_VALUE, "the VM does not offer %s, which preloading needs",
                             strchr(needed[i], '.') + 1);
    if (!all_digits(value))
        return fault_set(d->why, ERR_VALUE, "preload-dispvm-max is a number of VMs or empty");
    return 0;
}

static int check_preload(struct doing *d, uint32_t qid, struct span name, struct span value)
{
    const struct vm *dispvm = property_vm(&d->k, QID_GLOBAL, PROPERTY_app_default_dispvm);
    struct span old;
    bool same = known_item(&d->k, CHANGE_FEATURE, qid, name, &old) && span_equal(old, value);
    if (span_is(name, "preload-dispvm-max") && qid != 0)
        return check_preload_max(d, qid, value);
    if (span_is(name, "preload-dispvm-max") && dispvm != NULL && !same)
        return check_preload_max(d, dispvm->qid, value);
    if (span_is(name, "preload-dispvm-delay") && !is_number(value))
        return fault_set(d->why, ERR_VALUE, "preload-dispvm-delay is a number of seconds or empty");
    if (span_is(name, "preload-dispvm-threshold") && qid == 0 && !all_digits(value))
        return fault_set(d->why, ERR_VALUE, "preload-dispvm-threshold is a number of MiB or empty");
    return 0;
}

static bool is_persistent_path(struct span value)
{
    struct span rest, type = span_split(value, ':', &rest), mode;
    uint64_t number;
    char text[8], *end;
    if (value.len > 0 && value.at[0] == '/')
        return true;
    if (!span_is(type, "file") && !span_is(type, "dir"))
        return false;
    span_split(rest, ':', &rest); /* owner */
    span_split(rest, ':', &rest); /* group */
    mode = span_split(rest, ':', &rest);
    if (mode.len == 0 || !all_digits(mode) || text_copy(text, sizeof text, mode) < 0)
        return false;
    number = strtoul(text, &end, 8);
    return *end == '\0' && number <= 07777 && rest.len > 0 && rest.at[0] == '/';
}

/* Those that are refused only after the early event was told. */
static int check_late(struct doing *d, struct span name, struct span value)
{
    struct span config = after(name, "vm-config."), persist = after(name, "custom-persist.");
    if (config.at != NULL &&
        (config.len == 0 || config.len > 52 || !((config.at[0] | 32) >= 'a' && (config.at[0] | 32) <= 'z')))
        return fault_set(d->why, ERR_VALUE,
                         "the name after vm-config. starts with a letter and has at most 52 characters");
    if (persist.at != NULL && (persist.len == 0 || persist.len > 54))
        return fault_set(d->why, ERR_VALUE, "the name after custom-persist. has 1 to 54 characters");
    if (persist.at != NULL && !is_persistent_path(value))
        return fault_set(d->why, ERR_VALUE, "custom-persist takes /path or file|dir:owner:group:mode:/path");
    return 0;
}

static void fire(struct doing *d, const char *prefix, uint32_t qid, struct span name,
                 const struct span *value, const struct span *old)
{
    struct plan_pair pair[3] = {{"feature", name}};
    unsigned n = 1;
    if (value != NULL)
        pair[n++] = (struct plan_pair){"value", *value};
    if (old != NULL)
        pair[n++] = (struct plan_pair){"oldvalue", *old};
    plan_event(d->p, qid, prefix, name, n, pair);
}

/* meminfo-writer is an old spelling of a maxmem: it is carried over and deletes itself. */
static int move_meminfo_writer(struct doing *d, uint32_t qid, struct span name, struct span value)
{
    int r = value.len > 0 ? do_property_reset(d, qid, PROPERTY_maxmem)
                          : do_property_set(d, qid, PROPERTY_maxmem, SPAN_LITERAL("0"));
    return r < 0 ? r : do_feature_remove(d, qid, name);
}

static bool on_default(const struct doing *d, const struct vm *vm, enum property p)
{
    return property_applies(p, vm->class) && property_stored(&d->k, vm->qid, p).at == NULL;
}

static void bootmode_changed(struct doing *d, uint32_t qid)
{
    const struct vm *self = ask_vm(&d->k, qid);
    if (on_default(d, self, PROPERTY_appvm_default_bootmode))
        fire_computed(d, qid, PROPERTY_appvm_default_bootmode);
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i), *template = ask_template(&d->k, vm->qid);
        if (template != NULL && template->qid == qid && on_default(d, vm, PROPERTY_bootmode))
            fire_computed(d, vm->qid, PROPERTY_bootmode);
    }
}

/* Whom a maximum is about: dom0's is about the default. NULL: about nobody, or another one counts. */
static const struct vm *preload_governed(const struct doing *d, uint32_t qid)
{
    const struct vm *dispvm = property_vm(&d->k, QID_GLOBAL, PROPERTY_app_default_dispvm);
    struct span value;
    if (qid == 0)
        return dispvm;
    bool global = dispvm != NULL && dispvm->qid == qid &&
                  ask_feature(&d->k, 0, CHAIN_OWN, SPAN_LITERAL("preload-dispvm-max"), &value) == 1;
    return global ? NULL : ask_vm(&d->k, qid);
}

static int preload_max_changed(struct doing *d, uint32_t qid, bool gone)
{
    const struct vm *vm = preload_governed(d, qid);
    if (vm == NULL)
        return 0;
    if (gone && qid != 0)
        return do_preload_empty(d, vm->qid);
    preload_start_later(d, vm->qid, "preload-dispvm-max has changed");
    return 0;
}

static int consequences(struct doing *d, uint32_t qid, struct span name, struct span value,
                        const struct span *old)
{
    const struct vm *vm = ask_vm(&d->k, qid);
    if (!vm_is_local(vm))
        return 0;
    if (span_is(name, "service.meminfo-writer"))
        return move_meminfo_writer(d, qid, name, value);
    if (span_is(name, "preload-dispvm-max") && (old == NULL || !span_equal(*old, value)))
        return preload_max_changed(d, qid, false);
    if (span_is(name, "boot-mode.active") && (old == NULL || !span_equal(*old, value)) &&
        on_default(d, vm, PROPERTY_bootmode))
        fire_computed(d, qid, PROPERTY_bootmode);
    if (span_is(name, "boot-mode.appvm-default") && vm->class == CLASS_TemplateVM)
        bootmode_changed(d, qid);
    return 0;
}

int do_feature_set(struct doing *d, uint32_t qid, struct span name, struct span value)
{
    struct span old;
    const struct span *had = NULL;
    if (known_item(&d->k, CHANGE_FEATURE, qid, name, &old)) {
        old = plan_keep(d->p, old);
        had = &old;
    }
    fire(d, "domain-feature-pre-set:", qid, name, &value, had);
    bool local = vm_is_local(ask_vm(&d->k, qid)); /* on another host, names mean what they mean there */
    int r = local ? check_service(d, name) : 0;
    if (r >= 0 && local)
        r = check_preload(d, qid, name, value);
    if (r >= 0 && local)
        r = check_late(d, name, value);
    if (r < 0)
        return r;
    plan_change(d->p, CHANGE_FEATURE, qid, name, value);
    r = consequences(d, qid, name, value, had);
    if (r >= 0)
        fire(d, "domain-feature-set:", qid, name, &value, had);
    return r;
}

int do_feature_remove(struct doing *d, uint32_t qid, struct span name)
{
    struct span old;
    fire(d, "domain-feature-pre-delete:", qid, name, NULL, NULL);
    if (!known_item(&d->k, CHANGE_FEATURE, qid, name, &old))
        return fault_set(d->why, ERR_FEATURE_NOT_FOUND, "%s has no feature %.*s", vm_name(ask_vm(&d->k, qid)),
                         name.len > 200 ? 200 : (int)name.len, name.at);
    plan_gone(d->p, CHANGE_FEATURE, qid, name);
    if (span_is(name, "preload-dispvm-max")) {
        int r = preload_max_changed(d, qid, true);
        if (r < 0)
            return r;
    }
    fire(d, "domain-feature-delete:", qid, name, NULL, NULL);
    return 0;
}

static int check_permitted(struct doing *d, uint32_t qid, struct span name)
{
    static const char *const own[] = {"deferred-netvm-original", "preload-dispvm", "preload-dispvm-completed",
                                      "preload-dispvm-in-progress"};
    for (size_t i = 0; i < COUNT(own); i++)
        if (span_is(name, own[i]))
            return fault_set(d->why, ERR_PERMISSION, "feature %s is kept by the system itself", own[i]);
    if (ask_vm(&d->k, qid) == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    return 0;
}

int plan_feature_set(const struct known *k, uint32_t actor, uint32_t qid, struct span name, struct span value,
                     struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    int r = feature_name_check(name, why);
    if (r >= 0)
        r = feature_value_check(name, value, why);
    if (r >= 0)
        r = check_permitted(&d, qid, name);
    return doing_end(&d, r < 0 ? r : do_feature_set(&d, qid, name, value));
}

int plan_feature_remove(const struct known *k, uint32_t actor, uint32_t qid, struct span name, struct plan *p,
                        struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    int r = check_permitted(&d, qid, name);
    return doing_end(&d, r < 0 ? r : do_feature_remove(&d, qid, name));
}

int do_root_imported(struct doing *d, uint32_t qid)
{
    const struct vm *vm = ask_vm(&d->k, qid);
    struct span mode, options;
    if (vm == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    if (vm->class != CLASS_StandaloneVM ||
        !known_item(&d->k, CHANGE_FEATURE, qid, SPAN_LITERAL("boot-mode.standalone-default"), &mode))
        return 0;
    struct span key = plan_format(d->p, "boot-mode.kernelopts.%.*s", (int)mode.len, mode.at);
    if (!span_is(mode, "default") && !known_item(&d->k, CHANGE_FEATURE, qid, key, &options))
        return 0;
    return do_feature_set(d, qid, SPAN_LITERAL("boot-mode.active"), plan_keep(d->p, mode));
}

int plan_root_imported(const struct known *k, uint32_t qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    return doing_end(&d, do_root_imported(&d, qid));
}
