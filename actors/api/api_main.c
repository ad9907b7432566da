/* SPDX-License-Identifier: MIT
 * The program api: the Admin API's core with its clients and the kernels' directory. */
#include <unistd.h>

#include "actors/api/api.h"
#include "actors/api/api_clients.h"
#include "doors/kernels.h"
#include "base/log.h"
#include "runtime/program.h"

/* The one of this process: the supervisor hands sockets down before and after the start. */
static struct clients *clients;

static int open_api(const struct program *p, struct shell *shell, struct fault *why)
{
    struct kernels *kernels = kernels_new(program_place(p, PLACE_KERNELS));
    clients = kernels != NULL ? clients_new(shell_core(shell), shell, kernels) : NULL;
    return clients != NULL ? 0 : fault_set(why, ERR_NOMEM, "no memory for clients");
}

static void handed(void *self, struct shell *shell, uint32_t what, struct control_fds *fds)
{
    (void)self, (void)shell;
    for (int i = 0; i < fds->count; i++) {
        int r = clients_listen(clients, (enum client_socket)what, fds->fd[i]);
        if (r == 0)
            continue;
        log_line(LOG_ERROR, "cannot serve socket %u: %s", (unsigned)what, err_text((enum err) - r));
        close(fds->fd[i]);
    }
}

int main(int argc, char **argv)
{
    static const struct program_parts parts = {.actor = &api_actor, .open = open_api, .handed = handed};
    return program_run(&parts, argc, argv);
}
