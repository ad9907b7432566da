/* SPDX-License-Identifier: MIT
 * What a verb came to, as the reply that its asker's message has; in storage. */
#include <string.h>

#include "actors/storage/storage.h"
#include "proto/storage_values.h"

enum { LIST_MOST = 60000 };

static void answer_look(struct out *out, const struct volume_job *job, const struct pool_outcome *o)
{
    struct volume_look_reply m = {.size = o->size, .usage = o->usage, .list = text_span(&o->list)};
    bool snapshot = job->volume.snap_on_start;
    m.seen = (o->known ? SEEN_FIGURES : 0u) | (o->outdated && snapshot ? SEEN_OUTDATED : 0u) |
             SEEN_WHETHER_OUTDATED;
    memcpy(m.path, o->own[0] != '\0' ? o->own : o->path, sizeof m.path);
    (void)REPLY(out, volume_look, &job->request, &m);
}

static void answer_change(struct out *out, const struct volume_job *job, const struct storage_task *t)
{
    const struct pool_outcome *o = &t->outcome;
    struct volume_change_reply m = {.size = o->size,
                                    .sized = t->sized ? 1 : 0,
                                    .outdated = o->outdated && job->volume.snap_on_start ? 1 : 0};
    memcpy(m.path, o->path, sizeof m.path);
    (void)REPLY(out, volume_change, &job->request, &m);
}

static void answer_use(struct out *out, const struct volume_job *job, const struct pool_outcome *o)
{
    struct volume_use_reply m;
    memcpy(m.path, o->path, sizeof m.path);
    (void)REPLY(out, volume_use, &job->request, &m);
}

static void answer_pool(const struct storage *s, struct out *out, const struct volume_job *job,
                        const struct pool_outcome *o)
{
    struct pool_look_reply m = {
        .size = o->size, .usage = o->usage, .seen = o->known ? SEEN_FIGURES : 0, .list = text_span(&o->list)};
    memcpy(m.thin, s->thin, sizeof m.thin);
    (void)REPLY(out, pool_look, &job->request, &m);
}

void storage_answer(const struct storage *s, struct out *out, const struct volume_job *job,
                    const struct storage_task *t)
{
    if (t->task.r < 0)
        reply_error(out, &job->request, t->task.r, &t->task.why);
    else if (t->outcome.list.len > LIST_MOST)
        reply_error(out, &job->request, -ERR_TOO_BIG, NULL);
    else if (job->request.type == MESSAGE_volume_look)
        answer_look(out, job, &t->outcome);
    else if (job->request.type == MESSAGE_volume_change)
        answer_change(out, job, t);
    else if (job->request.type == MESSAGE_volume_use)
        answer_use(out, job, &t->outcome);
    else
        answer_pool(s, out, job, &t->outcome);
}
