/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of devbus-usb, with what guests' processes, launcher and registry answer in between. */
#include "actors/devbus-usb/devbus_usb.h"
#include "tests/fuzz/devbus_mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return devbus_fuzz(&devbus_usb_actor, data, size);
}
