/* SPDX-License-Identifier: MIT
 * Names of PCI classes from the pci.ids file, through libpci. The hardware is never touched.
 * Spec: devbus-pci 4. */
#ifndef DOORS_PCIIDS_H
#define DOORS_PCIIDS_H

#include <stddef.h>

#include "base/err.h"
#include "base/own.h"

enum { PCIIDS_NAME_MAX = 127 };

struct pciids;

/* Reads `file` (NULL: the system's: /usr/share/hwdata/pci.ids, else /usr/share/misc/pci.ids). On
 * success the caller owns *ret, which no longer needs the file. -ERR_IO, -ERR_BAD (malformed), -ERR_NOMEM. */
int pciids_open(const char *file, struct pciids **ret, struct fault *why);
void pciids_free(struct pciids *ids); /* accepts NULL */
DEFINE_AUTO(pciids)

/* The name of the class and subclass in the first four digits of `class_code` (hex, "0c0330");
 * "unknown" where the table has none. `name` has PCIIDS_NAME_MAX + 1 bytes; a longer name is
 * cut. The programming interface plays no part. */
void pciids_class(struct pciids *ids, const char *class_code, char name[PCIIDS_NAME_MAX + 1]);

#endif
