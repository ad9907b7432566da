/* SPDX-License-Identifier: MIT
 * internal.SuspendPre and internal.SuspendPost (lifecycle 5.1): registry leads all VMs; in api. */
#include "actors/api/api_inside.h"

/* Two phases, each with a service of a guest and a call of the hypervisor. */
#define SLEEP_MOST (300 * SECONDS)

static int slept(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                 struct fault *why)
{
    (void)self, (void)c, (void)reply, (void)why;
    return a->r;
}

int api_do_host_sleep(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct call like = {
        .done = slept,
        .to = {KIND_REGISTRY, 0},
        .type = MESSAGE_host_sleep,
        .context = api_context(self, q, out->now + SLEEP_MOST),
    };
    (void)reply, (void)why;
    host_sleep_encode(&body, (&(struct host_sleep){.wakes = (uint32_t)q->method->detail}));
    return api_ask(self, out, q, &like, &body);
}
