/* SPDX-License-Identifier: MIT
 * One pair socket to the router. The only file of the runtime that includes nng. */
#ifndef RUNTIME_BUS_H
#define RUNTIME_BUS_H

#include "base/err.h"
#include "base/text.h"

struct bus;

/* One received message; its bytes may be written to (the router stamps them). */
struct bus_message;
struct span bus_message_bytes(const struct bus_message *m);
void bus_message_free(struct bus_message *m);

/* Dials the socket at `path`, trying again until it is there or `patience_ms` have passed; may
 * block that long. The first call in a process starts nng's threads: affinity is set to one CPU
 * around it, because nng starts some per CPU that it sees. Free with bus_close. */
int bus_dial(const char *path, int patience_ms, struct bus **ret, struct fault *why);
/* Listens at a path that must be new; `mode` of the socket. Never blocks. */
int bus_listen(const char *path, int mode, struct bus **ret, struct fault *why);
/* Accepts NULL. A listener that is closed between a line's greeting and its being ours leaves that line
 * behind, some 4 KB and its descriptors: libnng 1.5.2 has no owner for it then. */
void bus_close(struct bus *bus);

/* The descriptor that is readable when bus_receive has something, or the pipe has come or gone. */
int bus_fd(const struct bus *bus);
/* The descriptor that is readable when bus_send would take a message. */
int bus_send_fd(const struct bus *bus);

/* 1 with a message that the caller frees; 0 when none waits; -ERR_CLOSED. Never blocks. */
int bus_receive(struct bus *bus, struct bus_message **ret);
/* Copies the bytes. 0; -ERR_BUSY when it would block; -ERR_CLOSED; -ERR_NOMEM. */
int bus_send(struct bus *bus, struct span bytes);

/* The peer, once there is one: its uid and pid as the kernel told at connect. */
struct bus_peer {
    int connected; /* 0 before and after */
    int was_lost;  /* its line was lost once, and what was on it; it may have dialled again since */
    uint32_t uid;
    int64_t pid;
};
struct bus_peer bus_peer(const struct bus *bus);

/* Readable once per change of the peer; read it with bus_peer_changed. */
int bus_peer_fd(const struct bus *bus);
void bus_peer_changed(struct bus *bus);

#endif
