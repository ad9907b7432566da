/* SPDX-License-Identifier: MIT
 * The registry's life: it begins, reads its store, exports what has changed, and ends. */
#include "actors/registry/registry_life.h"

#include <stdlib.h>
#include <string.h>

#include "actors/registry/registry_storage.h"
#include "base/log.h"
#include "model/ask.h"

/* How long changes wait after a start for host to say what runs. */
#define SETTLE_MOST (300 * MILLISECONDS)
/* When the history is looked at first: not while others begin too. */
#define TRIM_AFTER (60 * SECONDS)

/* The power state as far as registry decides by it: what is claimed lives. */
static const char *known_fact(void *arg, uint32_t qid, enum fact fact)
{
    struct registry *r = arg;
    if (qid == QID_GLOBAL)
        return r->host_fact_known[fact] ? r->host_fact[fact] : NULL;
    if (fact == FACT_power_state && qid >= 1 && qid <= QID_MAX)
        return claims_power_state(r, qid);
    if (fact == FACT_xid && qid >= 1 && qid <= QID_MAX && r->claims[qid].living &&
        r->claims[qid].xid[0] != '\0')
        return r->claims[qid].xid;
    return NULL;
}

void registry_settle(struct registry *r, struct out *out)
{
    r->settled = true;
    out_timer(out, TIMER_SETTLE, 0);
    leftovers_remove(r, out);
    operate_go_on(r, out);
    sleep_go_on(r, out);
}

static void tell_roster(struct registry *r, struct out *out, const struct request *to)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(4 << 20);
    struct roster_reply reply = {0};
    for (size_t i = 0; i < model_vm_count(r->model); i++) {
        const struct vm *vm = model_vm_at(r->model, i);
        struct roster_item item = {.qid = vm_qid(vm), .generation = vm_generation(vm)};
        if (vm_uuid(vm) == NULL || text_copy(item.uuid, sizeof item.uuid, span_of(vm_uuid(vm))) < 0 ||
            text_copy(item.name, sizeof item.name, span_of(vm_name(vm))) < 0)
            continue;
        roster_item_add(&reply.vms, &elements, &item);
    }
    (void)REPLY(out, roster, to, &reply);
}

void registry_tell(struct registry *r, struct out *out, const struct request *to)
{
    if (to->type == MESSAGE_pool_tell)
        pool_tell_to(r, out, to);
    else if (to->type == MESSAGE_roster)
        tell_roster(r, out, to);
    else
        publish_snapshot(r, out, to);
}

static void tell_early(struct registry *r, struct out *out)
{
    for (unsigned i = 0; i < r->early_count; i++)
        registry_tell(r, out, &r->early[i]);
    r->early_count = 0;
}

/* Both the store and the router are there. */
static void go(struct registry *r, struct out *out)
{
    if (!r->loaded || !r->greeted)
        return;
    tell_early(r, out);
    publish_all(r, out);
    if (r->settled)
        leftovers_remove(r, out);
    out_ready(out);
    if (!r->settled)
        out_timer(out, TIMER_SETTLE, out->now + SETTLE_MOST);
    operate_go_on(r, out);
}

static int give_load(struct registry *r, struct out *out)
{
    struct store_task *t = store_task_new(STORE_LOAD);
    if (t == NULL)
        return -ERR_NOMEM;
    t->version = r->last_correlation;
    out_task(out, &t->task);
    return 0;
}

int registry_begin(void *arg, struct out *out, const struct life *life)
{
    struct registry *r = arg;
    r->boot_done = life->note.len > 0; /* notes last as long as the host is up */
    r->autostart = true;
    r->model = model_new();
    if (r->model == NULL)
        return -ERR_NOMEM;
    r->world.arg = r;
    r->world.fact = known_fact;
    r->world.dispid_rests = chore_dispid_rests;
    r->world.is_being_made = storage_is_being_made;
    r->known = KNOWN(r->model, &r->world);
    (void)out;
    return 0;
}

/* The store is read once the router has said what it already knows of it. */
void registry_hello(void *arg, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct registry *r = arg;
    bool first = r->epoch == 0;
    r->epoch = epoch;
    r->last_correlation = last_correlation;
    r->greeted = true;
    if (first && give_load(r, out) < 0)
        out_leave(out);
    go(r, out);
}

static void republish(struct registry *r, struct out *out, const struct store_task *t)
{
    struct context nobody = {0};
    for (const struct past_delta *d = t->deltas; d != NULL; d = d->next)
        publish_delta(r, out, &nobody, d->version, &d->body);
}

static void loaded(struct registry *r, struct out *out, const struct store_task *t)
{
    struct fault why = t->task.why;
    int e = t->task.r;
    for (size_t i = 0; i < t->changes.count && e == 0; i++)
        e = model_apply(r->model, &t->changes.at[i], &why);
    if (e < 0) {
        log_line(LOG_ERROR, "the store cannot be used: %s", why.text);
        out_leave(out);
        return;
    }
    r->version = t->version;
    r->loaded = true;
    out_timer(out, TIMER_TRIM, out->now + TRIM_AFTER);
    pools_place_all(r);
    republish(r, out, t);
    go(r, out);
    expiry_look(r, out);
    transfer_told(r, out, t);
}

static void export_now(struct registry *r, struct out *out)
{
    struct store_task *t = r->exporting || !r->loaded ? NULL : store_task_new(STORE_EXPORT);
    if (t == NULL)
        return;
    t->flags = r->export_flags;
    r->export_flags = 0;
    if (model_each(r->model, change_list_take, &t->changes) < 0) {
        log_line(LOG_ERROR, "no memory to export");
        store_task_free_content(t);
        free(t);
        return;
    }
    r->exporting = true;
    r->export_due = false;
    out_task(out, &t->task);
}

/* Told to finish: what is being committed is told, and the last export holds it. */
static void leave_when_done(struct registry *r, struct out *out)
{
    if (!r->stopping || r->exporting || r->at_disk != NULL)
        return;
    if (r->export_due)
        export_now(r, out);
    if (!r->exporting)
        out_leave(out);
}

static void exported(struct registry *r, struct out *out, struct store_task *t)
{
    r->exporting = false;
    if (t->task.r < 0)
        log_line(LOG_WARN, "qubes.xml or what lies beside it was not exported: %s", t->task.why.text);
    transfer_told(r, out, t);
    if (t->number != 0)
        transfer_done(r, out, t);
    if (t->more && t->task.r >= 0) {
        r->export_due = true; /* a few files at a time, so that commits pass between */
        out_timer(out, TIMER_EXPORT, out->now + 10 * MILLISECONDS);
    }
}

void registry_done(void *arg, struct out *out, const struct done *d)
{
    struct registry *r = arg;
    struct store_task *t = (struct store_task *)d->task;
    if (t == NULL)
        return;
    switch ((enum store_what)d->what) {
    case STORE_LOAD:
        loaded(r, out, t);
        break;
    case STORE_COMMIT:
        operate_committed(r, out, t);
        break;
    case STORE_EXPORT:
        exported(r, out, t);
        break;
    case STORE_CHECK:
    case STORE_READ:
    case STORE_DOCUMENT:
        transfer_done(r, out, t);
        break;
    case STORE_HISTORY:
        history_read(r, out, t);
        break;
    case STORE_TRIM:
        history_trimmed(r, out, t);
        break;
    }
    store_task_free_content(t);
    leave_when_done(r, out);
}

void registry_due(void *arg, struct out *out, uint64_t number)
{
    struct registry *r = arg;
    if (number == TIMER_SETTLE) {
        registry_settle(r, out);
        return;
    }
    if (number == TIMER_EXPIRY) {
        expiry_look(r, out);
        return;
    }
    if (number == TIMER_REFILL) {
        preload_timer(r, out);
        return;
    }
    if (number == TIMER_ENDS) {
        chore_timer(r, out);
        return;
    }
    if (number == TIMER_SLEEP) {
        sleep_timer(r, out);
        return;
    }
    if (number == TIMER_TRIM) {
        history_trim(r, out);
        return;
    }
    if (batch_is_empty(r))
        batch_forget_ahead(r);
    export_now(r, out);
}

void registry_stop(void *arg, struct out *out)
{
    struct registry *r = arg;
    r->stopping = true;
    leave_when_done(r, out);
}

void registry_answered(void *arg, struct out *out, const struct answer *a)
{
    if (!chore_answered(arg, out, a) && !preload_answered(arg, out, a) && !sleep_answered(arg, out, a))
        operate_prepared(arg, out, a);
}

void registry_end(void *arg)
{
    struct registry *r = arg;
    operate_end(r);
    transfer_end(r);
    claims_end(r);
    model_free(r->model);
}
