/* SPDX-License-Identifier: MIT
 * The entries of a VM's own QubesDB; see model/qubesdb.h. Spec: net 6.1, 6.2. */
#include "model/qubesdb.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/qubesdb_inside.h"

/* ---- what both files use ---- */

void put_text(struct writing *w, const char *path, struct span value)
{
    if (w->r >= 0)
        w->r = w->to->put(w->to->arg, path, value.at != NULL ? value : SPAN_LITERAL(""));
}

void put_gone(struct writing *w, const char *path)
{
    if (w->r >= 0)
        w->r = w->to->put(w->to->arg, path, (struct span){NULL, 0});
}

void put_property(struct writing *w, const char *path, uint32_t qid, enum property p)
{
    struct property_value value;
    property_get(w->k, qid, p, &value);
    put_text(w, path, value.is_none || !value.is_set ? SPAN_LITERAL("None") : value.text);
}

static void put_flag(struct writing *w, const char *path, bool on)
{
    put_text(w, path, on ? SPAN_LITERAL("1") : SPAN_LITERAL("0"));
}

static bool is_there(struct writing *w, enum property p)
{
    struct property_value value;
    property_get(w->k, w->qid, p, &value);
    return value.is_set && !value.is_none;
}

/* ---- identity and network ---- */

static void put_identity(struct writing *w, const struct qubesdb_moment *moment)
{
    const struct vm *vm = ask_vm(w->k, w->qid), *template = ask_template(w->k, w->qid);
    bool updateable = property_true(w->k, w->qid, PROPERTY_updateable);
    char seed[(QUBESDB_SEED + 2) / 3 * 4 + 1];
    base64(moment->seed, QUBESDB_SEED, BASE64_PADDED, seed);
    put_text(w, "/name", span_of(vm_name(vm)));
    put_text(w, "/type", span_of(class_name(vm_class(vm))));
    put_text(w, "/default-user", span_of(moment->default_user));
    put_text(w, "/qubes-vm-updateable", updateable ? SPAN_LITERAL("True") : SPAN_LITERAL("False"));
    put_text(w, "/qubes-vm-persistence",
             span_of(vm_class(vm) == CLASS_DispVM ? "none"
                     : updateable                 ? "full"
                                                  : "rw-only"));
    put_flag(w, "/qubes-debug-mode", property_true(w->k, w->qid, PROPERTY_debug));
    put_text(w, "/qubes-base-template", template != NULL ? span_of(vm_name(template)) : SPAN_LITERAL(""));
    put_text(w, "/qubes-random-seed", span_of(seed));
}

static void put_dns(struct writing *w, const char *first, const char *second)
{
    struct property_value dns;
    struct span rest, one;
    property_get(w->k, w->qid, PROPERTY_dns, &dns);
    one = span_split(dns.text, ' ', &rest);
    put_text(w, first, one.len > 0 ? one : SPAN_LITERAL("None"));
    put_text(w, second, rest.len > 0 ? rest : SPAN_LITERAL("None"));
}

static void put_as_provider(struct writing *w)
{
    if (!property_true(w->k, w->qid, PROPERTY_provides_network))
        return;
    put_property(w, "/qubes-netvm-network", w->qid, PROPERTY_gateway);
    put_property(w, "/qubes-netvm-gateway", w->qid, PROPERTY_gateway);
    if (is_there(w, PROPERTY_gateway6))
        put_property(w, "/qubes-netvm-gateway6", w->qid, PROPERTY_gateway6);
    put_text(w, "/qubes-netvm-netmask", SPAN_LITERAL("255.255.255.255"));
    put_dns(w, "/qubes-netvm-primary-dns", "/qubes-netvm-secondary-dns");
}

static void put_as_client(struct writing *w)
{
    if (ask_netvm(w->k, w->qid) == NULL)
        return;
    put_property(w, "/qubes-mac", w->qid, PROPERTY_mac);
    put_property(w, "/qubes-ip", w->qid, PROPERTY_visible_ip);
    put_property(w, "/qubes-netmask", w->qid, PROPERTY_visible_netmask);
    put_property(w, "/qubes-gateway", w->qid, PROPERTY_visible_gateway);
    put_dns(w, "/qubes-primary-dns", "/qubes-secondary-dns");
    if (is_there(w, PROPERTY_visible_ip6))
        put_property(w, "/qubes-ip6", w->qid, PROPERTY_visible_ip6);
    if (is_there(w, PROPERTY_visible_gateway6))
        put_property(w, "/qubes-gateway6", w->qid, PROPERTY_visible_gateway6);
}

static void put_place(struct writing *w, const struct qubesdb_moment *moment)
{
    if (moment->timezone[0] != '\0' && !ask_feature_true(w->k, w->qid, CHAIN_TEMPLATE, "anon-timezone"))
        put_text(w, "/qubes-timezone", span_of(moment->timezone));
    else
        put_gone(w, "/qubes-timezone");
    put_text(w, "/qubes-block-devices", SPAN_LITERAL(""));
    put_text(w, "/qubes-usb-devices", SPAN_LITERAL(""));
}

/* ---- features ---- */

/* Features that a guest is told of by their names: prefix, folder, whether only their truth is told. */
static const struct {
    const char *feature, *path;
    bool truth;
} folders[] = {
    {"service.", "/qubes-service/", true},
    {"vm-config.", "/vm-config/", false},
    {"custom-persist.", "/persist/", false},
};

/* The whole features with a service of another name. */
static const struct {
    const char *feature, *path;
} services[] = {
    {"service.ntpd", "/qubes-service/ntpd"},
    {"check-updates", "/qubes-service/qubes-update-check"},
    {"dvm", "/qubes-service/qubes-dvm"},
    {"updates-proxy-setup", "/qubes-service/yum-proxy-setup"},
};

enum { PATH_SIZE = 64, SERVICE_NAME_MOST = 48 };

static void put_feature(struct writing *w, struct span feature, struct span value)
{
    char path[PATH_SIZE];
    for (size_t i = 0; i < COUNT(folders); i++) {
        size_t len = strlen(folders[i].feature), room = PATH_SIZE - 1 - strlen(folders[i].path);
        if (!span_starts(feature, folders[i].feature) || feature.len == len || feature.len - len > room ||
            (folders[i].truth && feature.len - len > SERVICE_NAME_MOST))
            continue;
        snprintf(path, sizeof path, "%s%.*s", folders[i].path, (int)(feature.len - len), feature.at + len);
        if (value.at == NULL)
            put_gone(w, path);
        else if (folders[i].truth)
            put_flag(w, path, value.len > 0);
        else
            put_text(w, path, value);
    }
}

static void put_features(struct writing *w)
{
    for (size_t i = 0; i < COUNT(services); i++) {
        const struct item *at = model_item(w->k->model, w->qid, CHANGE_FEATURE, span_of(services[i].feature));
        if (at != NULL)
            put_flag(w, services[i].path, at->value_len > 0);
    }
    for (const struct item *at = model_items(w->k->model, w->qid, CHANGE_FEATURE); at != NULL;
         at = at->next) {
        struct span feature = {at->key, at->key_len}, value = {at->value, at->value_len};
        put_feature(w, feature, value);
        put_app_dispvm(w, feature, value);
    }
    put_flag(w, "/qubes-service/meminfo-writer", w->balanced);
}

int qubesdb_feature(struct span feature, struct span value, const struct qubesdb_sink *to)
{
    struct writing w = {.to = to};
    if (!span_is(feature, "service.meminfo-writer") || value.at != NULL)
        put_feature(&w, feature, value);
    put_app_dispvm(&w, feature, value);
    return w.r;
}

/* ---- all of it ---- */

static const char *kind_of(struct writing *w)
{
    bool provides = property_true(w->k, w->qid, PROPERTY_provides_network);
    if (vm_class(ask_vm(w->k, w->qid)) == CLASS_TemplateVM)
        return "TemplateVM";
    if (provides)
        return ask_netvm(w->k, w->qid) != NULL ? "ProxyVM" : "NetVM";
    return "AppVM";
}

static void put_lively(struct writing *w)
{
    struct property_value maxmem;
    uint64_t most;
    property_get(w->k, w->qid, PROPERTY_maxmem, &maxmem);
    w->balanced = text_number(maxmem.text, 1, INT32_MAX, &most) == 0;
    put_legacy(w);
    put_features(w);
    put_screen(w);
    put_remotes(w);
}

int qubesdb_anew(const struct known *k, uint32_t qid, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    put_lively(&w);
    return w.r;
}

int qubesdb_own(const struct known *k, uint32_t qid, const struct qubesdb_moment *moment,
                const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    put_identity(&w, moment);
    put_as_provider(&w);
    put_as_client(&w);
    put_place(&w, moment);
    put_text(&w, "/qubes-vm-type", span_of(kind_of(&w)));
    put_text(&w, "/qubes-iptables-error", SPAN_LITERAL(""));
    put_lively(&w);
    return w.r;
}
