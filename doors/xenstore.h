/* SPDX-License-Identifier: MIT
 * What we want of xenstore: a few keys below paths that we name. Calls block until xenstored answers: on the
 * worker's thread only, one in flight. The daemon is found at XENSTORED_PATH, else at its usual place.
 * xenstore_open starts no thread; the first watch starts one, which needs clone. Spec: devbus-pci 5. */
#ifndef DOORS_XENSTORE_H
#define DOORS_XENSTORE_H

#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

struct xenstore_door;

/* A transaction; 0 for none. */
typedef uint32_t xenstore_tx;

/* Every call: 0 (or what it says), -ERR_UNKNOWN for a path that is not there, -ERR_DENIED, -ERR_BUSY where a
 * transaction met another (do it again), -ERR_TOO_BIG for the text's limit, -ERR_CLOSED where the daemon is
 * gone, -ERR_IO else. Texts are appended to; after an error what was appended is undefined. */
struct xenstore_ops {
    void (*close)(struct xenstore_door *x);
    /* The names directly below a path, each followed by LF. */
    int (*list)(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *names,
                struct fault *why);
    /* Any bytes, NUL among them. */
    int (*read)(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *value,
                struct fault *why);
    int (*write)(struct xenstore_door *x, xenstore_tx tx, const char *path, struct span value,
                 struct fault *why);
    int (*remove)(struct xenstore_door *x, xenstore_tx tx, const char *path, struct fault *why);
    int (*begin)(struct xenstore_door *x, xenstore_tx *tx, struct fault *why);
    /* Whatever it answers, the transaction is over. */
    int (*commit)(struct xenstore_door *x, xenstore_tx tx, struct fault *why);
    void (*abort)(struct xenstore_door *x, xenstore_tx tx);
    /* From now on a change below the path makes `descriptor` readable, once also at the start. */
    int (*watch)(struct xenstore_door *x, const char *path, const char *token, struct fault *why);
    int (*descriptor)(struct xenstore_door *x);
    /* Never blocks: 1 with the path that changed, 0 when nothing more did. */
    int (*changed)(struct xenstore_door *x, struct text *path, struct fault *why);
};

struct xenstore_door {
    const struct xenstore_ops *ops;
};

/* Connects: on success the caller owns *ret. -ERR_NO_CONNECTION. */
int xenstore_open(struct xenstore_door **ret, struct fault *why);

/* The same in a process with one thread; *socket is the descriptor that the connection lives on, to be kept
 * open. */
int xenstore_open_socket(struct xenstore_door **ret, int *socket, struct fault *why);

static inline void xenstore_door_free(struct xenstore_door *x)
{
    if (x != NULL)
        x->ops->close(x);
}
DEFINE_AUTO(xenstore_door)

/* A PCI function that xen-pciback gives to a domain now. */
struct xenstore_pci {
    uint32_t domid;
    char domain[64]; /* the guest's name, as its toolstack wrote it */
    char sbdf[13];   /* "0000:c6:00.0" */
    char guest[8];   /* "00:05.0": where the guest sees it; "" where nobody says */
};
enum { XENSTORE_PCI_MAX = 4096, XENSTORE_SLOT_DEVICES_MAX = 256 };

/* Everything that backend/pci says, in one transaction, repeated a few times where that meets another.
 * Entries that are half written or cannot be read are left out, as are those of domains that are no more;
 * numbers may have holes. 0 with *rows (from malloc, the caller's) and *count; none where the tree is not
 * there. -ERR_BUSY, -ERR_TOO_BIG, -ERR_CLOSED, -ERR_NOMEM. */
int xenstore_pci_read(struct xenstore_door *x, struct xenstore_pci **rows, size_t *count, struct fault *why);

#endif
