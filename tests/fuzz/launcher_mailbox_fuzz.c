/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of launcher, registry's answers and the ends of programs: every command is one that
 * the supervisor would take, every request is answered once, and every line of dom0's policy is taken back
 * once. */
#include "actors/launcher/launcher.h"
#include "base/log.h"
#include "tests/fuzz/mailbox.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t running[64];
static unsigned runs, lines, lines_taken_back;

static int run(void *arg, uint64_t number, enum outside_program program, const struct program_values *v,
               struct span input)
{
    char packed[512];
    size_t len;
    struct program_command command;
    (void)arg;
    assert(input.len <= JOB_INPUT);
    assert(program_pack(v, packed, sizeof packed, &len) == 0);
    assert(program_command(program, v, NULL, &command) == 0);
    if (runs == COUNT(running))
        return -ERR_BUSY;
    running[runs++] = number;
    return 0;
}

static void forget(void *arg, uint64_t number)
{
    (void)arg, (void)number; /* it ends below, as a killed one does */
}

static void count_lines(struct task *task, uint8_t how)
{
    (void)how;
    lines += task->what == POLICY_ADD;
    lines_taken_back += task->what == POLICY_REMOVE;
}

/* What registry says of a VM. */
static void know(struct text *to)
{
    struct daemons_reply d = {
        .name = "work", .user = "user", .qrexec = 1, .qrexec_timeout = 60, .stubdom_qrexec = 1};
    memcpy(d.uuid, "611da028-c63e-4137-ad7c-9408e5ca7f90", sizeof d.uuid);
    daemons_reply_encode(to, &d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_TEXT words = TEXT_WITH_LIMIT(512);
    static const struct launcher_ops ops = {run, forget};
    struct mailbox m;
    log_open("fuzz", LOG_ERROR);
    runs = lines = lines_taken_back = 0;
    know(&words);
    mailbox_open(&m, &launcher_actor);
    m.subject = (struct subject){KIND_VM, 7, 1};
    m.good = text_span(&words);
    m.complete = count_lines;
    launcher_attach(m.core, &ops, NULL);
    launcher_settle(m.core, true);
    mailbox_play(&m, data, size < 1024 ? size : 1024);
    while (m.asked > 0)
        mailbox_answer(&m, (struct span){NULL, 0});
    while (m.tasks > 0)
        mailbox_end_task(&m, 0, 0);
    for (unsigned i = 0; i < runs; i++)
        launcher_ran(m.core, &m.out,
                     &(struct program_end){running[i], size & 255, (int)(size & 2), m.good, m.good});
    while (m.tasks > 0)
        mailbox_end_task(&m, 0, 0);
    assert(lines == lines_taken_back);
    assert(m.answers <= m.requests && ((struct launcher *)m.core)->count <= JOBS_MAX);
    mailbox_close(&m);
    return 0;
}
