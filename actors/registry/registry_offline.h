/* SPDX-License-Identifier: MIT
 * The registry's program without a house around it: import, export and check of a store at rest, or of a file
 * alone. Started by `bulkhead`; blocks. */
#ifndef ACTORS_REGISTRY_OFFLINE_H
#define ACTORS_REGISTRY_OFFLINE_H

/* argv: "--offline", then check-file FILE | check STATE LIB | import STATE LIB FOLDER | export STATE LIB |
 * force STATE LIB | document STATE. Prints the report (registry_transfer.h) or the document; the exit status
 * is 0, or 1 with an error on standard error. */
int registry_offline(int argc, char **argv);

#endif
