/* SPDX-License-Identifier: MIT
 * The program of devbus-pci: options, and doors for the worker's threads. */
#include "actors/devbus-pci/devbus_pci.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/program.h"

static struct {
    const char *uri, *sysfs, *ids_file;
    struct xenstore_door *xenstore;
} settings;

/* xenstored's socket is root's alone. What is opened here is all that this process ever has of it: the
 * worker's threads share it, and when it is lost another incarnation opens another. */
static int open_xenstore(struct program *p)
{
    const char *place = program_place(p, PLACE_XENSTORE),
               *uri = program_option(p, "nodedev", "xen:///system");
    char socket[PATH_MAX];
    struct fault why;
    int fd = -1;
    if (strncmp(uri, "xen:", 4) != 0 || place == NULL ||
        snprintf(socket, sizeof socket, "%s/socket", place) >= (int)sizeof socket)
        return -1;
    setenv("XENSTORED_PATH", socket, 1);
    if (xenstore_open_socket(&settings.xenstore, &fd, &why) == 0)
        return fd;
    log_line(LOG_WARN, "nobody can say who has which PCI device: %s", why.text);
    return -1;
}

static int open_settings(const struct program *p, struct shell *shell, struct fault *why)
{
    (void)shell;
    (void)why;
    settings.uri = program_option(p, "nodedev", "xen:///system");
    settings.sysfs = program_option(p, "sysfs", "/sys");
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
    d->xenstore = settings.xenstore;
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
    pciids_free(d->ids);
    close_file(&d->sysfs);
    free(d);
}

int main(int argc, char **argv)
{
    static const struct worker_doors doors = {open_doors, close_doors, NULL};
    static const struct program_parts parts = {
        .actor = &devbus_pci_actor, .early = open_xenstore, .open = open_settings, .doors = &doors};
    return program_run(&parts, argc, argv);
}
