/* SPDX-License-Identifier: MIT
 * The Admin API's actor: a core without I/O between its clients and the bus. api/0 serves dom0's own
 * tools, api/1 the calls that qrexec brings from qubes, where dom0 as caller is refused.
 * Reads are answered from replicas of the model and of the facts; changes are asked of registry,
 * a VM's life of its process. Spec: admin-api-wire, admin-api-methods, events. */
#ifndef ACTORS_API_API_H
#define ACTORS_API_API_H

#include "model/world.h"
#include "runtime/control/sockets.h"
#include "runtime/core.h"

/* The side that holds the connections: the shell's (api_clients.h), the simulator's or a test's.
 * A connection is a number that is never used again. None of these may block, nor call the core. */
struct api_ops {
    /* Sends behind what was sent before; the bytes are copied if need be. 0, or negative: the
     * connection is closed and will not be heard of again. */
    int (*send)(void *arg, uint64_t conn, struct span bytes);
    /* Closes once all that was sent has left. */
    void (*finish)(void *arg, uint64_t conn);
    /* From now on this connection is a stream: what it does not read is bounded. */
    void (*stream)(void *arg, uint64_t conn);
    /* Who is at the other end, for the log ("pid 12 uid 0"). */
    const char *(*peer)(void *arg, uint64_t conn);
    /* Numbers that nobody can guess. */
    void (*random)(void *arg, void *to, size_t len);
    /* As in model/world.h; may be NULL. */
    enum kernel_state (*kernel)(void *arg, const char *name);
    const char *(*kernel_file)(void *arg, const char *kernel, const char *file);
};

struct api;
extern const struct actor api_actor;

/* Before begin. Both must outlive the core. */
void api_attach(struct api *self, const struct api_ops *ops, void *arg);

/* How the house is set up; before begin. Without it: the classes of devices that the core serves, and their
 * calls as since 4.3. */
struct api_settings {
    unsigned device_classes; /* bits 1 << DEVICE_...: more that are served */
    bool old_devices;        /* device calls in the form of before 4.3 */
};
void api_settle(struct api *self, const struct api_settings *settings);

/* A client's whole request (it has ended its side), in bytes that are valid during the call. It is
 * answered during the call or later, always ending with ops->finish, or becomes a stream. */
void api_hear_client(struct api *self, struct out *out, uint64_t conn, enum client_socket socket,
                     struct span bytes);

/* The client is gone: its stream ends, its answer will be dropped. What it asked for goes on. */
void api_client_gone(struct api *self, struct out *out, uint64_t conn);

#endif
