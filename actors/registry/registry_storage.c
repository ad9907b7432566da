/* SPDX-License-Identifier: MIT
 * What storage has to do for an operation: volumes are made, changed and measured before the commit, and
 * removed after it. Every volume that is on the disk without a VM stands in the store as a leftover, from
 * before its first file until after its last: a registry that begins anew finds and removes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/registry/registry.h"
#include "base/log.h"
#include "base/own.h"
#include "model/ask.h"
#include "model/plan_storage.h"

/* How long storage may say nothing; progress extends it. */
#define STORAGE_MOST (300 * SECONDS)
enum { JOB_TRIES = 3, JOBS_MOST = 128, TAG_SHIFT = 40 };

enum storage_phase {
    PHASE_INTENT, /* the leftovers of a creation are being committed */
    PHASE_JOBS,
    PHASE_MADE, /* all done: the commit may follow */
    PHASE_UNDO, /* what a failed creation has made is being removed */
    PHASE_AFTER,
    PHASE_TIDY,  /* what follows waits for its turn to commit */
    PHASE_CLEAN, /* that its leftovers are gone is being committed */
};

struct storage_work {
    enum storage_phase phase;
    struct plan plan; /* with the jobs */
    struct op_id op;  /* the operation's own; what is committed beside it has others */
    unsigned asked;
    uint8_t tries[JOBS_MOST];
    bool failed, makes, answered;
    int r; /* of the first job that failed, with the operation's why */
    char path[1024];
};

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

/* ---- asking ---- */

static struct subject subject_of(const struct registry *r, const struct plan_job *job)
{
    const struct vm *vm = job->qid <= QID_MAX ? model_vm(r->model, job->qid) : NULL;
    return vm != NULL ? (struct subject){KIND_VM, job->qid, vm_generation(vm)} : (struct subject){0};
}

static int ask(struct registry *r, struct out *out, const struct pending_operation *o,
               const struct plan_job *job, unsigned index, const char *verb)
{
    struct volume_change m = {.lines = job->lines,
                              .source = job->source,
                              .in_place = job->in_place,
                              .size = job->size,
                              .success = job->success};
    struct context c = {.op = o->op,
                        .caller = o->request.context.caller,
                        .subject = subject_of(r, job),
                        .deadline = out->now + STORAGE_MOST};
    if (text_copy(m.pool, sizeof m.pool, job->pool) < 0 ||
        text_copy(m.volume, sizeof m.volume, job->volume) < 0 ||
        text_copy(m.revision, sizeof m.revision, job->revision) < 0)
        return -ERR_RANGE;
    (void)text_copy(m.verb, sizeof m.verb, span_of(verb));
    if (job->volume.len == 0)
        pool_place_lines(r, job->pool, job->lines);
    return ASK(out, volume_change, ((struct address){KIND_STORAGE, pool_instance(job->pool)}), &c,
               o->number | (uint64_t)(index + 1) << TAG_SHIFT, &m);
}

/* The first failure counts. What cannot be removed stays a leftover and fails nothing. */
static void fail(struct pending_operation *o, struct plan_job *job, int e, const struct fault *why)
{
    struct storage_work *w = o->work;
    if (w->phase == PHASE_UNDO || w->phase == PHASE_AFTER) {
        if (job != NULL)
            job->stays = true;
        log_line(LOG_WARN, "a volume is left, and removed at the next start: %s",
                 why != NULL ? why->text : err_text((enum err) - e));
        return;
    }
    if (!w->failed) {
        w->r = e;
        if (why != NULL && why->code == (enum err) - e)
            o->why = *why;
        else
            fault_set(&o->why, (enum err) - e, "%s", err_text((enum err) - e));
    }
    w->failed = true;
}

static void all_answered(struct registry *r, struct out *out, struct pending_operation *o);

/* `verb` NULL: each job's own. */
static void ask_all(struct registry *r, struct out *out, struct pending_operation *o,
                    enum storage_phase phase, const char *verb)
{
    struct storage_work *w = o->work;
    unsigned index = 0;
    w->phase = phase;
    w->asked = 0;
    o->step = STEP_STORING;
    memset(w->tries, 0, sizeof w->tries);
    if (o->asked_by == ASKED_BY_API && !w->answered)
        reply_progress(out, &o->request, out->now + STORAGE_MOST + 5 * SECONDS);
    for (struct plan_job *job = w->plan.job; job != NULL; job = job->next, index++) {
        int e =
            index < JOBS_MOST ? ask(r, out, o, job, index, verb != NULL ? verb : job->verb) : -ERR_TOO_BIG;
        if (e < 0)
            fail(o, job, e, NULL);
        else
            w->asked++;
    }
    if (w->asked == 0)
        all_answered(r, out, o);
}

/* ---- commits beside ---- */

/* Its asker hears how it went; where nobody waits any more, it only ends. */
static void end(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (w->answered)
        o->asked_by = ASKED_BY_NOBODY;
    operate_done_with(r, out, o, w->makes && w->failed ? w->r : 0);
}

/* In the place of the operation's own plan and id, which follow. */
static void commit_beside(struct registry *r, struct out *out, struct pending_operation *o,
                          enum storage_phase phase)
{
    struct storage_work *w = o->work;
    struct known known;
    plan_free(&o->plan);
    plan_leftovers(&o->plan, w->plan.job, phase == PHASE_CLEAN);
    w->phase = phase;
    o->op = operate_new_id(r);
    int e = batch_known(r, &known);
    if (e == 0)
        e = o->plan.failed;
    if (e == 0)
        e = batch_add(r, &known, o, false);
    o->step = STEP_COMMITTING;
    if (e < 0)
        (void)storage_commit_failed(r, out, o, e, NULL);
}

struct op_id storage_op(const struct pending_operation *o)
{
    return o->work != NULL ? o->work->op : o->op;
}

bool storage_is_beside(const struct pending_operation *o)
{
    return o->work != NULL && (o->work->phase == PHASE_INTENT || o->work->phase == PHASE_CLEAN);
}

/* What could not be said to be left is made by nobody; what could not be said to be gone is removed again. */
bool storage_commit_failed(struct registry *r, struct out *out, struct pending_operation *o, int e,
                           const struct fault *why)
{
    if (!storage_is_beside(o))
        return false;
    if (o->work->phase == PHASE_INTENT) {
        fail(o, NULL, e, why);
        operate_done_with(r, out, o, o->work->r);
    } else {
        end(r, out, o);
    }
    return true;
}

bool storage_committed(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (!storage_is_beside(o))
        return false;
    o->op = w->op;
    if (w->phase == PHASE_INTENT)
        ask_all(r, out, o, PHASE_JOBS, NULL);
    else
        end(r, out, o);
    return true;
}

/* ---- before the commit ---- */

static bool is_in_the_way(const struct known *known, const struct plan_job *jobs)
{
    for (const struct plan_job *job = jobs; job != NULL; job = job->next)
        if (leftover_is(known, job))
            return true;
    return false;
}

static bool concern_the_same(const struct plan_job *a, const struct plan_job *b)
{
    struct span one = {NULL, 0}, other = {NULL, 0};
    ask_attribute(a->lines, "vid", &one);
    ask_attribute(b->lines, "vid", &other);
    return a->volume.len > 0 && b->volume.len > 0 && a->pool.len == b->pool.len && one.len == other.len &&
           one.len > 0 && memcmp(a->pool.at, b->pool.at, a->pool.len) == 0 &&
           memcmp(one.at, other.at, one.len) == 0;
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
    return 0;
}

/* The same volumes in the same pools: what storage has made is what is committed. */
static bool are_same(const struct plan_job *a, const struct plan_job *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next)
        if (a->pool.len != b->pool.len || memcmp(a->pool.at, b->pool.at, a->pool.len) != 0 ||
            a->lines.len != b->lines.len || memcmp(a->lines.at, b->lines.at, a->lines.len) != 0)
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
        commit_beside(r, out, o, PHASE_INTENT);
    } else {
        ask_all(r, out, o, PHASE_JOBS, NULL);
    }
    return STORAGE_TAKES_IT;
}

bool storage_undo(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (w == NULL || !w->makes)
        return false;
    w->failed = true;
    w->r = -(int)o->why.code;
    ask_all(r, out, o, PHASE_UNDO, "remove");
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
    ask_all(r, out, o, PHASE_AFTER, NULL);
    return true;
}

/* ---- answers ---- */

static void jobs_answered(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (w->failed && w->makes) {
        (void)storage_undo(r, out, o);
    } else if (w->failed) {
        operate_done_with(r, out, o, w->r);
    } else {
        w->phase = PHASE_MADE;
        o->step = STEP_WAITING;
    }
}

static bool all_stay(const struct storage_work *w)
{
    for (const struct plan_job *job = w->plan.job; job != NULL; job = job->next)
        if (!job->stays)
            return false;
    return true;
}

static void all_answered(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (w->phase == PHASE_JOBS) {
        jobs_answered(r, out, o);
    } else if (all_stay(w)) {
        end(r, out, o);
    } else {
        w->phase = PHASE_TIDY;
        o->step = STEP_WAITING;
    }
}

bool storage_goes_on(struct registry *r, struct out *out, struct pending_operation *o)
{
    if (o->work == NULL || (o->work->phase != PHASE_TIDY && !storage_is_beside(o)))
        return false;
    commit_beside(r, out, o, o->work->phase == PHASE_INTENT ? PHASE_INTENT : PHASE_CLEAN);
    return true;
}

static struct plan_job *job_at(const struct storage_work *w, unsigned index)
{
    struct plan_job *job = w->plan.job;
    for (; job != NULL && index > 0; index--)
        job = job->next;
    return job;
}

/* Its process ended before it answered: every verb may be done again. */
static bool again(struct registry *r, struct out *out, struct pending_operation *o, unsigned index)
{
    struct storage_work *w = o->work;
    const struct plan_job *job = index < JOBS_MOST ? job_at(w, index) : NULL;
    if (job == NULL || ++w->tries[index] >= JOB_TRIES)
        return false;
    return ask(r, out, o, job, index, w->phase == PHASE_UNDO ? "remove" : job->verb) == 0;
}

static int take_reply(struct storage_work *w, const struct answer *a, struct fault *why)
{
    struct volume_change_reply m;
    if (volume_change_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "storage's answer does not decode");
    memcpy(w->path, m.path, sizeof m.path);
    return 0;
}

bool storage_answered(struct registry *r, struct out *out, const struct answer *a)
{
    unsigned index = (unsigned)(a->tag >> TAG_SHIFT);
    struct pending_operation *o = operate_find(r, a->tag & ((UINT64_C(1) << TAG_SHIFT) - 1));
    struct fault why = a->why;
    if (index == 0)
        return false;
    if (o == NULL || o->work == NULL || o->step != STEP_STORING)
        return true;
    if (a->progress) {
        if (o->asked_by == ASKED_BY_API && !o->work->answered)
            reply_progress(out, &o->request, out->now + STORAGE_MOST);
        return true;
    }
    if (a->r == -ERR_GONE && again(r, out, o, index - 1))
        return true;
    int e = a->r < 0 ? a->r : take_reply(o->work, a, &why);
    if (e < 0)
        fail(o, job_at(o->work, index - 1), e, &why);
    if (--o->work->asked == 0) {
        all_answered(r, out, o);
        operate_go_on(r, out);
    }
    return true;
}
