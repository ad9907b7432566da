/* SPDX-License-Identifier: MIT
 * The process around a core: bus, control line, timers, worker thread, one epoll loop. */
#ifndef RUNTIME_SHELL_H
#define RUNTIME_SHELL_H

#include "runtime/core.h"
#include "runtime/control/control.h"
#include "runtime/control/exits.h"
#include "runtime/worker.h"

struct shell;

/* What a shell is made of. */
struct shell_parts {
    const struct actor *actor;
    struct life life;
    int control;                      /* the line to the supervisor */
    const char *bus_directory;        /* as the actor sees it */
    const struct worker_doors *doors; /* NULL: no worker */
    /* Descriptors handed down after the start; the receiver owns them. May be NULL. */
    void (*handed)(void *self, struct shell *shell, uint32_t what, struct control_fds *fds);
    /* Records that only this kind understands (runtime/control/control.def). May be NULL. */
    void (*told)(void *self, struct shell *shell, const struct control *record);
};

int shell_new(const struct shell_parts *parts, struct shell **ret, struct fault *why);
void shell_free(struct shell *s);

void *shell_core(struct shell *s);
struct out *shell_out(struct shell *s);

/* A descriptor of the actor's own (api's sockets): `ready` is called with the epoll events that
 * came. One watch per descriptor; events 0 ends it. 0 or -ERR_IO. */
typedef void shell_ready(void *arg, struct shell *shell, int fd, uint32_t events);
int shell_watch(struct shell *s, int fd, uint32_t events, shell_ready *ready, void *arg);

/* First records of the line, up to START: note, bus, handed descriptors. Dials. May block until
 * the supervisor has said all. */
int shell_connect(struct shell *s, struct fault *why);

/* Begins the core and serves until it retires, leaves, is stopped or loses the supervisor.
 * Returns the process's exit status (runtime/control/exits.h). */
int shell_serve(struct shell *s);

/* Says a record of the actor's own kind to the supervisor; as control_send. May block while the line
 * is full, which the supervisor empties. */
int shell_tell(struct shell *s, const struct control *record, const struct control_fds *fds);

/* The layers that READY reports. */
void shell_layers(struct shell *s, uint64_t layers);

#endif
