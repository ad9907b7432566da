/* SPDX-License-Identifier: MIT
 * What is PCI's own of the table of who has what: a device is known by its address, and has its port from the
 * list; in devbus-pci's core. */
#include <string.h>

#include "actors/devbus-pci/devbus_pci.h"

static const struct device_item *listed(const struct devbus_pci *self, const char *sbdf)
{
    for (size_t i = 0; i < self->count; i++)
        if (strncmp(self->devices[i].data, "sbdf=", 5) == 0 && strcmp(self->devices[i].data + 5, sbdf) == 0)
            return &self->devices[i];
    return NULL;
}

/* A device whose name nobody has asked for yet has it from the list. */
static bool name_it(void *self_, struct devbus_device *d)
{
    struct devbus_pci *self = self_;
    const struct device_item *item = listed(self, d->key);
    if (item != NULL) {
        (void)text_copy(d->port, sizeof d->port, span_of(item->port));
        (void)text_copy(d->device_id, sizeof d->device_id, span_of(item->device_id));
    } else
        self->tell_all = true;
    return item != NULL;
}

void pci_table_begin(struct devbus_pci *self, struct out *out, struct span note)
{
    self->table.device_class = "pci";
    self->table.holds_timer = PCI_TIMER_HOLDS;
    self->table.name = name_it;
    self->table.arg = self;
    self->table.names_come = true; /* with the first list */
    devbus_read_note(&self->table, out, note);
}

void pci_tell(struct devbus_pci *self, struct out *out, uint32_t qid, uint32_t generation)
{
    devbus_tell(&self->table, out, qid, generation);
    if (self->tell_all)
        devbus_pci_want_list(self, out);
}

void pci_tell_all(struct devbus_pci *self, struct out *out)
{
    devbus_tell_all(&self->table, out);
    if (self->tell_all)
        devbus_pci_want_list(self, out);
}

void pci_has(struct devbus_pci *self, struct out *out, const struct envelope *e, const struct bus_has *m)
{
    char keys[PCI_HAS_MAX][DEVBUS_KEY_MAX + 1];
    struct subject vm = {KIND_VM, e->subject_instance, e->subject_generation};
    struct reader in = list_reader(&m->devices);
    struct request request = request_of(e);
    struct bus_address a;
    size_t count = 0;
    while (count < PCI_HAS_MAX && bus_address_next(&in, &a) == 1)
        (void)text_copy(keys[count++], sizeof keys[0], span_of(a.sbdf));
    if (m->over != 0)
        pci_job_over(self, e->subject_instance);
    devbus_sees(&self->table, out, vm, m->over != 0, (const char(*)[DEVBUS_KEY_MAX + 1]) keys, count);
    devbus_pci_told(self, out, &request);
    pci_job_next(self, out); /* it gives back what is to be, in its turn */
}
