/* SPDX-License-Identifier: MIT
 * Plugging a network interface into a running domain, on the worker thread of vm/<qid>. */
#ifndef ACTORS_VM_VM_PLUG_H
#define ACTORS_VM_VM_PLUG_H

#include "actors/vm/vm_task.h"

/* 0 or -ERR_ with *why. May block. Both may be repeated: what is there is not attached again, and what is not
 * there is detached. A driver that plugs nothing is told of nothing; the log says so once. */
int vm_plug_net(struct vm_doors *doors, struct vm_task *t, struct fault *why);
int vm_unplug_net(struct vm_doors *doors, struct vm_task *t, struct fault *why);

#endif
