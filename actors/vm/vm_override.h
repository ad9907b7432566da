/* SPDX-License-Identifier: MIT
 * The administrator's own word on the domain's XML: a stylesheet for this VM, for its class or for all that a
 * hypervisor runs. */
#ifndef ACTORS_VM_VM_OVERRIDE_H
#define ACTORS_VM_VM_OVERRIDE_H

#include "base/err.h"
#include "base/text.h"
#include "proto/messages.h"

/* Replaces *xml by what the first stylesheet makes of it that is found in `folder` (NULL: there are none):
 *   libvirt/TYPE/by-name/NAME.xsl, libvirt/TYPE/by-class/CLASS.xsl, libvirt/TYPE.xsl
 * where TYPE is the driver's domain type. 0, also when there is none; -ERR_QUBES with what is wrong: it is
 * broken, it makes another VM of this one, or an override of qubesd's stands there that nobody has converted.
 * *xml is as it was then. Reads files: on the worker. */
int vm_override(const char *folder, const char *domain_type, const struct vm_view *view, struct text *xml,
                struct fault *why);

#endif
