/* SPDX-License-Identifier: MIT
 * What the QubesDB of a guest is to hold, said to that guest's process: all of it when it asks, and what a
 * change has changed. Nothing comes back. Spec: net 6. */
#include "model/qubesdb.h"

#include <string.h>

#include "actors/registry/registry.h"
#include "actors/registry/registry_view.h"
#include "base/log.h"
#include "doors/digest.h"
#include "model/ask.h"
#include "proto/registry_values.h"

enum { ENTRIES_BYTES = 4 << 20, PATH_MOST = 63, VALUE_MOST = 3072 };

/* Entries as they go into a message. */
struct gathering {
    struct wire_list list;
    struct text elements;
    struct fault *why;
};

static int gather(void *arg, const char *path, struct span value)
{
    struct gathering *g = arg;
    struct qdb_entry entry = {.gone = value.at == NULL, .value = value};
    if (strlen(path) > PATH_MOST || value.len > VALUE_MOST)
        return fault_set(g->why, ERR_VALUE, "%.80s is longer than QubesDB takes (paths of %d, values of %d)",
                         path, PATH_MOST, VALUE_MOST);
    if (value.at == NULL)
        entry.value = SPAN_LITERAL("");
    (void)text_copy(entry.path, sizeof entry.path, span_of(path));
    qdb_entry_add(&g->list, &g->elements, &entry);
    return g->elements.failed;
}

static int own_entries(struct registry *r, uint32_t qid, const struct qubesdb_sink *to)
{
    unsigned char seed[QUBESDB_SEED];
    struct daemons_reply d;
    for (size_t i = 0; i < sizeof seed; i += sizeof(uint32_t)) {
        uint32_t bits = r->world.random != NULL ? r->world.random(r->world.arg) : 0;
        memcpy(seed + i, &bits, sizeof bits);
    }
    (void)view_user(r, qid, d.user, sizeof d.user);
    struct qubesdb_moment moment = {.seed = seed, .default_user = d.user, .timezone = r->timezone};
    int e = qubesdb_own(&r->known, qid, &moment, to);
    return e < 0 ? e : qubesdb_provider(&r->known, qid, to);
}

static int wanted(struct registry *r, uint32_t qid, const struct qdb_entries *m,
                  const struct qubesdb_sink *to, struct fault *why)
{
    const struct vm *client = model_vm(r->model, m->client);
    const struct vm *netvm = client != NULL ? ask_netvm(&r->known, m->client) : NULL;
    if (m->what == QDB_ALL)
        return own_entries(r, qid, to);
    if (m->what == QDB_LIVING) {
        int e = qubesdb_anew(&r->known, qid, to);
        return e < 0 ? e : qubesdb_provider(&r->known, qid, to);
    }
    if (netvm == NULL || vm_qid(netvm) != qid)
        return fault_set(why, ERR_REFUSED, "%u is no client of this VM's network", m->client);
    return qubesdb_client(&r->known, qid, m->client, to);
}

void qubesdb_asked(struct registry *r, struct out *out, const struct envelope *e, const struct qdb_entries *m)
{
    struct request request = request_of(e);
    struct fault why = {0};
    struct gathering g = {.elements = TEXT_WITH_LIMIT(ENTRIES_BYTES), .why = &why};
    struct qubesdb_sink to = {gather, &g, digest_sha256};
    const struct vm *vm = model_vm(r->model, e->subject_instance);
    int result = !r->loaded ? -ERR_BUSY
                 : vm == NULL || vm_generation(vm) != e->subject_generation
                     ? fault_set(&why, ERR_VM_NOT_FOUND, "No such domain: it is being removed")
                     : wanted(r, vm_qid(vm), m, &to, &why);
    if (result == 0 && m->what == QDB_ALL)
        sound_begins(r, out, vm);
    if (result < 0)
        reply_error(out, &request, result, why.code != ERR_NONE ? &why : NULL);
    else
        (void)REPLY(out, qdb_entries, &request, (&(struct qdb_entries_reply){.entries = g.list}));
    text_free(&g.elements);
}

/* ---- after a change ---- */

static bool lives(const struct registry *r, const struct vm *vm)
{
    return vm != NULL && vm_qid(vm) >= 1 && vm_qid(vm) <= QID_MAX && r->claims[vm_qid(vm)].living;
}

/* What has been gathered goes to the process of that VM's guest. */
static void push(struct out *out, const struct vm *vm, struct gathering *g, int result)
{
    struct context c = context_about_vm(vm_qid(vm), vm_generation(vm));
    struct guest_write m = {.entries = g->list};
    if (result < 0)
        log_line(LOG_WARN, "%s is not told of a change: %s", vm_name(vm), g->why->text);
    else if (g->list.count > 0)
        (void)EVENT(out, guest_write, ((struct address){KIND_GUEST, vm_qid(vm)}), &c, &m);
    text_free(&g->elements);
}

#define PUSH(out, vm, to, call)                                                                              \
    do {                                                                                                     \
        struct fault why_ = {0};                                                                             \
        struct gathering g_ = {.elements = TEXT_WITH_LIMIT(ENTRIES_BYTES), .why = &why_};                    \
        const struct qubesdb_sink to = {gather, &g_, digest_sha256};                                         \
        push(out, vm, &g_, (call));                                                                          \
    } while (0)

static void follow_feature(struct registry *r, struct out *out, const struct change *c)
{
    const struct vm *vm = c->qid <= QID_MAX ? model_vm(r->model, c->qid) : NULL;
    struct span none = {NULL, 0}, value = {c->value.at != NULL ? c->value.at : "", c->value.len};
    if (c->kind == CHANGE_FEATURE && lives(r, vm))
        PUSH(out, vm, to, qubesdb_feature(c->key, c->gone ? none : value, &to));
}

static struct span pair_of(const struct plan_event *e, const char *key)
{
    for (unsigned i = 0; i < e->pair_count; i++)
        if (strcmp(e->pair[i].key, key) == 0)
            return e->pair[i].value;
    return (struct span){NULL, 0};
}

/* Both netvms learn who is connected; what an interface needs besides is written when it is attached. */
static void follow_netvm(struct registry *r, struct out *out, const struct plan_event *e)
{
    struct span was = pair_of(e, "oldvalue");
    const struct vm *vm = model_vm(r->model, e->subject), *now = ask_netvm(&r->known, e->subject);
    const struct vm *old = was.at != NULL ? model_named(r->model, was) : NULL;
    if (lives(r, old) && old != now)
        PUSH(out, old, to, qubesdb_connected(&r->known, vm_qid(old), &to));
    if (lives(r, now) && vm != NULL)
        PUSH(out, now, to, qubesdb_connected(&r->known, vm_qid(now), &to));
    if (lives(r, now) && vm != NULL)
        PUSH(out, now, to, qubesdb_legacy(&r->known, vm_qid(now), &to));
}

/* A property is set or reset. */
static bool is_of(const struct plan_event *e, const char *property)
{
    struct span after;
    struct span what = span_split(e->name, ':', &after);
    return (span_is(what, "property-set") || span_is(what, "property-reset")) && span_is(after, property);
}

static void follow_relay(struct registry *r, struct out *out, const struct vm *remote)
{
    const struct vm *relay = property_vm(&r->known, vm_qid(remote), PROPERTY_relayvm);
    if (lives(r, relay))
        PUSH(out, relay, to, qubesdb_remote(&r->known, vm_qid(remote), &to));
}

static void follow_audiovm(struct registry *r, struct out *out, const struct plan_event *e,
                           const struct vm *vm)
{
    struct span was = pair_of(e, "oldvalue");
    PUSH(out, vm, to, qubesdb_audio(&r->known, vm_qid(vm), &to));
    sound_moves(r, out, vm, was.at != NULL ? model_named(r->model, was) : NULL);
}

static void follow_event(struct registry *r, struct out *out, const struct plan_event *e)
{
    const struct vm *vm = e->subject <= QID_MAX ? model_vm(r->model, e->subject) : NULL;
    const struct vm *netvm = vm != NULL ? ask_netvm(&r->known, e->subject) : NULL;
    if (vm == NULL)
        return;
    if (span_is(e->name, "firewall-changed") && lives(r, vm) && lives(r, netvm)) {
        PUSH(out, netvm, to, qubesdb_firewall(&r->known, vm_qid(vm), &to));
        PUSH(out, netvm, to, qubesdb_legacy(&r->known, vm_qid(netvm), &to));
    } else if (span_is(e->name, "property-set:netvm"))
        follow_netvm(r, out, e);
    else if (is_of(e, "audiovm") && lives(r, vm))
        follow_audiovm(r, out, e, vm);
    else if (span_is(e->name, "domain-qdb-create") && lives(r, vm))
        sound_begins(r, out, vm);
    else if (is_of(e, "relayvm"))
        follow_relay(r, out, vm);
    else if (is_of(e, "keyboard_layout") && lives(r, vm))
        PUSH(out, vm, to, qubesdb_keyboard(&r->known, vm_qid(vm), &to));
}

void qubesdb_follow(struct registry *r, struct out *out, const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++)
        follow_feature(r, out, &p->change[i]);
    for (size_t i = 0; i < p->events; i++)
        follow_event(r, out, &p->event[i]);
}

/* ---- what lives ---- */

void qubesdb_spawned(struct registry *r, struct out *out, const struct vm *vm)
{
    const struct vm *netvm = ask_netvm(&r->known, vm_qid(vm));
    if (lives(r, netvm))
        PUSH(out, netvm, to, qubesdb_legacy(&r->known, vm_qid(netvm), &to));
}

void qubesdb_started(struct registry *r, struct out *out, const struct vm *vm)
{
    for (size_t i = 0; i < model_vm_count(r->model); i++) {
        const struct vm *other = model_vm_at(r->model, i);
        if (other != vm && lives(r, other))
            PUSH(out, other, to, qubesdb_shown_by(&r->known, vm_qid(other), vm_qid(vm), &to));
    }
}
