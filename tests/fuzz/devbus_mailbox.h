/* SPDX-License-Identifier: MIT
 * The mailbox of a bus under the fuzzer: messages of its rows, answers and rings in any order;
 * every request is answered once, at the latest when all that is open has ended, and no two rows of the table
 * are one device's. */
#ifndef TESTS_FUZZ_DEVBUS_MAILBOX_H
#define TESTS_FUZZ_DEVBUS_MAILBOX_H

#include <string.h>

#include "actors/devbus/devbus_bus.h"
#include "tests/fuzz/mailbox.h"

static inline unsigned devbus_first_row(void)
{
    size_t count;
    const struct message_rule *rules = message_rules(&count);
    unsigned i = 0;
    while (rules[i].type != MESSAGE_bus_list)
        i++;
    return i;
}

static inline void devbus_all_differ(const struct devbus_table *t)
{
    for (size_t i = 0; i < t->used; i++)
        for (size_t j = 0; j < i; j++)
            assert(strcmp(t->device[i].key, t->device[j].key) != 0);
}

/* The worker, where the bus has one: its oldest or youngest task ends well or badly, or is overdue. */
static inline void devbus_work(struct mailbox *m, uint8_t how, struct span body)
{
    static const int ends[] = {0, 0, -ERR_HYPERVISOR, -ERR_CLOSED, -ERR_TIMEOUT};
    unsigned end = (how & 7u) % (COUNT(ends) + 1);
    if (end == COUNT(ends))
        mailbox_overdue(m);
    else
        mailbox_end_nth(m, how < 128 ? 0 : m->tasks - 1, ends[end], body.len > 0 ? (uint8_t)body.at[0] : 0);
}

/* One piece of the bytes: what happens, how long its body is, the body. */
static inline void devbus_play(struct mailbox *m, const uint8_t *data, struct span body)
{
    m->subject = (struct subject){KIND_VM, 1 + (data[0] >> 6), 3};
    if ((data[0] & 31) < 16) {
        mailbox_hear(m, devbus_first_row() + (data[0] & 15), body);
    } else if ((data[0] & 31) < 24) {
        mailbox_answer(m, body);
    } else if ((data[0] & 32) != 0 && m->tasks > 0) {
        devbus_work(m, data[0], body);
    } else {
        m->actor->timer(m->core, &m->out, 1 + (data[0] & 7));
        m->out.now += 30 * SECONDS;
    }
    assert(m->answers <= m->requests);
}

static inline void devbus_play_all(struct mailbox *m, const struct devbus_table *t, const uint8_t *data,
                                   size_t size)
{
    while (size >= 2) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        devbus_play(m, data, (struct span){(const char *)data + 2, len});
        devbus_all_differ(t);
        data += 2 + len;
        size -= 2 + len;
    }
}

/* What is open ends: a name that is asked for is nobody's, whatever else is asked fails; then every timer
 * rings. */
static inline void devbus_fuzz_ends(struct mailbox *m)
{
    AUTO_TEXT nobody = TEXT_WITH_LIMIT(256);
    vm_named_reply_encode(&nobody, &(struct vm_named_reply){.found = 0});
    for (unsigned round = 0; round < 4; round++) {
        while (m->asked > 0)
            mailbox_answer(m, text_span(&nobody));
        m->out.now += 60 * SECONDS;
        for (unsigned timer = DEVBUS_TIMER_OWN + 1; timer > 0; timer--)
            m->actor->timer(m->core, &m->out, timer);
    }
}

static inline int devbus_fuzz(const struct actor *actor, const uint8_t *data, size_t size)
{
    struct mailbox m;
    mailbox_open(&m, actor);
    devbus_play_all(&m, &((struct devbus *)m.core)->table, data, size);
    devbus_fuzz_ends(&m);
    assert(m.answers == m.requests);
    mailbox_close(&m);
    return 0;
}

#endif
