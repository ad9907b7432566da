/* SPDX-License-Identifier: MIT
 * The core of devbus-usb: what of a bus it does its own way. */
#include "actors/devbus-usb/devbus_usb.h"

static bool is_idle(const struct devbus *bus)
{
    const struct devbus_usb *self = (const struct devbus_usb *)bus;
    return self->runs == 0 && self->names == 0;
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

static void answered(struct devbus *bus, struct out *out, const struct answer *a)
{
    struct devbus_usb *self = (struct devbus_usb *)bus;
    if (!usb_ran(self, out, a))
        (void)usb_named(self, out, a);
}

static bool knows_all(const struct devbus *bus)
{
    return ((const struct devbus_usb *)bus)->names == 0;
}

static void settled(struct devbus *bus, struct out *out)
{
    usb_part_again((struct devbus_usb *)bus, out);
}

/* libvirt has no part in it, and the hypervisor knows nothing of them. */
static const struct devbus_kind kind = {
    .device_class = "usb",
    .ends_say = true,
    .is_idle = is_idle,
    .prepare = usb_prepare,
    .plug = usb_plug,
    .unplug = usb_unplug,
    .read = usb_read,
    .told = usb_told,
    .answered = answered,
    .timer = usb_rings,
    .knows_all = knows_all,
    .settled = settled,
};

static int begin(void *self_, struct out *out, const struct life *life)
{
    struct devbus_usb *self = self_;
    devbus_begin(&self->bus, out, &kind, life->note);
    self->bus.listing.describe = describe;
    devbus_ready(out);
    return 0;
}

const struct actor devbus_usb_actor = {
    .name = "devbus-usb",
    .kind = KIND_DEVBUS_USB,
    .size = sizeof(struct devbus_usb),
    .begin = begin,
    DEVBUS_ACTS,
};
