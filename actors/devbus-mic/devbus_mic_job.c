/* SPDX-License-Identifier: MIT
 * Letting a VM hear the microphone, and no longer: registry says who has its sound, and that one is told, by
 * its QubesDB or by a service. In devbus-mic's core. Spec: devbus-usb-mic C. */
#include <string.h>

#include "actors/devbus-mic/devbus_mic.h"
#include "actors/devbus/devbus_take.h"
#include "base/log.h"
#include "base/own.h"
#include "proto/guest_values.h"

/* ---- what is asked ---- */

static bool is_hearing(const struct devbus *bus, const char *name, uint32_t qid)
{
    const struct devbus_device *d = devbus_find((struct devbus_table *)(uintptr_t)&bus->table, name);
    return d != NULL && d->qid == qid && d->state == DEVBUS_ATTACHED;
}

/* Nothing is held: other VMs may have it as well, and this one's process does one thing at a time. */
void mic_prepare(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_prepare *m)
{
    struct request request = request_of(e);
    struct bus_prepare_reply reply = {.sbdf = "", .device_id = MIC_DEVICE_ID};
    struct fault why;
    int r = 0;
    if (m->options.len > 0)
        r = fault_set(&why, ERR_QUBES, "Microphone assignment does not support user options");
    else if (strcmp(m->backend, "dom0") != 0 || strcmp(m->port, MIC_PORT) != 0)
        r = fault_set(&why, ERR_DEVICE_UNRECOGNIZED, "there is one microphone, dom0:" MIC_PORT);
    else if (!m->again && is_hearing(bus, m->name, e->subject_instance))
        r = devbus_is_attached("dom0", MIC_PORT, MIC_DEVICE_ID, m->name, &why);
    if (r < 0)
        reply_error(out, &request, r, &why);
    else
        REPLY(out, bus_prepare, &request, &reply);
}

static struct mic_job job_of(const struct envelope *e, enum mic_aim aim, const char *name)
{
    struct mic_job job = {.aim = aim, .request = request_of(e)};
    job.vm = job.request.context.subject;
    (void)text_copy(job.name, sizeof job.name, span_of(name));
    return job;
}

static void begin(struct devbus *bus, struct out *out, const struct mic_job *job)
{
    if (!mic_ask_sound((struct devbus_mic *)bus, out, job))
        reply_error(out, &job->request, -ERR_BUSY, NULL);
}

void mic_plug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_plug *m)
{
    struct mic_job job = job_of(e, MIC_LETS_HEAR, m->name);
    begin(bus, out, &job);
}

static void hears_nothing(struct out *out, const struct mic_job *job)
{
    struct fault why;
    if (job->again) {
        REPLY(out, bus_unplug, &job->request, NO_MESSAGE(bus_unplug_reply));
        return;
    }
    int r = fault_set(&why, ERR_DEVICE_NOT_ASSIGNED, "'mic device dom0:" MIC_PORT " is not attached to %s'",
                      job->name);
    reply_error(out, &job->request, r, &why);
}

/* A bus that has begun anew has not heard yet who may hear. */
void mic_unplug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_unplug *m)
{
    struct mic_job job = job_of(e, MIC_DEAFENS, m->name);
    bool hears = is_hearing(bus, m->name, e->subject_instance);
    job.again = m->again != 0;
    job.doubts = !hears && !bus->settled;
    if (hears || job.doubts)
        begin(bus, out, &job);
    else
        hears_nothing(out, &job);
}

/* ---- what becomes of it ---- */

/* Where nobody waits, people may read of it. */
static void end(struct out *out, const struct mic_job *job, int r, const struct fault *why)
{
    if (job->request.type == 0 && r < 0)
        log_line(LOG_WARN, "the microphone and %s: %s", job->name,
                 why != NULL && why->code != ERR_NONE ? why->text : err_text((enum err) - r));
    else if (job->request.type == 0)
        return;
    else if (r < 0)
        reply_error(out, &job->request, r, why);
    else if (job->aim == MIC_LETS_HEAR)
        REPLY(out, bus_plug, &job->request, NO_MESSAGE(bus_plug_reply));
    else
        REPLY(out, bus_unplug, &job->request, NO_MESSAGE(bus_unplug_reply));
}

static void go(struct out *out, const struct mic_job *job, bool went)
{
    if (!went)
        end(out, job, -ERR_BUSY, NULL);
}

static int check_sound(const struct mic_job *job, const struct vm_sound_reply *m, struct fault *why)
{
    bool is_same = m->found != 0 && m->qid == job->vm.instance && m->generation == job->vm.generation;
    if (!is_same || m->lives == 0)
        return fault_set(why, ERR_VM_NOT_RUNNING, "%s is not running", job->name);
    if (m->audio[0] == '\0')
        return fault_set(why, ERR_QUBES, "VM %s has no AudioVM set", job->name);
    if (m->audio_lives == 0)
        return fault_set(why, ERR_VM_NOT_RUNNING, "%s, which has the sound of %s, is not running", m->audio,
                         job->name);
    return 0;
}

/* Api may have heard otherwise of a bus before. */
static void doubted_rightly(struct devbus_mic *self, struct out *out, const struct mic_job *job)
{
    devbus_tell(&self->bus.table, out, job->vm.instance, job->vm.generation);
    hears_nothing(out, job);
}

static void tell_audio(struct devbus_mic *self, struct out *out, const struct mic_job *job)
{
    bool enable = job->aim == MIC_LETS_HEAR;
    go(out, job,
       job->by_service ? mic_ask_service(self, out, job, enable) : mic_ask_write(self, out, job, enable));
}

/* Who has its sound is known: it is told, or asked first. */
static void turn_to_audio(struct devbus_mic *self, struct out *out, struct mic_job *job,
                          const struct vm_sound_reply *m)
{
    struct fault why;
    int r = check_sound(job, m, &why);
    if (r < 0 && job->doubts) {
        doubted_rightly(self, out, job);
        return;
    }
    if (r < 0) {
        end(out, job, r, &why);
        return;
    }
    job->audio = (struct subject){KIND_VM, m->audio_qid, m->audio_generation};
    memcpy(job->audio_name, m->audio, sizeof job->audio_name);
    job->by_service = m->by_service != 0;
    if (job->doubts)
        go(out, job, mic_ask_word(self, out, job, job->audio));
    else
        tell_audio(self, out, job);
}

static void sound_known(struct devbus_mic *self, struct out *out, struct mic_job *job, const struct answer *a)
{
    struct vm_sound_reply m;
    int r = a->r < 0 ? a->r : vm_sound_reply_decode(&m, a->e->body);
    if (r < 0)
        end(out, job, r, a->r < 0 ? &a->why : NULL);
    else
        turn_to_audio(self, out, job, &m);
}

/* What the AudioVM said that had its sound before is said by the new one. */
static void moves(struct devbus_mic *self, struct out *out, const struct mic_job *job,
                  const struct wire_list *said)
{
    struct fault why;
    int word = mic_word_of(said, job->name);
    if (word >= 0) {
        go(out, job, mic_ask_write(self, out, job, (uint32_t)word));
        return;
    }
    if (word == -ERR_BAD)
        end(out, job,
            fault_set(&why, ERR_VM, "its AudioVM said neither 0 nor 1, which was not copied to the new one"),
            &why);
    (void)mic_reads(self, out, job->audio);
}

static void word_known(struct devbus_mic *self, struct out *out, const struct mic_job *job,
                       const struct answer *a)
{
    struct guest_devices_reply m;
    int r = a->r < 0 ? a->r : guest_devices_reply_decode(&m, a->e->body);
    if (r < 0)
        end(out, job, r, a->r < 0 ? &a->why : NULL);
    else if (job->aim == MIC_MOVES)
        moves(self, out, job, &m.devices);
    else if (job->aim == MIC_DEAFENS && mic_word_of(&m.devices, job->name) == MIC_ALLOWED)
        tell_audio(self, out, job);
    else if (job->aim == MIC_DEAFENS)
        doubted_rightly(self, out, job);
    else
        mic_takes_word(self, out, job->audio, &m.devices);
}

static void whose_known(struct devbus_mic *self, struct out *out, const struct mic_job *job,
                        const struct answer *a)
{
    struct sounds_of_reply m = {0};
    int r = a->r < 0 ? a->r : sounds_of_reply_decode(&m, a->e->body);
    mic_believes(self, out, job->audio, r < 0 ? NULL : &m.vms);
    if (r < 0) {
        mic_missed(self, out);
        end(out, job, r, a->r < 0 ? &a->why : NULL);
    }
}

static int judge(const struct mic_job *job, const struct answer *a, struct fault *why)
{
    struct mic_call_reply m;
    *why = (struct fault){0};
    if (a->r < 0) {
        *why = a->why;
        return a->r;
    }
    if (job->asked != MESSAGE_mic_call)
        return 0;
    if (mic_call_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "launcher's answer is malformed");
    if (m.status == 0)
        return 0;
    return fault_set(why, ERR_VM, "the sound agent in %s did not %s %s the microphone; is it running?",
                     job->audio_name, job->aim == MIC_LETS_HEAR ? "give" : "take from", job->name);
}

/* Its word is written, or its service has ended. */
static void told(struct devbus_mic *self, struct out *out, const struct mic_job *job, const struct answer *a)
{
    struct fault why;
    int r = judge(job, a, &why);
    if (r == 0 && job->aim == MIC_LETS_HEAR && !mic_hears(self, out, job->vm, job->name, job->audio))
        r = fault_set(&why, ERR_BUSY, "too many VMs hear the microphone");
    if (r == 0 && job->aim == MIC_DEAFENS)
        mic_is_deaf(self, out, job->name);
    if (r == 0 && job->doubts)
        devbus_tell(&self->bus.table, out, job->vm.instance, job->vm.generation);
    if (job->aim == MIC_MOVES)
        (void)mic_reads(self, out, job->audio);
    end(out, job, r, &why);
}

void mic_goes_on(struct devbus_mic *self, struct out *out, struct mic_job job, const struct answer *a)
{
    if (job.asked == MESSAGE_vm_sound)
        sound_known(self, out, &job, a);
    else if (job.asked == MESSAGE_guest_devices)
        word_known(self, out, &job, a);
    else if (job.asked == MESSAGE_sounds_of)
        whose_known(self, out, &job, a);
    else
        told(self, out, &job, a);
}
