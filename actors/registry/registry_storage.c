/* SPDX-License-Identifier: MIT
 * What storage has to do for an operation: volumes are made, changed and measured before the commit, and
 * removed after it. Every volume that is on the disk without a VM stands in the store as a leftover, from
 * before its first file until after its last: a registry that begins anew finds and removes it. */
#include "actors/registry/registry_storage_inside.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/own.h"
#include "model/ask.h"

void storage_work_free(struct pending_operation *o)
{
    if (o->work == NULL)
        return;
    plan_free(&o->work->plan);
    free(o->work);
    o->work = NULL;
}

int storage_is_being_made(void *arg, const char *name)
{
    struct registry *r = arg;
    struct pending_operation *o;
    DL_FOREACH(r->operations, o)
    {
        if (o == r->planning || o->work == NULL || !o->work->makes)
            continue;
        const struct plan *p = &o->work->plan;
        for (size_t i = 0; i < p->changes; i++)
            if (p->change[i].kind == CHANGE_PROPERTY && span_is(p->change[i].key, "name") &&
                span_is(p->change[i].value, name))
                return 1;
    }
    return 0;
}

bool storage_is_at(const struct registry *r, struct span leftover)
{
    const struct pending_operation *o;
    DL_FOREACH(r->operations, o)
    {
        for (const struct plan_job *job = o->work != NULL ? o->work->plan.job : NULL; job != NULL;
             job = job->next)
            if (leftover_key_is(job, leftover))
                return true;
    }
    return false;
}

const struct plan_job *storage_new_pool(const struct registry *r, uint32_t instance)
{
    const struct pending_operation *o;
    DL_FOREACH(r->operations, o)
    {
        const struct plan_job *job = o->work != NULL ? o->work->plan.job : NULL;
        if (job != NULL && job->volume.len == 0 && pool_instance(job->pool) == instance)
            return job;
    }
    return NULL;
}

static bool is_wanted_by_another(const struct registry *r, const struct pending_operation *o,
                                 struct span pool)
{
    const struct pending_operation *other;
    DL_FOREACH(r->operations, other)
    {
        for (const struct plan_job *job = other->work != NULL ? other->work->plan.job : NULL; job != NULL;
             job = job->next)
            if (other != o && job->volume.len == 0 && pool_instance(job->pool) == pool_instance(pool))
                return true;
    }
    return false;
}

/* Its process, too, is to end: one that is asked for again begins anew and sees what has become right. */
void storage_withdraw(struct registry *r, const struct pending_operation *o)
{
    struct span name, lines;
    for (const struct plan_job *job = o->work != NULL ? o->work->plan.job : NULL; job != NULL;
         job = job->next)
        if (job->volume.len == 0 &&
            !pool_at(&KNOWN(r->model, NULL), pool_instance(job->pool), &name, &lines) &&
            !is_wanted_by_another(r, o, job->pool))
            pool_place_lines(r, job->pool, (struct span){NULL, 0});
}

/* ---- before the commit ---- */

static bool is_in_the_way(const struct known *known, const struct plan_job *jobs)
{
    for (const struct plan_job *job = jobs; job != NULL; job = job->next)
        if (leftover_is(known, job))
            return true;
    return false;
}

static bool only_reads(const struct plan_job *job)
{
    return job->borrower.len > 0 || strcmp(job->verb, "look") == 0;
}

static bool concern_the_same(const struct plan_job *a, const struct plan_job *b)
{
    struct span one = {NULL, 0}, other = {NULL, 0};
    ask_attribute(a->lines, "vid", &one);
    ask_attribute(b->lines, "vid", &other);
    if (only_reads(a) || only_reads(b))
        return false;
    return a->volume.len > 0 && b->volume.len > 0 && one.len > 0 && span_equal(a->pool, b->pool) &&
           span_equal(one, other);
}

/* Another operation is at one of its volumes: it waits for that, and nothing else waits for it. */
static bool meets_another(const struct registry *r, const struct pending_operation *o)
{
    const struct pending_operation *other;
    DL_FOREACH(r->operations, other)
    {
        if (other == o || other->work == NULL)
            continue;
        for (const struct plan_job *a = o->plan.job; a != NULL; a = a->next)
            for (const struct plan_job *b = other->work->plan.job; b != NULL; b = b->next)
                if (concern_the_same(a, b))
                    return true;
    }
    return false;
}

static int work_new(struct registry *r, struct pending_operation *o)
{
    o->work = calloc(1, sizeof *o->work);
    if (o->work == NULL)
        return -ERR_NOMEM;
    o->work->op = o->op;
    o->work->plan = o->plan;
    o->plan = (struct plan){0};
    o->work->makes = (o->work->plan.prepare & PREPARE_DISK) != 0;
    for (const struct plan_job *job = o->work->plan.job; job != NULL; job = job->next)
        claims_hold(r, o, job->qid);
    for (const struct plan_job *job = o->work->plan.job; job != NULL && o->work->loan == 0; job = job->next)
        if (job->borrower.len > 0)
            o->work->loan = (uint32_t)operate_new_id(r).low | 1;
    return 0;
}

/* The same volumes in the same pools: what storage has made is what is committed. */
static bool are_same(const struct plan_job *a, const struct plan_job *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next)
        if (!span_equal(a->pool, b->pool) || !span_equal(a->lines, b->lines))
            return false;
    return a == NULL && b == NULL;
}

/* Storage has done its part: the plan, made anew, is what is committed. */
static bool complete(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (w->makes && !are_same(o->plan.job, w->plan.job)) {
        fault_set(&o->why, ERR_BUSY, "the system's pools were changed meanwhile; try again");
        return storage_undo(r, out, o);
    }
    if (w->makes)
        plan_leftovers(&o->plan, o->plan.job, true);
    if (o->operation == OPERATION_updates_notice && w->outdated)
        plan_free(&o->plan); /* it speaks of an older template than there is */
    if (o->operation == OPERATION_import_begin)
        plan_result_path(&o->plan, w->path);
    return false;
}

static bool is_being_cleared(const struct registry *r, const struct plan_job *jobs)
{
    const struct pending_operation *other;
    DL_FOREACH(r->operations, other)
    {
        for (const struct plan_job *job = jobs; job != NULL; job = job->next)
            if (other->operation == OPERATION_leftover_remove && other->key.at != NULL &&
                leftover_key_is(job, text_span(&other->key)))
                return true;
    }
    return false;
}

/* Volumes of an earlier VM of this name are there still: they are removed first, if that is possible now. */
static void clear_the_way(struct registry *r, struct out *out, struct pending_operation *o)
{
    if (o->has_waited && is_being_cleared(r, o->plan.job)) {
        claims_let_go(r, o);
        return;
    }
    if (o->has_waited) {
        fault_set(&o->why, ERR_STORAGE,
                  "volumes of an earlier VM of this name cannot be removed; see the log");
        operate_done_with(r, out, o, -ERR_STORAGE);
        return;
    }
    o->has_waited = true;
    claims_let_go(r, o);
    bool was = r->applying;
    r->applying = true; /* they begin when this one has taken its place among those that wait */
    leftovers_remove_of(r, out, o->plan.job);
    r->applying = was;
    r->again = true;
}

/* An operation that is asked again may have been committed, and undone by others since: nothing is done for
 * it a second time. */
static void look_first(struct registry *r, struct out *out, const struct known *known,
                       struct pending_operation *o)
{
    int e = batch_add(r, known, o, true);
    o->looks = true;
    o->step = STEP_COMMITTING;
    if (e < 0)
        operate_done_with(r, out, o, fault_set(&o->why, ERR_NOMEM, "no memory; nothing changed"));
}

enum storage_turn storage_before(struct registry *r, struct out *out, const struct known *known,
                                 struct pending_operation *o)
{
    if (o->work != NULL)
        return complete(r, out, o) ? STORAGE_TAKES_IT : STORAGE_NOTHING;
    if (o->plan.job == NULL)
        return STORAGE_NOTHING;
    if (meets_another(r, o)) {
        claims_let_go(r, o);
        return STORAGE_TAKES_IT; /* it stays in its place, and is planned anew when something has changed */
    }
    if ((o->plan.prepare & FINISH_REMOVE) != 0)
        return STORAGE_NOTHING;
    if (!batch_is_empty(r)) { /* what storage is asked must be so */
        claims_let_go(r, o);
        return STORAGE_WAITS_FOR_DISK;
    }
    if (!o->has_looked && o->asked_by == ASKED_BY_API) {
        look_first(r, out, known, o);
        return STORAGE_TAKES_IT;
    }
    if ((o->plan.prepare & PREPARE_DISK) != 0 && is_in_the_way(known, o->plan.job)) {
        clear_the_way(r, out, o);
    } else if (work_new(r, o) < 0) {
        fault_set(&o->why, ERR_NOMEM, "no memory for what storage has to do; nothing changed");
        operate_done_with(r, out, o, -ERR_NOMEM);
    } else if (o->work->makes) {
        storage_commit_beside(r, out, o, PHASE_INTENT);
    } else {
        storage_ask_all(r, out, o, PHASE_JOBS, NULL);
    }
    return STORAGE_TAKES_IT;
}

bool storage_gave_contents(const struct pending_operation *o)
{
    struct span size;
    bool gives =
        o->operation == OPERATION_volume_clone || o->operation == OPERATION_volume_revert ||
        o->operation == OPERATION_volume_clear ||
        (o->operation == OPERATION_import_end && span_is(span_split(text_span(&o->value), ' ', &size), "ok"));
    return gives && o->work != NULL && o->target <= QID_MAX;
}

bool storage_undo(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (w == NULL || !w->makes)
        return false;
    w->failed = true;
    w->r = -(int)o->why.code;
    storage_ask_all(r, out, o, PHASE_UNDO, "remove");
    return true;
}

/* ---- after it ---- */

bool storage_after(struct registry *r, struct out *out, struct pending_operation *o)
{
    if ((o->plan.prepare & FINISH_REMOVE) == 0 || o->plan.job == NULL || work_new(r, o) < 0)
        return false; /* leftovers that nobody removes now are found at the next start */
    if (o->asked_by == ASKED_BY_END_OF_LIFE) { /* its process is about to end: it does not wait for a disk */
        (void)REPLY(out, release, &o->request, (&(struct release_reply){.removed = 1}));
        o->work->answered = true;
    }
    storage_ask_all(r, out, o, PHASE_AFTER, NULL);
    return true;
}
