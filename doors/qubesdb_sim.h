/* SPDX-License-Identifier: MIT
 * The other side of doors/qubesdb.h: a database that answers as a qubesdb-daemon does, without I/O. Tests
 * put it behind a socket, and tests/stand-ins makes a program of it. */
#ifndef DOORS_QUBESDB_SIM_H
#define DOORS_QUBESDB_SIM_H

#include "doors/qubesdb.h"

struct qubesdb_sim;

struct qubesdb_sim *qubesdb_sim_new(void); /* NULL: no memory */
void qubesdb_sim_free(struct qubesdb_sim *s);
DEFINE_AUTO(qubesdb_sim)

/* What a client (a number of the caller's) says: appends the answers for that client to `answer`. `fired` is
 * told for each watch that this change fires; the client's message is FIRED with that path. 0 or -ERR_NOMEM.
 */
typedef void qubesdb_fired(void *arg, int client, const char *path);
int qubesdb_sim_hear(struct qubesdb_sim *s, int client, const struct qubesdb_message *m, struct text *answer,
                     qubesdb_fired *fired, void *arg);
/* The client is gone, and its watches. */
void qubesdb_sim_forget(struct qubesdb_sim *s, int client);

#endif
