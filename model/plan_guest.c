/* SPDX-License-Identifier: MIT
 * Feature requests of guests, and what their updates mean. Who tells whom in which order is that of the
 * reference: its synchronous handlers (supported-..., os) before the event, the others after it. */
#include "model/plan_guest.h"

#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"
#include "model/plan_guest_inside.h"
#include "model/plan_inside.h"
#include "model/plan_storage_inside.h"

int guest_line_next(struct span *lines, struct span *key, struct span *value)
{
    struct span line;
    if (lines->len == 0)
        return 0;
    line = span_split(*lines, '\n', lines);
    *key = span_split(line, '=', value);
    if (value->at == NULL)
        *value = SPAN_LITERAL("");
    return 1;
}

bool word_find(struct span lines, const char *name, struct span *value)
{
    struct span key;
    while (guest_line_next(&lines, &key, value))
        if (span_is(key, name))
            return true;
    return false;
}

bool word_is(struct span lines, struct span name, const char *wanted)
{
    struct span key, value;
    while (guest_line_next(&lines, &key, &value))
        if (span_equal(key, name) && span_is(value, wanted))
            return true;
    return false;
}

bool has_feature(const struct doing *d, uint32_t qid, struct span name, struct span *value)
{
    return known_item(&d->k, CHANGE_FEATURE, qid, name, value);
}

static int set(struct doing *d, uint32_t qid, const char *name, const char *value)
{
    return do_feature_set(d, qid, span_of(name), span_of(value));
}

/* ---- supported-service.*, supported-feature.*, supported-rpc.* ---- */

static bool is_name(struct span key)
{
    struct fault ignored;
    return feature_name_check(key, &ignored) == 0;
}

static int support(struct doing *d, uint32_t qid, struct span name)
{
    struct span value;
    if (has_feature(d, qid, name, &value) && value.len > 0)
        return 0;
    int r = do_feature_set(d, qid, name, SPAN_LITERAL("1"));
    if (r >= 0 && span_is(name, "supported-service.apparmor") &&
        !has_feature(d, qid, SPAN_LITERAL("apparmor"), &value))
        r = set(d, qid, "apparmor", "1");
    return r;
}

static int withdraw(struct doing *d, uint32_t qid, struct span name)
{
    struct span value;
    int r = do_feature_remove(d, qid, name);
    if (r >= 0 && span_is(name, "supported-service.apparmor") &&
        has_feature(d, qid, SPAN_LITERAL("apparmor"), &value) && span_is(value, "1"))
        r = do_feature_remove(d, qid, SPAN_LITERAL("apparmor"));
    return r;
}

/* What is said to be supported replaces what was said before; to say nothing changes nothing. */
static int take_supported(struct doing *d, uint32_t qid, struct span lines, const char *prefix)
{
    struct span rest = lines, key, value;
    bool any = false;
    int r = 0;
    while (r >= 0 && guest_line_next(&rest, &key, &value)) {
        if (!span_starts(key, prefix) || !span_is(value, "1") || !is_name(key))
            continue;
        any = true;
        r = support(d, qid, key);
    }
    const struct item *item = any ? model_items(d->k.model, qid, CHANGE_FEATURE) : NULL;
    for (; r >= 0 && item != NULL; item = item->next) {
        struct span name = {item->key, item->key_len};
        if (span_starts(name, prefix) && item->value_len > 0 && !word_is(lines, name, "1"))
            r = withdraw(d, qid, name);
    }
    return r;
}

/* ---- os ---- */

static int set_unless_inherited(struct doing *d, uint32_t qid, const char *name, const char *value)
{
    struct span found;
    if (ask_feature(&d->k, qid, CHAIN_TEMPLATE, span_of(name), &found))
        return 0;
    return set(d, qid, name, value);
}

static int take_windows(struct doing *d, uint32_t qid)
{
    int r = set(d, qid, "rpc-clipboard", "1");
    if (r >= 0)
        r = do_property_set(d, qid, PROPERTY_maxmem, SPAN_LITERAL("0"));
    if (r >= 0)
        r = do_property_set(d, qid, PROPERTY_qrexec_timeout, SPAN_LITERAL("6000"));
    static const char *const wanted[][2] = {{"stubdom-qrexec", "1"},
                                            {"audio-model", "ich6"},
                                            {"timezone", "localtime"},
                                            {"no-monitor-layout", "1"}};
    for (size_t i = 0; r >= 0 && i < COUNT(wanted); i++)
        r = set_unless_inherited(d, qid, wanted[i][0], wanted[i][1]);
    return r;
}

static int take_os(struct doing *d, uint32_t qid, struct span lines)
{
    struct span os;
    if (!word_find(lines, "os", &os) || (!span_is(os, "Windows") && !span_is(os, "Linux")))
        return 0;
    int r = do_feature_set(d, qid, SPAN_LITERAL("os"), os);
    if (r >= 0 && span_is(os, "Windows") && word_is(lines, SPAN_LITERAL("qrexec"), "1"))
        r = take_windows(d, qid);
    return r;
}

/* ---- all of it ---- */

/* As the reference shows a dictionary of texts: {'qrexec': '1', 'gui': ''}. */
static void tell_request(struct doing *d, uint32_t qid, struct span lines)
{
    AUTO_TEXT all = TEXT_WITH_LIMIT((size_t)2 * GUEST_WORDS_BYTES);
    struct span key, value;
    text_byte(&all, '{');
    while (guest_line_next(&lines, &key, &value))
        text_format(&all, "%s'%.*s': '%.*s'", all.len > 1 ? ", " : "", (int)key.len, key.at, (int)value.len,
                    value.at);
    text_byte(&all, '}');
    if (all.failed < 0)
        d->p->failed = all.failed;
    struct plan_pair pair = {"untrusted_features", text_span(&all)};
    plan_event(d->p, qid, "features-request", SPAN_LITERAL(""), 1, &pair);
}

static int request(struct doing *d, uint32_t qid, struct span lines)
{
    const struct vm *vm = ask_vm(&d->k, qid);
    if (vm == NULL || !vm_is_qubes(vm))
        return fault_set(d->why, ERR_VM_NOT_FOUND, "no VM with qid %u has a guest", (unsigned)qid);
    bool heeded = !class_has_template(vm_class(vm));
    int r = take_supported(d, qid, lines, "supported-rpc.");
    if (r >= 0 && heeded)
        r = take_supported(d, qid, lines, "supported-service.");
    if (r >= 0 && heeded)
        r = take_supported(d, qid, lines, "supported-feature.");
    if (r >= 0 && heeded)
        r = take_os(d, qid, lines);
    if (r < 0)
        return r;
    tell_request(d, qid, lines);
    return heeded ? take_agent_words(d, qid, lines) : 0;
}

int plan_features_request(const struct known *k, uint32_t qid, struct span lines, struct plan *p,
                          struct fault *why)
{
    struct doing d = doing_begin(k, qid, p, why);
    return doing_end(&d, request(&d, qid, lines));
}

/* ---- updates ---- */

static int set_updates(struct doing *d, uint32_t qid, bool some)
{
    char now[WORLD_TIME];
    struct span flag;
    int r = 0;
    if (world_local_time(d->k.world, now) < 0)
        return fault_set(d->why, ERR_STATE, "there is no clock to say when updates were looked for");
    bool was = has_feature(d, qid, SPAN_LITERAL("updates-available"), &flag) && flag.len > 0;
    if (was && !some)
        r = set(d, qid, "last-update", now);
    if (r >= 0)
        r = set(d, qid, "updates-available", some ? "1" : "");
    return r < 0 ? r : set(d, qid, "last-updates-check", now);
}

/* Its pools say whether what it runs on is older than its template: then it is not believed (registry). */
static int look_whether_outdated(struct doing *d, uint32_t qid)
{
    const struct item *at = model_items(d->k.model, qid, CHANGE_VOLUME);
    struct plan_job *job;
    int r = 0;
    for (; at != NULL && r >= 0 && !world_is_halted(d->k.world, qid); at = at->next) {
        if (!storage_is((struct span){at->value, at->value_len}, "snap_on_start"))
            continue;
        r = storage_volume_job(d, "look", qid, (struct span){at->key, at->key_len}, &job);
        if (r >= 0)
            job->qid = QID_GLOBAL; /* its life goes on meanwhile */
    }
    return r;
}

/* A VM that cannot be updated itself speaks of the nearest template that can. That one is believed only
 * when it rests (else it says so itself), and only that there are updates. */
static int notice(struct doing *d, uint32_t qid, struct span count)
{
    const struct vm *vm = ask_vm(&d->k, qid);
    bool some = false;
    for (size_t i = 0; i < count.len; i++)
        some = some || count.at[i] != '0';
    if (vm == NULL || (!vm_is_qubes(vm) && vm_class(vm) != CLASS_AdminVM))
        return fault_set(d->why, ERR_VM_NOT_FOUND, "no VM with qid %u has a guest", (unsigned)qid);
    if (property_true(&d->k, qid, PROPERTY_updateable))
        return set_updates(d, qid, some);
    do
        vm = ask_template(&d->k, vm_qid(vm));
    while (vm != NULL && !property_true(&d->k, vm_qid(vm), PROPERTY_updateable));
    if (vm == NULL || !some || world_is_running(d->k.world, vm_qid(vm)))
        return 0;
    int r = look_whether_outdated(d, qid);
    return r < 0 ? r : set_updates(d, vm_qid(vm), true);
}

int plan_updates_notice(const struct known *k, uint32_t qid, struct span count, struct plan *p,
                        struct fault *why)
{
    struct doing d = doing_begin(k, qid, p, why);
    return doing_end(&d, notice(&d, qid, count));
}

int plan_qdb_change(const struct known *k, uint32_t qid, struct span watch, struct span path, struct plan *p,
                    struct fault *why)
{
    struct doing d = doing_begin(k, qid, p, why);
    struct plan_pair pair = {"path", path};
    plan_event(p, qid, "domain-qdb-change:", watch, 1, &pair);
    return doing_end(&d, 0);
}
