/* SPDX-License-Identifier: MIT
 * The supervisor's options: one table, from which it reads, checks and helps. */
#include "supervisor/supervisor.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An option of the command line that becomes a "key=value" for every child. A value behind a '?' is taken
 * where that path is there: a hypervisor's own, which others lack. */
static const struct option_row {
    const char *flag, *key, *value, *help;
} rows[] = {
    {"--hypervisor", "option.hypervisor", "xen:///system", "libvirt URI where the VMs run"},
    {"--nodedev", "option.nodedev", "xen:///system", "libvirt URI that lists PCI devices"},
    {"--libvirt", "place.libvirt", "/run/libvirt", "directory of libvirtd's sockets"},
    {"--libvirt-ro", "place.libvirt-ro", "/run/libvirt", "directory of libvirtd's read-only socket"},
    {"--qubes-lib", "place.qubes-lib", "/var/lib/qubes", "qubes.xml and the VMs' directories"},
    {"--qubes-run", "place.qubes-run", "/run/qubes", "sockets that guests' daemons leave"},
    {"--kernels", "place.kernels", "/var/lib/qubes/vm-kernels", "kernels for VMs"},
    {"--templates", "place.templates", "/etc/qubes/templates", "overrides of the domains' XML"},
    {"--sysfs", "option.sysfs", "/sys", "the sysfs that devbus-pci reads"},
    {"--sysfs-pci", "place.sysfs-pci", "/sys/bus/pci", "its lists of PCI devices"},
    {"--sysfs-devices", "place.sysfs-devices", "/sys/devices", "its devices"},
    {"--iommu-groups", "place.iommu-groups", "?/sys/kernel/iommu_groups", "IOMMU groups"},
    {"--xenstore", "place.xenstore", "?/run/xenstored", "directory of xenstored's socket"},
    {"--pci-ids", "place.pci-ids", "/usr/share/misc/pci.ids", "names of PCI devices"},
    {"--usb-ids", "place.usb-ids", "?/usr/share/hwdata/usb.ids", "names of USB devices"},
    {"--host-xml", "place.host-xml", NULL, "the file of a --nodedev test:///FILE"},
    {"--more-devices", "option.more-devices", NULL,
     "classes of devices served besides block and pci: usb,mic"},
    {"--dom0-usb", "option.dom0-usb", "?/etc/qubes-rpc/qubes.USB", "dom0 exposes USB devices where this is"},
    {"--usb-policy", "place.usb-policy", "?/etc/qubes-rpc/policy",
     "dom0's policy, which a line allows each USB device while it is attached"},
    {"--old-devices", "option.old-devices", "no", "yes: device calls in the form of before 4.3"},
    {"--pool-tools", "place.tools", NULL,
     "tests and try-outs: stand-ins for the tools of pools, in a directory"},
    {"--tool-seconds", "option.tool-seconds", "120", "how long a tool of a pool may take"},
    {"--pool-dir", "option.pool-dir", "/var/lib/qubes", "directory of the pool that a new store begins with"},
};

static void set_option(struct settings *s, const char *key, const char *value)
{
    if (value == NULL || s->options >= OPTIONS_MAX)
        return;
    int len = snprintf(s->option[s->options], PATH_ROOM, "%s=%s", key, value);
    if (len > 0 && len < PATH_ROOM)
        s->options++;
    else
        fprintf(stderr, "the value of %s is too long and is not used\n", key);
}

static void set_default(struct settings *s, const char *key, const char *value)
{
    bool may_lack = value != NULL && value[0] == '?';
    if (!may_lack || access(value + 1, F_OK) == 0)
        set_option(s, key, may_lack ? value + 1 : value);
}

static const char *option_of(const struct settings *s, const char *key)
{
    size_t len = strlen(key);
    for (int i = 0; i < s->options; i++)
        if (strncmp(s->option[i], key, len) == 0 && s->option[i][len] == '=')
            return s->option[i] + len + 1;
    return "";
}

/* Who serves no USB devices has no business with dom0's policy. */
static bool is_needed(const struct settings *s, const char *key)
{
    struct span rest = span_of(option_of(s, "option.more-devices"));
    if (strcmp(key, "place.usb-policy") != 0)
        return true;
    while (rest.len > 0)
        if (span_is(span_split(rest, ',', &rest), "usb"))
            return true;
    return false;
}

static void usage(void)
{
    puts("usage: bulkhead-supervisor [--dir DIR] [--jail=require|best] [--libexec DIR] [OPTION VALUE]...\n"
         "  --dir DIR          a private instance: sockets in DIR/run, store in DIR/state\n"
         "                     (else /run/bulkhead and /var/lib/bulkhead)\n"
         "  --jail=best        start where layers of the jail cannot be had, and say which\n"
         "  --libexec DIR      the actors' programs\n"
         "  --programs DIR     tests and try-outs: guests' daemons and their tools, instead of the host's "
         "own\n"
         "  --userdb DIR       where to publish our uids for libvirtd, /run/userdb under systemd; else "
         "nowhere");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("  %-16s %s%s%s\n", rows[i].flag, rows[i].help, rows[i].value != NULL ? "; else " : "",
               rows[i].value != NULL ? rows[i].value + (rows[i].value[0] == '?') : "");
}

/* The programs lie beside the supervisor's own. */
static void find_libexec(struct settings *s)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len < 0 ? 0 : len] = '\0';
    snprintf(s->libexec, sizeof s->libexec, "%s", dirname(self));
}

static bool take_path(char *to, const char *value)
{
    return value != NULL && strlen(value) < PATH_ROOM && snprintf(to, PATH_ROOM, "%s", value) > 0;
}

static bool take_dir(struct settings *s, const char *dir)
{
    char real[PATH_MAX];
    return dir != NULL && realpath(dir, real) != NULL && strlen(real) < PATH_ROOM - 8 &&
           snprintf(s->run, PATH_ROOM, "%.480s/run", real) > 0 &&
           snprintf(s->state, PATH_ROOM, "%.480s/state", real) > 0;
}

/* How many arguments it took; 0: not understood. */
static int take_argument(struct settings *s, bool *given, char **argv)
{
    if (strcmp(argv[0], "--dir") == 0)
        return take_dir(s, argv[1]) ? 2 : 0;
    if (strcmp(argv[0], "--userdb") == 0)
        return take_path(s->userdb, argv[1]) ? 2 : 0;
    if (strcmp(argv[0], "--programs") == 0)
        return take_path(s->programs, argv[1]) ? 2 : 0;
    if (strcmp(argv[0], "--libexec") == 0)
        return take_path(s->libexec, argv[1]) ? 2 : 0;
    if (strcmp(argv[0], "--jail=require") == 0 || strcmp(argv[0], "--jail=best") == 0) {
        s->jail_required = strcmp(argv[0], "--jail=require") == 0;
        return 1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(argv[0], rows[i].flag) != 0 || argv[1] == NULL)
            continue;
        given[i] = true;
        set_option(s, rows[i].key, argv[1]);
        if (strcmp(rows[i].key, "option.sysfs") == 0 && strcmp(argv[1], "/sys") != 0)
            set_option(s, "place.sysfs", argv[1]); /* /sys itself is never bound whole */
        return 2;
    }
    return 0;
}

int settings_read(struct settings *s, int argc, char **argv)
{
    bool given[sizeof rows / sizeof *rows] = {false};
    *s = (struct settings){.run = "/run/bulkhead", .state = "/var/lib/bulkhead", .jail_required = true};
    find_libexec(s);
    for (int i = 1; i < argc;) {
        int took = take_argument(s, given, argv + i);
        if (took == 0) {
            usage();
            return strcmp(argv[i], "--help") == 0 ? -1 : 64;
        }
        i += took;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!given[i] && is_needed(s, rows[i].key))
            set_default(s, rows[i].key, rows[i].value);
    set_option(s, "jail", s->jail_required ? "require" : "best");
    set_option(s, "place.store", s->state);
    return 0;
}
