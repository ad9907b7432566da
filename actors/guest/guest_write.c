/* SPDX-License-Identifier: MIT
 * What dom0 writes into the guest's database. The entries are registry's; here they are carried, one writing
 * after another, each on a connection of its own. What the daemon answers is worth no more than yes or no. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "actors/guest/guest_inside.h"
#include "actors/guest/guest_mic.h"
#include "base/log.h"
#include "base/own.h"
#include "doors/qubesdb.h"
#include "proto/guest_values.h"
#include "proto/registry_values.h"

/* The supervisor answers at once; registry soon; the worker ends by itself before its task is overdue. */
#define ASK_WITHIN   (5 * SECONDS)
#define DOOR_WITHIN  (2 * SECONDS)
#define TASK_WITHIN  (12 * SECONDS)
#define WRITE_WITHIN (8 * SECONDS)
/* A tag of its own beside those of the guest's calls. */
#define WRITE_TAGS (UINT64_C(1) << 32)

enum { ENTRIES_BYTES = 4 << 20 };

static void next(struct guest *g, struct out *out);

static void answer(struct out *out, const struct request *to, int r, const struct fault *why)
{
    if (to->type == 0 && r < 0)
        log_line(LOG_WARN, "the guest's QubesDB was not written: %s",
                 why != NULL && why->code != ERR_NONE ? why->text : err_text((enum err) - r));
    else if (to->type != 0 && r < 0)
        reply_error(out, to, r, why);
    else if (to->type == MESSAGE_guest_fill)
        (void)REPLY(out, guest_fill, to, NO_MESSAGE(guest_fill_reply));
    else if (to->type == MESSAGE_guest_serve)
        (void)REPLY(out, guest_serve, to, NO_MESSAGE(guest_serve_reply));
    else if (to->type == MESSAGE_guest_mic)
        (void)REPLY(out, guest_mic, to, NO_MESSAGE(guest_mic_reply));
}

static void drop_first(struct guest *g)
{
    text_free(&g->write[0].entries);
    memmove(g->write, g->write + 1, (--g->writes) * sizeof g->write[0]);
    g->writing = WRITE_IDLE;
}

/* Registry has just begun, or is about to: what nobody waits for is asked again. */
static bool is_early(int r)
{
    return r == -ERR_BUSY || r == -ERR_GONE || r == -ERR_LATE;
}

static void end(struct guest *g, struct out *out, int r, const struct fault *why)
{
    struct request request = g->write[0].request;
    if (request.type == 0 && is_early(r))
        out_timer(out, TIMER_WRITE_AGAIN, out->now + SECONDS);
    drop_first(g);
    if (request.type == MESSAGE_guest_fill && r >= 0)
        guest_watch_begin(g, out); /* what was written first is no change */
    answer(out, &request, r, why);
    next(g, out);
    guest_idle(g, out);
}

static struct guest_write_job *add(struct guest *g)
{
    if (g->writes == GUEST_WRITES)
        return NULL;
    struct guest_write_job *job = &g->write[g->writes++];
    *job = (struct guest_write_job){.entries = TEXT_WITH_LIMIT(ENTRIES_BYTES)};
    return job;
}

/* ---- the first of the queue, step by step ---- */

static void ask_registry(struct guest *g, struct out *out, const struct guest_write_job *job)
{
    struct context c = {.caller = g->subject.instance, .subject = g->subject};
    struct qdb_entries m = {.what = job->what, .client = job->client};
    if (job->request.type != 0)
        c.op = job->request.context.op;
    c.deadline = out->now + ASK_WITHIN;
    g->writing = WRITE_ASKS;
    g->write_tag = WRITE_TAGS | (uint32_t)++g->last_tag;
    (void)ASK(out, qdb_entries, ((struct address){KIND_REGISTRY, 0}), &c, g->write_tag, &m);
}

static void ask_door(struct guest *g, struct out *out)
{
    g->writing = WRITE_DOOR;
    out_timer(out, TIMER_WRITE_DOOR, out->now + DOOR_WITHIN);
    out_door(out, GUEST_DOOR_WRITE);
}

static void next(struct guest *g, struct out *out)
{
    if (g->writing != WRITE_IDLE)
        return;
    if (g->writes == 0 && g->behind) {
        struct guest_write_job *job = add(g);
        job->what = QDB_LIVING;
        g->behind = false;
    }
    if (g->writes == 0)
        return;
    if (g->write[0].has_entries)
        ask_door(g, out);
    else
        ask_registry(g, out, &g->write[0]);
}

static void take_entries(struct guest_write_job *job, const struct wire_list *entries)
{
    job->has_entries = true;
    job->count = entries->count;
    text_append(&job->entries, entries->elements);
}

void guest_write_wanted(struct guest *g, struct out *out, const struct request *request, uint32_t what,
                        uint32_t client)
{
    struct fault why;
    struct request nobody = {0};
    struct request to = request != NULL ? *request : nobody;
    if (!g->open) {
        fault_set(&why, ERR_VM_NOT_RUNNING, "the VM is not running, so that its QubesDB cannot be written");
        answer(out, &to, -ERR_VM_NOT_RUNNING, &why);
        return;
    }
    struct guest_write_job *job = g->bare ? NULL : add(g);
    if (job == NULL) {
        answer(out, &to, g->bare ? 0 : -ERR_BUSY, NULL);
        return;
    }
    job->request = to;
    job->what = what;
    job->client = client;
    next(g, out);
}

void guest_write_again(struct guest *g, struct out *out)
{
    if (g->open && !g->bare)
        guest_write_wanted(g, out, NULL, QDB_LIVING, 0);
}

static size_t pushes(const struct guest *g)
{
    size_t count = 0;
    for (size_t i = 0; i < g->writes; i++)
        count += g->write[i].has_entries;
    return count;
}

void guest_write_pushed(struct guest *g, struct out *out, const struct guest_write *m)
{
    if (!g->open || g->bare)
        return;
    struct guest_write_job *job = g->behind || pushes(g) == GUEST_PUSHES ? NULL : add(g);
    if (job != NULL)
        take_entries(job, &m->entries);
    else
        g->behind = true;
    next(g, out);
}

static void add_entry(struct guest_write_job *job, const char *folder, const char *name, const char *value)
{
    struct qdb_entry entry = {.gone = value == NULL, .value = span_of(value != NULL ? value : "")};
    struct wire_list list = {.count = job->count};
    snprintf(entry.path, sizeof entry.path, "%s%s", folder, name);
    qdb_entry_add(&list, &job->entries, &entry);
    job->count = list.count;
}

/* Dom0's own database has these entries, too, though nobody else writes it. */
void guest_write_mic(struct guest *g, struct out *out, const struct request *request,
                     const struct guest_mic *m)
{
    struct fault why;
    struct guest_write_job *job = g->open ? add(g) : NULL;
    if (job == NULL) {
        if (!g->open)
            fault_set(&why, ERR_VM_NOT_RUNNING, "the VM is not running: nobody is let hear by it");
        reply_error(out, request, g->open ? -ERR_BUSY : -ERR_VM_NOT_RUNNING, g->open ? NULL : &why);
        guest_idle(g, out);
        return;
    }
    job->request = *request;
    job->has_entries = true;
    add_entry(job, GUEST_MIC_FOLDER, m->name,
              m->allowed == MIC_UNSAID    ? NULL
              : m->allowed == MIC_ALLOWED ? "1"
                                          : "0");
    if (m->allowed == MIC_UNSAID) {
        add_entry(job, GUEST_MIC_INPUT_FOLDER, m->name, NULL);
        add_entry(job, GUEST_MIC_REQUEST_FOLDER, m->name, NULL);
    }
    next(g, out);
}

bool guest_write_answered(struct guest *g, struct out *out, const struct answer *a)
{
    struct qdb_entries_reply m;
    if ((a->tag & WRITE_TAGS) == 0)
        return false;
    if (a->progress || g->writing != WRITE_ASKS || a->tag != g->write_tag)
        return true;
    int r = a->r < 0 ? a->r : qdb_entries_reply_decode(&m, a->e->body);
    if (r == 0) {
        take_entries(&g->write[0], &m.entries);
        r = g->write[0].entries.failed;
    }
    if (r < 0)
        end(g, out, r, a->r < 0 ? &a->why : NULL);
    else if (g->write[0].count == 0)
        end(g, out, 0, NULL);
    else
        ask_door(g, out);
    return true;
}

void guest_write_no_door(struct guest *g, struct out *out)
{
    struct fault why;
    out_timer(out, TIMER_WRITE_DOOR, 0);
    if (g->writing != WRITE_DOOR)
        return;
    fault_set(&why, ERR_CLOSED, "the qubesdb-daemon of %s cannot be reached; did it crash?", g->name);
    end(g, out, -ERR_CLOSED, &why);
}

void guest_write_handed(struct guest *g, struct out *out, int fd)
{
    struct guest_task *t = fd >= 0 && g->writing == WRITE_DOOR ? calloc(1, sizeof *t) : NULL;
    if (t == NULL) {
        close_file(&fd);
        guest_write_no_door(g, out);
        return;
    }
    out_timer(out, TIMER_WRITE_DOOR, 0);
    g->writing = WRITE_WORKS;
    t->task.what = GUEST_WRITES_IT;
    t->task.deadline = out->now + TASK_WITHIN;
    t->fd = fd;
    t->count = g->write[0].count;
    t->number = g->write_tag = WRITE_TAGS | (uint32_t)++g->last_tag;
    t->elements = g->write[0].entries;
    g->write[0].entries = (struct text){0};
    out_task(out, &t->task);
}

void guest_write_done(struct guest *g, struct out *out, const struct done *d)
{
    struct guest_task *t = (struct guest_task *)d->task;
    struct fault late;
    if (t != NULL)
        text_free(&t->elements);
    if (d->cleared || g->writing != WRITE_WORKS || (t != NULL && t->number != g->write_tag))
        return;
    if (t == NULL)
        fault_set(&late, ERR_TIMEOUT, "the guest's QubesDB was not written in time");
    end(g, out, t == NULL ? -ERR_TIMEOUT : t->task.r, t == NULL ? &late : &t->task.why);
}

/* What the worker has in hand comes back and finds nobody waiting. */
void guest_write_drop(struct guest *g, struct out *out)
{
    struct fault why;
    fault_set(&why, ERR_VM_NOT_RUNNING, "the VM has ended");
    g->behind = false;
    out_timer(out, TIMER_WRITE_DOOR, 0);
    while (g->writes > 0) {
        struct request request = g->write[0].request;
        drop_first(g);
        if (request.type != 0)
            answer(out, &request, -ERR_VM_NOT_RUNNING, &why);
    }
}

void guest_write_end(struct guest *g)
{
    while (g->writes > 0)
        drop_first(g);
}

/* ---- on the worker ---- */

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECONDS + (uint64_t)t.tv_nsec;
}

void guest_write_perform(struct guest_task *t)
{
    AUTO(qubesdb) *q = NULL;
    struct wire_list list = {.count = t->count, .elements = text_span(&t->elements)};
    struct reader in = list_reader(&list);
    struct qdb_entry entry;
    uint64_t deadline = now() + WRITE_WITHIN;
    t->task.r = qubesdb_new(t->fd, &q);
    while (t->task.r == 0 && qdb_entry_next(&in, &entry) == 1)
        t->task.r = entry.gone ? qubesdb_rm(q, entry.path, deadline, &t->task.why)
                               : qubesdb_write(q, entry.path, entry.value, deadline, &t->task.why);
}
