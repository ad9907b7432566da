/* SPDX-License-Identifier: MIT
 * Fuzzes names of PCI devices as clients write them, over a tree with one root bus, a bridge and a card: what
 * they lead to has the shape of an address, and a path that is found leads back. */
#include "doors/sysfs.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void remove_tree(void);
static char tree[] = "/tmp/sysfs-fuzz.XXXXXX";

static int open_tree(void)
{
    char command[400];
    if (mkdtemp(tree) == NULL)
        abort();
    snprintf(
        command, sizeof command,
        "cd %s && d=devices/pci0000:00/0000:00:1c.0 && mkdir -p $d/0000:02:00.0 bus/pci/devices && echo 2 "
        ">$d/secondary_bus_number && ln -s ../../../$d bus/pci/devices/0000:00:1c.0 && ln -s "
        "../../../$d/0000:02:00.0 bus/pci/devices/0000:02:00.0",
        tree);
    if (system(command) != 0)
        abort();
    atexit(remove_tree);
    return open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void remove_tree(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", tree);
    if (system(command) != 0)
        abort();
}

static void is_address(const char *sbdf)
{
    static const char shape[] = "hhhh:hh:hh.h";
    assert(strlen(sbdf) == sizeof shape - 1);
    for (size_t i = 0; shape[i] != '\0'; i++)
        assert(shape[i] == 'h' ? strchr("0123456789abcdef", sbdf[i]) != NULL : sbdf[i] == shape[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int root = -1;
    char sbdf[SYSFS_SBDF_MAX + 1], path[SYSFS_PATH_MAX + 1], again[SYSFS_SBDF_MAX + 1];
    struct span text = {(const char *)data, size};
    struct fault why;
    if (root < 0)
        root = open_tree();
    (void)sysfs_is_path(root, text);
    if (sysfs_path_of(root, text, path, &why) == 0)
        assert(memchr(path, '\0', sizeof path) != NULL && path[0] != '\0');
    if (sysfs_sbdf_of(root, text, sbdf, &why) < 0)
        return 0;
    is_address(sbdf);
    if (sysfs_exists(root, sbdf) && sysfs_path_of(root, span_of(sbdf), path, &why) == 0)
        assert(sysfs_sbdf_of(root, span_of(path), again, &why) == 0 && strcmp(again, sbdf) == 0);
    return 0;
}
