/* SPDX-License-Identifier: MIT
 * The phases in which all VMs follow the host into sleep and out of it (spec lifecycle 5.1). */
#ifndef PROTO_HOST_PHASE_H
#define PROTO_HOST_PHASE_H

enum host_phase {
    HOST_WARNS,  /* who sleeps already is known from now on; the others' guests are told */
    HOST_SLEEPS, /* those are suspended */
    HOST_WAKES,  /* and resumed */
    HOST_TELLS   /* and their guests told */
};

#endif
