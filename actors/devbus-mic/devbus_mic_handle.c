/* SPDX-License-Identifier: MIT
 * The core of devbus-mic: what of a bus it does its own way. */
#include "actors/devbus-mic/devbus_mic.h"

#include <string.h>

#include "base/own.h"

static bool is_idle(const struct devbus *bus)
{
    return ((const struct devbus_mic *)bus)->jobs == 0;
}

/* Dom0 has one, always; no guest has any. Who may hear it is not said: any number may. */
static void list(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_list *m)
{
    static const struct device_item mic = {.port = MIC_PORT,
                                           .device_id = MIC_DEVICE_ID,
                                           .interfaces = "m000000",
                                           .product = "microphone",
                                           .manufacturer = "default",
                                           .description = "Microphone: default microphone"};
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct request request = request_of(e);
    struct bus_list_reply reply = {0};
    (void)bus;
    if (m->backend == 0 && (m->port[0] == '\0' || strcmp(m->port, MIC_PORT) == 0))
        device_item_add(&reply.devices, &elements, &mic);
    REPLY(out, bus_list, &request, &reply);
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
    .answered = answered,
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
    .hello = devbus_hello,
    .hear = devbus_hear,
    .answered = devbus_answered,
    .timer = devbus_rings,
    .end = devbus_end,
};
