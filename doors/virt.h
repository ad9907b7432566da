/* SPDX-License-Identifier: MIT
 * What the doors to libvirt (domain, hostwatch, nodedev) have in common: one connection each,
 * libvirt's event thread, its errors as ours. Included by their *_libvirt.c files, tests, and nobody
 * else. */
#ifndef DOORS_VIRT_H
#define DOORS_VIRT_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "base/err.h"

enum { VIRT_OPEN_RW = 0, VIRT_OPEN_RO = VIR_CONNECT_RO };

/* Connects, with keepalive where the driver has it. On success the caller owns one reference to
 * *ret (virConnectClose). Blocks without limit. The first call in a process starts the one thread
 * that runs libvirt's event loop, for the life of the process. */
int virt_open(const char *uri, unsigned flags, virConnectPtr *ret, struct fault *why);

/* After how many seconds of libvirtd's silence a connection to this URI ends with -ERR_NO_CONNECTION, and
 * with it the call that is under way. */
unsigned virt_silence_max(const char *uri);

/* The error that libvirt kept for this thread, as a fault: returns -ERR_. `what` names the attempt. */
int virt_fault(struct fault *why, const char *what);

#endif
