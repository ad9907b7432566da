/* SPDX-License-Identifier: MIT
 * What a crash of the host left in a pool: looked for once in a boot, before the pool serves; in storage.
 * The place at the head of the list is taken before registry is asked who lives: whatever begins to live
 * after its answer stands behind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/storage/storage.h"
#include "base/grow.h"
#include "base/log.h"
#include "base/own.h"
#include "model/change.h"
#include "proto/record_values.h"

/* How long it waits for host to say what runs. Then it tidies up what nobody can be using, and serves; the
 * rest is left to the next incarnation. */
#define ASK_AGAIN SECONDS
enum { TRIES = 10, TOLD_MOST = 256 };
#define ANSWER_WITHIN (10 * SECONDS)

static const struct address REGISTRY = {KIND_REGISTRY, 0};

void recover_forget(struct storage *s)
{
    free(s->recovery.known.at);
    s->recovery.known = (struct storage_volumes){0};
}

static void give_up(struct storage *s, struct volume_job *job, const char *why)
{
    log_line(LOG_WARN, "pool %s is not searched for what a crash left: %s", s->name, why);
    s->recovery.done = true;
    s->recovery.job = 0;
    recover_forget(s);
    job_end(s, job);
}

static int ask(struct storage *s, struct out *out, uint32_t from)
{
    struct pool_volumes m = {.from = from};
    struct context c = {.deadline = out->now + ANSWER_WITHIN};
    memcpy(m.pool, s->name, sizeof m.pool);
    s->recovery.next_at = 0;
    return ASK(out, pool_volumes, REGISTRY, &c, s->recovery.job, &m);
}

void recover_begin(struct storage *s, struct out *out)
{
    struct storage_recovery *r = &s->recovery;
    if (r->done || (r->job != 0 && job_find(s, r->job) != NULL) || strcmp(s->note, s->name) == 0)
        return;
    recover_forget(s);
    struct volume_job *job = job_add_first(s, out, STORAGE_RECOVER);
    if (job == NULL)
        return;
    job->state = JOB_ASKS;
    r->job = job->number;
    if (ask(s, out, 0) < 0)
        give_up(s, job, "registry cannot be asked");
}

static int keep(struct storage *s, const struct pool_volume *v)
{
    static const enum pool_known states[] = {
        [VOLUME_RESTS] = POOL_AT_REST, [VOLUME_LIVES] = POOL_LIVING, [VOLUME_HALF_MADE] = POOL_HALF_MADE};
    struct storage_volumes *known = &s->recovery.known;
    struct fault why;
    if (GROW(known->at, known->count, known->room, 64) < 0)
        return -ERR_NOMEM;
    struct pool_known_volume *one = &known->at[known->count];
    *one = (struct pool_known_volume){.known = states[v->known]};
    if (volume_read(&one->volume, span_of(v->name), v->lines, &why) < 0) {
        log_line(LOG_WARN, "pool %s: %s", s->name, why.text);
        return 0; /* its own verbs say so, too */
    }
    one->volume.source_in_place = v->in_place != 0;
    known->count++;
    return 0;
}

void recover_answered(struct storage *s, struct out *out, struct volume_job *job, const struct answer *a)
{
    struct storage_recovery *r = &s->recovery;
    struct pool_volumes_reply m;
    struct pool_volume v;
    int e = a->r < 0 ? a->r : pool_volumes_reply_decode(&m, a->e->body);
    struct reader in = e >= 0 ? list_reader(&m.volumes) : reader_of((struct span){NULL, 0});
    while (e >= 0 && pool_volume_next(&in, &v) == 1)
        e = keep(s, &v);
    if (e >= 0 && m.certain == 0 && ++r->tries < TRIES) {
        recover_forget(s);
        r->next_at = out->now + ASK_AGAIN;
        return;
    }
    if (e >= 0 && m.next != 0)
        e = ask(s, out, m.next);
    else if (e >= 0) {
        r->certain = m.certain != 0;
        job->state = JOB_WAITS;
    }
    if (e < 0)
        give_up(s, job, a->r < 0 ? a->why.text : err_text((enum err) - e));
    jobs_go_on(s, out);
}

void recover_tick(struct storage *s, struct out *out)
{
    struct volume_job *job = s->recovery.job != 0 ? job_find(s, s->recovery.job) : NULL;
    if (job == NULL || s->recovery.next_at == 0 || s->recovery.next_at > out->now)
        return;
    if (ask(s, out, 0) < 0)
        give_up(s, job, "registry cannot be asked");
}

/* ---- on the worker's thread ---- */

struct finder {
    struct storage_task *task;
};

static const char *cure_name(const struct pool_found *f)
{
    if (f->volume == NULL)
        return "unknown";
    if ((f->cure & POOL_CURE_REMOVE) != 0)
        return "removed";
    if ((f->cure & POOL_CURE_STOP) != 0)
        return f->remains.dirty || f->remains.interrupted ? "committed" : "discarded";
    return f->cure != 0 ? "tidied" : "unreadable";
}

static void found(void *self, const struct pool_found *f)
{
    struct finder *finder = self;
    struct text *t = &finder->task->found;
    const char *why = f->r < 0 && f->why != NULL ? f->why->text : "";
    if (t->len + f->vid.len + strlen(why) + 64 > t->limit)
        return;
    text_format(t, "%.*s\t%s\t", (int)f->vid.len, f->vid.at, cure_name(f));
    for (; *why != '\0'; why++)
        text_byte(t, (char)(*why == '\n' || *why == '\t' ? ' ' : *why));
    text_byte(t, '\n');
}

int recover_perform(struct pool *p, struct storage_task *t)
{
    struct finder finder = {t};
    const struct pool_watch watch = {storage_watch_on, t->watch};
    t->found = TEXT_WITH_LIMIT(RECOVER_FOUND_MOST);
    if (strcmp(pool_row(p)->name, "linux-kernel") == 0)
        return 0; /* nothing there is of a VM */
    return pool_recover(p, t->known.at, t->known.count, &watch, found, &finder, &t->task.why);
}

/* ---- what is told ---- */

static const char *long_word(struct span done)
{
    static const char *const words[][2] = {
        {"committed", "a crash left it in use; what was written is committed"},
        {"discarded", "a crash left it in use; it is discarded"},
        {"tidied", "a crash left something half written, which is removed"},
        {"removed", "its VM's creation or removal never ended; it is removed"},
        {"unknown", "nobody knows it; it is left alone"},
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (span_is(done, words[i][0]))
            return words[i][1];
    return "it cannot be looked at";
}

static void tell_line(struct storage *s, struct span line, struct wire_list *events, struct text *all)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(4096);
    struct span rest, why, vid = span_split(line, '\t', &rest), done = span_split(rest, '\t', &why);
    struct event_item item = {.qid = QID_GLOBAL, .name = SPAN_LITERAL("bulkhead-volume-found")};
    log_line(why.len > 0 ? LOG_WARN : LOG_INFO, "pool %s, volume %.*s: %s%s%.*s", s->name, (int)vid.len,
             vid.at, long_word(done), why.len > 0 ? "; that failed: " : "", (int)why.len,
             why.len > 0 ? why.at : "");
    notice_argument(&item, &bytes, "pool", span_of(s->name));
    notice_argument(&item, &bytes, "vid", vid);
    notice_argument(&item, &bytes, "done", done);
    if (why.len > 0)
        notice_argument(&item, &bytes, "failed", why);
    if (bytes.failed == 0)
        event_item_add(events, all, &item);
}

static void tell_all(struct storage *s, struct out *out, const struct storage_task *t)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(256 << 10);
    struct noticed m = {.events = {.count = 0}};
    struct context c = {0};
    struct span line, rest = text_span(&t->found);
    for (unsigned i = 0; rest.len > 0 && i < TOLD_MOST; i++) {
        line = span_split(rest, '\n', &rest);
        if (line.len > 0)
            tell_line(s, line, &m.events, &bytes);
    }
    if (rest.len > 0)
        log_line(LOG_WARN, "pool %s: more was found than is told", s->name);
    if (m.events.count > 0 && bytes.failed == 0)
        (void)EVENT(out, noticed, ((struct address){KIND_API, EVERY_INSTANCE}), &c, &m);
}

void recover_done(struct storage *s, struct out *out, struct storage_task *t)
{
    s->recovery.done = true;
    s->recovery.job = 0;
    tell_all(s, out, t);
    if (t->task.r < 0)
        log_line(LOG_INFO, "pool %s cannot be searched for what a crash left: %s", s->name, t->task.why.text);
    else if (s->recovery.certain)
        out_note(out, span_of(s->name));
}
