/* SPDX-License-Identifier: MIT
 * Names of USB vendors and products from the usb.ids file, read as lines. Spec: devbus-usb-mic B.1. */
#ifndef DOORS_USBIDS_H
#define DOORS_USBIDS_H

#include <stddef.h>

#include "base/err.h"
#include "base/own.h"

struct usbids;

/* Reads `file`, at most 8 MiB of it. On success the caller owns *ret, which no longer needs the file. May
 * block. -ERR_IO, -ERR_TOO_BIG, -ERR_NOMEM. */
int usbids_open(const char *file, struct usbids **ret, struct fault *why);
/* The same from bytes. */
int usbids_read(const char *bytes, size_t len, struct usbids **ret);
void usbids_free(struct usbids *ids); /* accepts NULL */
DEFINE_AUTO(usbids)

/* The names for an id that begins with "1d6b:0002"; both are "unknown" when either is. A longer name is cut.
 * `ids` may be NULL. */
void usbids_name(const struct usbids *ids, const char *id, char *vendor, size_t vendor_size, char *product,
                 size_t product_size);

#endif
