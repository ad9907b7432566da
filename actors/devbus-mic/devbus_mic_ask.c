/* SPDX-License-Identifier: MIT
 * Questions to registry, to AudioVMs' guest processes and to launcher, each kept with its job; and the VMs
 * that may hear. In devbus-mic's core. */
#include <string.h>

#include "actors/devbus-mic/devbus_mic.h"
#include "actors/devbus/devbus_tags.h"
#include "base/own.h"

/* A guest's process answers as soon as its daemon does, or gives it up. */
#define WORD_WITHIN (20 * SECONDS)
/* Less than a VM's process waits for its bus. */
enum { SERVICE_SECONDS = 20 };
#define MARGIN (5 * SECONDS)

static struct mic_job *keep(struct devbus_mic *self, const struct mic_job *job, uint16_t asked)
{
    if (self->jobs == MIC_JOBS_MAX)
        return NULL;
    struct mic_job *kept = &self->job[self->jobs++];
    *kept = *job;
    kept->tag = devbus_tag(TAGS_OWN, &self->last_tag);
    kept->asked = asked;
    return kept;
}

static struct context context_until(const struct mic_job *job, struct subject about, uint64_t deadline)
{
    struct context c = job->request.context; /* the operation's number, where there is one */
    c.subject = about;
    c.deadline = deadline;
    return c;
}

bool mic_ask_sound(struct devbus_mic *self, struct out *out, const struct mic_job *job)
{
    const struct mic_job *kept = keep(self, job, MESSAGE_vm_sound);
    struct context c = context_until(job, (struct subject){0}, out->now + DEVBUS_REGISTRY_WITHIN);
    struct vm_sound m = {.enables = job->aim == MIC_LETS_HEAR};
    if (kept == NULL)
        return false;
    memcpy(m.name, job->name, sizeof m.name);
    (void)ASK(out, vm_sound, ((struct address){KIND_REGISTRY, 0}), &c, kept->tag, &m);
    return true;
}

bool mic_ask_whose(struct devbus_mic *self, struct out *out, const struct mic_job *job)
{
    const struct mic_job *kept = keep(self, job, MESSAGE_sounds_of);
    struct context c = context_until(job, job->audio, out->now + DEVBUS_REGISTRY_WITHIN);
    if (kept == NULL)
        return false;
    (void)ASK(out, sounds_of, ((struct address){KIND_REGISTRY, 0}), &c, kept->tag, NO_MESSAGE(sounds_of));
    return true;
}

bool mic_ask_word(struct devbus_mic *self, struct out *out, const struct mic_job *job, struct subject whose)
{
    const struct mic_job *kept = keep(self, job, MESSAGE_guest_devices);
    struct context c = context_until(job, whose, out->now + WORD_WITHIN);
    struct guest_devices m = {.device_class = "mic"};
    if (kept == NULL)
        return false;
    (void)ASK(out, guest_devices, ((struct address){KIND_GUEST, whose.instance}), &c, kept->tag, &m);
    return true;
}

bool mic_ask_write(struct devbus_mic *self, struct out *out, const struct mic_job *job, uint32_t allowed)
{
    const struct mic_job *kept = keep(self, job, MESSAGE_guest_mic);
    struct context c = context_until(job, job->audio, out->now + WORD_WITHIN);
    struct guest_mic m = {.allowed = allowed};
    if (kept == NULL)
        return false;
    memcpy(m.name, job->name, sizeof m.name);
    (void)ASK(out, guest_mic, ((struct address){KIND_GUEST, job->audio.instance}), &c, kept->tag, &m);
    return true;
}

bool mic_ask_service(struct devbus_mic *self, struct out *out, const struct mic_job *job, bool enable)
{
    const struct mic_job *kept = keep(self, job, MESSAGE_mic_call);
    struct context c = context_until(job, job->audio, out->now + SERVICE_SECONDS * SECONDS + MARGIN);
    struct mic_call m = {.enable = enable, .seconds = SERVICE_SECONDS};
    if (kept == NULL)
        return false;
    memcpy(m.name, job->name, sizeof m.name);
    (void)ASK(out, mic_call, ((struct address){KIND_LAUNCHER, 0}), &c, kept->tag, &m);
    return true;
}

bool mic_answered(struct devbus_mic *self, uint64_t tag, struct mic_job *job)
{
    for (size_t i = 0; i < self->jobs; i++) {
        if (self->job[i].tag != tag)
            continue;
        *job = self->job[i];
        self->job[i] = self->job[--self->jobs];
        return true;
    }
    return false;
}

/* ---- who may hear ---- */

bool mic_hears(struct devbus_mic *self, struct out *out, struct subject vm, const char *name,
               struct subject audio)
{
    struct devbus_device *d = devbus_add(&self->bus.table, name);
    if (d == NULL)
        return false;
    d->qid = vm.instance;
    d->generation = vm.generation;
    d->said_by = audio.instance;
    (void)text_copy(d->name, sizeof d->name, span_of(name));
    (void)text_copy(d->backend, sizeof d->backend, SPAN_LITERAL("dom0"));
    (void)text_copy(d->port, sizeof d->port, SPAN_LITERAL(MIC_PORT));
    (void)text_copy(d->device_id, sizeof d->device_id, SPAN_LITERAL(MIC_DEVICE_ID));
    (void)devbus_happens(&self->bus.table, out, d, DEVBUS_THERE);
    devbus_tell(&self->bus.table, out, vm.instance, vm.generation);
    return true;
}

void mic_is_deaf(struct devbus_mic *self, struct out *out, const char *name)
{
    struct devbus_device *d = devbus_find(&self->bus.table, name);
    if (d == NULL)
        return;
    struct subject vm = {KIND_VM, d->qid, d->generation};
    (void)devbus_happens(&self->bus.table, out, d, DEVBUS_NOT_THERE);
    devbus_tell(&self->bus.table, out, vm.instance, vm.generation);
}
