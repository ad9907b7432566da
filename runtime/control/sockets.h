/* SPDX-License-Identifier: MIT
 * Numbers of the client sockets: `value` of the HAND record that carries each to its api. */
#ifndef RUNTIME_SOCKETS_H
#define RUNTIME_SOCKETS_H

enum client_socket {
#define SOCKET(name, file, api, mode) SOCKET_##name,
#include "runtime/control/sockets.def"
    SOCKETS
};

#endif
