/* SPDX-License-Identifier: MIT
 * The program devbus-usb: it reads the names of vendors and products once, and has no worker. */
#include "actors/devbus-usb/devbus_usb.h"
#include "actors/devbus/devbus_person.h"
#include "base/log.h"

static struct usbids *ids;

/* Without names devices are listed without. */
static int open_names(const struct program *p, struct shell *shell, struct fault *why)
{
    const char *file = program_place(p, PLACE_USB_IDS);
    if (file != NULL && usbids_open(file, &ids, why) < 0)
        log_line(LOG_WARN, "USB devices are listed without names: %s", why->text);
    devbus_usb_settle(shell_core(shell), ids);
    return devbus_person_open(p, shell, why);
}

int main(int argc, char **argv)
{
    static const struct program_parts parts = {
        .actor = &devbus_usb_actor, .open = open_names, .handed = devbus_person_handed};
    int r = program_run(&parts, argc, argv);
    usbids_free(ids);
    return r;
}
