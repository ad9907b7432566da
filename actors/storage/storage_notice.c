/* SPDX-License-Identifier: MIT
 * What a pool tells of its work to those who listen by bulkhead.Events; in storage. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/storage/storage.h"
#include "model/change.h"

#define TELL_EVERY SECONDS

void notice_argument(struct event_item *item, struct text *bytes, const char *key, struct span value)
{
    struct event_argument argument = {.value = value};
    (void)text_copy(argument.key, sizeof argument.key, span_of(key));
    event_argument_add(&item->arguments, bytes, &argument);
}

static void add_number(struct event_item *item, struct text *bytes, const char *key, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    notice_argument(item, bytes, key, span_of(digits));
}

/* As those who asked call it. */
static const char *work_name(unsigned verb)
{
    return verb == POOL_import_fd ? "clone" : storage_verb_name(verb);
}

void notice_progress(const struct storage *s, struct out *out, struct volume_job *job)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(4096), all = TEXT_WITH_LIMIT(8192);
    uint64_t done = atomic_load(&job->watch->done), total = atomic_load(&job->watch->total);
    struct subject about = job->request.context.subject;
    struct event_item item = {.qid = about.kind == KIND_VM ? about.instance : QID_GLOBAL,
                              .name = SPAN_LITERAL("bulkhead-volume-progress")};
    struct noticed m = {.events = {.count = 0}};
    struct context c = {.op = job->request.context.op, .subject = about};
    if (job->state != JOB_WORKS || !job->has_volume || done == job->noticed ||
        out->now - job->noticed_at < TELL_EVERY)
        return;
    job->noticed = done;
    job->noticed_at = out->now;
    notice_argument(&item, &bytes, "volume", span_of(job->volume.name));
    notice_argument(&item, &bytes, "pool", span_of(s->name));
    notice_argument(&item, &bytes, "work", span_of(work_name(job->verb)));
    add_number(&item, &bytes, "done", done);
    if (total > 0)
        add_number(&item, &bytes, "total", total);
    if (bytes.failed == 0)
        event_item_add(&m.events, &all, &item);
    if (m.events.count > 0 && all.failed == 0)
        (void)EVENT(out, noticed, ((struct address){KIND_API, EVERY_INSTANCE}), &c, &m);
}
