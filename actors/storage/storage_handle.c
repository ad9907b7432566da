/* SPDX-License-Identifier: MIT
 * The core of storage/<pool>: which pool it serves, what is asked of it, and what came of it. */
#include <stdlib.h>
#include <string.h>

#include "actors/storage/storage.h"
#include "base/log.h"

/* Idle for so long, it ends. */
#define LINGER      (20 * SECONDS)
#define TELL_WITHIN (10 * SECONDS)
#define ASK_AGAIN   SECONDS

/* Tag of the question which pool it serves; jobs count from 1. */
enum { TAG_POOL = 0 };
static const struct address REGISTRY = {KIND_REGISTRY, 0};

static void ask_which(struct storage *s, struct out *out)
{
    struct context c = {.deadline = out->now + TELL_WITHIN};
    s->ask_at = 0;
    s->state = STORAGE_ASKS;
    (void)ASK(out, pool_tell, REGISTRY, &c, TAG_POOL, NO_MESSAGE(pool_tell));
}

static int begin(void *self, struct out *out, const struct life *life)
{
    struct storage *s = self;
    s->instance = life->self.instance;
    s->lines = TEXT_WITH_LIMIT(STORAGE_LINES_MAX);
    (void)text_copy(s->note, sizeof s->note, life->note);
    out_timer(out, STORAGE_TIMER_REST, out->now + LINGER);
    out_ready(out);
    return 0;
}

static void hello(void *self, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct storage *s = self;
    (void)epoch, (void)last_correlation;
    if (s->name[0] == '\0')
        ask_which(s, out);
}

/* ---- which pool ---- */

/* What was not there when its jail was made it does not see later: one that cannot serve ends soon, and the
 * next looks anew. */
static void rest_in(struct storage *s, struct out *out)
{
    out_timer(out, STORAGE_TIMER_REST, out->now + (s->state == STORAGE_FAILED ? ASK_AGAIN : LINGER));
}

static void fails(struct storage *s, struct out *out, int r, const struct fault *why)
{
    s->state = STORAGE_FAILED;
    s->why = *why;
    s->name[0] = '\0';
    s->ask_at = out->now + ASK_AGAIN;
    jobs_refuse_all(s, out, r, why);
    rest_in(s, out);
}

static void open_it(struct storage *s, struct out *out)
{
    struct storage_task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        fails(s, out, -ERR_NOMEM, &(struct fault){ERR_NOMEM, "no memory to open the pool"});
        return;
    }
    t->task.what = t->verb = STORAGE_OPEN;
    memcpy(t->pool, s->name, sizeof t->pool);
    memcpy(t->lines, s->lines.at, s->lines.len + 1);
    s->state = STORAGE_OPENS;
    out_task(out, &t->task);
}

/* It is opened when nothing works with it, and nobody is opening it. */
static void open_when_idle(struct storage *s, struct out *out)
{
    if (!s->stale || s->working > 0 || s->state == STORAGE_OPENS)
        return;
    s->stale = false;
    open_it(s, out);
}

static void learn(struct storage *s, struct out *out, const char *pool, struct span lines)
{
    memcpy(s->name, pool, sizeof s->name);
    text_clear(&s->lines);
    text_append(&s->lines, lines);
    jobs_title(s, out);
    s->stale = true;
    open_when_idle(s, out);
}

static void told_which(struct storage *s, struct out *out, const struct answer *a)
{
    struct pool_tell_reply m;
    struct fault why = a->why;
    int r = a->r < 0 ? a->r : pool_tell_reply_decode(&m, a->e->body);
    if (a->progress || s->state != STORAGE_ASKS)
        return;
    if (r < 0) {
        fault_set(&why, (enum err) - r, "%s", a->r < 0 ? a->why.text : "registry's words do not decode");
        fails(s, out, r, &why);
    } else {
        learn(s, out, m.pool, m.lines);
    }
}

static void opened(struct storage *s, struct out *out, const struct storage_task *t)
{
    if (t->task.r < 0) {
        fails(s, out, t->task.r, &t->task.why);
        return;
    }
    s->side_by_side = t->success;
    s->state = STORAGE_SERVES;
    recover_begin(s, out);
    open_when_idle(s, out);
    jobs_go_on(s, out);
}

/* ---- what is asked ---- */

/* The verb's number when this process is the one that is meant; else the asker is answered. */
static int understand(struct storage *s, struct out *out, const struct envelope *e, const char *pool,
                      const char *verb, const char *allowed)
{
    struct request request = request_of(e);
    struct fault why;
    int number = storage_verb_find(verb);
    if (s->state != STORAGE_FAILED)
        rest_in(s, out);
    if (number < 0 || number == STORAGE_OPEN || number == STORAGE_RECOVER ||
        (allowed != NULL && strstr(allowed, verb) == NULL)) {
        reply_error(out, &request, -ERR_REFUSED, NULL);
        return -ERR_REFUSED;
    }
    if (s->state == STORAGE_FAILED && out->now >= s->ask_at)
        ask_which(s, out);
    if (s->state == STORAGE_FAILED) {
        reply_error(out, &request, -(int)s->why.code, &s->why);
        return -ERR_STATE;
    }
    if (s->name[0] != '\0' && strcmp(s->name, pool) != 0) {
        reply_error(out, &request, fault_set(&why, ERR_STORAGE, "this process serves pool %s", s->name),
                    &why);
        return -ERR_REFUSED;
    }
    return number;
}

static int read_volume(struct volume_job *job, struct volume *v, const char *name, struct span lines,
                       struct fault *why)
{
    int r = volume_read(v, span_of(name), lines, why);
    if (r == 0)
        job->has_volume = true;
    return r;
}

/* The note of one that was in the way of a pool that is to be made; the next one is not, whatever it is told:
 * who would go on for ever refuses. No pool has such a name. */
#define LEFT "?left"

/* The pool that this process was told of could not be made, and one of its name is to be made: of something
 * else, or now that what was missing is there. Or nobody had named one when its jail was made. */
static bool is_of_another(const struct storage *s, const struct volume_change *m)
{
    bool failed =
        s->lines.len > 0 && (s->state == STORAGE_FAILED || !span_equal(m->lines, text_span(&s->lines)));
    return m->volume[0] == '\0' && (failed || (s->placeless && strcmp(s->note, LEFT) != 0));
}

static void on_volume_change(struct storage *s, struct out *out, const struct envelope *e,
                             const struct volume_change *m)
{
    if (is_of_another(s, m)) {
        out_note(out, SPAN_LITERAL(LEFT));
        out_leave(out); /* its jail and its runner are the other one's; the asker asks the next incarnation */
        return;
    }
    struct fault why;
    int verb = understand(s, out, e, m->pool, m->verb, NULL);
    struct volume_job *job = verb >= 0 ? job_add(s, out, e, (unsigned)verb) : NULL;
    int r = 0;
    if (job == NULL)
        return;
    if (m->volume[0] != '\0')
        r = read_volume(job, &job->volume, m->volume, m->lines, &why);
    job->volume.source_in_place = m->in_place != 0;
    if (r == 0 && m->source.len > 0) {
        r = volume_read(&job->source, span_of(m->volume), m->source, &why);
        job->has_source = r == 0;
    }
    job->size = m->size;
    job->success = m->success != 0;
    memcpy(job->revision, m->revision, sizeof job->revision);
    job->loan = m->loan;
    job->borrower = m->borrower;
    if (r < 0)
        job_refuse(s, out, job, r, &why);
    else
        loan_begin(s, out, job);
    jobs_go_on(s, out);
}

/* The asker names a volume; what it is, is asked of registry. */
static void ask_what_it_is(struct storage *s, struct out *out, struct volume_job *job, const char *pool,
                           const char *volume)
{
    struct volume_tell m;
    struct context c = job->request.context;
    c.deadline = out->now + TELL_WITHIN; /* what comes behind it waits for this, too */
    memcpy(m.pool, pool, sizeof m.pool);
    memcpy(m.volume, volume, sizeof m.volume);
    (void)text_copy(job->volume.name, sizeof job->volume.name, span_of(volume));
    job->state = JOB_ASKS;
    int r = ASK(out, volume_tell, REGISTRY, &c, job->number, &m);
    if (r < 0)
        job_refuse(s, out, job, r, NULL);
}

static void on_volume_use(struct storage *s, struct out *out, const struct envelope *e,
                          const struct volume_use *m)
{
    int verb = understand(s, out, e, m->pool, m->verb, "verify start stop");
    struct volume_job *job = verb >= 0 ? job_add(s, out, e, (unsigned)verb) : NULL;
    if (job != NULL)
        ask_what_it_is(s, out, job, m->pool, m->volume);
}

static void on_volume_look(struct storage *s, struct out *out, const struct envelope *e,
                           const struct volume_look *m)
{
    int verb = understand(s, out, e, m->pool, m->verb, "look revisions");
    struct volume_job *job = verb >= 0 ? job_add(s, out, e, (unsigned)verb) : NULL;
    if (job != NULL)
        ask_what_it_is(s, out, job, m->pool, m->volume);
}

static void on_pool_look(struct storage *s, struct out *out, const struct envelope *e,
                         const struct pool_look *m)
{
    int verb = understand(s, out, e, m->pool, m->verb, "usage list");
    if (verb >= 0 && job_add(s, out, e, (unsigned)verb) != NULL)
        jobs_go_on(s, out);
}

/* The next pool of this number begins in a jail of its own, and without a note: whoever has left one is
 * started with the house. */
static void is_gone(struct storage *s, struct out *out)
{
    s->note[0] = '\0';
    out_note(out, (struct span){NULL, 0});
    fails(s, out, -ERR_GONE, &(struct fault){ERR_GONE, "this pool was removed"});
    out_retire(out);
}

/* The supervisor has heard of it: it was removed, was never made, or lies elsewhere now. */
static void bygone(void *self, struct out *out)
{
    is_gone(self, out);
}

static void on_pool_config(struct storage *s, struct out *out, const struct envelope *e,
                           const struct pool_config *m)
{
    (void)e;
    if (strcmp(s->name, m->pool) != 0 || s->name[0] == '\0')
        return;
    if (m->lines.len == 0)
        is_gone(s, out);
    else
        learn(s, out, m->pool, m->lines);
}

#define MAILBOX "proto/storage.def"
#define SELF    struct storage
#include "runtime/dispatch.h"

static void hear(void *self, struct out *out, const struct envelope *e)
{
    struct storage *s = self;
    if (e->class == CLASS_CANCEL)
        jobs_cancel(s, out, e);
    else
        dispatch(s, out, e, &s->refused);
}

static void answered(void *self, struct out *out, const struct answer *a)
{
    struct storage *s = self;
    struct volume_tell_reply m;
    struct fault why = a->why;
    if (a->tag == TAG_POOL) {
        told_which(s, out, a);
        return;
    }
    struct volume_job *job = job_find(s, a->tag);
    if (job == NULL || a->progress || job->state != JOB_ASKS)
        return;
    if (job->verb == STORAGE_RECOVER) {
        recover_answered(s, out, job, a);
        return;
    }
    char name[VOLUME_NAME_MAX + 1];
    memcpy(name, job->volume.name, sizeof name);
    int r = a->r < 0 ? a->r : volume_tell_reply_decode(&m, a->e->body);
    if (r == 0)
        r = read_volume(job, &job->volume, name, m.lines, &why);
    if (r < 0) {
        job_refuse(s, out, job, r, why.code != ERR_NONE ? &why : NULL);
    } else {
        job->volume.source_in_place = m.in_place != 0;
        job->state = JOB_WAITS;
    }
    jobs_go_on(s, out);
}

static void done(void *self, struct out *out, const struct done *d)
{
    struct storage *s = self;
    struct storage_task *t = (struct storage_task *)(uintptr_t)d->task;
    if (t == NULL)
        return;
    struct volume_job *job = t->verb != STORAGE_OPEN ? job_find(s, t->job) : NULL;
    if (t->verb == STORAGE_RECOVER)
        recover_done(s, out, t);
    if (job != NULL && t->verb == POOL_export && t->task.r >= 0) {
        loan_exported(s, out, job, t);
    } else if (job != NULL) {
        if (t->verb != STORAGE_RECOVER)
            storage_answer(s, out, job, t);
        job_end(s, job);
        if (t->verb == POOL_setup && t->task.r < 0)
            fails(s, out, t->task.r, &t->task.why);
    }
    if (t->verb == STORAGE_OPEN && s->state == STORAGE_OPENS)
        opened(s, out, t);
    if (t->lost)
        out_leave(out); /* the next incarnation has another runner; who waits asks that one */
    open_when_idle(s, out);
    jobs_go_on(s, out);
    storage_task_free_content(t);
    rest_in(s, out);
}

static void timer(void *self, struct out *out, uint64_t number)
{
    struct storage *s = self;
    if (number == STORAGE_TIMER_TICK) {
        recover_tick(s, out);
        jobs_tick(s, out);
        return;
    }
    if (s->count == 0 && s->state != STORAGE_OPENS && !loans_are_out(s, out->now))
        out_retire(out);
    rest_in(s, out);
}

static void end(void *self)
{
    struct storage *s = self;
    while (s->jobs != NULL)
        job_end(s, s->jobs);
    recover_forget(s);
    text_free(&s->lines);
}

const struct actor storage_actor = {
    .name = "storage",
    .kind = KIND_STORAGE,
    .size = sizeof(struct storage),
    .hands = STORAGE_HANDS,
    .begin = begin,
    .hello = hello,
    .hear = hear,
    .answered = answered,
    .done = done,
    .timer = timer,
    .bygone = bygone,
    .end = end,
    .perform = storage_perform,
};
