/* SPDX-License-Identifier: MIT
 * The options of attaching a block device. Pure; in devbus-block. Spec: devbus-block 4. */
#ifndef ACTORS_DEVBUS_BLOCK_DEVBUS_BLOCK_OPTIONS_H
#define ACTORS_DEVBUS_BLOCK_DEVBUS_BLOCK_OPTIONS_H

#include "base/err.h"
#include "base/text.h"

/* Checks lines of options and appends them to `to` as they hold: "read-only" is yes or no, and always there.
 * `read_only`: the device cannot be written. 0, or -ERR_VALUE. Spans in *why are of `lines`. */
int block_options(struct span lines, bool read_only, struct text *to, struct fault *why);
/* Whether listings show a device of that name. */
bool block_is_listed(const char *port);

#endif
