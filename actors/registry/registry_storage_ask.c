/* SPDX-License-Identifier: MIT
 * What storage is asked for an operation, and what its answers come to; in registry. */
#include "actors/registry/registry_storage_inside.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"

/* How long storage may say nothing; progress extends it. */
#define STORAGE_MOST (300 * SECONDS)
enum { JOB_TRIES = 3, TAG_SHIFT = 40 };

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
                              .success = job->success,
                              .loan = o->work->loan,
                              .borrower = job->borrower.len > 0 ? pool_instance(job->borrower) : 0};
    struct context c = {.op = o->op,
                        .caller = o->request.context.caller,
                        .subject = subject_of(r, job),
                        .deadline = out->now + STORAGE_MOST};
    if (text_copy(m.pool, sizeof m.pool, job->pool) < 0 ||
        text_copy(m.volume, sizeof m.volume, job->volume) < 0 ||
        text_copy(m.revision, sizeof m.revision, job->revision) < 0)
        return -ERR_RANGE;
    (void)text_copy(m.verb, sizeof m.verb, span_of(verb));
    if (job->stage == STAGE_TAKE)
        m.size = o->work->size;
    if (job->volume.len == 0)
        pool_place_lines(r, job->pool, job->lines);
    return ASK(out, volume_change, ((struct address){KIND_STORAGE, pool_instance(job->pool)}), &c,
               o->number | (uint64_t)(index + 1) << TAG_SHIFT, &m);
}

void storage_fail(struct pending_operation *o, struct plan_job *job, int e, const struct fault *why)
{
    struct storage_work *w = o->work;
    if (w->phase == PHASE_UNDO || w->phase == PHASE_AFTER) {
        if (job != NULL)
            job->stays = true;
        log_line(LOG_WARN, "a volume is left, and removed at the next start: %s",
                 why != NULL ? why->text : err_text((enum err) - e));
        return;
    }
    if (job != NULL && job->stage == STAGE_GIVE_BACK) {
        log_line(LOG_WARN, "a volume that was copied stays exported: %s",
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

void storage_ask_all(struct registry *r, struct out *out, struct pending_operation *o,
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
        if (verb == NULL && phase == PHASE_JOBS ? job->stage != w->stage : !job_is_of_its_volume(job))
            continue;
        int e =
            index < JOBS_MOST ? ask(r, out, o, job, index, verb != NULL ? verb : job->verb) : -ERR_TOO_BIG;
        if (e < 0)
            storage_fail(o, job, e, NULL);
        else
            w->asked++;
    }
    if (w->asked == 0)
        all_answered(r, out, o);
}

/* ---- answers ---- */

/* What was lent is given back whatever became of it; what was not lent is not asked for. */
static bool next_stage(struct storage_work *w)
{
    const struct plan_job *job = w->plan.job;
    if (w->failed && !w->lent)
        return false;
    enum plan_stage next = w->failed ? STAGE_GIVE_BACK : (enum plan_stage)(w->stage + 1);
    while (job != NULL && job->stage != next)
        job = job->next;
    if (job == NULL || w->stage >= next)
        return false;
    w->stage = next;
    return true;
}

/* The plan made anew has the size that storage told. */
static void take_size(struct pending_operation *o)
{
    bool alone = o->operation == OPERATION_volume_clear || o->operation == OPERATION_import_begin,
         behind = o->operation == OPERATION_volume_revert || o->operation == OPERATION_volume_clone ||
                  o->operation == OPERATION_import_end;
    if (o->work->sized && (behind || (alone && o->value.len == 0)))
        text_format(&o->value, "%s%" PRIu64, behind ? " " : "", o->work->now);
}

/* Who heard of its beginning hears of its end. */
static void tell_failure(struct registry *r, struct out *out, struct pending_operation *o)
{
    AUTO_PLAN p = {0};
    struct fault why;
    struct context c = {.op = o->op, .caller = o->request.context.caller};
    if (o->operation == OPERATION_import_end && o->target <= QID_MAX &&
        plan_import_failed(&r->known, o->target, text_span(&o->key), &p, &why) >= 0)
        publish_early(r, out, &c, &p, p.events);
}

static void jobs_answered(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (next_stage(w)) {
        storage_ask_all(r, out, o, PHASE_JOBS, NULL);
    } else if (w->failed && w->makes) {
        (void)storage_undo(r, out, o);
    } else if (w->failed) {
        tell_failure(r, out, o);
        operate_done_with(r, out, o, w->r);
    } else {
        take_size(o);
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
        storage_end(r, out, o);
    } else {
        w->phase = PHASE_TIDY;
        o->step = STEP_WAITING;
    }
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

static int take_reply(struct storage_work *w, const struct plan_job *job, const struct answer *a,
                      struct fault *why)
{
    struct volume_change_reply m;
    if (volume_change_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "storage's answer does not decode");
    memcpy(w->path, m.path, sizeof m.path);
    w->outdated = w->outdated || m.outdated != 0;
    if (m.sized != 0) {
        w->sized = true;
        w->now = m.size;
    }
    if (job != NULL && job->borrower.len > 0 && job->stage == STAGE_LEND) {
        w->size = m.size;
        w->lent = true;
    }
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
    int e = a->r < 0 ? a->r : take_reply(o->work, job_at(o->work, index - 1), a, &why);
    if (e < 0)
        storage_fail(o, job_at(o->work, index - 1), e, &why);
    if (--o->work->asked == 0) {
        all_answered(r, out, o);
        operate_go_on(r, out);
    }
    return true;
}
