/* SPDX-License-Identifier: MIT
 * The devices that a guest exposes: read from its QubesDB when a bus asks and when the guest says that they
 * have changed, told to the bus as typed and bounded records. Spec: devbus-block 1, 8. */
#include "actors/guest/guest_device.h"
#include "actors/guest/guest_inside.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "doors/qubesdb.h"

#define BUS ((struct address){KIND_DEVBUS_BLOCK, 0})

/* ---- the core ---- */

void guest_expose_asked(struct guest *g, struct out *out, const struct request *request)
{
    struct guest_call *c;
    if (!g->open) {
        (void)REPLY(out, guest_devices, request, (&(struct guest_devices_reply){.name = ""}));
        guest_idle(g, out);
    } else if ((c = guest_call_add(g, out, request)) != NULL) {
        c->what = GUEST_EXPOSES;
        guest_call_next(g, out);
    }
}

/* One look at a time: what changes meanwhile is seen by the next. */
void guest_expose_look(struct guest *g, struct out *out, bool changed)
{
    bool looks = !g->open;
    for (size_t i = 0; i < g->calls && !looks; i++)
        looks = g->call[i].what == GUEST_EXPOSES && g->call[i].request.type == 0;
    if (looks || g->calls == GUEST_CALLS) {
        g->expose_again = g->open;
        g->expose_changed = g->expose_changed || changed;
        return;
    }
    struct guest_call *c = guest_call_add(g, out, &(struct request){.type = 0});
    c->what = GUEST_EXPOSES;
    c->changed = changed;
    guest_call_next(g, out);
}

void guest_expose_next(struct guest *g, struct out *out)
{
    bool changed = g->expose_changed;
    if (!g->expose_again)
        return;
    g->expose_again = g->expose_changed = false;
    guest_expose_look(g, out, changed);
}

static void tell(struct guest *g, struct out *out, const struct bus_exposed *like)
{
    struct context about = {.caller = g->subject.instance, .subject = g->subject};
    struct bus_exposed m = *like;
    strcpy(m.device_class, "block");
    memcpy(m.name, g->name, sizeof m.name);
    g->exposes = m.devices.count > 0;
    (void)EVENT(out, bus_exposed, BUS, &about, &m);
}

/* A bus that has nothing to hear is not woken. */
void guest_expose_read(struct guest *g, struct out *out, const struct guest_call *c,
                       const struct guest_task *t)
{
    struct wire_list none = {0};
    const struct wire_list *devices = t != NULL ? &t->words : &none;
    size_t left_out = t != NULL ? t->left_out : 0;
    if (left_out > g->left_out)
        log_line(LOG_WARN,
                 "names of devices of %s contain unsafe characters, or are too many: %zu entries skipped",
                 g->name, left_out);
    g->left_out = left_out;
    if (c->request.type != 0) {
        struct guest_devices_reply m = {.devices = *devices};
        memcpy(m.name, g->name, sizeof m.name);
        (void)REPLY(out, guest_devices, &c->request, &m);
    } else if (g->open && (devices->count > 0 || g->exposes))
        tell(g, out, &(struct bus_exposed){.changed = c->changed, .devices = *devices});
}

void guest_expose_over(struct guest *g, struct out *out)
{
    if (g->exposes)
        tell(g, out, &(struct bus_exposed){.over = 1});
    g->expose_again = g->expose_changed = false;
}

/* ---- on the worker ---- */

static int take(void *arg, struct span name, struct span value, struct fault *why)
{
    return guest_device_take(arg, name, value, why);
}

int guest_expose_perform(struct guest_task *t, uint64_t deadline)
{
    AUTO(qubesdb) *q = NULL;
    AUTO_MEMORY struct guest_device_list *list = calloc(1, sizeof *list);
    int r = qubesdb_new(t->fd, &q);
    if (r == 0 && list == NULL)
        r = -ERR_NOMEM;
    if (r == 0)
        r = qubesdb_multiread(q, GUEST_DEVICE_FOLDER, deadline, take, list, &t->task.why);
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        struct device_item item;
        guest_device_item(list, &list->device[i], t->name, &item);
        device_item_add(&t->words, &t->elements, &item);
        r = t->elements.failed;
    }
    t->left_out = r == 0 ? list->left_out : 0;
    return r;
}
