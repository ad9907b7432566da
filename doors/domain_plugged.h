/* SPDX-License-Identifier: MIT
 * PCI devices and disks of a domain whose driver has no hot-plug: libvirtd keeps, with the domain, which ones
 * came and went, so that no process of ours need live for it. Included by domain_libvirt.c alone. */
#ifndef DOORS_DOMAIN_PLUGGED_H
#define DOORS_DOMAIN_PLUGGED_H

#include <stdbool.h>

#include "doors/virt.h"

/* The device of this <hostdev> or <disk> has come, or has gone. 0, or -ERR_RANGE for XML without its address.
 */
int domain_plug(virDomainPtr domain, const char *xml, bool comes, struct fault *why);

#endif
