/* SPDX-License-Identifier: MIT
 * What the supervisor opens outside a jail and hands down when a process with a MAY_HOLD row of effects.def
 * asks for it (CONTROL_DOOR). Numbers below are of a guest's QubesDB (actors/guest/guest.h). */
#ifndef RUNTIME_EFFECTS_HAND_H
#define RUNTIME_EFFECTS_HAND_H

enum hand {
    HAND_QMEMMAN = 16,     /* a fresh connection to the memory balancer; none: this host has no such socket */
    HAND_QMEMMAN_DEAD,     /* the answer, without a descriptor, where nobody serves that socket */
    HAND_FREE_MEMORY,      /* the file in which the balancer says how much memory is free, to read */
    HAND_XENSTORE,         /* a fresh connection to xenstored; none: this host has no such socket */
    HAND_XENSTORE_DEAD,    /* the answer, without a descriptor, where nobody serves that socket */
    HAND_DEVICE_AGENT,     /* a fresh connection to who asks a person about a device; none: there is no such
                              socket */
    HAND_DEVICE_AGENT_DEAD /* the answer, without a descriptor, where nobody serves that socket */
};

#endif
