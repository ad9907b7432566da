/* SPDX-License-Identifier: MIT
 * Bridge paths of PCI functions, on a tree made in a temporary directory: the vectors of
 * spec devbus-pci 1.5. */
#include "doors/sysfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"

static char dir[] = "/tmp/bulkhead-sysfs-XXXXXX";
static int root = -1;

/* Root buses 00 and c0; bridges 00:08.1 -> 02, c0:03.5 -> c5, c5:00.0 -> c6; segment 10000's is not ours. */
static int make_tree(void **state)
{
    char script[2048];
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(
        script, sizeof script,
        "set -e; cd %s; mkdir -p bus/pci/devices; D=devices/pci0000:00; E=devices/pci0000:c0; "
        "F=devices/pci0001:10;"
        "mkdir -p $D/0000:00:18.4 $D/0000:00:08.1/0000:02:00.2 $E/0000:c0:00.0 $F/0001:10:01.0/0001:11:00.0;"
        "mkdir -p $E/0000:c0:03.5/0000:c5:00.0/0000:c6:00.0 $D/odd/0000:09:00.0 $D/0000:00:07.0/0000:08:00.0;"
        "for d in $(find devices -mindepth 2 -type d); do ln -s ../../../$d bus/pci/devices/; done;"
        "echo 2 >$D/0000:00:08.1/secondary_bus_number; echo 197 >$E/0000:c0:03.5/secondary_bus_number;"
        "echo 198 >$E/0000:c0:03.5/0000:c5:00.0/secondary_bus_number;"
        "echo 17 >$F/0001:10:01.0/secondary_bus_number; echo many >$D/0000:00:07.0/secondary_bus_number;"
        "ln -s ../../../../etc bus/pci/devices/0000:0a:00.0",
        dir);
    if (system(script) != 0)
        return -1;
    root = open(dir, O_PATH | O_DIRECTORY);
    return root < 0 ? -1 : 0;
}

static int remove_tree(void **state)
{
    char command[64];
    (void)state;
    close(root);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

struct vector {
    const char *input, *output; /* no output: */
    int error;
};

static void an_address_has_its_bridge_path(void **state)
{
    static const struct vector vectors[] = {
        {"0000:c6:00.0", "c0_03.5-00_00.0-00_00.0", 0},
        {"0000:c5:00.0", "c0_03.5-00_00.0", 0},
        {"pci_0000_00_18_4", "00_18.4", 0},
        {"0000:00:18.4", "00_18.4", 0},
        {"00:18.4", "00_18.4", 0},
        {"02_00.2", "00_08.1-00_00.2", 0},
        {"0001:11:00.0", "0001_10_01.0-00_00.0", 0},
        {"0001:10:01.0", "0001_10_01.0", 0},
        {"00_18.9", "00_18.9", 0}, /* on a root bus nobody looks whether it exists */
        {"02_00.7", NULL, -ERR_UNKNOWN},
        {"00_08.1-00_00.2", NULL, -ERR_RANGE},
        {"0000:C6:00.0", NULL, -ERR_RANGE},
        {"", NULL, -ERR_RANGE},
        {"pci_10000_00_14_0", NULL, -ERR_RANGE},
        {"0000:00:18.4 ", NULL, -ERR_RANGE},
        {"0000:09:00.0", NULL, -ERR_RANGE}, /* below something that is no bridge */
        {"0000:08:00.0", NULL, -ERR_BAD},   /* its bridge has no bus number */
        {"0000:0a:00.0", NULL, -ERR_BAD},   /* a link out of the tree */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char path[SYSFS_PATH_MAX + 1] = "untouched";
        struct fault why = {0};
        int r = sysfs_path_of(root, span_of(vectors[i].input), path, &why);
        print_message("# %s -> %s\n", vectors[i].input, r < 0 ? why.text : path);
        assert_int_equal(r, vectors[i].error);
        assert_string_equal(path, r < 0 ? "untouched" : vectors[i].output);
    }
}

static void a_bridge_path_has_its_address(void **state)
{
    static const struct vector vectors[] = {
        {"0000_c0_03.5-00_00.0-00_00.0", "0000:c6:00.0", 0},
        {"c0_03.5-00_00.0-00_00.0", "0000:c6:00.0", 0},
        {"0000_00_18.4", "0000:00:18.4", 0},
        {"00_18.4", "0000:00:18.4", 0},
        {"02_00.2", "0000:02:00.2", 0},
        {"0001_10_01.0-00_00.0", "0001:11:00.0", 0},
        {"00_08.1-00_00.7", "0000:02:00.7", 0}, /* the last one need not exist */
        {"0000_c0_03.7-00_00.0-00_00.0", NULL, -ERR_UNKNOWN},
        {"00_08.1-00_00.2-00_00.0", NULL, -ERR_UNKNOWN},
        {"c0_03.5-ff_00.0", NULL, -ERR_UNKNOWN},
        {"", NULL, -ERR_RANGE},
        {"-", NULL, -ERR_RANGE},
        {"00_08.1-", NULL, -ERR_RANGE},
        {"c0_03.5-0000_00_00.0", NULL, -ERR_RANGE},
        {"../../../etc/passwd", NULL, -ERR_RANGE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char sbdf[SYSFS_SBDF_MAX + 1] = "untouched";
        struct fault why = {0};
        int r = sysfs_sbdf_of(root, span_of(vectors[i].input), sbdf, &why);
        print_message("# %s -> %s\n", vectors[i].input, r < 0 ? why.text : sbdf);
        assert_int_equal(r, vectors[i].error);
        assert_string_equal(sbdf, r < 0 ? "untouched" : vectors[i].output);
    }
}

static void a_path_begins_on_a_root_bus(void **state)
{
    static const char *const paths[] = {"0000_00_18.4", "00_18.4", "0000_c0_00.0", "c0_03.5-00_00.0"};
    static const char *const others[] = {"0000_c6_00.0", "02_00.2", "",       "00_18.4-",
                                         "00_18.4-0",    "00:18.4", "00_18_4"};
    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++)
        assert_true(sysfs_is_path(root, span_of(paths[i])));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(sysfs_is_path(root, span_of(others[i])));
}

static void only_functions_exist(void **state)
{
    (void)state;
    assert_true(sysfs_exists(root, "0000:c6:00.0"));
    assert_false(sysfs_exists(root, "0000:c6:00.1"));
    assert_false(sysfs_exists(root, ".."));
    assert_false(sysfs_exists(root, "../devices"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_its_bridge_path),
        cmocka_unit_test(a_bridge_path_has_its_address),
        cmocka_unit_test(a_path_begins_on_a_root_bus),
        cmocka_unit_test(only_functions_exist),
    };
    return cmocka_run_group_tests_name("doors/sysfs", tests, make_tree, remove_tree);
}
