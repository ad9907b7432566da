/* SPDX-License-Identifier: MIT
 * A volume as its VM's configuration describes it, and what follows from that. Pure. Spec: storage 1,
 * store 2.2. */
#ifndef DOORS_POOL_VOLUME_H
#define DOORS_POOL_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum { VOLUME_NAME_MAX = 64, VID_MAX = 255 };

struct volume {
    char name[VOLUME_NAME_MAX + 1];
    char vid[VID_MAX + 1];     /* unique in the pool                                    */
    char source[VID_MAX + 1];  /* vid in the same pool; "" unless snap_on_start         */
    uint64_t size;             /* bytes as configured; the driver's live value may differ */
    int64_t revisions_to_keep; /* -1: used in place, see volume_in_place                */
    bool rw, snap_on_start, save_on_stop;
    bool source_in_place; /* volume_in_place() of the source; the caller knows it  */
    bool forensics;       /* zfs: its last session stays to be looked at           */
    enum { EPHEMERAL_UNSET, EPHEMERAL_NO, EPHEMERAL_YES } ephemeral;
};

/* What starting and stopping mean. */
enum volume_kind {
    VOLUME_VOLATILE, /* empty at start, gone at stop                */
    VOLUME_SNAPSHOT, /* a copy of its source at start, gone at stop */
    VOLUME_ORIGIN,   /* what stop commits                           */
    VOLUME_BOTH,     /* a copy at start, committed at stop          */
};

/* `lines`: the item's value as the model holds it, 'key=value'. `name` and keys of others (pool) are fine.
 * -ERR_VALUE names the attribute; *ret is written on success only. */
int volume_read(struct volume *ret, struct span name, struct span lines, struct fault *why);

enum volume_kind volume_kind(const struct volume *v);
/* No second copy is made while its VM runs ("snapshots disabled"). */
bool volume_in_place(const struct volume *v);
/* Whether its data are encrypted with a key that is forgotten. */
bool volume_ephemeral(const struct volume *v, bool pool_default);

/* One attribute of 'key=value' lines: whether it is there, with *value. */
bool volume_attribute(struct span lines, const char *key, struct span *value);
/* The words for a truth value that are accepted; "" is false. 0, or -ERR_VALUE. */
int volume_bool(struct span word, bool *ret);

#endif
