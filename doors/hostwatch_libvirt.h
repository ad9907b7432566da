/* SPDX-License-Identifier: MIT
 * The inside of the watch at libvirt, for its files alone. */
#ifndef DOORS_HOSTWATCH_LIBVIRT_H
#define DOORS_HOSTWATCH_LIBVIRT_H

#include <libvirt/libvirt.h>

#include "doors/hostwatch.h"

/* hostwatch_ops' samples on this connection. */
int hostwatch_libvirt_samples(virConnectPtr link, struct hostwatch_sample *rows, size_t room, size_t *count,
                              struct fault *why);

#endif
