/* SPDX-License-Identifier: MIT
 * The core of devbus-usb: what it hears, and when it may rest. */
#include <string.h>

#include "actors/devbus-usb/devbus_usb.h"
#include "actors/devbus/devbus_say.h"

/* Idle for so long, it ends. */
#define LINGER (10 * SECONDS)

static bool is_idle(const struct devbus_usb *self)
{
    return self->table.used == 0 && self->listing.exposed.count == 0 && self->listing.questions == 0 &&
           self->runs == 0 && self->names == 0;
}

static bool lists(const char *port)
{
    return port[0] != '\0'; /* other names have not passed the guest's process */
}

/* The note of what was on its way holds no names. */
static bool name_it(void *self_, struct devbus_device *d)
{
    struct devbus_usb *self = self_;
    struct span port, backend = span_split(span_of(d->key), ':', &port);
    (void)text_copy(d->backend, sizeof d->backend, backend);
    (void)text_copy(d->port, sizeof d->port, port);
    const struct device_item *item = devbus_exposed_find(&self->listing.exposed, d->backend, d->port);
    (void)text_copy(d->device_id, sizeof d->device_id,
                    span_of(item != NULL ? item->device_id : "0000:0000::?******"));
    return d->port[0] != '\0';
}

/* Vendors and products have names here only: guests' processes read no file. */
static void describe(void *self_, struct device_item *item)
{
    struct devbus_usb *self = self_;
    usbids_name(self->ids, item->device_id, item->vendor, sizeof item->vendor, item->product,
                sizeof item->product);
}

void devbus_usb_settle(struct devbus_usb *self, const struct usbids *ids)
{
    self->ids = ids;
}

static int begin(void *self_, struct out *out, const struct life *life)
{
    struct devbus_usb *self = self_;
    self->table.device_class = "usb";
    self->table.holds_timer = USB_TIMER_HOLDS;
    self->table.name = name_it;
    self->table.arg = self;
    self->listing.table = &self->table;
    self->listing.lists = lists;
    self->listing.describe = describe;
    self->listing.arg = self;
    devbus_read_note(&self->table, out, life->note);
    out_timer(out, USB_TIMER_REST, out->now + LINGER);
    out_ready(out);
    return 0;
}

/* Whatever an incarnation before knew, backends know still. */
static void hello(void *self_, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct devbus_usb *self = self_;
    (void)epoch;
    if (last_correlation > self->seq)
        self->seq = last_correlation;
    devbus_ask_guests(out);
    devbus_tell_all(&self->table, out);
}

static void on_bus_list(struct devbus_usb *self, struct out *out, const struct envelope *e,
                        const struct bus_list *m)
{
    devbus_list(&self->listing, out, e, m);
}

/* There is nothing to look at before a device is connected: prepare says all there is to say. */
static void on_bus_plan(struct devbus_usb *self, struct out *out, const struct envelope *e,
                        const struct bus_plan *m)
{
    struct request request = request_of(e);
    (void)self, (void)m;
    REPLY(out, bus_plan, &request, (&(struct bus_plan_reply){.checks.count = 0}));
}

static void on_bus_prepare(struct devbus_usb *self, struct out *out, const struct envelope *e,
                           const struct bus_prepare *m)
{
    usb_prepare(self, out, e, m);
}

static void on_bus_release(struct devbus_usb *self, struct out *out, const struct envelope *e,
                           const struct bus_release *m)
{
    usb_release(self, out, e, m);
}

static void on_bus_plug(struct devbus_usb *self, struct out *out, const struct envelope *e,
                        const struct bus_plug *m)
{
    usb_plug(self, out, e, m);
}

static void on_bus_unplug(struct devbus_usb *self, struct out *out, const struct envelope *e,
                          const struct bus_unplug *m)
{
    usb_unplug(self, out, e, m);
}

/* libvirt has no part in it. */
static void on_bus_confirm(struct devbus_usb *self, struct out *out, const struct envelope *e,
                           const struct bus_confirm *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

static void on_bus_part(struct devbus_usb *self, struct out *out, const struct envelope *e,
                        const struct bus_part *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

static void on_bus_return(struct devbus_usb *self, struct out *out, const struct envelope *e,
                          const struct bus_return *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

/* The hypervisor knows nothing of them. */
static void on_bus_has(struct devbus_usb *self, struct out *out, const struct envelope *e,
                       const struct bus_has *m)
{
    struct request request = request_of(e);
    (void)self, (void)m;
    REPLY(out, bus_has, &request, NO_MESSAGE(bus_has_reply));
}

/* With its life a VM's attachments end: nobody detaches them, but subscribers hear it. */
static void on_bus_over(struct devbus_usb *self, struct out *out, const struct envelope *e,
                        const struct bus_over *m)
{
    struct subject vm = {KIND_VM, e->subject_instance, e->subject_generation};
    size_t has = 0;
    (void)m;
    for (size_t i = 0; i < self->table.used; i++) {
        struct devbus_device *d = &self->table.device[i];
        has += d->qid == vm.instance;
        if (d->qid == vm.instance && d->state == DEVBUS_ATTACHED)
            devbus_say(out, &self->seq, vm, "device-detach:usb", "port", span_of(d->key));
    }
    if (has > 0)
        devbus_sees(&self->table, out, vm, true, NULL, 0);
}

static void on_bus_tell(struct devbus_usb *self, struct out *out, const struct envelope *e,
                        const struct bus_tell *m)
{
    (void)e, (void)m;
    devbus_tell_all(&self->table, out);
}

static void on_bus_exposed(struct devbus_usb *self, struct out *out, const struct envelope *e,
                           const struct bus_exposed *m)
{
    usb_exposed(self, out, e, m);
}

#define MAILBOX "proto/devbus.def"
#define SELF    struct devbus_usb
#include "runtime/dispatch.h"

static void hear(void *self_, struct out *out, const struct envelope *e)
{
    struct devbus_usb *self = self_;
    if (e->class == CLASS_CANCEL)
        devbus_list_cancel(&self->listing, out, e);
    else
        dispatch(self, out, e, &self->refused);
    out_timer(out, USB_TIMER_REST, out->now + LINGER);
}

static void answered(void *self_, struct out *out, const struct answer *a)
{
    struct devbus_usb *self = self_;
    if (!a->progress && !devbus_listed(&self->listing, out, a) && !usb_ran(self, out, a))
        (void)usb_named(self, out, a);
}

static void timer(void *self_, struct out *out, uint64_t number)
{
    struct devbus_usb *self = self_;
    if (number == USB_TIMER_HOLDS)
        devbus_holds_end(&self->table, out);
    if (number == USB_TIMER_REST && is_idle(self))
        out_retire(out);
    out_timer(out, USB_TIMER_REST, out->now + LINGER);
}

static void end(void *self_)
{
    struct devbus_usb *self = self_;
    devbus_exposed_free(&self->listing.exposed);
}

const struct actor devbus_usb_actor = {
    .name = "devbus-usb",
    .kind = KIND_DEVBUS_USB,
    .size = sizeof(struct devbus_usb),
    .begin = begin,
    .hello = hello,
    .hear = hear,
    .answered = answered,
    .timer = timer,
    .end = end,
};
