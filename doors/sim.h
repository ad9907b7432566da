/* SPDX-License-Identifier: MIT
 * A hypervisor that exists only in memory, for the simulator and for tests: several doors
 * share it, every run is the same, and it fails where it is told to. Single-threaded; it
 * never blocks, reads no clock and starts no thread. */
#ifndef DOORS_SIM_H
#define DOORS_SIM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"
#include "doors/domain.h"
#include "doors/hostwatch.h"
#include "doors/nodedev.h"
#include "doors/xenstore.h"

struct sim_hypervisor;

/* Room for `most` domains. Returns NULL when there is no memory. The caller owns it and
 * frees it after its last door. */
struct sim_hypervisor *sim_hypervisor_new(size_t most);
void sim_hypervisor_free(struct sim_hypervisor *sim); /* accepts NULL */
DEFINE_AUTO(sim_hypervisor)

/* What a coming call meets. */
enum sim_trouble {
    SIM_CALM,  /* nothing: forgets the trouble ordered before                                 */
    SIM_FAIL,  /* ERR_HYPERVISOR; nothing happened                                            */
    SIM_HANG,  /* ERR_TIMEOUT; nothing happened, and this door is dead                        */
    SIM_LATE,  /* ERR_TIMEOUT; it happened all the same, and this door is dead                */
    SIM_VANISH /* ERR_NO_CONNECTION; every door is dead, opens fail until the daemon is back */
};
/* Orders trouble for one call: `after` = 1 is the next one. All doors' calls count, opens too, frees not.
 * One order stands at a time. */
void sim_hypervisor_trouble(struct sim_hypervisor *sim, enum sim_trouble kind, unsigned after);
/* The daemon goes away now, and is back; its domains ran on. */
void sim_hypervisor_vanish(struct sim_hypervisor *sim);
void sim_hypervisor_return(struct sim_hypervisor *sim);
unsigned sim_hypervisor_calls(const struct sim_hypervisor *sim); /* made so far */
unsigned
sim_hypervisor_lives(const struct sim_hypervisor *sim); /* domains that were started and have ended */

/* What the guest does by itself: 0, -ERR_NO_DOMAIN, -ERR_STATE. */
int sim_guest_power_off(struct sim_hypervisor *sim, const char *uuid);
int sim_guest_crash(struct sim_hypervisor *sim, const char *uuid);
/* Whether guests obey shutdown requests at once; they do at first. */
void sim_guests_obey(struct sim_hypervisor *sim, bool obey);
/* The PCI devices that its nodedev doors list, each with dom0's driver: at most 64, copied. 0 or -ERR_RANGE.
 */
int sim_devices(struct sim_hypervisor *sim, const struct pci_node *nodes, size_t count);
/* The driver that holds a function in dom0: "host", "pciback", "" for none; NULL: there is no such function.
 */
const char *sim_device_driver(const struct sim_hypervisor *sim, const char *sbdf);
/* The next device that is taken from its driver ends with none, and an error. */
void sim_bind_breaks(struct sim_hypervisor *sim);
/* What is attached next to a running domain is to be seen in xenstore after so many calls of sim_pause; with
 * 0 everything is, now. */
void sim_xenstore_lags(struct sim_hypervisor *sim, unsigned pauses);
void sim_pause(struct sim_hypervisor *sim);
/* How many domains had a PCI function, and have ended or run. */
unsigned sim_hypervisor_equipped(const struct sim_hypervisor *sim);
/* How many had a disk that another domain, or dom0, exposes. */
unsigned sim_hypervisor_with_disks(const struct sim_hypervisor *sim);
/* A function or disk that was to be given to a domain while another had it: the first time, in words; "". The
 * call was refused, as libvirt would a function. */
const char *sim_hypervisor_breach(const struct sim_hypervisor *sim);

/* As domain_open_libvirt and its like; the doors must be freed before the hypervisor is. A watch
 * hears an event inside the call that caused it. */
int domain_open_sim(struct sim_hypervisor *sim, struct domain_door **ret, struct fault *why);
int hostwatch_open_sim(struct sim_hypervisor *sim, const struct hostwatch_ears *ears, struct hostwatch **ret,
                       struct fault *why);
int nodedev_open_sim(struct sim_hypervisor *sim, struct nodedev_door **ret, struct fault *why);
/* backend/pci as the domains have their devices. It never fails and hears of no trouble. */
int xenstore_open_sim(struct sim_hypervisor *sim, struct xenstore_door **ret, struct fault *why);

#endif
