/* SPDX-License-Identifier: MIT
 * The program launcher: a core with pipes, and dom0's policy for its worker. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "actors/launcher/launcher_pipes.h"
#include "base/log.h"
#include "base/own.h"
#include "runtime/program.h"

static struct pipes *pipes;
static const char *policy; /* NULL: nobody needs it, or there is none */

static int open_launcher(const struct program *p, struct shell *shell, struct fault *why)
{
    policy = program_place(p, PLACE_USB_POLICY);
    launcher_settle(shell_core(shell), policy != NULL);
    if (policy == NULL && strstr(program_option(p, "more-devices", ""), "usb") != NULL)
        log_line(LOG_WARN, "there is no directory of dom0's policy: it must allow qubes.USB by itself");
    pipes = pipes_new(shell_core(shell), shell);
    return pipes != NULL ? 0 : fault_set(why, ERR_NOMEM, "no memory for pipes");
}

static void told(void *self, struct shell *shell, const struct control *record)
{
    (void)self, (void)shell;
    if (record->what == CONTROL_RAN)
        pipes_ran(pipes, record);
}

static void *open_doors(void *arg)
{
    struct launcher_doors *d = malloc(sizeof *d);
    (void)arg;
    if (d != NULL)
        d->policy = policy != NULL ? open(policy, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    return d;
}

static void close_doors(void *doors)
{
    struct launcher_doors *d = doors;
    if (d != NULL)
        close_file(&d->policy);
    free(d);
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {open_doors, close_doors, NULL};
    static const struct program_parts parts = {
        .actor = &launcher_actor, .open = open_launcher, .doors = &doors, .told = told};
    return program_run(&parts, argc, argv);
}
