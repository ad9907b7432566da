/* SPDX-License-Identifier: MIT
 * What a disk with a thin pool holds, read without LVM and without the kernel: which logical volumes the
 * group has, and what is in their first blocks. So every first part of a recording can be read, where booting
 * each would take hours. Of the disk: one physical volume that begins as pvcreate makes it, and each part of
 * the pool in one piece. All numbers are little-endian, as this machine is. */
#ifndef TESTS_UNIT_DOORS_POOL_THIN_READ_H
#define TESTS_UNIT_DOORS_POOL_THIN_READ_H

#include "base/own.h"
#include "doors/pool_names.h"
#include "tests/unit/doors/pool_bench.h"

enum {
    GROUP_HEAD = 4096, /* of the group's description: what it is, where it lies, how long it is */
    GROUP_TEXT = 65536,
    THIN_BLOCK = 4096,
    THIN_MAGIC = 27022010,
    THIN_DEEP = 8,
};

struct thin_disk {
    int fd;
    char text[GROUP_TEXT + 1];
    uint64_t metadata, data, chunk, step; /* bytes; step: what the pool says it has done */
    uint64_t maps, details;               /* blocks of the metadata where these trees begin */
};

static inline uint64_t number_at(const char *bytes, size_t at, size_t size)
{
    uint64_t n = 0;
    memcpy(&n, bytes + at, size);
    return n;
}

static inline bool thin_bytes(const struct thin_disk *d, uint64_t at, char *to, size_t len)
{
    return pread(d->fd, to, len, (off_t)at) == (ssize_t)len;
}

/* ---- the group ---- */

/* A ring: what does not fit before its end goes on behind its head. */
static inline bool thin_read_text(struct thin_disk *d)
{
    char head[512];
    if (!thin_bytes(d, GROUP_HEAD, head, sizeof head) || memcmp(head + 4, " LVM2 x[5A%r0N*>", 16) != 0)
        return false;
    uint64_t start = number_at(head, 24, 8), size = number_at(head, 32, 8), at = number_at(head, 40, 8),
             len = number_at(head, 48, 8), first = at + len > size ? size - at : len;
    if (at >= size || len > GROUP_TEXT || len == 0)
        return false;
    d->text[len] = '\0';
    return thin_bytes(d, start + at, d->text, (size_t)first) &&
           thin_bytes(d, start + sizeof head, d->text + first, (size_t)(len - first));
}

/* The number or the word behind "key = " in the part of the text that begins at `from`; NULL: there is none.
 */
static inline const char *thin_value(const char *from, const char *key)
{
    char line[64];
    int depth = 0;
    size_t len = (size_t)snprintf(line, sizeof line, "%s = ", key);
    for (; from != NULL && *from != '\0'; from = strchr(from, '\n')) {
        from += *from == '\n';
        if (strncmp(from, line, len) == 0)
            return from + len + (from[len] == '"');
        size_t all = strcspn(from, "\n");
        depth += all > 0 && from[all - 1] == '{';
        if (from[0] == '}' && --depth < 0)
            return NULL;
    }
    return NULL;
}

static inline uint64_t thin_number(const char *from, const char *key)
{
    const char *value = thin_value(from, key);
    return value != NULL ? strtoull(value, NULL, 10) : 0;
}

/* Behind "name {". */
static inline const char *thin_part(const char *from, const char *name)
{
    char line[160];
    snprintf(line, sizeof line, "\n%s {\n", name);
    const char *at = from != NULL ? strstr(from, line) : NULL;
    return at != NULL ? at + strlen(line) : NULL;
}

static inline const char *thin_volume(const struct thin_disk *d, const char *name)
{
    return thin_part(strstr(d->text, "\nlogical_volumes {"), name);
}

/* Where a part of the pool begins: its first piece, counted in extents from where the disk's extents begin.
 */
static inline uint64_t thin_place(const struct thin_disk *d, const char *name)
{
    const char *volume = thin_volume(d, name),
               *stripes = volume != NULL ? strstr(volume, "stripes = [") : NULL;
    const char *comma = stripes != NULL ? strchr(stripes, ',') : NULL;
    return comma == NULL ? 0
                         : 512 * (thin_number(d->text, "pe_start") +
                                  strtoull(comma + 1, NULL, 10) * thin_number(d->text, "extent_size"));
}

/* ---- the pool ---- */

static inline bool thin_read_pool(struct thin_disk *d)
{
    char block[THIN_BLOCK];
    d->metadata = thin_place(d, "pool_tmeta");
    d->data = thin_place(d, "pool_tdata");
    if (d->metadata == 0 || d->data == 0 || !thin_bytes(d, d->metadata, block, sizeof block) ||
        number_at(block, 32, 8) != THIN_MAGIC)
        return false;
    d->step = number_at(block, 48, 8);
    d->maps = number_at(block, 320, 8);
    d->details = number_at(block, 328, 8);
    d->chunk = 512 * number_at(block, 336, 4);
    return true;
}

/* Finds the key in the tree that begins at `node`; false: it is not there. */
static inline bool thin_find(const struct thin_disk *d, uint64_t node, uint64_t key, uint64_t *value)
{
    char block[THIN_BLOCK];
    for (unsigned deep = 0; deep < THIN_DEEP; deep++) {
        if (!thin_bytes(d, d->metadata + node * THIN_BLOCK, block, sizeof block))
            return false;
        bool leaf = (number_at(block, 4, 4) & 2) != 0;
        uint64_t count = number_at(block, 16, 4), most = number_at(block, 20, 4),
                 size = number_at(block, 24, 4), i = 0;
        if (count > most || 32 + most * (8 + size) > THIN_BLOCK)
            return false;
        while (i < count && number_at(block, 32 + 8 * i, 8) <= key)
            i++;
        if (i == 0 || (leaf && number_at(block, 32 + 8 * (i - 1), 8) != key))
            return false;
        *value = number_at(block, 32 + 8 * most + size * (i - 1), size < 8 ? size : 8);
        if (leaf)
            return true;
        node = *value;
    }
    return false;
}

/* The word in the first blocks of the group's volume; '!' for one that the pool does not have. */
static inline char thin_word(const struct thin_disk *d, const char *name)
{
    char block[BLOCK], word = '0';
    uint64_t number = thin_number(thin_volume(d, name), "device_id"), ignored, tree, place;
    if (!thin_find(d, d->details, number, &ignored) || !thin_find(d, d->maps, number, &tree))
        return '!';
    if (!thin_find(d, tree, 0, &place))
        return '0';
    for (off_t at = 0; at < SIZE; at += BLOCK) {
        if (!thin_bytes(d, d->data + (place >> 24) * d->chunk + (uint64_t)at, block, BLOCK))
            return '?';
        word = pattern_word(word, at, block);
    }
    return word;
}

/* ---- what the driver will find there ---- */

static inline bool thin_has(const struct thin_disk *d, const char *volume, const char *tail)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", volume, tail);
    return thin_volume(d, name) != NULL;
}

/* Its newest revision's name, if it has one. */
static inline bool thin_newest(const struct thin_disk *d, const char *volume, char name[128])
{
    uint64_t seconds, newest = 0;
    char one[128];
    for (const char *at = strstr(d->text, "\nlogical_volumes {"); at != NULL; at = strchr(at + 1, '\n')) {
        size_t len = strcspn(at + 1, " \n");
        if (len == 0 || len >= sizeof one || at[len + 1] != ' ')
            continue;
        snprintf(one, sizeof one, "%.*s", (int)len, at + 1);
        if (names_lv_revision(volume, one, &seconds) && seconds >= newest) {
            newest = seconds;
            memcpy(name, one, sizeof one);
        }
    }
    return newest > 0;
}

/* The word of the volume when its session, if there was one, has been committed; '-' for no volume. `path`:
 * of the disk. */
static inline char thin_read(struct thin_disk *d, const char *path, const char *volume)
{
    char name[128];
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    d->fd = fd;
    if (fd < 0 || !thin_read_text(d) || !thin_read_pool(d))
        return '?';
    if (thin_has(d, volume, "-snap")) {
        snprintf(name, sizeof name, "%s-snap", volume);
        return thin_word(d, name);
    }
    if (thin_has(d, volume, ""))
        return thin_word(d, volume);
    return (char)(thin_newest(d, volume, name) ? thin_word(d, name) : '-');
}

#endif
