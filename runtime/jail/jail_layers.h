/* SPDX-License-Identifier: MIT
 * Between the files of this folder: one function per step of jail_enter. Each returns 0 when its
 * layer is in force or may be missing, else the -ERR_ with which jail_enter ends. */
#ifndef RUNTIME_JAIL_JAIL_LAYERS_H
#define RUNTIME_JAIL_JAIL_LAYERS_H

#include <stdbool.h>

#include "runtime/jail/jail.h"

/* What uname says inside. */
#define JAIL_HOSTNAME "bulkhead-jail"

struct jail {
    const struct jail_order *order; /* the caller's */
    struct effects table;
    struct jail_report report;
    struct fault *why;
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define JAIL_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAIL_SANITIZED 1
#endif
#ifndef JAIL_SANITIZED
#define JAIL_SANITIZED 0 /* a sanitizer reserves terabytes of address space and calls what we do not */
#endif

struct jail jail_of(const struct jail_order *order, const struct jail_report *report, struct fault *why);
bool jail_has(const struct jail *j, enum layer layer);
int jail_got(struct jail *j, enum layer layer); /* always 0 */
/* `error` is the errno that stood in the way. */
int jail_lacks(struct jail *j, enum layer layer, int error);
/* The path of a bind row, or NULL: no such place in this installation. */
const char *jail_path(const struct jail *j, const struct effect *bind);

int jail_spaces(struct jail *j);   /* PIDNS MOUNTNS NETNS UTSNS IPCNS */
int jail_files(struct jail *j);    /* FDS                             */
int jail_root(struct jail *j);     /* ROOT                            */
int jail_limits(struct jail *j);   /* LIMITS                          */
int jail_ids(struct jail *j);      /* UID CAPS                        */
int jail_powers(struct jail *j);   /* CAPS, of who stays root         */
int jail_flags(struct jail *j);    /* NNP NONDUMPABLE, and PDEATHSIG  */
int jail_landlock(struct jail *j); /* LANDLOCK                        */

#endif
