/* SPDX-License-Identifier: MIT
 * The kernels that dom0 provides, in api's process: which exist, and the small texts beside them,
 * from memory. The directory is looked at again at most once a second, so that answering a client
 * costs no system call. */
#ifndef ACTORS_API_API_KERNELS_H
#define ACTORS_API_API_KERNELS_H

#include "model/world.h"

struct kernels;

/* `directory` is copied; NULL means that there are none. NULL: no memory. */
struct kernels *kernels_new(const char *directory);
void kernels_free(struct kernels *k);

/* As in model/world.h; `now` is the shell's. `k` may be NULL. */
enum kernel_state kernels_state(struct kernels *k, uint64_t now, const char *name);
const char *kernels_file(struct kernels *k, uint64_t now, const char *kernel, const char *file);

#endif
