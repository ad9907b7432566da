/* SPDX-License-Identifier: MIT
 * What every domain uses, when api asks: one call to the hypervisor answers all who ask meanwhile. */
#include "actors/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "proto/record_values.h"

#define SAMPLE_MOST (3 * SECONDS)

static void refuse(struct out *out, const struct request *asker)
{
    struct fault why;
    int r = fault_set(&why, ERR_NO_CONNECTION, "there is no connection to libvirt; try again later");
    reply_error(out, asker, r, &why);
}

void host_sample_ask(struct host *h, struct out *out, const struct envelope *e)
{
    struct request asker = request_of(e);
    if (h->asker_count == HOST_ASKERS_MAX) {
        reply_error(out, &asker, -ERR_BUSY, NULL);
        return;
    }
    struct host_task *t = h->connected && h->asker_count == 0 ? calloc(1, sizeof *t) : NULL;
    if (t == NULL && h->asker_count == 0) {
        refuse(out, &asker);
        return;
    }
    h->askers[h->asker_count++] = asker;
    if (t == NULL)
        return;
    t->task.what = HOST_SAMPLE;
    t->task.deadline = out->now + SAMPLE_MOST;
    out_task(out, &t->task);
}

static void add_words(struct sample_item *item, const struct host_words *w)
{
    bool fits = w->device_model_kib <= UINT64_MAX - item->memory_max_kib;
    item->memory_max_kib += fits ? w->device_model_kib : 0;
    item->has = (w->has_memory ? SAMPLE_HAS_MEMORY : 0u) | (w->has_swap ? SAMPLE_HAS_SWAP : 0u);
    item->with_swap_kib = w->with_swap_kib;
    item->swap_kib = w->swap_kib;
}

static void write_samples(const struct host_task *t, struct wire_list *list, struct text *elements)
{
    for (size_t i = 0; i < t->sample_count; i++) {
        const struct hostwatch_sample *s = &t->samples[i];
        struct sample_item item = {.domid = (uint32_t)s->domid,
                                   .vcpus = s->vcpus,
                                   .memory_kib = s->memory_kib,
                                   .memory_max_kib = s->memory_max_kib,
                                   .cputime_ns = s->cputime_ns};
        memcpy(item.uuid, s->uuid, sizeof item.uuid);
        if (t->words != NULL)
            add_words(&item, &t->words[i]);
        sample_item_add(list, elements, &item);
    }
}

void host_sample_taken(struct host *h, struct out *out, const struct host_task *t)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(4 << 20);
    struct sample_reply m = {.time_ns = out->now};
    unsigned count = h->asker_count;
    write_samples(t, &m.samples, &elements);
    h->asker_count = 0;
    for (unsigned i = 0; i < count; i++)
        (void)REPLY(out, sample, &h->askers[i], &m);
}

void host_sample_fails(struct host *h, struct out *out, int r, const struct fault *why)
{
    unsigned count = h->asker_count;
    h->asker_count = 0;
    for (unsigned i = 0; i < count; i++)
        reply_error(out, &h->askers[i], r, why);
}
