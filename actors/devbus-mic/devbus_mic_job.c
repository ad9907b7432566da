/* SPDX-License-Identifier: MIT
 * Letting a VM hear the microphone, and no longer: registry says who has its sound, and that one is told, by
 * its QubesDB or by a service. In devbus-mic's core. Spec: devbus-usb-mic C. */
#include <string.h>

#include "actors/devbus-mic/devbus_mic.h"
#include "actors/devbus/devbus_take.h"
#include "base/log.h"
#include "base/own.h"

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

static void begin(struct devbus *bus, struct out *out, const struct envelope *e, enum mic_aim aim,
                  const char *name)
{
    struct mic_job job = {.aim = aim, .request = request_of(e)};
    job.vm = job.request.context.subject;
    (void)text_copy(job.name, sizeof job.name, span_of(name));
    if (!mic_ask_sound((struct devbus_mic *)bus, out, &job))
        reply_error(out, &job.request, -ERR_BUSY, NULL);
}

void mic_plug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_plug *m)
{
    begin(bus, out, e, MIC_LETS_HEAR, m->name);
}

void mic_unplug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_unplug *m)
{
    struct request request = request_of(e);
    struct fault why;
    if (is_hearing(bus, m->name, e->subject_instance)) {
        begin(bus, out, e, MIC_DEAFENS, m->name);
    } else if (m->again) {
        REPLY(out, bus_unplug, &request, NO_MESSAGE(bus_unplug_reply));
    } else {
        int r = fault_set(&why, ERR_DEVICE_NOT_ASSIGNED,
                          "'mic device dom0:" MIC_PORT " is not attached to %s'", m->name);
        reply_error(out, &request, r, &why);
    }
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

/* Who has its sound is known: it is told. */
static void tell_audio(struct devbus_mic *self, struct out *out, struct mic_job *job,
                       const struct vm_sound_reply *m)
{
    struct fault why;
    int r = check_sound(job, m, &why);
    if (r < 0) {
        end(out, job, r, &why);
        return;
    }
    job->audio = (struct subject){KIND_VM, m->audio_qid, m->audio_generation};
    memcpy(job->audio_name, m->audio, sizeof job->audio_name);
    bool enable = job->aim == MIC_LETS_HEAR;
    go(out, job,
       m->by_service != 0 ? mic_ask_service(self, out, job, enable) : mic_ask_write(self, out, job, enable));
}

static void sound_known(struct devbus_mic *self, struct out *out, struct mic_job *job, const struct answer *a)
{
    struct vm_sound_reply m;
    int r = a->r < 0 ? a->r : vm_sound_reply_decode(&m, a->e->body);
    if (r < 0)
        end(out, job, r, a->r < 0 ? &a->why : NULL);
    else
        tell_audio(self, out, job, &m);
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
    else
        mic_takes_word(self, out, job->audio, &m.devices);
}

static void whose_known(struct devbus_mic *self, struct out *out, const struct mic_job *job,
                        const struct answer *a)
{
    struct sounds_of_reply m = {0};
    int r = a->r < 0 ? a->r : sounds_of_reply_decode(&m, a->e->body);
    mic_believes(self, out, job->audio, r < 0 ? NULL : &m.vms);
    if (r < 0)
        end(out, job, r, a->r < 0 ? &a->why : NULL);
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
