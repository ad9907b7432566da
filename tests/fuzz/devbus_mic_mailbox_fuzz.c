/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of devbus-mic, with what AudioVMs' guest processes, launcher and registry answer in
 * between. */
#include "actors/devbus-mic/devbus_mic.h"
#include "tests/fuzz/devbus_mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return devbus_fuzz(&devbus_mic_actor, data, size);
}
