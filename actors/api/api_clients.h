/* SPDX-License-Identifier: MIT
 * The Admin API's connections, in api's process: accepting, reading until the client ends its side,
 * writing, closing. All sockets are non-blocking; no call here blocks. */
#ifndef ACTORS_API_API_CLIENTS_H
#define ACTORS_API_API_CLIENTS_H

#include "actors/api/api.h"
#include "doors/kernels.h"
#include "runtime/shell.h"

struct clients;

/* Serves `core`, whose ops it becomes (api_attach). `kernels` may be NULL. NULL: no memory. */
struct clients *clients_new(struct api *core, struct shell *shell, struct kernels *kernels);
void clients_free(struct clients *c);

/* Takes a listening socket over. 0 or -ERR_. */
int clients_listen(struct clients *c, enum client_socket socket, int fd);

#endif
