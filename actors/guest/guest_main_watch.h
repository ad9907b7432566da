/* SPDX-License-Identifier: MIT
 * The connection on which a guest's QubesDB tells of changes; read by the mailbox's thread, never waited for.
 */
#ifndef ACTORS_GUEST_GUEST_MAIN_WATCH_H
#define ACTORS_GUEST_GUEST_MAIN_WATCH_H

#include "actors/guest/guest.h"
#include "doors/qubesdb.h"
#include "runtime/shell.h"

struct guest_socket {
    int fd; /* -1: none */
    struct qubesdb_stream stream;
};

/* Asks for all that guest_watch.def names. The socket is owned from then on, in place of the one before; on
 * failure it is closed. 0 or -ERR_. */
int guest_socket_open(struct guest_socket *s, struct shell *shell, int fd);

#endif
