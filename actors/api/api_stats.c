/* SPDX-License-Identifier: MIT
 * admin.vm.Stats (admin-api-methods 10, lifecycle 11): what VMs use, every stats_interval seconds. host takes
 * one sample of all domains for every stream that is due; what changed since the one before is computed per
 * stream. In api. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/api/api_inside.h"
#include "proto/record_values.h"

enum { STREAMS_MOST = 64 };
#define SAMPLE_WITHIN (5 * SECONDS)

/* A domain in the sample before. */
struct used {
    char uuid[37];
    uint32_t domid;
    uint64_t cputime_ns;
};

struct stats_stream {
    struct stats_stream *prev, *next;
    uint64_t conn;
    uint32_t qid, generation; /* of a single VM; QID_GLOBAL: all */
    uint64_t due;
    uint64_t time_ns; /* of the sample before; 0: none yet */
    struct used *used;
    uint32_t used_count;
};

static void stream_end(struct api *self, struct stats_stream *s)
{
    DL_DELETE(self->stats, s);
    self->stats_count--;
    free(s->used);
    free(s);
}

static uint64_t interval(const struct api *self)
{
    struct property_value value;
    uint64_t seconds;
    property_get(&self->known, QID_GLOBAL, PROPERTY_app_stats_interval, &value);
    if (!value.is_set || text_number(value.text, 1, 1 << 20, &seconds) < 0)
        seconds = 3;
    return seconds * SECONDS;
}

static void add_part(struct text *t, const char *part)
{
    text_add(t, part);
    text_byte(t, '\0');
}

static void add_number(struct text *t, const char *key, uint64_t value)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, value);
    add_part(t, key);
    add_part(t, number);
}

static const struct used *used_before(const struct stats_stream *s, const struct sample_item *now)
{
    for (uint32_t i = 0; i < s->used_count; i++)
        if (s->used[i].domid == now->domid && strcmp(s->used[i].uuid, now->uuid) == 0)
            return &s->used[i];
    return NULL;
}

/* Of each processor, in per cent; 0 in the first sample. */
static uint64_t usage(const struct stats_stream *s, const struct sample_item *now, uint64_t time_ns)
{
    const struct used *before = used_before(s, now);
    if (before == NULL || now->cputime_ns <= before->cputime_ns || time_ns <= s->time_ns || now->vcpus == 0)
        return 0;
    double share = (double)(now->cputime_ns - before->cputime_ns) * 100 / (double)(time_ns - s->time_ns);
    return (uint64_t)(share + 0.5) / now->vcpus;
}

/* Of a guest that says nothing of its memory, what it has counts as used. */
static int send_record(struct api *self, const struct stats_stream *s, const char *name,
                       const struct sample_item *item, uint64_t time_ns)
{
    AUTO_TEXT record = TEXT_WITH_LIMIT(4096);
    add_part(&record, "1");
    add_part(&record, name);
    add_part(&record, "vm-stats");
    add_number(&record, "memory_kb", item->memory_kib);
    add_number(&record, "memory_assigned_total", item->memory_max_kib);
    add_number(&record, "memory_assigned_usable", item->memory_kib);
    add_number(&record, "memory_with_swap_used",
               (item->has & SAMPLE_HAS_MEMORY) != 0 ? item->with_swap_kib : item->memory_kib);
    add_number(&record, "cpu_time", item->cputime_ns / 1000000);
    add_number(&record, "cpu_usage", usage(s, item, time_ns));
    add_number(&record, "online_vcpus", item->vcpus);
    if ((item->has & SAMPLE_HAS_SWAP) != 0)
        add_number(&record, "swap_used", item->swap_kib);
    text_byte(&record, '\0');
    return self->ops->send(self->ops_arg, s->conn, text_span(&record));
}

/* Whose domain it is: dom0's is number 0. NULL: nobody's. */
static const struct vm *whose(const struct api *self, const struct sample_item *item)
{
    return item->domid == 0 ? model_vm(self->model, 0) : model_by_uuid(self->model, span_of(item->uuid));
}

static bool wants(const struct stats_stream *s, const struct vm *vm)
{
    return vm != NULL && vm_name(vm) != NULL &&
           (s->qid == QID_GLOBAL || (s->qid == vm_qid(vm) && s->generation == vm_generation(vm)));
}

static int by_domid(const void *a, const void *b)
{
    uint32_t one = ((const struct sample_item *)a)->domid, other = ((const struct sample_item *)b)->domid;
    return one < other ? -1 : one > other;
}

/* Keeps what this sample says for the next one. */
static void remember(struct stats_stream *s, const struct sample_item *items, uint32_t count,
                     uint64_t time_ns)
{
    struct used *used = calloc(count > 0 ? count : 1, sizeof *used);
    free(s->used);
    s->used = used;
    s->used_count = used != NULL ? count : 0;
    s->time_ns = time_ns;
    for (uint32_t i = 0; i < s->used_count; i++) {
        memcpy(used[i].uuid, items[i].uuid, sizeof used[i].uuid);
        used[i].domid = items[i].domid;
        used[i].cputime_ns = items[i].cputime_ns;
    }
}

/* One stream's records. False: it has ended, because its client or its VM has gone. */
static bool feed(struct api *self, struct stats_stream *s, const struct sample_item *items, uint32_t count,
                 uint64_t time_ns)
{
    unsigned sent = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct vm *vm = whose(self, &items[i]);
        if (!wants(s, vm))
            continue;
        if (send_record(self, s, vm_name(vm), &items[i], time_ns) < 0)
            return false;
        sent++;
    }
    if (sent == 0 && s->qid != QID_GLOBAL) {
        self->ops->finish(self->ops_arg, s->conn);
        return false;
    }
    remember(s, items, count, time_ns);
    return true;
}

static void feed_due(struct api *self, const struct sample_item *items, uint32_t count, uint64_t time_ns)
{
    struct stats_stream *s, *next;
    DL_FOREACH_SAFE(self->stats, s, next)
    {
        if (s->due > self->now)
            continue;
        s->due = self->now + interval(self);
        if (items != NULL && !feed(self, s, items, count, time_ns))
            stream_end(self, s);
    }
}

/* When the next stream is due; while a sample is being taken nothing is waited for. */
static void set_timer(struct api *self, struct out *out)
{
    uint64_t next = 0;
    struct stats_stream *s;
    DL_FOREACH(self->stats, s)
    {
        if (next == 0 || s->due < next)
            next = s->due;
    }
    out_timer(out, TIMER_STATS, self->stats_tag != 0 ? 0 : next);
}

void api_stats_due(struct api *self, struct out *out)
{
    struct context context = {.deadline = out->now + SAMPLE_WITHIN};
    struct stats_stream *s;
    bool due = false;
    DL_FOREACH(self->stats, s)
    {
        due = due || s->due <= out->now;
    }
    if (due && self->stats_tag == 0) {
        self->stats_tag = api_next_tag(self);
        if (ASK(out, sample, ((struct address){KIND_HOST, 0}), &context, self->stats_tag,
                NO_MESSAGE(sample)) < 0) {
            self->stats_tag = 0;
            feed_due(self, NULL, 0, 0);
        }
    }
    set_timer(self, out);
}

/* A sample that was not taken is left out: the next one is due in an interval. */
void api_stats_answered(struct api *self, struct out *out, const struct answer *a)
{
    struct sample_reply m;
    bool taken = a->r >= 0 && a->e != NULL && self->is_loaded && sample_reply_decode(&m, a->e->body) == 0;
    uint32_t count = 0, room = taken ? m.samples.count : 0;
    AUTO_MEMORY struct sample_item *items = calloc(room > 0 ? room : 1, sizeof *items);
    if (a->progress)
        return;
    self->stats_tag = 0;
    if (taken && items != NULL) {
        struct reader in = list_reader(&m.samples);
        while (count < room && sample_item_next(&in, &items[count]) == 1)
            count++;
        qsort(items, count, sizeof *items, by_domid);
    }
    feed_due(self, taken ? items : NULL, count, taken ? m.time_ns : 0);
    api_stats_due(self, out);
}

bool api_stats_gone(struct api *self, uint64_t conn)
{
    struct stats_stream *s;
    DL_SEARCH_SCALAR(self->stats, s, conn, conn);
    if (s != NULL)
        stream_end(self, s);
    return s != NULL;
}

void api_stats_free(struct api *self)
{
    while (self->stats != NULL)
        stream_end(self, self->stats);
}

static int check(const struct api *self, const struct asked *q, struct fault *why)
{
    bool all = vm_class(q->dest) == CLASS_AdminVM;
    if (all && vm_class(q->source) != CLASS_AdminVM)
        return fault_set(why, ERR_PERMISSION, "only dom0 may see what all qubes use");
    if (!all && (!vm_is_qubes(q->dest) || world_is_halted(&self->world, vm_qid(q->dest))))
        return fault_set(why, ERR_VM_NOT_RUNNING, "domain not running: '%s'", vm_name(q->dest));
    if (self->stats_count >= STREAMS_MOST)
        return fault_set(why, ERR_BUSY, "too many listen to statistics already; end one of them first");
    return 0;
}

int api_do_vm_stats(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    static const char established[] = "1\0\0connection-established\0";
    int r = check(self, q, why);
    struct stats_stream *s = r == 0 ? calloc(1, sizeof *s) : NULL;
    (void)reply;
    if (s == NULL)
        return r < 0 ? r : fault_set(why, ERR_NOMEM, "no memory for a stream of statistics");
    bool all = vm_class(q->dest) == CLASS_AdminVM;
    s->conn = q->conn;
    s->qid = all ? QID_GLOBAL : vm_qid(q->dest);
    s->generation = all ? 0 : vm_generation(q->dest);
    s->due = out->now;
    DL_APPEND(self->stats, s);
    self->stats_count++;
    self->ops->stream(self->ops_arg, q->conn);
    if (self->ops->send(self->ops_arg, q->conn, (struct span){established, sizeof established}) < 0)
        stream_end(self, s);
    api_stats_due(self, out);
    return 1;
}
