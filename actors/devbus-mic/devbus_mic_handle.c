/* SPDX-License-Identifier: MIT
 * The core of devbus-mic: what of a bus it does its own way. */
#include "actors/devbus-mic/devbus_mic.h"

#include <string.h>

#include "base/own.h"

static bool is_idle(const struct devbus *bus)
{
    const struct devbus_mic *self = (const struct devbus_mic *)bus;
    return self->jobs == 0 && !self->missed;
}

static const struct device_item mic = {.port = MIC_PORT,
                                       .device_id = MIC_DEVICE_ID,
                                       .interfaces = "m000000",
                                       .product = "microphone",
                                       .manufacturer = "default",
                                       .description = "Microphone: default microphone"};

/* Nothing of what AudioVMs say is still on its way. */
static bool knows_all(const struct devbus *bus)
{
    const struct devbus_mic *self = (const struct devbus_mic *)bus;
    for (size_t i = 0; i < self->jobs; i++)
        if (self->job[i].aim == MIC_KNOWS || self->job[i].aim == MIC_READS)
            return false;
    return !self->missed;
}

/* Dom0 has one, always; no guest has any. Who may hear it is not said: any number may. */
static void list(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_list *m)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct request request = request_of(e);
    struct bus_list_reply reply = {0};
    (void)bus;
    if (m->backend == 0 && (m->port[0] == '\0' || strcmp(m->port, MIC_PORT) == 0))
        device_item_add(&reply.devices, &elements, &mic);
    REPLY(out, bus_list, &request, &reply);
}

/* Whoever does not hear it yet may be asked about. */
static const struct device_item *find_free(const void *bus_, const char *backend, const char *port,
                                           const char *vm)
{
    const struct devbus *bus = bus_;
    bool hears = vm != NULL && devbus_find((struct devbus_table *)(uintptr_t)&bus->table, vm) != NULL;
    return !hears && strcmp(backend, "dom0") == 0 && strcmp(port, MIC_PORT) == 0 ? &mic : NULL;
}

static void answered(struct devbus *bus, struct out *out, const struct answer *a)
{
    struct devbus_mic *self = (struct devbus_mic *)bus;
    struct mic_job job;
    if (mic_answered(self, a->tag, &job))
        mic_goes_on(self, out, job, a);
}

static const struct devbus_kind kind = {
    .device_class = "mic",
    .is_idle = is_idle,
    .list = list,
    .prepare = mic_prepare,
    .plug = mic_plug,
    .unplug = mic_unplug,
    .exposed = mic_exposed,
    .sound = mic_sound,
    .free = find_free,
    .answered = answered,
    .timer = mic_rings,
    .knows_all = knows_all,
};

static int begin(void *self, struct out *out, const struct life *life)
{
    devbus_begin(self, out, &kind, life->note);
    devbus_ready(out);
    return 0;
}

const struct actor devbus_mic_actor = {
    .name = "devbus-mic",
    .kind = KIND_DEVBUS_MIC,
    .size = sizeof(struct devbus_mic),
    .begin = begin,
    DEVBUS_ACTS,
};
