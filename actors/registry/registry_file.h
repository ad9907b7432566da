/* SPDX-License-Identifier: MIT
 * The file beside the store: read whole, replaced atomically. These calls block on the disk. */
#ifndef ACTORS_REGISTRY_FILE_H
#define ACTORS_REGISTRY_FILE_H

#include <sys/types.h>

#include "base/err.h"
#include "base/text.h"

/* No group to hand the file to. */
#define REGISTRY_NO_GROUP ((gid_t)-1)

/* The gid of group `qubes`, or REGISTRY_NO_GROUP. Reads the group database: ask before the jail closes. */
gid_t registry_file_group(void);

/* Appends the file's bytes to *bytes, whose limit bounds it. -ERR_UNKNOWN: there is no such file. */
int registry_file_read(int dir, const char *name, struct text *bytes, struct fault *why);

/* Replaces `name` in the directory by a file holding `bytes`, of that mode, durable on return. On failure
 * (-ERR_IO, -ERR_DENIED) the old file is untouched and no temporary one is left. */
int registry_file_replace(int dir, const char *name, gid_t group, mode_t mode, struct span bytes,
                          struct fault *why);

#endif
