/* SPDX-License-Identifier: MIT
 * Addresses and bridge paths of PCI functions, from sysfs: in devbus-pci. The steps are
 * those of spec devbus-pci 1.2 to 1.4. */
#include "doors/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/char.h"
#include "base/own.h"

struct function {
    unsigned segment, bus, device, number;
};

enum { LINK_MAX_BYTES = 1023, DEVICE_PATH_MAX = 63 };

/* ---- reading names ---- */

/* Takes `digits` lower-case hex digits off the front. */
static bool take_hex(struct span *s, size_t digits, unsigned *value)
{
    unsigned read = 0;
    if (s->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        int digit = char_hex(s->at[i]);
        if (digit < 0)
            return false;
        read = read * 16 + (unsigned)digit;
    }
    *value = read;
    *s = (struct span){s->at + digits, s->len - digits};
    return true;
}

static bool take_one_of(struct span *s, const char *set)
{
    if (s->len == 0 || s->at[0] == '\0' || strchr(set, s->at[0]) == NULL)
        return false;
    *s = (struct span){s->at + 1, s->len - 1};
    return true;
}

/* "bb_dd.f", the whole of it; separators as the caller allows. */
static bool read_bdf(struct span s, const char *last, struct function *f)
{
    return take_hex(&s, 2, &f->bus) && take_one_of(&s, ":_") && take_hex(&s, 2, &f->device) &&
           take_one_of(&s, last) && take_hex(&s, 1, &f->number) && s.len == 0;
}

/* "[ssss:]bb:dd.f". The third byte tells whether a segment is there; without one it is 0. */
static bool read_function(struct span s, const char *last, struct function *f)
{
    struct function read = {0};
    if (s.len > 7 && !(take_hex(&s, 4, &read.segment) && take_one_of(&s, ":_")))
        return false;
    if (!read_bdf(s, last, &read))
        return false;
    *f = read;
    return true;
}

static bool read_sbdf(struct span s, struct function *f)
{
    if (span_starts(s, "pci_"))
        s = (struct span){s.at + 4, s.len - 4};
    return read_function(s, "._", f);
}

static void write_sbdf(const struct function *f, char *sbdf)
{
    snprintf(sbdf, SYSFS_SBDF_MAX + 1, "%04x:%02x:%02x.%x", f->segment & 0xffff, f->bus & 0xff,
             f->device & 0xff, f->number & 0xf);
}

/* ---- asking sysfs ---- */

static bool is_root_bus(int root, unsigned segment, unsigned bus)
{
    char path[DEVICE_PATH_MAX + 1];
    snprintf(path, sizeof path, "devices/pci%04x:%02x", segment, bus);
    return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool sysfs_exists(int root, const char *sbdf)
{
    char path[DEVICE_PATH_MAX + 1];
    if (snprintf(path, sizeof path, "bus/pci/devices/%s", sbdf) >= (int)sizeof path)
        return false;
    return strchr(sbdf, '/') == NULL && sbdf[0] != '.' && faccessat(root, path, F_OK, 0) == 0;
}

/* The bus behind a bridge: 1 with *bus, 0 when the function is no bridge or not there, or -ERR_. */
static int bus_behind(int root, const char *sbdf, unsigned *bus, struct fault *why)
{
    char path[DEVICE_PATH_MAX + 1], text[16];
    uint64_t number;
    snprintf(path, sizeof path, "bus/pci/devices/%s/secondary_bus_number", sbdf);
    AUTO_FD fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (len < 0)
        return fault_set(why, ERR_IO, "read %s: %s", path, strerror(errno));
    if (text_number(span_trim((struct span){text, (size_t)len}), 0, 255, &number) < 0)
        return fault_set(why, ERR_BAD, "%s holds no bus number", path);
    *bus = (unsigned)number;
    return 1;
}

/* Where the function lies below devices/: the chain of functions behind "pci<seg>:<root bus>/". */
static int chain_of(int root, const struct function *f, char *target, struct span *chain, unsigned *segment,
                    struct fault *why)
{
    char sbdf[SYSFS_SBDF_MAX + 1], path[DEVICE_PATH_MAX + 1];
    unsigned root_bus;
    write_sbdf(f, sbdf);
    snprintf(path, sizeof path, "bus/pci/devices/%s", sbdf);
    ssize_t len = readlinkat(root, path, target, LINK_MAX_BYTES);
    if (len < 0)
        return errno == ENOENT ? fault_set(why, ERR_UNKNOWN, "there is no PCI device %s", sbdf)
                               : fault_set(why, ERR_IO, "read %s: %s", path, strerror(errno));
    struct span s = {target, (size_t)len}, up = SPAN_LITERAL("../../../devices/pci");
    if (!span_starts(s, up.at))
        return fault_set(why, ERR_BAD, "%s leads out of the device tree", path);
    s = (struct span){s.at + up.len, s.len - up.len};
    if (!take_hex(&s, 4, segment) || !take_one_of(&s, ":") || !take_hex(&s, 2, &root_bus) ||
        !take_one_of(&s, "/"))
        return fault_set(why, ERR_BAD, "%s does not lie on a PCI root bus", path);
    *chain = s;
    return 0;
}

/* ---- address to path ---- */

static void add_part(struct text *path, unsigned bus, const struct function *f)
{
    if (path->len > 0)
        text_byte(path, '-');
    text_format(path, "%02x_%02x.%x", bus, f->device, f->number);
}

/* Each part's bus is counted from the bus behind the bridge before it. */
static int add_chain(int root, struct span chain, struct text *path, struct fault *why)
{
    unsigned offset = 0;
    while (chain.len > 0) {
        struct function f;
        char sbdf[SYSFS_SBDF_MAX + 1];
        struct span part = span_split(chain, '/', &chain);
        if (!read_function(part, ".", &f) || part.len != SYSFS_SBDF_MAX)
            return fault_set(why, ERR_RANGE, "Invalid bridge found: %.*s", (int)part.len, part.at);
        if (f.bus < offset)
            return fault_set(why, ERR_BAD, "%.*s lies below the bus of its bridge", (int)part.len, part.at);
        add_part(path, f.bus - offset, &f);
        write_sbdf(&f, sbdf);
        int r = bus_behind(root, sbdf, &offset, why);
        if (r < 0)
            return r;
    }
    return 0;
}

static int finish_path(unsigned segment, const struct text *parts, char path[SYSFS_PATH_MAX + 1],
                       struct fault *why)
{
    char prefix[8] = "";
    if (segment != 0)
        snprintf(prefix, sizeof prefix, "%04x_", segment & 0xffff);
    if (parts->failed < 0 || strlen(prefix) + parts->len > SYSFS_PATH_MAX)
        return fault_set(why, ERR_TOO_BIG, "a PCI device behind too many bridges");
    snprintf(path, SYSFS_PATH_MAX + 1, "%s%s", prefix, parts->at);
    return 0;
}

int sysfs_path_of(int root, struct span sbdf, char path[SYSFS_PATH_MAX + 1], struct fault *why)
{
    struct function f;
    char target[LINK_MAX_BYTES + 1];
    struct span chain;
    AUTO_TEXT parts = TEXT_WITH_LIMIT(SYSFS_PATH_MAX);
    if (!read_sbdf(sbdf, &f))
        return fault_set(why, ERR_RANGE, "Invalid device identifier");
    if (is_root_bus(root, f.segment, f.bus)) {
        add_part(&parts, f.bus, &f);
        return finish_path(f.segment, &parts, path, why);
    }
    int r = chain_of(root, &f, target, &chain, &f.segment, why);
    if (r >= 0)
        r = add_chain(root, chain, &parts, why);
    return r < 0 ? r : finish_path(f.segment, &parts, path, why);
}

/* ---- path to address ---- */

int sysfs_sbdf_of(int root, struct span path, char sbdf[SYSFS_SBDF_MAX + 1], struct fault *why)
{
    struct function at = {0};
    char current[SYSFS_SBDF_MAX + 1] = "";
    unsigned offset = 0;
    int bridge = 1;
    struct span rest = path;
    do {
        struct function f;
        struct span part = span_split(rest, '-', &rest);
        bool first = offset == 0 && current[0] == '\0';
        if (!(first ? read_function(part, "._", &f) : read_bdf(part, "._", &f)))
            return fault_set(why, ERR_RANGE, "Invalid PCI device path");
        if (bridge == 0)
            return fault_set(why, ERR_UNKNOWN, "nothing is behind %s", current);
        at = (struct function){first ? f.segment : at.segment, f.bus + offset, f.device, f.number};
        if (at.bus > 0xff)
            return fault_set(why, ERR_UNKNOWN, "the path leads past the last PCI bus");
        write_sbdf(&at, current);
        bridge = bus_behind(root, current, &offset, why);
        if (bridge < 0)
            return bridge;
    } while (rest.at != NULL);
    memcpy(sbdf, current, sizeof current);
    return 0;
}

bool sysfs_is_path(int root, struct span text)
{
    struct function f;
    struct span rest;
    struct span part = span_split(text, '-', &rest);
    if (!read_function(part, ".", &f) || memchr(part.at, ':', part.len) != NULL ||
        !is_root_bus(root, f.segment, f.bus))
        return false;
    while (rest.at != NULL) {
        part = span_split(rest, '-', &rest);
        if (!read_bdf(part, ".", &f) || memchr(part.at, ':', part.len) != NULL)
            return false;
    }
    return true;
}
