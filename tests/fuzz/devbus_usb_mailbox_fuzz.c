/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of devbus-usb, with what guests' processes, launcher and registry answer in between:
 * every request is answered once, at the latest when all that is open has ended, and no device has two
 * holders. */
#include <string.h>

#include "actors/devbus-usb/devbus_usb.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned first_row(void)
{
    size_t count;
    const struct message_rule *rules = message_rules(&count);
    unsigned i = 0;
    while (rules[i].type != MESSAGE_bus_list)
        i++;
    return i;
}

static void all_differ(const struct devbus_table *t)
{
    for (size_t i = 0; i < t->used; i++)
        for (size_t j = 0; j < i; j++)
            assert(strcmp(t->device[i].key, t->device[j].key) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mailbox m;
    mailbox_open(&m, &devbus_usb_actor);
    struct devbus_usb *self = m.core;
    while (size >= 2) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        struct span body = {(const char *)data + 2, len};
        m.subject = (struct subject){KIND_VM, 1 + (data[0] >> 6), 3};
        if ((data[0] & 31) < 16)
            mailbox_hear(&m, first_row() + (data[0] & 15), body);
        else if ((data[0] & 31) < 24)
            mailbox_answer(&m, body);
        else
            m.actor->timer(m.core, &m.out, 1 + (data[0] & 1)), m.out.now += 30 * SECONDS;
        all_differ(&self->table);
        assert(m.answers <= m.requests);
        data += 2 + len;
        size -= 2 + len;
    }
    while (m.asked > 0)
        mailbox_answer(&m, (struct span){NULL, 0});
    assert(m.answers == m.requests);
    mailbox_close(&m);
    return 0;
}
