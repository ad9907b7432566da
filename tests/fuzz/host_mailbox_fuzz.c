/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of host: rosters and events of any shape neither crash it nor make it answer what nobody
 * asked. */
#include "actors/host/host.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mailbox m;
    mailbox_open(&m, &host_actor);
    mailbox_play(&m, data, size);

    mailbox_close(&m);
    return 0;
}
