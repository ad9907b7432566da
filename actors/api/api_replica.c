/* SPDX-License-Identifier: MIT
 * The replica of the model: a snapshot, then deltas by version; a gap means another snapshot. Events
 * that come while there is none wait here, because only the model can name their VMs; in api. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/api/api_inside.h"
#include "base/log.h"

#define RELOAD_AFTER (200 * MILLISECONDS)

void api_changed(struct api *self)
{
    text_clear(&self->all_vms);
    text_clear(&self->system_info);
}

void api_load(struct api *self, struct out *out)
{
    struct context nobody = {.deadline = out->now + 30 * SECONDS};
    self->is_loaded = false;
    self->snapshot_tag = api_next_tag(self);
    out_timer(out, TIMER_RELOAD, 0);
    if (ASK(out, snapshot, ((struct address){KIND_REGISTRY, 0}), &nobody, self->snapshot_tag,
            NO_MESSAGE(snapshot)) < 0)
        out_timer(out, TIMER_RELOAD, out->now + RELOAD_AFTER);
}

static struct change change_of(const struct change_item *item)
{
    return (struct change){
        .kind = (enum change_kind)item->kind,
        .qid = item->qid,
        .key = item->key,
        .value = item->value,
        .gone = (int)item->gone,
    };
}

static int apply_all(struct model *m, const struct wire_list *changes, struct fault *why)
{
    struct change_item item;
    struct reader in = list_reader(changes);
    int r;
    while ((r = change_item_next(&in, &item)) == 1) {
        struct change c = change_of(&item);
        if ((r = model_apply(m, &c, why)) < 0)
            return r;
    }
    return r;
}

static int replace_model(struct api *self, const struct answer *a, struct fault *why)
{
    struct snapshot_reply m;
    AUTO(model) *fresh = model_new();
    if (fresh == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for the model");
    int r = snapshot_reply_decode(&m, a->e->body);
    if (r < 0)
        return fault_set(why, (enum err) - r, "the snapshot does not decode");
    if ((r = apply_all(fresh, &m.changes, why)) < 0)
        return r;
    model_free(self->model);
    self->model = TAKE(fresh);
    self->known = KNOWN(self->model, &self->world);
    self->version = m.version;
    return 0;
}

static void keep_departed(struct api *self, struct departed it, struct span name)
{
    struct departed *list = realloc(self->departed, (self->departed_count + 1) * sizeof *list);
    if (list == NULL)
        return; /* its last events go without a name that nobody can look up any more */
    self->departed = list;
    struct departed *d = &list[self->departed_count];
    *d = it;
    self->departed_count += text_copy(d->name, sizeof d->name, name) == 0;
}

/* The name of what a delta removes stands in its own event, domain-delete. */
static struct span deleted_name(const struct delta *m)
{
    struct event_item event;
    struct event_argument argument;
    struct reader in = list_reader(&m->events);
    while (event_item_next(&in, &event) == 1) {
        struct reader arguments = list_reader(&event.arguments);
        if (span_is(event.name, "domain-delete") && event_argument_next(&arguments, &argument) == 1)
            return argument.value;
    }
    return (struct span){NULL, 0};
}

static void note_departures(struct api *self, uint64_t number, const struct delta *m)
{
    struct change_item item;
    struct reader in = list_reader(&m->changes);
    while (change_item_next(&in, &item) == 1) {
        if (item.kind != CHANGE_VM || !item.gone)
            continue;
        const struct vm *vm = model_vm(self->model, item.qid);
        bool named = self->is_loaded && vm != NULL && vm_name(vm) != NULL;
        keep_departed(self, (struct departed){number, item.qid, named ? vm_generation(vm) : 0, ""},
                      named ? span_of(vm_name(vm)) : deleted_name(m));
        if (self->is_loaded)
            api_facts_forget(self, item.qid);
    }
}

static void forget_departed(struct api *self)
{
    free(self->departed);
    self->departed = NULL;
    self->departed_count = 0;
}

static void late_drop(struct api *self, struct late *l)
{
    DL_DELETE(self->late, l);
    self->late_bytes -= l->e.body.len;
    free(l);
}

void api_late_clear(struct api *self)
{
    while (self->late != NULL)
        late_drop(self, self->late);
}

/* Nothing is skipped silently: where one is lost, everybody who listens is told. */
static void late_add(struct api *self, const struct envelope *e)
{
    struct late *l = NULL;
    if (self->late_bytes + e->body.len <= LATE_BYTES_MOST)
        l = malloc(sizeof *l + e->body.len);
    if (l == NULL) {
        api_late_clear(self);
        api_gap(self);
        api_history_lose(&self->history, e->number);
        return;
    }
    l->e = *e;
    l->e.body.at = l->bytes;
    if (e->body.len > 0)
        memcpy(l->bytes, e->body.at, e->body.len);
    DL_APPEND(self->late, l);
    self->late_bytes += e->body.len;
}

static int follow(struct api *self, const struct delta *m)
{
    struct fault why;
    int r = apply_all(self->model, &m->changes, &why);
    api_changed(self);
    if (r < 0)
        log_line(LOG_ERROR, "a delta does not fit the replica, which is loaded anew: %s", why.text);
    else
        self->version = m->version;
    return r;
}

/* The events of a delta; its changes too, unless the model has them already. */
static int take(struct api *self, const struct envelope *e, const struct delta *m)
{
    if (m->version > self->version + 1)
        return -ERR_STATE;
    if (m->version > self->version)
        note_departures(self, e->number, m);
    int r = m->version > self->version ? follow(self, m) : 0;
    if (r == 0)
        api_publish(self, e, &m->events);
    return r;
}

void api_take_delta(struct api *self, struct out *out, const struct envelope *e, const struct delta *m)
{
    if (!self->is_loaded) {
        late_add(self, e);
        return;
    }
    if (take(self, e, m) < 0) {
        late_add(self, e);
        api_load(self, out);
    }
    forget_departed(self);
}

void api_take_happened(struct api *self, struct out *out, const struct envelope *e, const struct happened *m)
{
    (void)out;
    if (self->is_loaded)
        api_publish(self, e, &m->events);
    else
        late_add(self, e);
}

void api_take_noticed(struct api *self, const struct envelope *e, const struct noticed *m)
{
    if (self->is_loaded)
        api_publish_noticed(self, e, &m->events);
    else
        late_add(self, e);
}

static void late_departures(struct api *self)
{
    struct late *l;
    struct delta m;
    DL_FOREACH(self->late, l)
    {
        if (l->e.type == MESSAGE_delta && delta_decode(&m, l->e.body) == 0 && m.version <= self->version)
            note_departures(self, l->e.number, &m);
    }
}

static int late_take(struct api *self, const struct late *l)
{
    struct delta delta;
    struct happened happened;
    struct noticed noticed;
    if (l->e.type == MESSAGE_delta && delta_decode(&delta, l->e.body) == 0)
        return take(self, &l->e, &delta);
    if (l->e.type == MESSAGE_happened && happened_decode(&happened, l->e.body) == 0)
        api_publish(self, &l->e, &happened.events);
    if (l->e.type == MESSAGE_noticed && noticed_decode(&noticed, l->e.body) == 0)
        api_publish_noticed(self, &l->e, &noticed.events);
    return 0;
}

static int late_take_all(struct api *self)
{
    int r = 0;
    late_departures(self);
    self->is_loaded = true;
    while (r == 0 && self->late != NULL) {
        if ((r = late_take(self, self->late)) == 0)
            late_drop(self, self->late);
    }
    forget_departed(self);
    return r;
}

void api_loaded(struct api *self, struct out *out, const struct answer *a)
{
    struct fault why = a->why;
    int r = a->r < 0 || a->progress ? a->r : replace_model(self, a, &why);
    if (a->progress)
        return;
    self->snapshot_tag = 0;
    api_changed(self);
    if (r == 0 && late_take_all(self) < 0)
        r = fault_set(&why, ERR_STATE, "changes are missing between the snapshot and what followed");
    if (r < 0) {
        log_line(LOG_WARN, "no snapshot of the model yet: %s", why.text);
        self->is_loaded = false;
        out_timer(out, TIMER_RELOAD, out->now + RELOAD_AFTER);
        return;
    }
    if (!self->is_ready)
        out_ready(out);
    self->is_ready = true;
    if (self->list_wanted)
        api_ask_running(self, out); /* the one that came could not be read without the model */
    api_unpark(self, out);
}
