/* SPDX-License-Identifier: MIT
 * The program api: the Admin API's core with its clients and the kernels' directory. */
#include <unistd.h>

#include "actors/api/api.h"
#include "actors/api/api_clients.h"
#include "base/log.h"
#include "doors/kernels.h"
#include "model/device.h"
#include "model/names.h"
#include "runtime/program.h"

/* The one of this process: the supervisor hands sockets down before and after the start. */
static struct clients *clients;

static int settle(const struct program *p, struct api *api, struct fault *why)
{
    struct api_settings settings = {0};
    const char *old = program_option(p, "old-devices", "no");
    if (bool_parse(span_of(old), &settings.old_devices, why) < 0)
        return fault_set(why, ERR_RANGE, "--old-devices is yes or no, not '%s'", old);
    int r =
        device_classes_parse(span_of(program_option(p, "more-devices", "")), &settings.device_classes, why);
    if (r == 0)
        api_settle(api, &settings);
    return r;
}

static int open_api(const struct program *p, struct shell *shell, struct fault *why)
{
    int r = settle(p, shell_core(shell), why);
    if (r < 0)
        return r;
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
