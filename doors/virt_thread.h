/* SPDX-License-Identifier: MIT
 * libvirt's event thread, for actors that seal themselves before they first connect. */
#ifndef DOORS_VIRT_THREAD_H
#define DOORS_VIRT_THREAD_H

#include "base/err.h"

/* Starts the one thread that runs libvirt's event loop, if it does not run yet; it lives as long
 * as the process. Opening a libvirt door does the same; calling this before the seccomp filter is
 * loaded keeps clone out of that filter. Does not connect. Any thread. 0, -ERR_NO_CONNECTION. */
int virt_thread_start(struct fault *why);

#endif
