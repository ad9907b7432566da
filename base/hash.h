/* SPDX-License-Identifier: MIT
 * uthash as we use it: a failed allocation leaves the element out (its hh.tbl stays NULL) instead
 * of ending the process, and the hash function is one that clang accepts without a warning. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION     HASH_SAX
#include <uthash.h>

#endif
