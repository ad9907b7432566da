/* SPDX-License-Identifier: MIT
 * Volumes that are encrypted with a key that is forgotten. Only doors/pool*.c include this. Spec: storage 13.
 */
#ifndef DOORS_POOL_CRYPT_H
#define DOORS_POOL_CRYPT_H

#include "doors/pool_driver.h"

enum { CRYPT_PATH_MAX = 700 };

/* "/dev/mapper/<name>" of the volume's mapping, there or not. `of_group`: vids are GROUP/VOLUME (lvm_thin),
 * else
 * .../VM/VOLUME. Pure; false when it does not fit. */
bool crypt_path(char to[CRYPT_PATH_MAX + 1], const struct volume *v, bool of_group);

/* Maps `device` under a new key and blanks its beginning. Both: 0, or -ERR_STORAGE. */
int crypt_open(const struct pool_hand *h, const char *device, const char *path);
int crypt_close(const struct pool_hand *h, const char *path); /* what is not there is fine */

#endif
