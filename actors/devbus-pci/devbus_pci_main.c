/* SPDX-License-Identifier: MIT
 * The program of devbus-pci: options, and doors for the worker's threads. */
#include "actors/devbus-pci/devbus_pci.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "runtime/program.h"

static struct {
    const char *uri, *sysfs, *ids_file;
} settings;

static int open_settings(const struct program *p, struct shell *shell, struct fault *why)
{
    (void)shell;
    (void)why;
    settings.uri = program_option(p, "nodedev", "xen:///system");
    settings.sysfs = program_option(p, "sysfs", "/sys");
    const char *xenstore = program_place(p, PLACE_XENSTORE);
    char socket[PATH_MAX];
    if (xenstore != NULL && snprintf(socket, sizeof socket, "%s/socket", xenstore) < (int)sizeof socket)
        setenv("XENSTORED_PATH", socket, 1); /* the library looks below /var/run, which the jail has not */
    devbus_pci_set_xen(strncmp(settings.uri, "xen:", 4) == 0);
    settings.ids_file = program_place(p, PLACE_PCI_IDS);
    return 0;
}

static void *open_doors(void *arg)
{
    (void)arg;
    struct pci_doors *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->uri = settings.uri;
    d->on_xen = strncmp(settings.uri, "xen:", 4) == 0;
    d->ids_file = settings.ids_file;
    /* Only what lies below is granted, and Landlock refuses to open the folder itself for reading. */
    d->sysfs = open(settings.sysfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return d;
}

static void close_doors(void *doors)
{
    struct pci_doors *d = doors;
    if (d == NULL)
        return;
    nodedev_door_free(d->nodedev);
    xenstore_door_free(d->xenstore);
    pciids_free(d->ids);
    close_file(&d->sysfs);
    free(d);
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {open_doors, close_doors, NULL};
    static const struct program_parts parts = {
        .actor = &devbus_pci_actor, .open = open_settings, .doors = &doors};
    return program_run(&parts, argc, argv);
}
