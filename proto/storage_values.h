/* SPDX-License-Identifier: MIT
 * What the numbers in fields of storage.def mean. */
#ifndef PROTO_STORAGE_VALUES_H
#define PROTO_STORAGE_VALUES_H

/* volume_look, pool_look: what is known of a volume; of a pool only the first. Bits. */
enum volume_seen {
    SEEN_FIGURES = 1, /* size and usage are known */
    SEEN_OUTDATED = 2,
    SEEN_WHETHER_OUTDATED = 4 /* whether it is outdated is known */
};

#endif
