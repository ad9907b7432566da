/* SPDX-License-Identifier: MIT
 * What is known of preloaded disposables; see model/preload.h. */
#include "model/preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"

enum { MAX_MOST = 10000, DELAY_DEFAULT_MS = 3000, DELAY_MOST_S = 86400 };

static bool offers_itself(const struct known *k, const struct vm *vm)
{
    return vm != NULL && property_applies(PROPERTY_template_for_dispvms, vm->class) &&
           property_true(k, vm->qid, PROPERTY_template_for_dispvms);
}

uint32_t preload_max(const struct known *k, uint32_t qid)
{
    struct span key = SPAN_LITERAL("preload-dispvm-max"), value;
    const struct vm *vm = ask_vm(k, qid);
    uint64_t max;
    if (!offers_itself(k, vm))
        return 0;
    bool global = property_vm(k, QID_GLOBAL, PROPERTY_app_default_dispvm) == vm &&
                  ask_feature(k, 0, CHAIN_OWN, key, &value) == 1;
    if (!global && ask_feature(k, qid, CHAIN_OWN, key, &value) != 1)
        return 0;
    return text_number(value, 0, MAX_MOST, &max) == 0 ? (uint32_t)max : 0;
}

struct span preload_list(const struct known *k, uint32_t qid)
{
    struct span list;
    return ask_feature(k, qid, CHAIN_OWN, SPAN_LITERAL("preload-dispvm"), &list) == 1 ? list
                                                                                      : SPAN_LITERAL("");
}

size_t preload_count(struct span list)
{
    size_t count = 0;
    while (list.len > 0)
        count += span_split(list, ' ', &list).len > 0;
    return count;
}

bool preload_has(struct span list, struct span name)
{
    while (list.len > 0)
        if (span_equal(span_split(list, ' ', &list), name))
            return true;
    return false;
}

bool preload_is_supported(const struct known *k, uint32_t qid)
{
    return ask_feature_true(k, qid, CHAIN_TEMPLATE, "qrexec") &&
           ask_feature_true(k, qid, CHAIN_TEMPLATE, "supported-rpc.qubes.WaitForRunningSystem") &&
           ask_feature_true(k, qid, CHAIN_TEMPLATE, "supported-rpc.qubes.WaitForSession");
}

int64_t preload_delay(const struct known *k, uint32_t qid)
{
    struct span value;
    char text[64];
    if (ask_feature(k, qid, CHAIN_ADMINVM, SPAN_LITERAL("preload-dispvm-delay"), &value) != 1)
        return DELAY_DEFAULT_MS;
    if (text_copy(text, sizeof text, value) < 0)
        return DELAY_DEFAULT_MS;
    double seconds = strtod(text, NULL); /* an empty one is 0 */
    if (!(seconds > -DELAY_MOST_S))
        return -(int64_t)DELAY_MOST_S * 1000;
    return seconds < DELAY_MOST_S ? (int64_t)(seconds * 1000) : (int64_t)DELAY_MOST_S * 1000;
}

/* What may differ between a disposable and its template. */
static bool is_its_own(enum property p)
{
    static const enum property own[] = {
        PROPERTY_autostart,
        PROPERTY_backup_timestamp,
        PROPERTY_default_dispvm,
        PROPERTY_dispid,
        PROPERTY_gateway,
        PROPERTY_gateway6,
        PROPERTY_icon,
        PROPERTY_include_in_backups,
        PROPERTY_installed_by_rpm,
        PROPERTY_ip,
        PROPERTY_ip6,
        PROPERTY_klass,
        PROPERTY_name,
        PROPERTY_qid,
        PROPERTY_start_time,
        PROPERTY_stubdom_uuid,
        PROPERTY_stubdom_xid,
        PROPERTY_template,
        PROPERTY_template_for_dispvms,
        PROPERTY_updateable,
        PROPERTY_uuid,
        PROPERTY_visible_gateway,
        PROPERTY_visible_gateway6,
        PROPERTY_visible_ip,
        PROPERTY_visible_ip6,
        PROPERTY_xid,
    };
    for (size_t i = 0; i < COUNT(own); i++)
        if (own[i] == p)
            return true;
    return false;
}

bool preload_property_matters(enum property p)
{
    return property_applies(p, CLASS_DispVM) && !is_its_own(p);
}

static struct span size_of(const struct known *k, uint32_t qid)
{
    const struct item *volume = model_item(k->model, qid, CHANGE_VOLUME, SPAN_LITERAL("private"));
    struct span size = {NULL, 0};
    if (volume != NULL)
        (void)ask_attribute((struct span){volume->value, volume->value_len}, "size", &size);
    return size;
}

bool preload_is_outdated(const struct known *k, uint32_t qid)
{
    const struct vm *vm = ask_vm(k, qid), *template = ask_template(k, qid);
    struct property_value here, there;
    if (template == NULL)
        return true;
    for (unsigned i = 0; i < PROPERTIES; i++) {
        enum property p = (enum property)i;
        if (!preload_property_matters(p) || !property_applies(p, template->class))
            continue;
        property_get(k, vm->qid, p, &here);
        property_get(k, template->qid, p, &there);
        if (here.is_none != there.is_none || !span_equal(here.text, there.text))
            return true;
    }
    return !span_equal(size_of(k, qid), size_of(k, template->qid));
}

bool preload_is_complete(const struct known *k, uint32_t qid)
{
    return ask_feature_true(k, qid, CHAIN_OWN, "preload-dispvm-completed") &&
           !ask_feature_true(k, qid, CHAIN_OWN, "preload-dispvm-in-progress");
}
