/* SPDX-License-Identifier: MIT
 * PCI devices that dom0 exposes, as the wire serialises them (admin-api-methods 8.2); in api. */
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"

#define PCI_WITHIN (10 * SECONDS)

/* ` key='value'`; a quote is escaped, what is not printable ASCII becomes a question mark. */
static void add_pair(struct text *t, const char *key, const char *value)
{
    text_byte(t, ' ');
    text_add(t, key);
    text_add(t, "='");
    for (; *value != '\0'; value++) {
        if (*value == '\'')
            text_byte(t, '\\');
        char c = *value;
        if (c < ' ' || c > '~')
            c = '?';
        text_byte(t, c);
    }
    text_byte(t, '\'');
}

static void add_known(struct text *t, const char *key, const char *value)
{
    if (value[0] != '\0')
        add_pair(t, key, value);
}

static void add_device(struct text *t, const struct pci_device_item *d)
{
    text_add(t, d->port);
    text_byte(t, ':');
    text_add(t, d->device_id);
    add_pair(t, "device_id", d->device_id);
    add_pair(t, "port_id", d->port);
    add_pair(t, "devclass", "pci");
    add_pair(t, "backend_domain", "dom0");
    add_known(t, "vendor", d->vendor);
    add_known(t, "product", d->product);
    add_pair(t, "interfaces", d->interface);
    add_pair(t, "_sbdf", d->sbdf);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines are sorted by what they begin with. */
static int add_sorted(struct text *reply, struct reader *in, uint32_t count)
{
    AUTO_MEMORY char **line = calloc(count > 0 ? count : 1, sizeof *line);
    struct pci_device_item d;
    uint32_t n = 0;
    int r = line != NULL ? 0 : -ERR_NOMEM;
    while (r == 0 && n < count && pci_device_item_next(in, &d) == 1) {
        struct text t = TEXT_WITH_LIMIT(BODY_PART_MAX);
        add_device(&t, &d);
        line[n++] = t.at;
        r = t.failed;
    }
    if (r == 0)
        qsort(line, n, sizeof *line, by_bytes);
    for (uint32_t i = 0; i < n; i++) {
        if (r == 0)
            api_line(reply, line[i]);
        free(line[i]);
    }
    return r;
}

static int available(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                     struct fault *why)
{
    struct pci_available_reply m;
    (void)self, (void)c;
    if (a->r < 0)
        return a->r;
    if (pci_available_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "the list of PCI devices does not decode");
    struct reader in = list_reader(&m.devices);
    return add_sorted(reply, &in, m.devices.count);
}

int api_do_pci_available(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                         struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct pci_available m;
    (void)reply, (void)why;
    if (vm_class(q->dest) != CLASS_AdminVM || text_copy(m.port, sizeof m.port, q->request.argument) < 0)
        return 0; /* nobody else has any, and no port has so long a name */
    struct call like = {
        .done = available,
        .to = {KIND_DEVBUS_PCI, 0},
        .type = MESSAGE_pci_available,
        .context = api_context(self, q, out->now + PCI_WITHIN),
    };
    pci_available_encode(&body, &m);
    return api_ask(self, out, q, &like, &body);
}
