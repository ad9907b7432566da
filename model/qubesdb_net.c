/* SPDX-License-Identifier: MIT
 * What a netvm's QubesDB holds of its clients; see model/qubesdb.h. Spec: net 5.5, 6.3. */
#include "model/qubesdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/firewall.h"
#include "model/qubesdb_inside.h"

enum { PATH_SIZE = 64, LIST_BYTES = 3072, RULES_BYTES = 1 << 20 };

static struct span address(const struct known *k, uint32_t qid, enum property p, struct property_value *value)
{
    property_get(k, qid, p, value);
    return value->is_set && !value->is_none ? value->text : (struct span){NULL, 0};
}

/* ---- who is connected ---- */

static void put_addresses(struct writing *w, const char *path, enum property p)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(LIST_BYTES);
    for (size_t i = 0; i < model_vm_count(w->k->model); i++) {
        const struct vm *vm = model_vm_at(w->k->model, i), *net = ask_netvm(w->k, vm_qid(vm));
        struct property_value value;
        struct span at;
        if (net == NULL || vm_qid(net) != w->qid)
            continue;
        at = address(w->k, vm_qid(vm), p, &value);
        if (at.at != NULL && list.len + at.len + 1 <= LIST_BYTES)
            text_format(&list, "%s%.*s", list.len > 0 ? " " : "", (int)at.len, at.at);
    }
    put_text(w, path, text_span(&list));
}

static void put_connected(struct writing *w)
{
    put_addresses(w, "/connected-ips", PROPERTY_visible_ip);
    put_addresses(w, "/connected-ips6", PROPERTY_visible_ip6);
}

int qubesdb_connected(const struct known *k, uint32_t qid, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    put_connected(&w);
    return w.r;
}

/* ---- one client ---- */

static void put_mapped_as(struct writing *w, struct span ip, const char *name, uint32_t client,
                          enum property p)
{
    char path[PATH_SIZE];
    struct property_value value;
    struct span at = address(w->k, client, p, &value);
    if (snprintf(path, sizeof path, "/mapped-ip/%.*s/%s", (int)ip.len, ip.at, name) >= (int)sizeof path)
        return;
    if (at.at != NULL)
        put_text(w, path, at);
    else
        put_gone(w, path);
}

static void put_mapped(struct writing *w, uint32_t client)
{
    struct property_value value;
    struct span ip = address(w->k, client, PROPERTY_ip, &value);
    if (ip.at == NULL)
        return;
    put_mapped_as(w, ip, "visible-ip", client, PROPERTY_visible_ip);
    put_mapped_as(w, ip, "visible-gateway", client, PROPERTY_visible_gateway);
}

/* ---- its firewall ---- */

struct rules {
    struct writing *w;
    char base[PATH_SIZE];
};

static int put_rule(void *arg, const char *key, const char *value)
{
    struct rules *rules = arg;
    char path[2 * PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", rules->base, key);
    put_text(rules->w, path, span_of(value));
    return rules->w->r;
}

/* What the guest waits for comes last: the key without a slash. */
static void put_family(struct writing *w, struct span list, uint32_t client, enum property p, char family)
{
    struct rules rules = {.w = w};
    struct property_value value;
    char path[2 * PATH_SIZE];
    struct span at = address(w->k, client, p, &value);
    if (at.at == NULL || at.len > PATH_SIZE - 32)
        return;
    snprintf(rules.base, sizeof rules.base, "/qubes-firewall/%.*s", (int)at.len, at.at);
    snprintf(path, sizeof path, "%s/", rules.base);
    put_gone(w, path);
    snprintf(path, sizeof path, "%s/policy", rules.base);
    put_text(w, path, SPAN_LITERAL("drop"));
    int r = firewall_list_qubesdb(list, family, put_rule, &rules);
    w->r = w->r < 0 ? w->r : r < 0 ? r : 0;
    put_text(w, rules.base, SPAN_LITERAL(""));
}

static void put_firewall(struct writing *w, uint32_t client)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(RULES_BYTES);
    firewall_known(w->k, client, &list);
    if (list.failed < 0)
        w->r = list.failed;
    put_family(w, text_span(&list), client, PROPERTY_ip, '4');
    put_family(w, text_span(&list), client, PROPERTY_ip6, '6');
}

int qubesdb_firewall(const struct known *k, uint32_t client, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = client, .to = to};
    put_firewall(&w, client);
    return w.r;
}

int qubesdb_client(const struct known *k, uint32_t qid, uint32_t client, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    put_connected(&w);
    put_mapped(&w, client);
    put_firewall(&w, client);
    return w.r;
}

int qubesdb_provider(const struct known *k, uint32_t qid, const struct qubesdb_sink *to)
{
    struct writing w = {.k = k, .qid = qid, .to = to};
    if (!property_true(k, qid, PROPERTY_provides_network))
        return 0;
    put_connected(&w);
    for (size_t i = 0; w.r >= 0 && i < model_vm_count(k->model); i++) {
        const struct vm *vm = model_vm_at(k->model, i), *net = ask_netvm(k, vm_qid(vm));
        if (net == NULL || vm_qid(net) != qid || !world_is_running(k->world, vm_qid(vm)))
            continue;
        put_mapped(&w, vm_qid(vm));
        put_firewall(&w, vm_qid(vm));
    }
    return w.r;
}
