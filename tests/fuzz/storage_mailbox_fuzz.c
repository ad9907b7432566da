/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of storage, and what registry and the worker say in between: every request is answered
 * once. */
#include "actors/storage/storage.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The worker opened the pool, or found a path. */
static void fill(struct task *task, uint8_t how)
{
    struct storage_task *t = (struct storage_task *)task;
    if (t->verb == STORAGE_OPEN)
        t->success = (how & 1) != 0;
    if (t->verb == POOL_revisions && task->r == 0)
        text_add(&t->outcome.list, "1=2020-01-01T00:00:00\n");
}

static unsigned first_row(void)
{
    size_t count;
    const struct message_rule *rules = message_rules(&count);
    unsigned i = 0;
    while (rules[i].type != MESSAGE_volume_change)
        i++;
    return i;
}

static void open_it(struct mailbox *m)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096);
    struct pool_tell_reply which = {.pool = "p", .lines = SPAN_LITERAL("driver=file\ndir_path=/p")};
    pool_tell_reply_encode(&body, &which);
    mailbox_answer(m, text_span(&body));
    mailbox_end_task(m, 0, 1);
}

static void end_all(struct mailbox *m)
{
    struct storage *s = m->core;
    while (s->count > 0 || m->tasks > 0) {
        while (m->asked > 0)
            mailbox_answer(m, (struct span){NULL, 0});
        while (m->tasks > 0)
            mailbox_end_task(m, -ERR_CANCELLED, 0);
        if (s->count > 0 && m->asked == 0 && m->tasks == 0)
            break;
    }
    assert(s->working == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_TEXT good = TEXT_WITH_LIMIT(4096);
    struct mailbox m;
    volume_tell_reply_encode(&good, &(struct volume_tell_reply){.lines = SPAN_LITERAL("vid=a/b/c\nrw=True")});
    mailbox_open(&m, &storage_actor);
    m.complete = fill;
    m.subject = (struct subject){KIND_VM, 7, 1};
    open_it(&m);
    m.good = text_span(&good);
    while (size >= 4) {
        while (m.asked > 30) /* more than can be remembered here is no promise of the core's */
            mailbox_answer(&m, m.good);
        size_t piece = 3u + data[2] < size - 1 ? 3u + data[2] : size - 1;
        if (data[1] < 128)
            mailbox_hear(&m, first_row() + data[1] % 5, (struct span){(const char *)data + 3, piece - 3});
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
