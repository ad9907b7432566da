/* SPDX-License-Identifier: MIT
 * Who has whose sound, as devbus-mic needs it; in registry's core. Spec: devbus-usb-mic C. */
#include "actors/registry/registry.h"

#include "base/log.h"
#include "base/own.h"
#include "model/ask.h"
#include "model/device.h"
#include "proto/devbus_values.h"

static bool serves(const struct registry *r)
{
    return device_class_is_served(DEVICE_mic, r->device_classes);
}

/* Dom0 lives always. */
static bool lives(const struct registry *r, const struct vm *vm)
{
    return vm != NULL && (vm_qid(vm) == 0 || (vm_qid(vm) <= QID_MAX && r->claims[vm_qid(vm)].living));
}

static const struct vm *audio_of(const struct registry *r, const struct vm *vm)
{
    return vm_is_qubes(vm) ? property_vm(&r->known, vm_qid(vm), PROPERTY_audiovm) : NULL;
}

static bool by_service(const struct registry *r, const struct vm *audio, bool enables)
{
    struct span value, name = enables ? SPAN_LITERAL("supported-rpc.qubes.AudioInputEnable")
                                      : SPAN_LITERAL("supported-rpc.qubes.AudioInputDisable");
    return ask_feature(&r->known, vm_qid(audio), CHAIN_NETVM, name, &value) == 1 && value.len > 0;
}

void on_vm_sound(struct registry *r, struct out *out, const struct envelope *e, const struct vm_sound *m)
{
    struct request request = request_of(e);
    if (!r->loaded) { /* nobody is known yet */
        reply_error(out, &request, -ERR_BUSY, NULL);
        return;
    }
    const struct vm *vm = model_named(r->model, span_of(m->name));
    const struct vm *audio = vm != NULL ? audio_of(r, vm) : NULL;
    struct vm_sound_reply reply = {.found = vm != NULL};
    if (vm != NULL) {
        reply.qid = vm_qid(vm);
        reply.generation = vm_generation(vm);
        reply.lives = lives(r, vm);
    }
    if (audio != NULL && text_copy(reply.audio, sizeof reply.audio, span_of(vm_name(audio))) == 0) {
        reply.audio_qid = vm_qid(audio);
        reply.audio_generation = vm_generation(audio);
        reply.audio_lives = lives(r, audio);
        reply.by_service = by_service(r, audio, m->enables != 0);
    }
    (void)REPLY(out, vm_sound, &request, &reply);
}

void on_sounds_of(struct registry *r, struct out *out, const struct envelope *e, const struct sounds_of *m)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX);
    struct request request = request_of(e);
    struct sounds_of_reply reply = {0};
    (void)m;
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1)) {
        const struct vm *audio = lives(r, vm) ? audio_of(r, vm) : NULL;
        if (audio != NULL && lives(r, audio) && vm_qid(audio) == e->subject_instance &&
            vm_generation(audio) == e->subject_generation) {
            struct roster_item item = roster_item_of(vm);
            roster_item_add(&reply.vms, &packed, &item);
        }
    }
    if (packed.failed < 0)
        reply_error(out, &request, packed.failed, NULL);
    else
        (void)REPLY(out, sounds_of, &request, &reply);
}

/* ---- what the bus is told ---- */

static void tell(struct out *out, const struct vm *vm, enum bus_sound_what what, const struct vm *to,
                 const struct vm *from)
{
    struct context about = context_about_vm(vm_qid(vm), vm_generation(vm));
    struct bus_sound m = {.what = what};
    if (to != NULL) {
        m.to = m.from = vm_qid(to);
        m.to_generation = m.from_generation = vm_generation(to);
    }
    if (from != NULL) {
        m.from = vm_qid(from);
        m.from_generation = vm_generation(from);
    }
    if (text_copy(m.name, sizeof m.name, span_of(vm_name(vm))) == 0)
        (void)EVENT(out, bus_sound, ((struct address){KIND_DEVBUS_MIC, 0}), &about, &m);
}

static void tell_if_heard(const struct registry *r, struct out *out, const struct vm *vm,
                          enum bus_sound_what what)
{
    const struct vm *audio = serves(r) ? audio_of(r, vm) : NULL;
    if (lives(r, audio))
        tell(out, vm, what, audio, NULL);
}

void sound_looks(const struct registry *r, struct out *out, const struct vm *vm)
{
    tell_if_heard(r, out, vm, SOUND_LOOKS);
}

void sound_begins(const struct registry *r, struct out *out, const struct vm *vm)
{
    tell_if_heard(r, out, vm, SOUND_BEGINS);
}

void sound_moves(const struct registry *r, struct out *out, const struct vm *vm, const struct vm *was)
{
    const struct vm *audio = audio_of(r, vm);
    if (!serves(r) || !lives(r, vm) || audio == was)
        return;
    if (audio != NULL && !lives(r, audio))
        log_line(LOG_WARN, "%s, which is to have the sound of %s, is not running", vm_name(audio),
                 vm_name(vm));
    if (lives(r, audio))
        tell(out, vm, SOUND_MOVES, audio, lives(r, was) ? was : NULL);
    else
        tell(out, vm, SOUND_ENDS, NULL, NULL);
}
