/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of guest, and what the supervisor, the worker and the guest's database say in between:
 * every request is answered once, at the latest when all that is open has ended. */
#include "actors/guest/guest.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NO_FD = 1 << 20 }; /* a number that no descriptor has */

/* The worker found so many words. */
static void fill(struct task *task, uint8_t how)
{
    struct guest_task *t = (struct guest_task *)task;
    struct guest_word word = {"qrexec", "1"};
    if (task->what == GUEST_WRITES_IT)
        return;
    for (int i = 0; i < (how & 3) && task->r == 0; i++)
        guest_word_add(&t->words, &t->elements, &word);
}

/* What comes from elsewhere than the bus; the first byte of each pair says what. */
static void happen(struct mailbox *m, uint8_t what)
{
    struct guest *g = m->core;
    if ((what & 3) == 0)
        guest_handed(g, &m->out,
                     (what & 16) != 0  ? GUEST_DOOR_WRITE
                     : (what & 4) != 0 ? GUEST_DOOR_WATCH
                                       : GUEST_DOOR_READ,
                     (what & 8) != 0 ? NO_FD : -1);
    else if ((what & 3) == 1)
        guest_fired(g, &m->out, (what & 4) != 0 ? "/qubes-block-devices" : "/other");
    else if ((what & 3) == 2)
        guest_watch_ended(g, &m->out);
    else
        m->out.now += (uint64_t)what * MILLISECONDS;
}

/* Its mailbox's rows by their place in it, so that seeds stay good when other mailboxes grow. */
static unsigned first_row(void)
{
    size_t count;
    const struct message_rule *rules = message_rules(&count);
    unsigned i = 0;
    while (rules[i].type != MESSAGE_guest_open)
        i++;
    return i;
}

static size_t still_to_do(const struct guest *g)
{
    size_t count = g->calls + g->writes + g->behind;
    for (size_t i = 0; i < COUNT(g->exposed); i++)
        count += g->exposed[i].again;
    return count;
}

static void end_all(struct mailbox *m)
{
    struct guest *g = m->core;
    while (g->calls + g->writes > 0) {
        size_t before = still_to_do(g);
        while (m->tasks > 0)
            mailbox_end_task(m, -ERR_CLOSED, 0);
        guest_handed(g, &m->out, GUEST_DOOR_READ, -1);
        guest_handed(g, &m->out, GUEST_DOOR_WRITE, -1);
        while (m->asked > 0)
            mailbox_answer(m, (struct span){NULL, 0});
        assert(still_to_do(g) < before);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mailbox m;
    mailbox_open(&m, &guest_actor);
    m.complete = fill;
    m.subject = (struct subject){KIND_VM, 7, 0};
    m.good = SPAN_LITERAL("\x91\xcf\0\0\0\0\0\0\0\1");
    while (size >= 4) {
        size_t piece = 3u + data[2] < size - 1 ? 3u + data[2] : size - 1;
        happen(&m, data[0]);
        if (data[1] < 128)
            mailbox_hear(&m, first_row() + data[1], (struct span){(const char *)data + 3, piece - 3});
        else
            mailbox_play(&m, data + 1, piece - 1);
        data += piece;
        size -= piece;
    }
    end_all(&m);
    assert(m.answers == m.requests);
    mailbox_close(&m);
    return 0;
}
