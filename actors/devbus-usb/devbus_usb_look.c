/* SPDX-License-Identifier: MIT
 * When backends are looked at, since what a service of theirs, or of a frontend, has said to have done may
 * not be so. In devbus-usb's core. */
#include <string.h>

#include "actors/devbus-usb/devbus_usb.h"
#include "actors/devbus/devbus_say.h"

static void set_timer(const struct devbus_usb *self, struct out *out)
{
    out_timer(out, USB_TIMER_LOOK, self->looks > 0 ? self->look_at[0] : 0);
}

void usb_looks(struct devbus_usb *self, struct out *out)
{
    size_t due = 0;
    while (due < self->looks && self->look_at[due] <= out->now)
        due++;
    if (due > 0)
        devbus_ask_guests(out);
    self->looks -= due;
    memmove(self->look_at, self->look_at + due, self->looks * sizeof *self->look_at);
    set_timer(self, out);
}

/* Each is due as long after its service as the others: the list is in order, and nothing puts off what is in
 * it. */
void usb_look_later(struct devbus_usb *self, struct out *out)
{
    uint64_t at = out->now + USB_LOOK_AFTER;
    bool is_near = self->looks > 0 && at < self->look_at[self->looks - 1] + USB_LOOK_APART;
    if (self->looks == USB_LOOKS_MAX)
        usb_looks(self, out); /* so many are never open unless the timer is late: the first is due */
    if (!is_near && self->looks < USB_LOOKS_MAX)
        self->look_at[self->looks++] = at;
    set_timer(self, out);
}
