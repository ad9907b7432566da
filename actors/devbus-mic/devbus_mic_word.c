/* SPDX-License-Identifier: MIT
 * What AudioVMs say of who may hear, and what becomes of it when a VM is new or its sound goes elsewhere. In
 * devbus-mic's core. Spec: devbus-usb-mic C. */
#include <string.h>

#include "actors/devbus-mic/devbus_mic.h"
#include "actors/devbus/devbus_say.h"
#include "base/log.h"
#include "base/own.h"
#include "proto/devbus_values.h"
#include "proto/guest_values.h"

/* ---- its word ---- */

int mic_word_of(const struct wire_list *said, const char *name)
{
    struct reader in = list_reader(said);
    struct device_item item;
    while (device_item_next(&in, &item) == 1)
        if (strcmp(item.attachment, name) == 0)
            return strcmp(item.data, "allowed=1") == 0   ? MIC_ALLOWED
                   : strcmp(item.data, "allowed=0") == 0 ? MIC_REFUSED
                                                         : -ERR_BAD;
    return -ERR_UNKNOWN;
}

/* Backwards: what is forgotten makes room for the last one. */
static void deafen_those_of(struct devbus_mic *self, struct out *out, struct subject audio,
                            const struct wire_list *said)
{
    for (size_t i = self->bus.table.used; i > 0; i--) {
        char name[DEVBUS_KEY_MAX + 1];
        const struct devbus_device *d = &self->bus.table.device[i - 1];
        memcpy(name, d->key, sizeof name);
        if (d->said_by == audio.instance && mic_word_of(said, name) != MIC_ALLOWED)
            mic_is_deaf(self, out, name);
    }
}

static bool is_under_way(const struct devbus_mic *self, enum mic_aim aim, struct subject audio)
{
    for (size_t i = 0; i < self->jobs; i++)
        if (self->job[i].aim == aim && self->job[i].audio.instance == audio.instance)
            return true;
    return false;
}

static bool is_news(const struct devbus_mic *self, const struct devbus_backend *b, size_t i)
{
    const struct devbus_device *d =
        devbus_find((struct devbus_table *)(uintptr_t)&self->bus.table, b->item[i].attachment);
    return strcmp(b->item[i].data, "allowed=1") == 0 && (d == NULL || d->said_by != b->vm.instance);
}

static void forget(struct devbus_mic *self, struct subject audio)
{
    (void)devbus_exposed_take(&self->bus.listing.exposed, audio, "", &(struct wire_list){0});
}

void mic_missed(struct devbus_mic *self, struct out *out)
{
    self->missed = true;
    out_timer(out, MIC_TIMER_AGAIN, out->now + MIC_AGAIN_AFTER);
}

void mic_rings(struct devbus *bus, struct out *out, uint64_t timer)
{
    struct devbus_mic *self = (struct devbus_mic *)bus;
    if (timer != MIC_TIMER_AGAIN || !self->missed)
        return;
    self->missed = false;
    devbus_ask_guests(out);
}

/* What is new of it waits until registry has said whose sound it has. */
void mic_takes_word(struct devbus_mic *self, struct out *out, struct subject audio,
                    const struct wire_list *said)
{
    struct mic_job job = {.aim = MIC_KNOWS, .audio = audio};
    bool news = false;
    deafen_those_of(self, out, audio, said);
    const struct devbus_backend *b = devbus_exposed_take(&self->bus.listing.exposed, audio, "audio", said);
    for (size_t i = 0; b != NULL && i < b->count; i++)
        news = news || is_news(self, b, i);
    bool asked = is_under_way(self, MIC_KNOWS, audio);
    if (!news && !asked)
        forget(self, audio);
    else if (!asked && !mic_ask_whose(self, out, &job)) {
        log_line(LOG_WARN, "what qid %u says of the microphone is not heard: too much is under way",
                 (unsigned)audio.instance);
        forget(self, audio);
        mic_missed(self, out);
    }
}

static void believe(struct devbus_mic *self, struct out *out, const struct devbus_backend *b,
                    const struct roster_item *vm)
{
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->item[i].attachment, vm->name) == 0 && is_news(self, b, i))
            (void)mic_hears(self, out, (struct subject){KIND_VM, vm->qid, vm->generation}, vm->name, b->vm);
}

void mic_believes(struct devbus_mic *self, struct out *out, struct subject audio,
                  const struct wire_list *whose)
{
    const struct devbus_backend *b = devbus_backend_of(&self->bus.listing.exposed, audio.instance);
    struct wire_list nobody = {0};
    struct reader in = list_reader(whose != NULL ? whose : &nobody);
    struct roster_item vm;
    while (b != NULL && b->vm.generation == audio.generation && roster_item_next(&in, &vm) == 1)
        believe(self, out, b, &vm);
    forget(self, audio);
}

bool mic_reads(struct devbus_mic *self, struct out *out, struct subject audio)
{
    struct mic_job job = {.aim = MIC_READS, .audio = audio};
    return is_under_way(self, MIC_READS, audio) || mic_ask_word(self, out, &job, audio);
}

void mic_exposed(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_exposed *m)
{
    struct subject audio = {KIND_VM, e->subject_instance, e->subject_generation};
    mic_takes_word((struct devbus_mic *)bus, out, audio, &m->devices);
}

/* ---- what registry says ---- */

static bool moves(struct devbus_mic *self, struct out *out, const struct mic_job *job)
{
    bool copies = job->from.instance != job->audio.instance;
    mic_is_deaf(self, out, job->name); /* until the new one says otherwise */
    return copies ? mic_ask_word(self, out, job, job->from) : mic_reads(self, out, job->audio);
}

static bool hear(struct devbus_mic *self, struct out *out, struct mic_job *job, uint32_t what)
{
    if (what == SOUND_LOOKS)
        return mic_reads(self, out, job->audio);
    job->aim = what == SOUND_BEGINS ? MIC_FORGETS : MIC_MOVES;
    if (what == SOUND_MOVES)
        return moves(self, out, job);
    mic_is_deaf(self, out, job->name);
    return what == SOUND_ENDS || mic_ask_write(self, out, job, MIC_UNSAID);
}

void mic_sound(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_sound *m)
{
    struct mic_job job = {.vm = {KIND_VM, e->subject_instance, e->subject_generation},
                          .audio = {KIND_VM, m->to, m->to_generation},
                          .from = {KIND_VM, m->from, m->from_generation}};
    memcpy(job.name, m->name, sizeof job.name);
    if (!hear((struct devbus_mic *)bus, out, &job, m->what))
        log_line(LOG_WARN, "what %s may hear is left as it is: too much is under way", job.name);
}
