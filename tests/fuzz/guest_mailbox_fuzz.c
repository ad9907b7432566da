/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of guest: every request is answered once. */
#include "actors/guest/guest.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mailbox m;
    mailbox_open(&m, &guest_actor);
    mailbox_play(&m, data, size);
    assert(m.answers == m.requests);
    mailbox_close(&m);
    return 0;
}
