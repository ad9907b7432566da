/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of vm: a request is never answered twice, whatever comes in whatever order. */
#include "actors/vm/vm_actor.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mailbox m;
    mailbox_open(&m, &vm_actor);
    mailbox_play(&m, data, size);

    mailbox_close(&m);
    return 0;
}
