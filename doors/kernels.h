/* SPDX-License-Identifier: MIT
 * The kernels that dom0 provides, for api and registry: which exist, and the small texts beside them,
 * from memory. The directory is looked at again at most once a second, so that answering a client
 * costs no system call. */
#ifndef DOORS_KERNELS_H
#define DOORS_KERNELS_H

#include <stdint.h>

struct kernels;

/* As enum kernel_state of model/world.h. */
enum kernel_found { KERNEL_IS_ABSENT, KERNEL_IS_BROKEN, KERNEL_IS_INSTALLED };

/* `directory` is copied; NULL means that there are none. NULL: no memory. */
struct kernels *kernels_new(const char *directory);
void kernels_free(struct kernels *k);

/* `now` is the shell's. `k` may be NULL. A file's text comes without the ends of lines behind it. */
enum kernel_found kernels_state(struct kernels *k, uint64_t now, const char *name);
const char *kernels_file(struct kernels *k, uint64_t now, const char *kernel, const char *file);

#endif
