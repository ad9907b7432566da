/* SPDX-License-Identifier: MIT
 * From the view that registry sends to the domain's XML. */
#ifndef ACTORS_VM_VM_RENDER_H
#define ACTORS_VM_VM_RENDER_H

#include "base/err.h"
#include "base/text.h"
#include "proto/messages.h"

/* Appends the XML for a driver's domain type. `kernels` is the directory of kernels. 0 or -ERR_RANGE,
 * -ERR_TOO_BIG, -ERR_NOMEM. Pure. */
int vm_render(const struct vm_view *view, const char *kernels, const char *domain_type, struct text *out,
              struct fault *why);

#endif
