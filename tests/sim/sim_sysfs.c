/* SPDX-License-Identifier: MIT
 * /sys as the simulated machine has it, in the place of doors/sysfs.c and doors/sysfs_facts.c: everything on
 * one root bus, its drivers as the simulated hypervisor has them. The two last devices share an IOMMU group,
 * the one before them cannot be reset. And the pause between two looks at xenstore, which takes no time. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "doors/sysfs_facts.h"
#include "tests/sim/sim.h"

/* The machine of the simulator that runs: there is no room for it in a descriptor. */
static struct sim_hypervisor *machine;

void sim_sysfs_show(struct sim_hypervisor *hypervisor)
{
    machine = hypervisor;
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)wanted, (void)left;
    sim_pause(machine);
    return 0;
}

static bool numbers(struct span name, unsigned *slot, unsigned *function)
{
    char text[40];
    unsigned segment, bus;
    return text_copy(text, sizeof text, name) == 0 &&
           sscanf(text, "pci_%4x_%2x_%2x_%1x", &segment, &bus, slot, function) == 4;
}

int sysfs_path_of(int root, struct span sbdf, char path[SYSFS_PATH_MAX + 1], struct fault *why)
{
    unsigned slot, function;
    (void)root;
    if (!numbers(sbdf, &slot, &function))
        return fault_set(why, ERR_RANGE, "no name of a PCI device");
    snprintf(path, SYSFS_PATH_MAX + 1, "00_%02x.%x", slot, function);
    return 0;
}

int sysfs_sbdf_of(int root, struct span path, char sbdf[SYSFS_SBDF_MAX + 1], struct fault *why)
{
    char text[16];
    unsigned slot, function;
    (void)root;
    if (text_copy(text, sizeof text, path) < 0 || sscanf(text, "00_%2x.%1x", &slot, &function) != 2)
        return fault_set(why, ERR_RANGE, "no path of a PCI device");
    snprintf(sbdf, SYSFS_SBDF_MAX + 1, "0000:00:%02x.%x", slot & 0xff, function & 7);
    return 0;
}

bool sysfs_exists(int root, const char *sbdf)
{
    (void)root;
    return sim_device_driver(machine, sbdf) != NULL;
}

void sysfs_driver_of(int root, const char *sbdf, char driver[SYSFS_DRIVER_MAX + 1])
{
    const char *is = sim_device_driver(machine, sbdf);
    (void)root;
    snprintf(driver, SYSFS_DRIVER_MAX + 1, "%s", is != NULL ? is : "");
}

int sysfs_facts_read(int root, const char *sbdf, struct sysfs_facts *facts, struct fault *why)
{
    unsigned slot = 0;
    (void)sscanf(sbdf, "0000:00:%2x", &slot);
    if (!sysfs_exists(root, sbdf))
        return fault_set(why, ERR_UNKNOWN, "there is no PCI device %s", sbdf);
    *facts = (struct sysfs_facts){.is_whole = true,
                                  .can_reset = slot != SIM_STIFF,
                                  .has_groups = true,
                                  .has_group = true,
                                  .group = slot > SIM_STIFF ? SIM_STIFF + 1 : slot};
    sysfs_driver_of(root, sbdf, facts->driver);
    if (slot <= SIM_STIFF)
        return 0;
    struct sysfs_neighbour *mate = &facts->member[facts->members++];
    snprintf(mate->sbdf, sizeof mate->sbdf, "0000:00:%02x.0",
             slot == SIM_STIFF + 1 ? SIM_STIFF + 2u : SIM_STIFF + 1u);
    sysfs_driver_of(root, mate->sbdf, mate->driver);
    return 0;
}
