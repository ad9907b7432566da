/* SPDX-License-Identifier: MIT
 * The promises, when everything has come to rest: history against what clients and the subscriber were told,
 * replicas against the registry, claims against the hypervisor. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "actors/registry/registry.h"
#include "doors/sim_inside.h"
#include "proto/messages.h"
#include "router/route_state.h"

/* An event may still be on its way when a gap begins. */
#define ON_ITS_WAY (5 * SECONDS)

/* ---- what history shows ---- */

struct shown {
    char identity[SIM_IDENTITY];
    uint64_t version;
};

struct history_walk {
    struct sim *s;
    struct shown *shown;
    size_t count;
    char name[10001][32];
};

static void show(struct history_walk *w, uint64_t version, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void show(struct history_walk *w, uint64_t version, const char *format, ...)
{
    va_list args;
    w->shown = realloc(w->shown, (w->count + 1) * sizeof *w->shown);
    if (w->shown == NULL)
        abort();
    struct shown *at = &w->shown[w->count++];
    at->version = version;
    va_start(args, format);
    vsnprintf(at->identity, sizeof at->identity, format, args);
    va_end(args);
}

static void take_change(struct history_walk *w, uint64_t version, const struct change_item *c, bool born)
{
    int key = (int)c->key.len, value = (int)c->value.len;
    if (c->kind == CHANGE_VM && c->gone && c->qid <= 10000)
        show(w, version, "R %s", w->name[c->qid]);
    if (c->gone)
        return;
    bool copied = born && !span_is(c->key, "name"); /* a disposable begins as a copy of its template */
    if (copied)
        return;
    if (c->kind == CHANGE_FEATURE && value > 0 && c->value.at[0] == 'u')
        show(w, version, "F %.*s=%.*s", key, c->key.at, value, c->value.at);
    if (c->kind == CHANGE_TAG && key > 1 && c->key.at[0] == 't')
        show(w, version, "T %.*s", key, c->key.at);
    if (c->kind == CHANGE_DEVICE)
        show(w, version, "D %.*s", key, c->key.at);
    if (c->kind == CHANGE_PROPERTY && span_is(c->key, "kernelopts"))
        show(w, version, "P kernelopts=%.*s", value, c->value.at);
    if (c->kind == CHANGE_PROPERTY && span_is(c->key, "name") && c->qid <= 10000) {
        (void)text_copy(w->name[c->qid], sizeof w->name[0], c->value);
        if (born)
            show(w, version, "N %.*s", value, c->value.at);
    }
}

static int take_row(void *self, const struct db_history *row)
{
    struct history_walk *w = self;
    struct delta m;
    struct change_item c;
    bool born = false;
    if (delta_decode(&m, row->events) < 0)
        return 0; /* the first row: what a store begins with */
    struct reader in = list_reader(&m.changes);
    while (change_item_next(&in, &c) == 1)
        born = born || (c.kind == CHANGE_VM && !c.gone);
    in = list_reader(&m.changes);
    while (change_item_next(&in, &c) == 1)
        take_change(w, row->version, &c, born);
    return 0;
}

static unsigned count_shown(const struct history_walk *w, const char *identity)
{
    unsigned count = 0;
    for (size_t i = 0; i < w->count; i++)
        count += strcmp(w->shown[i].identity, identity) == 0;
    return count;
}

/* Each acknowledged change is in the history; none is there more often than it may be. */
static void check_operations(struct sim *s, const struct history_walk *w)
{
    for (size_t i = 0; i < s->op_count; i++) {
        const struct op_record *op = &s->ops[i];
        unsigned done = 0, maybe = 0;
        if (op->identity[0] == '\0')
            continue;
        for (size_t k = 0; k < s->op_count; k++) {
            bool same = strcmp(op->identity, s->ops[k].identity) == 0;
            done += same && s->ops[k].fate == FATE_DONE;
            maybe += same && s->ops[k].fate == FATE_UNKNOWN;
        }
        unsigned rows = count_shown(w, op->identity);
        if (rows < done)
            sim_broken(s, "'%s' was acknowledged %u times and happened %u times", op->identity, done, rows);
        if (rows > done + maybe)
            sim_broken(s, "'%s' happened %u times; %u were acknowledged and %u are in doubt", op->identity,
                       rows, done, maybe);
    }
}

static bool may_have_missed(const struct sim *s, uint64_t at)
{
    const struct listener *l = &s->listener;
    for (size_t i = 0; i < l->gap_count; i++)
        if (at + ON_ITS_WAY >= l->gaps[i].from && at <= l->gaps[i].to)
            return true;
    return false;
}

/* The subscriber has heard of each change once, or was told that it may have missed it. */
static void check_events(struct sim *s, const struct history_walk *w)
{
    const struct listener *l = &s->listener;
    for (size_t i = 0; i < w->count; i++) {
        const struct shown *row = &w->shown[i];
        unsigned heard[2] = {0, 0}, last_era = 0;
        if (strchr("FTP", row->identity[0]) == NULL)
            continue;
        for (size_t k = 0; k < l->count; k++) {
            if (strcmp(l->heard[k].identity, row->identity) != 0)
                continue;
            heard[1] += heard[0] > 0 && l->heard[k].era == last_era;
            heard[0]++;
            last_era = l->heard[k].era;
        }
        uint64_t at = row->version < s->commits_room ? s->commits[row->version] : 0;
        if (heard[1] > 0)
            sim_broken(s, "the event of '%s' was heard twice", row->identity);
        if (heard[0] == 0 && !may_have_missed(s, at))
            sim_broken(s, "the event of '%s' (version %llu, committed at %.3f s) was never heard",
                       row->identity, (unsigned long long)row->version, (double)at / 1e9 - 1000);
    }
}

/* ---- the registry, its store, its replicas ---- */

static int describe(void *arg, const struct change *c)
{
    struct text *t = arg;
    text_format(t, "%u %u %.*s=%.*s\n", (unsigned)c->kind, c->qid, (int)c->key.len,
                c->key.at != NULL ? c->key.at : "", (int)c->value.len,
                c->value.at != NULL ? c->value.at : "");
    return t->failed;
}

static int refold(void *self, const struct db_item *item)
{
    struct change c = {.qid = item->qid, .key = item->key, .value = item->value};
    struct fault why;
    while (c.kind < CHANGE_KINDS && !span_is(item->kind, change_kind_name(c.kind)))
        c.kind++;
    return model_apply(self, &c, &why);
}

static bool same_models(const struct model *a, const struct model *b)
{
    AUTO_TEXT one = TEXT_WITH_LIMIT(64 << 20);
    AUTO_TEXT other = TEXT_WITH_LIMIT(64 << 20);
    (void)model_each(a, describe, &one);
    (void)model_each(b, describe, &other);
    return one.len == other.len && memcmp(one.at, other.at, one.len) == 0;
}

static void check_models(struct sim *s, struct registry *r, struct db *db)
{
    AUTO(model) *stored = model_new();
    uint64_t version;
    struct fault why = {0};
    if (db_load(db, &version, refold, stored, &why) < 0 || version != r->version ||
        !same_models(stored, r->model))
        sim_broken(s, "the registry's model (version %llu) is not its store (version %llu) %s",
                   (unsigned long long)r->version, (unsigned long long)version, why.text);
    for (uint32_t i = 0; i < 2; i++) {
        const struct proc *p = proc_find(s, (struct address){KIND_API, i});
        const struct api *api = p->core;
        if (api == NULL || !api->is_loaded)
            sim_broken(s, "api/%u has no replica at rest", i);
        else if (api->version != r->version || !same_models(api->model, r->model))
            sim_broken(s, "api/%u's replica (version %llu) differs from the registry (version %llu)", i,
                       (unsigned long long)api->version, (unsigned long long)r->version);
    }
}

/* ---- lives ---- */

static const char *state_of(const struct sim_domain *d)
{
    return d == NULL || d->xml == NULL || d->domid == VIRT_NO_DOMID ? "Halted"
           : d->state == VIRT_PAUSED                                ? "Paused"
                                                                    : "Running";
}

static void check_fact(struct sim *s, const struct vm *vm, const char *is)
{
    const struct proc *p = proc_find(s, (struct address){KIND_API, 0});
    const char *said = p->core != NULL ? api_fact(p->core, vm_qid(vm), FACT_power_state, NULL) : NULL;
    if (strcmp(said != NULL ? said : "Halted", is) != 0)
        sim_broken(s, "%s is %s and api says %s", vm_name(vm), is, said);
}

/* A disposable that has lived is removed when its life is over; one that never lived may wait. */
static void check_disposable(struct sim *s, struct registry *r, const struct vm *vm)
{
    char spawned[64], made[64]; /* the name may have been another's before */
    bool lived = false;
    if (vm_class(vm) != CLASS_DispVM || !property_true(&r->known, vm_qid(vm), PROPERTY_auto_cleanup))
        return;
    snprintf(spawned, sizeof spawned, "S %s", vm_name(vm));
    snprintf(made, sizeof made, "A %s", vm_name(vm));
    for (size_t i = 0; i < s->listener.count; i++) {
        const char *heard = s->listener.heard[i].identity;
        lived = strcmp(heard, made) != 0 && (lived || strcmp(heard, spawned) == 0);
    }
    if (lived)
        sim_broken(s, "%s has lived, is at rest and was not removed", vm_name(vm));
}

static void check_lives(struct sim *s, struct registry *r)
{
    for (size_t i = 0; i < model_vm_count(r->model); i++) {
        const struct vm *vm = model_vm_at(r->model, i);
        if (!vm_is_qubes(vm))
            continue;
        const char *is = state_of(sim_find(s->hypervisor, vm_uuid(vm)));
        bool lives = strcmp(is, "Halted") != 0;
        const struct proc *p = s->vms[vm_qid(vm)];
        char words[200];
        if (r->claims[vm_qid(vm)].living != lives)
            sim_broken(s, "%s is %s and the registry holds it for %s", vm_name(vm), is,
                       lives ? "free" : "living");
        check_fact(s, vm, is);
        if (r->claims[vm_qid(vm)].hanging > 0)
            sim_broken(s, "nothing hangs at rest and the registry counts %u calls of %s",
                       r->claims[vm_qid(vm)].hanging, vm_name(vm));
        if (!lives)
            check_disposable(s, r, vm);
        if (!lives && p != NULL && p->running)
            sim_broken(s, "%s is at rest and vm/%u still runs (%s)", vm_name(vm), vm_qid(vm),
                       vm_words(p, words, sizeof words));
        if (lives && (p == NULL || !p->running))
            sim_broken(s, "%s lives and has no process", vm_name(vm));
    }
}

/* One that stays defined is in the way of the next VM of its name. */
static void check_domains(struct sim *s, struct registry *r)
{
    for (size_t i = 0; i < s->hypervisor->top; i++) {
        const struct sim_domain *d = &s->hypervisor->domains[i];
        if (d->xml == NULL)
            continue;
        if (model_by_uuid(r->model, span_of(d->uuid)) == NULL)
            sim_broken(s, "a domain of %s %s, which was removed", d->name,
                       d->domid != VIRT_NO_DOMID ? "runs" : "is defined");
        if (d->state == VIRT_PAUSED && d->reason == 11)
            sim_broken(s, "%s is left paused by a start that was never finished", d->name);
    }
}

static void check_router(struct sim *s)
{
    struct pending *p, *next_pending;
    struct box *box, *next;
    HASH_ITER(hh, s->route->pending, p, next_pending)
    {
        sim_broken(s, "the router waits for an answer of %s/%u to %s/%u, message %#x", kind_name(p->to.kind),
                   p->to.instance, kind_name(p->key.kind), p->key.instance, p->type);
    }
    HASH_ITER(hh, s->route->boxes, box, next)
    {
        if (box->waiting > 0)
            sim_broken(s, "%u messages wait for %s/%u", box->waiting, kind_name(box->key.kind),
                       box->key.instance);
    }
}

void sim_check(struct sim *s)
{
    const struct proc *p = proc_find(s, (struct address){KIND_REGISTRY, 0});
    struct registry *r = p->core;
    struct store *store = p->hand[0].doors;
    if (!p->running || !r->loaded || store->db == NULL) {
        sim_broken(s, "the registry does not serve at rest");
        return;
    }
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].conn != 0)
            sim_broken(s, "never answered, asked at %.3f s: %s", (double)s->clients[i].asked_at / 1e9 - 1000,
                       s->clients[i].request);
    struct history_walk *w = sim_alloc(sizeof *w);
    w->s = s;
    (void)db_since(store->db, 0, take_row, w, NULL);
    check_operations(s, w);
    check_events(s, w);
    free(w->shown);
    free(w);
    check_models(s, r, store->db);
    check_router(s);
    check_domains(s, r);
    check_lives(s, r);
    sim_check_devices(s);
    sim_check_disks(s);
    sim_check_usb(s);
}
