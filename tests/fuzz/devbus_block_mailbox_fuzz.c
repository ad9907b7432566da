/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of devbus-block, with what guests' processes answer in between. */
#include "actors/devbus-block/devbus_block.h"
#include "tests/fuzz/devbus_mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return devbus_fuzz(&devbus_block_actor, data, size);
}
