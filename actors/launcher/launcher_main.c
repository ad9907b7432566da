/* SPDX-License-Identifier: MIT
 * The program launcher: a core with pipes. */
#include "actors/launcher/launcher_pipes.h"
#include "runtime/program.h"

static struct pipes *pipes;

static int open_launcher(const struct program *p, struct shell *shell, struct fault *why)
{
    (void)p;
    pipes = pipes_new(shell_core(shell), shell);
    return pipes != NULL ? 0 : fault_set(why, ERR_NOMEM, "no memory for pipes");
}

static void told(void *self, struct shell *shell, const struct control *record)
{
    (void)self, (void)shell;
    if (record->what == CONTROL_RAN)
        pipes_ran(pipes, record);
}

int main(int argc, char **argv)
{
    static const struct program_parts parts = {.actor = &launcher_actor, .open = open_launcher, .told = told};
    return program_run(&parts, argc, argv);
}
