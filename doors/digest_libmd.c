/* SPDX-License-Identifier: MIT
 * SHA-256 by libmd. */
#include "doors/digest.h"

#include <sha256.h>

void digest_sha256(struct span bytes, char text[DIGEST_TEXT])
{
    SHA256Data((const uint8_t *)(bytes.at != NULL ? bytes.at : ""), bytes.len, text);
}
