/* SPDX-License-Identifier: MIT
 * Who has which PCI device, from xenstore's backend/pci; see xenstore.h. What is read was written by a
 * toolstack, in several steps: anything may be missing. Spec: devbus-pci 5. */
#include "doors/xenstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/char.h"
#include "base/grow.h"

enum { TRIES_MAX = 5, NAMES_MAX = 1 << 20, PATH_ROOM = 160 };

struct gathering {
    struct xenstore_door *x;
    xenstore_tx tx;
    struct xenstore_pci *rows;
    size_t count, room;
    struct fault *why;
};

/* 1 with the value; 0 where there is none, or not one of 1 to size - 1 printable characters; or -ERR_. */
static int read_word(struct gathering *g, const char *path, char *to, size_t size)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(4096);
    int r = g->x->ops->read(g->x, g->tx, path, &value, g->why);
    if (r == -ERR_UNKNOWN || r == -ERR_TOO_BIG || r == -ERR_DENIED)
        return 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] <= ' ' || value.at[i] > '~')
            return 0;
    return value.len > 0 && text_copy(to, size, text_span(&value)) == 0;
}

static bool is_sbdf(const char *text)
{
    static const char shape[] = "hhhh:hh:hh.h";
    for (size_t i = 0; i < sizeof shape; i++) {
        char c = text[i];
        if (shape[i] == 'h' ? char_hex(c) < 0 : c != shape[i])
            return false;
    }
    return true;
}

static int keep(struct gathering *g, const struct xenstore_pci *row)
{
    if (g->count == XENSTORE_PCI_MAX)
        return fault_set(g->why, ERR_TOO_BIG, "xenstore names more than %d assigned PCI devices",
                         XENSTORE_PCI_MAX);
    if (GROW(g->rows, g->count, g->room, 16) < 0)
        return fault_set(g->why, ERR_NOMEM, "no memory for %zu PCI devices", g->count + 1);
    g->rows[g->count++] = *row;
    return 0;
}

/* What a key of the slot says about its device N; 0 when it does not. */
static int read_of_device(struct gathering *g, uint32_t domid, uint32_t slot, const char *key, unsigned i,
                          char text[24])
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "backend/pci/%u/%u/%s-%u", (unsigned)domid, (unsigned)slot, key, i);
    text[0] = '\0';
    return read_word(g, path, text, 24);
}

/* vdevfn-N, of an HVM guest: where its device model shows the function, in hexadecimal, the slot above three
 * bits of function. */
static bool is_devfn(const char *text, char guest[8])
{
    char *end = NULL;
    unsigned long devfn = strtoul(text, &end, 16);
    bool fits = text[0] >= '0' && text[0] <= 'f' && *end == '\0' && devfn <= 0xff;
    if (fits)
        snprintf(guest, 8, "00:%02x.%x", (unsigned)devfn >> 3 & 0x1f, (unsigned)devfn & 7);
    return fits;
}

/* vdev-N is "0000:00:05.00": segment, bus, slot and function as pcifront has them, the function in two
 * digits. */
static void read_front(char text[24], char guest[8])
{
    if (strlen(text) != 13 || text[11] != '0' || text[12] < '0' || text[12] > '7')
        return;
    text[11] = text[12];
    text[12] = '\0';
    if (is_sbdf(text))
        memcpy(guest, text + 5, 8);
}

/* An HVM guest's rows have both, and only its device model's is true there. */
static int read_guest_address(struct gathering *g, uint32_t domid, uint32_t slot, unsigned i, char guest[8])
{
    char text[24];
    guest[0] = '\0';
    int r = read_of_device(g, domid, slot, "vdevfn", i, text);
    if (r > 0 && is_devfn(text, guest))
        return 0;
    if (r >= 0 && (r = read_of_device(g, domid, slot, "vdev", i, text)) > 0)
        read_front(text, guest);
    return r < 0 ? r : 0;
}

/* One slot of one domain: its devices are numbered, and a number may have been given up. */
static int read_slot(struct gathering *g, uint32_t domid, uint32_t slot)
{
    struct xenstore_pci row = {.domid = domid};
    char path[PATH_ROOM], number[16];
    uint64_t count = 0;
    snprintf(path, sizeof path, "backend/pci/%u/%u/domain", (unsigned)domid, (unsigned)slot);
    int r = read_word(g, path, row.domain, sizeof row.domain);
    if (r > 0) {
        snprintf(path, sizeof path, "backend/pci/%u/%u/num_devs", (unsigned)domid, (unsigned)slot);
        r = read_word(g, path, number, sizeof number);
    }
    if (r <= 0 || text_number(span_of(number), 0, XENSTORE_SLOT_DEVICES_MAX, &count) < 0)
        return r < 0 ? r : 0;
    r = 0;
    for (uint64_t i = 0; i < count && r >= 0; i++) {
        snprintf(path, sizeof path, "backend/pci/%u/%u/dev-%u", (unsigned)domid, (unsigned)slot, (unsigned)i);
        r = read_word(g, path, row.sbdf, sizeof row.sbdf);
        if (r <= 0 || !is_sbdf(row.sbdf))
            continue;
        r = read_guest_address(g, domid, slot, (unsigned)i, row.guest);
        if (r >= 0)
            r = keep(g, &row);
    }
    return r < 0 ? r : 0;
}

/* Calls for each number below the path. */
static int each_number(struct gathering *g, const char *path, uint32_t domid,
                       int (*visit)(struct gathering *g, uint32_t domid, uint32_t number))
{
    AUTO_TEXT names = TEXT_WITH_LIMIT(NAMES_MAX);
    int r = g->x->ops->list(g->x, g->tx, path, &names, g->why);
    struct span rest = text_span(&names);
    uint64_t number;
    if (r == -ERR_UNKNOWN)
        return 0;
    while (r == 0 && rest.len > 0)
        if (text_number(span_split(rest, '\n', &rest), 0, UINT32_MAX, &number) == 0)
            r = visit(g, domid, (uint32_t)number);
    return r;
}

/* 1 or 0, or -ERR_. A guest that ends by itself leaves its rows behind, for ever. Its own part of the store
 * goes with it, which only dom0 can remove; the backend's state follows what a guest writes, so it says
 * nothing. */
static int is_there(struct gathering *g, uint32_t domid)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(4096);
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "/local/domain/%u", (unsigned)domid);
    int r = g->x->ops->read(g->x, g->tx, path, &value, g->why);
    return r == -ERR_UNKNOWN ? 0 : r < 0 && r != -ERR_TOO_BIG ? r : 1;
}

static int read_domain(struct gathering *g, uint32_t unused, uint32_t domid)
{
    char path[PATH_ROOM];
    (void)unused;
    int r = is_there(g, domid);
    if (r <= 0)
        return r;
    snprintf(path, sizeof path, "backend/pci/%u", (unsigned)domid);
    return each_number(g, path, domid, read_slot);
}

static int gather(struct gathering *g)
{
    g->count = 0;
    int r = g->x->ops->begin(g->x, &g->tx, g->why);
    if (r < 0)
        return r;
    r = each_number(g, "backend/pci", 0, read_domain);
    if (r == 0)
        return g->x->ops->commit(g->x, g->tx, g->why);
    g->x->ops->abort(g->x, g->tx);
    return r;
}

int xenstore_pci_read(struct xenstore_door *x, struct xenstore_pci **rows, size_t *count, struct fault *why)
{
    struct gathering g = {.x = x, .why = why};
    int r = -ERR_BUSY;
    for (int i = 0; i < TRIES_MAX && r == -ERR_BUSY; i++)
        r = gather(&g);
    if (r < 0) {
        free(g.rows);
        return r;
    }
    *rows = g.rows;
    *count = g.count;
    return 0;
}
