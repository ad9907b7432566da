/* SPDX-License-Identifier: MIT
 * vm/<qid>: its network interface while it runs, shared by its files only (vm_net.c). Nothing here blocks. */
#ifndef ACTORS_VM_VM_NET_H
#define ACTORS_VM_VM_NET_H

#include "actors/vm/vm.h"

bool vm_has_netvm(const struct vm *vm, struct view_peer *netvm);
/* Asks the guest of the netvm to write what an interface of ours needs. */
void vm_net_serve(struct vm *vm, struct out *out, const struct view_peer *netvm);
/* Its clients are told that it has started, or ended. */
void vm_net_tell(struct vm *vm, struct out *out, bool up);
/* Registry is told as which domain it lives, and whether it is paused, as far as subscribers know. */
void vm_net_lives(struct vm *vm, struct out *out);
/* A process before this one may have ended between detaching and attaching: the interface is looked at. */
void vm_net_heal(struct vm *vm);
/* A change of the netvm was begun or ended; was it lost with registry, what the view says now is done. */
void vm_net_begun(struct vm *vm, struct out *out, bool begun);
void vm_net_lost(struct vm *vm, struct out *out);
/* Registry is told when a change that was put off can be made. */
void vm_net_due(struct vm *vm, struct out *out);

#endif
