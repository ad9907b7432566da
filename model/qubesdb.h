/* SPDX-License-Identifier: MIT
 * What the QubesDB of a running VM holds of what dom0 knows, as entries in their order. Pure. Spec:
 * net 5.5, 6. */
#ifndef MODEL_QUBESDB_H
#define MODEL_QUBESDB_H

#include "model/model.h"

enum { QUBESDB_SEED = 64 }; /* random bytes that a guest is given */

/* Takes one entry. `value` at NULL: it is removed, a path with a slash at its end with all that is below it.
 * A negative result ends the walk and is returned. */
struct qubesdb_sink {
    int (*put)(void *arg, const char *path, struct span value);
    void *arg;
    /* SHA-256 as 64 hex digits and a NUL; NULL: entries with a digest in their path are left out. */
    void (*digest)(struct span bytes, char hex[65]);
};

/* What the model cannot know. */
struct qubesdb_moment {
    const unsigned char *seed; /* QUBESDB_SEED random bytes */
    const char *default_user;
    const char *timezone; /* of the host; "": not known */
};

/* All that the VM itself is given (net 6.1). */
int qubesdb_own(const struct known *k, uint32_t qid, const struct qubesdb_moment *moment,
                const struct qubesdb_sink *to);
/* Of that what may change while it lives, netvms apart: for a guest that has missed changes. */
int qubesdb_anew(const struct known *k, uint32_t qid, const struct qubesdb_sink *to);
/* What a netvm is told of its clients: connected-ips, and of each one that runs its addresses and firewall.
 */
int qubesdb_provider(const struct known *k, uint32_t qid, const struct qubesdb_sink *to);
/* The same about one of its clients, running or not. */
int qubesdb_client(const struct known *k, uint32_t qid, uint32_t client, const struct qubesdb_sink *to);
int qubesdb_connected(const struct known *k, uint32_t qid, const struct qubesdb_sink *to);
int qubesdb_firewall(const struct known *k, uint32_t client, const struct qubesdb_sink *to);

/* What follows for a running VM from a feature that is set, or gone (value at NULL). */
int qubesdb_feature(struct span feature, struct span value, const struct qubesdb_sink *to);
int qubesdb_keyboard(const struct known *k, uint32_t qid, const struct qubesdb_sink *to);
int qubesdb_audio(const struct known *k, uint32_t qid, const struct qubesdb_sink *to);
/* The VM that shows its windows, or plays its sound, has started. */
int qubesdb_shown_by(const struct known *k, uint32_t qid, uint32_t by, const struct qubesdb_sink *to);
/* Of a netvm, or any VM: the firewall in the form of before qubes-firewall, unless it reads the other
 * (net 5.6).
 */
int qubesdb_legacy(const struct known *k, uint32_t qid, const struct qubesdb_sink *to);
/* Of the VM that passes on calls for this RemoteVM. */
int qubesdb_remote(const struct known *k, uint32_t remote, const struct qubesdb_sink *to);

#endif
