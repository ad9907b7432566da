/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of launcher, registry's answers and the ends of programs: every command is one that
 * the supervisor would take, every request is answered once. */
#include "actors/launcher/launcher.h"
#include "base/log.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t running[64];
static unsigned runs;

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct launcher_ops ops = {run, forget};
    struct mailbox m;
    log_open("fuzz", LOG_ERROR);
    runs = 0;
    mailbox_open(&m, &launcher_actor);
    m.subject = (struct subject){KIND_VM, 7, 1};
    launcher_attach(m.core, &ops, NULL);
    mailbox_play(&m, data, size < 1024 ? size : 1024);
    while (m.asked > 0)
        mailbox_answer(&m, (struct span){NULL, 0});
    for (unsigned i = 0; i < runs; i++)
        launcher_ran(m.core, &m.out,
                     &(struct program_end){running[i], size & 255, (int)(size & 2), m.good, m.good});
    assert(m.answers <= m.requests && ((struct launcher *)m.core)->count <= JOBS_MAX);
    mailbox_close(&m);
    return 0;
}
