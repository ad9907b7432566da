/* SPDX-License-Identifier: MIT
 * SHA-256, to tell whether a file is the one that we wrote. */
#ifndef DOORS_DIGEST_H
#define DOORS_DIGEST_H

#include "base/text.h"

enum { DIGEST_TEXT = 65 };

/* The digest of `bytes` as 64 lower-case hex digits and a NUL. */
void digest_sha256(struct span bytes, char text[DIGEST_TEXT]);

#endif
