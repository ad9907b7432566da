/* SPDX-License-Identifier: MIT
 * What attaching a PCI device would meet: the bus looks, and touches nothing (bulkhead.Plan), and
 * giving one back (bulkhead.Release); in api. */
#include <stdlib.h>

#include "actors/api/api_inside.h"
#include "model/plan_device.h"

#define PLAN_WITHIN (60 * SECONDS)

static void add_line(struct text *reply, const char *level, const char *check, const char *text)
{
    text_format(reply, "%s %s %s\n", level, check, text);
}

/* What the model knows comes first: it is asked again when the device is attached. */
static void add_mode(const struct api *self, const struct call *c, struct text *reply)
{
    struct fault why;
    if (device_attach_check(&self->known, DEVICE_pci, c->qid, &why) < 0)
        add_line(reply, "refused", "mode", why.text);
    else
        add_line(reply, "ok", "mode", "the VM's kind takes PCI devices");
}

static int planned(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                   struct fault *why)
{
    struct bus_plan_reply m;
    struct bus_check check;
    if (a->r < 0)
        return a->r;
    if (bus_plan_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "the bus's plan does not decode");
    add_mode(self, c, reply);
    struct reader in = list_reader(&m.checks);
    while (bus_check_next(&in, &check) == 1)
        add_line(reply, check.level, check.name, check.text);
    return reply->failed;
}

/* At the port that is meant; whether what is meant sits there is the bus's first check. */
static int port_of(const struct wish *w, const struct wire_list *devices, struct bus_plan *m,
                   struct fault *why)
{
    struct device_item found;
    unsigned count = api_wish_find(w, devices, &found);
    struct span port = count == 1 ? span_of(found.port) : w->device.port;
    if (count > 1 || (count == 0 && device_is_any(w->device.port)))
        return fault_set(why, ERR_PROTOCOL, "%s",
                         count == 0 ? "there is no such device; see what its backend has available"
                                    : "more than one device is meant; name its port and id");
    if (text_copy(m->port, sizeof m->port, port) < 0 ||
        (!device_is_any(w->device.id) && text_copy(m->device_id, sizeof m->device_id, w->device.id) < 0))
        return fault_set(why, ERR_PROTOCOL, "a port or id that is too long");
    m->no_strict_reset = api_wish_option(w, "no-strict-reset");
    return 0;
}

static int ask_plan(struct api *self, struct out *out, const struct asked *q, const struct bus_plan *m)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct call like = {
        .done = planned,
        .to = {KIND_DEVBUS_PCI, 0},
        .type = MESSAGE_bus_plan,
        .context = api_context(self, q, out->now + PLAN_WITHIN),
        .qid = vm_qid(q->dest),
    };
    like.context.subject = (struct subject){KIND_VM, vm_qid(q->dest), vm_generation(q->dest)};
    bus_plan_encode(&body, m);
    return api_ask(self, out, q, &like, &body);
}

static int plan(struct api *self, struct out *out, const struct asked *q, const struct wire_list *devices,
                struct text *reply, struct fault *why)
{
    struct wish w = {0};
    struct bus_plan m = {.port = ""};
    int r = api_wish_read(self, q, &w, why);
    (void)reply;
    if (r == 0)
        r = port_of(&w, devices, &m, why);
    free(w.room);
    return r < 0 ? r : ask_plan(self, out, q, &m);
}

int api_do_plan(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                struct fault *why)
{
    return api_with_devices(self, out, q, DEVICE_pci, 0, SPAN_LITERAL(""), plan, reply, why);
}

/* ---- back to dom0's driver ---- */

static int released(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                    struct fault *why)
{
    struct bus_return_reply m;
    (void)self, (void)c;
    if (a->r < 0)
        return a->r;
    if (bus_return_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "the bus's answer does not decode");
    text_format(reply, "%s %s\n", m.sbdf, m.driver[0] != '\0' ? m.driver : "-");
    return reply->failed;
}

static int ask_release(struct api *self, struct out *out, const struct asked *q, const char *port)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_return m = {.port = ""};
    struct call like = {
        .done = released,
        .to = {KIND_DEVBUS_PCI, 0},
        .type = MESSAGE_bus_return,
        .context = api_context(self, q, out->now + PLAN_WITHIN),
        .qid = vm_qid(q->dest),
    };
    (void)text_copy(m.port, sizeof m.port, span_of(port));
    bus_return_encode(&body, &m);
    return api_ask(self, out, q, &like, &body);
}

/* A device that is not there any more has no driver, but may be named by its port alone. */
static int release(struct api *self, struct out *out, const struct asked *q, const struct wire_list *devices,
                   struct text *reply, struct fault *why)
{
    struct wish w = {0};
    struct bus_plan m = {.port = ""};
    struct device_item found;
    int r = api_wish_read(self, q, &w, why);
    (void)reply;
    if (r == 0 && (!span_is(w.device.backend, "dom0") ||
                   (!device_is_any(w.device.id) && api_wish_find(&w, devices, &found) == 0)))
        r = fault_set(why, ERR_PROTOCOL, "there is no such device; see what dom0 has available");
    if (r == 0)
        r = port_of(&w, devices, &m, why);
    free(w.room);
    return r < 0 ? r : ask_release(self, out, q, m.port);
}

int api_do_release(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    return api_with_devices(self, out, q, DEVICE_pci, 0, SPAN_LITERAL(""), release, reply, why);
}
