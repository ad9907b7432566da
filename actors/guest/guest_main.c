/* SPDX-License-Identifier: MIT
 * The program guest/<qid>: it opens nothing; connections to its guest's QubesDB are handed down. */
#include <unistd.h>

#include "actors/guest/guest_main_watch.h"
#include "model/device.h"
#include "runtime/program.h"

static struct guest_socket changes = {.fd = -1};

static void handed(void *self, struct shell *shell, uint32_t what, struct control_fds *fds)
{
    int fd = fds->count > 0 ? fds->fd[0] : -1;
    for (int i = 1; i < fds->count; i++)
        close(fds->fd[i]);
    if (what == GUEST_DOOR_WATCH && fd >= 0 && guest_socket_open(&changes, shell, fd) < 0)
        fd = -1;
    guest_handed(self, shell_out(shell), (enum guest_door)what, fd);
}

/* Dom0's own USB devices are given away where its service for that is installed. */
static int open_settings(const struct program *p, struct shell *shell, struct fault *why)
{
    struct guest *g = shell_core(shell);
    unsigned more = 0;
    int r = device_classes_parse(span_of(program_option(p, "more-devices", "")), &more, why);
    if (program_option(p, "dom0-usb", NULL) == NULL && p->self.instance == 0)
        more &= ~(1u << DEVICE_usb);
    guest_settle(g, more);
    return r;
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {NULL, NULL, NULL};
    static const struct program_parts parts = {
        .actor = &guest_actor, .open = open_settings, .doors = &doors, .handed = handed};
    return program_run(&parts, argc, argv);
}
