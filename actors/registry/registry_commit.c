/* SPDX-License-Identifier: MIT
 * What follows when the store has answered: the model takes over what is committed, all are told, askers are
 * answered. In registry. */
#include "actors/registry/registry.h"

#include "actors/registry/registry_storage.h"
#include "actors/registry/registry_view.h"
#include "base/log.h"

#include <utlist.h>

static int apply(struct registry *r, const struct plan *p)
{
    struct fault why;
    for (size_t i = 0; i < p->changes; i++) {
        if (model_apply(r->model, &p->change[i], &why) < 0) {
            log_line(LOG_ERROR, "the model does not take what is committed: %s", why.text);
            return -ERR_STATE;
        }
    }
    return 0;
}

/* The next VM of such a qid has told nothing yet. */
static void forget_claims(struct registry *r, const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++) {
        uint32_t qid = p->change[i].qid;
        if (p->change[i].kind != CHANGE_VM || !p->change[i].gone || qid > QID_MAX)
            continue;
        chore_vm_ends(r, qid);
        r->claims[qid] = (struct life_claim){0};
    }
}

/* Committed: who exists is told before the model forgets a VM and after it knows one. */
static void take_over(struct registry *r, struct out *out, struct pending_operation *o,
                      const struct store_write *w)
{
    struct context c = operate_told_of(o);
    bool ends = plan_ends_some(&o->plan);
    r->version = w->version;
    if (ends) {
        publish_roster(r, out, &o->plan);
        forget_claims(r, &o->plan);
        registry_hang_count(r, out);
    }
    preload_before(r, &o->plan);
    if (apply(r, &o->plan) < 0)
        r->untold = true;
    if (!ends || o->given != NULL)
        publish_roster(r, out, &o->plan);
    publish_delta(r, out, &c, w->version, &w->events);
    view_publish(r, out, &o->plan);
    qubesdb_follow(r, out, &o->plan);
    expiry_follow(r, out, &o->plan);
    pools_follow(r, out, &o->plan);
    if (!storage_is_beside(o))
        preload_after(r, out, (enum operation)o->operation, &o->plan);
    if (storage_gave_contents(o))
        preload_life_ended(r, out, o->target); /* they run from what was there before */
    if (r->untold)
        out_leave(out); /* the store is right: begin anew from it */
    if (!r->export_due) {
        r->export_due = true;
        out_timer(out, TIMER_EXPORT, out->now + SECONDS);
    }
}

static void again(struct registry *r)
{
    struct pending_operation *o;
    batch_drop(r);
    DL_FOREACH(r->operations, o)
    {
        if (o->step != STEP_COMMITTING)
            continue;
        o->step = STEP_WAITING;
        claims_let_go(r, o);
    }
}

/* Nothing of it happened. One of several may be the reason: each is tried by itself then. */
static void failed(struct registry *r, struct out *out, const struct store_task *t)
{
    for (const struct store_write *w = t->writes; w != NULL; w = w->next) {
        struct pending_operation *o = operate_find(r, w->number);
        if (o == NULL)
            continue;
        o->alone = true;
        if (t->write_count > 1 || storage_commit_failed(r, out, o, t->task.r, &t->task.why))
            continue;
        operate_answer_failure(r, out, o, t->task.r, &t->task.why);
        operate_finish(r, o);
    }
}

/* Living VMs have something left to do: they are asked, and their answers end the operation. */
static bool finishes(struct registry *r, struct out *out, struct pending_operation *o, uint64_t version)
{
    o->version = version;
    o->asked = r->untold ? 0 : o->prepared ? netvm_finish(r, out, o) : resize_finish(r, out, o);
    if (o->asked > 0)
        o->step = STEP_FINISHING;
    return o->asked > 0;
}

static void conclude(struct registry *r, struct out *out, struct pending_operation *o,
                     const struct store_write *w)
{
    if (w->repeated && w->version > r->version) {
        log_line(LOG_ERROR, "the store holds version %llu, which it had said to have failed; beginning anew",
                 (unsigned long long)w->version);
        out_leave(out); /* the next incarnation tells it; the asker asks that one */
        return;
    }
    if (w->r < 0) {
        operate_answer_failure(r, out, o, w->r, &w->why);
    } else if (w->find && !w->repeated && o->looks) {
        o->looks = false;
        o->has_looked = true;
        o->step = STEP_WAITING;
        return;
    } else if (w->find && !w->repeated) {
        operate_refuse(r, out, o, -(int)o->why.code);
        return;
    } else {
        if (!w->repeated)
            take_over(r, out, o, w);
        if (storage_committed(r, out, o) || (!w->repeated && finishes(r, out, o, w->version)) ||
            (!w->repeated && storage_after(r, out, o)))
            return;
        operate_answer_done(r, out, o, w);
    }
    operate_finish(r, o);
}

void operate_committed(struct registry *r, struct out *out, const struct store_task *t)
{
    bool stands = t->task.r == 0 && !t->stopped;
    r->at_disk = NULL;
    if (stands)
        batch_give(r, out); /* the disk works while this is told */
    r->applying = true;
    for (const struct store_write *w = t->writes; w != NULL && t->task.r == 0; w = w->next) {
        struct pending_operation *o = operate_find(r, w->number);
        if (o != NULL && w->done)
            conclude(r, out, o, w);
    }
    if (t->task.r < 0)
        failed(r, out, t);
    r->applying = false;
    if (!stands)
        again(r);
    operate_go_on(r, out);
}
