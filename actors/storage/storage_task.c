/* SPDX-License-Identifier: MIT
 * Verbs on the worker's threads; in storage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/storage/storage.h"
#include "base/log.h"
#include "base/own.h"

static const char *const names[STORAGE_VERBS] = {
#define POOL_VERB(name, flags, help) #name,
#include "doors/pool_verb.def"
    "open",
    "clear",
    "import_same",
    "recover",
};

const char *storage_verb_name(unsigned verb)
{
    return verb < STORAGE_VERBS ? names[verb] : NULL;
}

int storage_verb_find(const char *name)
{
    for (int verb = 0; verb < STORAGE_VERBS; verb++)
        if (strcmp(names[verb], name) == 0)
            return verb;
    return -ERR_UNKNOWN;
}

void storage_task_free_content(struct storage_task *t)
{
    pool_outcome_free(&t->outcome);
    text_free(&t->found);
    free(t->known.at);
    if (t->verb == POOL_import_fd || t->verb == POOL_export)
        close_file(&t->fd);
}

bool storage_watch_on(void *self, uint64_t done, uint64_t total)
{
    struct storage_watch *watch = self;
    atomic_store(&watch->done, done);
    atomic_store(&watch->total, total);
    return !atomic_load(&watch->cancelled);
}

static struct pool_errand errand_of(struct storage_task *t)
{
    return (struct pool_errand){
        .volume = t->has_volume ? &t->volume : NULL,
        .source = t->has_source ? &t->source : NULL,
        .size = t->size,
        .fd = t->fd,
        .success = t->success,
        .path = t->path[0] != '\0' ? t->path : NULL,
        .revision = {t->revision[0] != '\0' ? t->revision : NULL, strlen(t->revision)},
        .watch = {storage_watch_on, t->watch},
    };
}

/* A pool that is open already goes: it is opened with other attributes. */
static int open_pool(struct storage_doors *d, struct storage_task *t)
{
    struct pool *pool = NULL;
    int r = pool_open(t->pool, span_of(t->lines), d->calls, &pool, &t->task.why);
    if (r < 0)
        return r;
    struct fault missing;
    /* Most verbs can do without; the others say it. A callback pool's administrator hears of its making once,
     * not of each process. */
    if (strcmp(pool_row(pool)->name, "callback") != 0 && pool_do(pool, POOL_setup, NULL, NULL, &missing) < 0)
        log_line(LOG_INFO, "pool %s: %s", t->pool, missing.text);
    pool_free(d->pool);
    d->pool = pool;
    t->success = pool_row(pool)->side_by_side;
    return 0;
}

/* Ready for its VM, and where. */
static int start(struct pool *p, const struct pool_errand *e, struct storage_task *t)
{
    int r = pool_do(p, POOL_start, e, NULL, &t->task.why);
    return r < 0 ? r : pool_do(p, POOL_look, e, &t->outcome, &t->task.why);
}

/* An empty place for contents of the size that it has. */
static int import_same(struct pool *p, struct pool_errand *e, struct storage_task *t)
{
    AUTO_OUTCOME seen = {0};
    int r = pool_do(p, POOL_look, e, &seen, &t->task.why);
    e->size = seen.known ? seen.size : t->volume.size;
    if (r >= 0)
        r = pool_do(p, POOL_import_begin, e, &t->outcome, &t->task.why);
    t->outcome.size = e->size;
    t->sized = true;
    return r;
}

static int clear(struct pool *p, struct pool_errand *e, struct storage_task *t)
{
    int r = import_same(p, e, t);
    if (r < 0)
        return r;
    e->success = true;
    if ((r = pool_do(p, POOL_import_end, e, NULL, &t->task.why)) >= 0)
        return r;
    e->success = false; /* else nothing could be imported any more */
    pool_do(p, POOL_import_end, e, NULL, NULL);
    return r;
}

/* Its contents are others: how large it is now. What was done stays done if that cannot be seen. */
static void measure(struct pool *p, const struct pool_errand *e, struct storage_task *t)
{
    AUTO_OUTCOME seen = {0};
    bool changed = t->verb == POOL_revert || t->verb == POOL_clone || t->verb == POOL_import_fd ||
                   (t->verb == POOL_import_end && t->success);
    if (!changed || t->task.r < 0 || pool_do(p, POOL_look, e, &seen, NULL) < 0 || !seen.known)
        return;
    t->outcome.size = seen.size;
    t->sized = true;
}

void storage_perform(void *doors, struct task *task)
{
    struct storage_doors *d = doors;
    struct storage_task *t = (struct storage_task *)task;
    struct pool_errand e = errand_of(t);
    if (t->verb == STORAGE_OPEN)
        task->r = open_pool(d, t);
    else if (d->pool == NULL)
        task->r = fault_set(&task->why, ERR_STATE, "the pool is not open");
    else if (t->verb == STORAGE_RECOVER)
        task->r = recover_perform(d->pool, t);
    else if (t->verb == STORAGE_CLEAR)
        task->r = clear(d->pool, &e, t);
    else if (t->verb == STORAGE_IMPORT_SAME)
        task->r = import_same(d->pool, &e, t);
    else if (t->verb == POOL_export)
        task->r = loan_open(d, &e, t);
    else if (t->verb == POOL_import_fd && loan_check(t, &task->why) < 0)
        task->r = -(int)task->why.code;
    else if (t->verb == POOL_start)
        task->r = start(d->pool, &e, t);
    else
        task->r = pool_do(d->pool, (enum pool_verb)t->verb, &e, &t->outcome, &task->why);
    if (d->pool != NULL)
        measure(d->pool, &e, t);
    t->lost = d->lost != NULL && d->lost();
}
