/* SPDX-License-Identifier: MIT
 * The program storage/<pool>: the core with the drivers. It has no way to run a tool: pools that need some
 * say so when a verb needs one. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/storage/storage.h"
#include "doors/pool_call.h"
#include "runtime/program.h"

static struct pool_calls calls;
static struct storage_doors storage_doors = {.calls = &calls};

static int run_nothing(const struct pool_program *program, struct pool_output *ret)
{
    (void)program, (void)ret;
    errno = EPERM;
    return -1;
}

/* Tests and try-outs without a device mapper: a device is named, and never made. */
static int pretend(const struct pool_program *program, struct pool_output *ret)
{
    (void)program;
    *ret = (struct pool_output){.status = 0};
    return 0;
}

static void lend(void *arg, uint32_t loan, uint32_t borrower, int fd)
{
    struct control record = {.what = CONTROL_LEND, .value = loan, .instance = borrower};
    struct control_fds fds = {fd >= 0, {fd}};
    (void)shell_tell(arg, &record, &fds);
}

static void handed(void *self, struct shell *shell, uint32_t loan, struct control_fds *fds)
{
    for (int i = 1; i < fds->count; i++)
        close(fds->fd[i]);
    storage_handed(self, shell_out(shell), loan, fds->count > 0 ? fds->fd[0] : -1);
}

static int open_storage(const struct program *p, struct shell *shell, struct fault *why)
{
    struct storage *s = shell_core(shell);
    (void)why;
    s->lend = lend;
    s->lend_arg = shell;
    umask(0); /* drivers say each mode themselves */
    calls = pool_calls_real;
    calls.run = strcmp(program_option(p, "pool-tools", ""), "pretend") == 0 ? pretend : run_nothing;
    return 0;
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {.arg = &storage_doors};
    static const struct program_parts parts = {
        .actor = &storage_actor, .open = open_storage, .doors = &doors, .handed = handed};
    return program_run(&parts, argc, argv);
}
