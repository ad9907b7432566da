/* SPDX-License-Identifier: MIT
 * What the simulated guests' QubesDB hold: disks and USB devices, one life after the other. Shared by
 * sim_guest.c, sim_usb.c and the checks. */
#ifndef TESTS_SIM_SIM_GUEST_H
#define TESTS_SIM_SIM_GUEST_H

#include "tests/sim/sim.h"

struct guest_task;

/* A USB device, and to whom its backend has connected it. */
struct sim_stick {
    bool there;
    unsigned serial;
    char to[32];    /* as the backend says; "": to nobody */
    int domid;      /* of that life */
    uint64_t since; /* it was connected */
    uint64_t lied;  /* a service that had not let it go has said that it had */
};

/* What one life exposes; dom0's is the last one. */
struct sim_shelf {
    int domid;
    unsigned there, serial[SIM_DISKS]; /* a bit for each disk; what sits there */
    struct sim_stick stick[SIM_STICKS];
};

/* NULL: that one does not run, so that nobody serves its database. */
struct sim_shelf *sim_shelf_of(struct sim *s, const char *name);
/* One of them: mostly that of a VM that runs, else dom0. */
const char *sim_any_backend(struct sim *s);
/* Those whose database has changed, or ended, hear of it. */
void sim_tell_guests(struct sim *s, const char *changed);

/* sim_usb.c */
const char *sim_stick_port(unsigned stick);
struct sim_stick *sim_stick_of(struct sim *s, const char *backend, const char *port);
void sim_read_sticks(const struct sim_shelf *shelf, struct guest_task *t);
void sim_sticks_start(struct sim *s);
/* One that is connected, if there is any: its backend's name, its port, and whose it is. */
bool sim_any_connected(struct sim *s, char backend[32], char port[16], char to[32]);

#endif
