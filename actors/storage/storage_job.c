/* SPDX-License-Identifier: MIT
 * What is asked of a pool, in the order of arrival; in storage. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/storage/storage.h"
#include "base/log.h"
#include "base/own.h"

/* How often askers hear of bytes that were moved, and how long that lets them wait. */
#define TICK          SECONDS
#define TELL_EVERY    (5 * SECONDS)
#define PATIENCE_MORE (60 * SECONDS)

struct volume_job *job_add(struct storage *s, struct out *out, const struct envelope *e, unsigned verb)
{
    struct request request = request_of(e);
    struct volume_job *job = s->count < STORAGE_QUEUE_MAX ? calloc(1, sizeof *job) : NULL;
    struct storage_watch *watch = job != NULL ? calloc(1, sizeof *watch) : NULL;
    if (watch == NULL) {
        free(job);
        reply_error(out, &request, -ERR_BUSY, NULL);
        return NULL;
    }
    job->number = ++s->tags;
    job->request = request;
    job->verb = verb;
    job->since = job->told_at = out->now;
    job->watch = watch;
    job->fd = -1;
    job->state = JOB_WAITS;
    DL_APPEND(s->jobs, job);
    s->count++;
    if (s->count == 1)
        out_timer(out, STORAGE_TIMER_TICK, out->now + TICK);
    return job;
}

struct volume_job *job_add_first(struct storage *s, struct out *out, unsigned verb)
{
    struct volume_job *job = calloc(1, sizeof *job);
    struct storage_watch *watch = job != NULL ? calloc(1, sizeof *watch) : NULL;
    if (watch == NULL) {
        free(job);
        return NULL;
    }
    job->number = ++s->tags;
    job->verb = verb;
    job->since = out->now;
    job->watch = watch;
    job->fd = -1;
    DL_PREPEND(s->jobs, job);
    s->count++;
    if (s->count == 1)
        out_timer(out, STORAGE_TIMER_TICK, out->now + TICK);
    return job;
}

struct volume_job *job_find(struct storage *s, uint64_t number)
{
    struct volume_job *job;
    DL_SEARCH_SCALAR(s->jobs, job, number, number);
    return job;
}

void job_end(struct storage *s, struct volume_job *job)
{
    s->working -= job->state == JOB_WORKS;
    s->count--;
    DL_DELETE(s->jobs, job);
    close_file(&job->fd);
    free(job->watch);
    free(job);
}

void job_refuse(struct storage *s, struct out *out, struct volume_job *job, int r, const struct fault *why)
{
    reply_error(out, &job->request, r, why);
    job_end(s, job);
}

void jobs_refuse_all(struct storage *s, struct out *out, int r, const struct fault *why)
{
    struct volume_job *job, *next;
    DL_FOREACH_SAFE(s->jobs, job, next)
    {
        if (job->state != JOB_WORKS)
            job_refuse(s, out, job, r, why);
    }
}

static bool touches(const struct volume_job *job, const char *vid)
{
    return strcmp(job->volume.vid, vid) == 0 || (job->has_source && strcmp(job->source.vid, vid) == 0) ||
           (job->volume.snap_on_start && strcmp(job->volume.source, vid) == 0);
}

/* What comes and goes takes its VM's directory along. */
static bool share_directory(const struct volume_job *a, const struct volume_job *b)
{
    const char *x = strrchr(a->volume.vid, '/'), *y = strrchr(b->volume.vid, '/');
    bool moves =
        a->verb == POOL_create || a->verb == POOL_remove || b->verb == POOL_create || b->verb == POOL_remove;
    return moves && x != NULL && y != NULL && x - a->volume.vid == y - b->volume.vid &&
           strncmp(a->volume.vid, b->volume.vid, (size_t)(x - a->volume.vid)) == 0;
}

/* Two verbs that must not run at a time. A verb of the pool itself stands alone. */
static bool meet(const struct storage *s, const struct volume_job *a, const struct volume_job *b)
{
    if (!s->side_by_side || !a->has_volume || !b->has_volume)
        return true;
    return share_directory(a, b) || touches(a, b->volume.vid) || touches(b, a->volume.vid) ||
           (a->has_source && touches(b, a->source.vid));
}

/* Whether it meets nothing that came before it. What a volume is must be known of those, too. */
static bool may_begin(const struct storage *s, const struct volume_job *job)
{
    for (const struct volume_job *before = s->jobs; before != job; before = before->next)
        if (before->state != JOB_LENDS && (before->state == JOB_ASKS || meet(s, job, before)))
            return false;
    return job->state == JOB_WAITS;
}

static void begin(struct storage *s, struct out *out, struct volume_job *job)
{
    struct storage_task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        job_refuse(s, out, job, -ERR_NOMEM, NULL);
        return;
    }
    t->task.what = t->verb = job->verb;
    t->job = job->number;
    t->has_volume = job->has_volume;
    t->has_source = job->has_source;
    t->success = job->success;
    t->volume = job->volume;
    t->source = job->source;
    t->size = job->size;
    memcpy(t->revision, job->revision, sizeof t->revision);
    t->watch = job->watch;
    if (job->verb == STORAGE_RECOVER) {
        t->known = s->recovery.known;
        s->recovery.known = (struct storage_volumes){0};
    }
    t->fd = job->fd;
    job->fd = -1;
    loan_take_path(s, job, t);
    job->state = JOB_WORKS;
    s->working++;
    out_task(out, &t->task);
}

void jobs_go_on(struct storage *s, struct out *out)
{
    struct volume_job *job, *next;
    if (s->state == STORAGE_SERVES && !s->stale) {
        DL_FOREACH_SAFE(s->jobs, job, next)
        {
            if (s->working < STORAGE_HANDS && may_begin(s, job))
                begin(s, out, job);
        }
    }
    jobs_title(s, out);
}

void jobs_cancel(struct storage *s, struct out *out, const struct envelope *e)
{
    struct volume_job *job, *next;
    DL_FOREACH_SAFE(s->jobs, job, next)
    {
        if (job->request.correlation != e->correlation ||
            !address_equal(job->request.source, envelope_source(e)))
            continue;
        if (job->state == JOB_WORKS)
            atomic_store(&job->watch->cancelled, true);
        else
            job_refuse(s, out, job, -ERR_CANCELLED, NULL);
    }
    jobs_go_on(s, out);
}

/* As long as bytes move its asker goes on waiting; who waits for the search after a crash, as long as that
 * gets on. */
static void tell(const struct storage *s, struct out *out, struct volume_job *job)
{
    const struct volume_job *first = s->jobs;
    const struct volume_job *mover = NULL;
    if (job->state == JOB_WORKS)
        mover = job;
    else if (first != NULL && first->verb == STORAGE_RECOVER)
        mover = first;
    uint64_t bytes = mover != NULL ? atomic_load(&mover->watch->done) : job->bytes;
    if (job->request.type == 0 || out->now - job->told_at < TELL_EVERY || bytes == job->bytes)
        return;
    job->bytes = bytes;
    job->told_at = out->now;
    job->request.context.deadline = out->now + PATIENCE_MORE;
    reply_progress(out, &job->request, job->request.context.deadline);
}

void jobs_tick(struct storage *s, struct out *out)
{
    struct volume_job *job, *next;
    DL_FOREACH_SAFE(s->jobs, job, next)
    {
        uint64_t deadline = job->request.context.deadline;
        if (job->state != JOB_WORKS && deadline != 0 && deadline <= out->now)
            job_end(s, job); /* the router has answered for us: nothing has begun, and nothing will */
        else {
            tell(s, out, job);
            notice_progress(s, out, job);
        }
    }
    jobs_go_on(s, out);
    out_timer(out, STORAGE_TIMER_TICK, s->count > 0 ? out->now + TICK : 0);
}

/* The oldest of those that wait comes first in the list. */
static const struct volume_job *oldest(const struct storage *s)
{
    const struct volume_job *job = s->jobs;
    while (job != NULL && job->state == JOB_WORKS)
        job = job->next;
    return job;
}

void jobs_title(struct storage *s, struct out *out)
{
    char title[96];
    const struct volume_job *waits = oldest(s), *first = s->jobs;
    uint64_t megabytes = first != NULL ? atomic_load(&first->watch->done) >> 20 : 0;
    int len = snprintf(title, sizeof title, "%.40s", s->name);
    if (s->working > 0)
        len += snprintf(title + len, sizeof title - (size_t)len, ", %u at work", s->working);
    if (megabytes > 0)
        len += snprintf(title + len, sizeof title - (size_t)len, " (%" PRIu64 " MiB)", megabytes);
    if (waits != NULL)
        snprintf(title + len, sizeof title - (size_t)len, ", %u wait %" PRIu64 " s", s->count - s->working,
                 (out->now - waits->since) / SECONDS);
    if (s->name[0] != '\0')
        out_title(out, title);
}
