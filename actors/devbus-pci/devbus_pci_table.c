/* SPDX-License-Identifier: MIT
 * The table of who has what, its note and what api is told of it; in devbus-pci's core. */
#include <string.h>

#include "actors/devbus-pci/devbus_pci.h"
#include "base/log.h"
#include "base/own.h"

enum { NOTE_LINE = 40 };

struct pci_device *pci_find(struct devbus_pci *self, const char *sbdf)
{
    for (size_t i = 0; i < self->used; i++)
        if (strcmp(self->table[i].sbdf, sbdf) == 0)
            return &self->table[i];
    return NULL;
}

struct pci_device *pci_add(struct devbus_pci *self, const char *sbdf)
{
    struct pci_device *d = pci_find(self, sbdf);
    if (d != NULL || self->used == PCI_TABLE_MAX)
        return d;
    d = &self->table[self->used++];
    *d = (struct pci_device){.state = PCI_FREE};
    (void)text_copy(d->sbdf, sizeof d->sbdf, span_of(sbdf));
    return d;
}

static void forget(struct devbus_pci *self, struct pci_device *d)
{
    *d = self->table[--self->used];
}

bool pci_has_room(const struct devbus_pci *self)
{
    size_t on_their_way = 0;
    for (size_t i = 0; i < self->used; i++)
        on_their_way += pci_device_is_on_its_way(&self->table[i]);
    return (on_their_way + 1) * NOTE_LINE <= PCI_NOTE_MAX;
}

/* It is in its file before anything is done that was said to follow. */
static void note(const struct devbus_pci *self, struct out *out)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(PCI_NOTE_MAX);
    for (size_t i = 0; i < self->used; i++)
        if (pci_device_is_on_its_way(&self->table[i]))
            pci_device_note(&text, &self->table[i]);
    if (text.failed < 0)
        log_line(LOG_ERROR, "the note does not hold every device that is on its way");
    out_note(out, text_span(&text));
}

static void set_timer(const struct devbus_pci *self, struct out *out)
{
    uint64_t first = 0;
    for (size_t i = 0; i < self->used; i++) {
        const struct pci_device *d = &self->table[i];
        if (d->state == PCI_HELD && (first == 0 || d->until < first))
            first = d->until;
    }
    out_timer(out, PCI_TIMER_HOLDS, first);
}

enum pci_act pci_happens(struct devbus_pci *self, struct out *out, struct pci_device *d, enum pci_event event)
{
    enum pci_state before = d->state;
    enum pci_act act = pci_device_step(d, event);
    bool matters =
        pci_device_is_on_its_way(d) || before == PCI_BINDING || before == PCI_HELD || before == PCI_RETURNING;
    if (d->state == PCI_FREE)
        forget(self, d);
    if (matters)
        note(self, out);
    set_timer(self, out);
    return act;
}

/* ---- what api is told ---- */

static const struct device_item *listed(const struct devbus_pci *self, const char *sbdf)
{
    for (size_t i = 0; i < self->count; i++)
        if (strncmp(self->devices[i].data, "sbdf=", 5) == 0 && strcmp(self->devices[i].data + 5, sbdf) == 0)
            return &self->devices[i];
    return NULL;
}

/* A device whose name nobody has asked for yet has it from the list. */
static bool name_it(const struct devbus_pci *self, struct pci_device *d)
{
    const struct device_item *item = d->port[0] == '\0' ? listed(self, d->sbdf) : NULL;
    if (item != NULL) {
        (void)text_copy(d->port, sizeof d->port, span_of(item->port));
        (void)text_copy(d->device_id, sizeof d->device_id, span_of(item->device_id));
    }
    return d->port[0] != '\0';
}

static void add_item(struct wire_list *list, struct text *packed, const struct pci_device *d)
{
    struct attached_item item = {.backend = "dom0"};
    (void)text_copy(item.port, sizeof item.port, span_of(d->port));
    (void)text_copy(item.device_id, sizeof item.device_id, span_of(d->device_id));
    attached_item_add(list, packed, &item);
}

void pci_tell(struct devbus_pci *self, struct out *out, uint32_t qid, uint32_t generation)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX);
    struct context context = context_about_vm(qid, generation);
    struct attached m = {.device_class = "pci"};
    for (size_t i = 0; i < self->used; i++) {
        struct pci_device *d = &self->table[i];
        if (d->qid != qid || d->state != PCI_ATTACHED)
            continue;
        if (name_it(self, d))
            add_item(&m.devices, &packed, d);
        else if (!self->tell_all)
            self->tell_all = true;
    }
    if (self->tell_all)
        devbus_pci_want_list(self, out);
    (void)EVENT(out, attached, ((struct address){KIND_API, EVERY_INSTANCE}), &context, &m);
}

void pci_tell_all(struct devbus_pci *self, struct out *out)
{
    for (size_t i = 0; i < self->used; i++) {
        bool said = false;
        for (size_t j = 0; j < i && !said; j++)
            said = self->table[j].qid == self->table[i].qid;
        if (!said)
            pci_tell(self, out, self->table[i].qid, self->table[i].generation);
    }
}

/* ---- what VMs' processes say that they have ---- */

static bool is_among(const struct bus_has *m, const char *sbdf)
{
    struct reader in = list_reader(&m->devices);
    struct bus_address a;
    while (bus_address_next(&in, &a) == 1)
        if (strcmp(a.sbdf, sbdf) == 0)
            return true;
    return false;
}

/* Backwards: what is forgotten makes room for the last one. */
static void see_those_of(struct devbus_pci *self, struct out *out, const struct envelope *e,
                         const struct bus_has *m)
{
    for (size_t i = self->used; i > 0; i--) {
        struct pci_device *d = &self->table[i - 1];
        if (d->qid != e->subject_instance)
            continue;
        bool there = m->over == 0 && is_among(m, d->sbdf);
        bool undone = m->over != 0 && pci_device_is_on_its_way(d);
        (void)pci_happens(self, out, d, undone ? PCI_GIVEN_UP : there ? PCI_THERE : PCI_NOT_THERE);
    }
}

void pci_has(struct devbus_pci *self, struct out *out, const struct envelope *e, const struct bus_has *m)
{
    struct reader in = list_reader(&m->devices);
    struct bus_address a;
    see_those_of(self, out, e, m);
    while (m->over == 0 && bus_address_next(&in, &a) == 1) {
        struct pci_device *d = pci_add(self, a.sbdf);
        if (d == NULL)
            continue;
        d->qid = e->subject_instance;
        d->generation = e->subject_generation;
        (void)pci_happens(self, out, d, PCI_THERE);
    }
    pci_tell(self, out, e->subject_instance, e->subject_generation);
    pci_job_next(self, out); /* it gives back what is to be, in its turn */
}

/* ---- time and crashes ---- */

void pci_holds_end(struct devbus_pci *self, struct out *out)
{
    for (size_t i = self->used; i > 0; i--) {
        struct pci_device *d = &self->table[i - 1];
        if (d->state != PCI_HELD || d->until > out->now)
            continue;
        log_line(LOG_WARN, "%s was held for qid %u and never attached: it is given up", d->sbdf,
                 (unsigned)d->qid);
        (void)pci_happens(self, out, d, PCI_GIVEN_UP);
    }
    set_timer(self, out);
    pci_job_next(self, out);
}

void pci_read_note(struct devbus_pci *self, struct out *out, struct span note_)
{
    struct pci_device read;
    int r = 1;
    while (r == 1 && (r = pci_device_read(&note_, &read)) == 1) {
        struct pci_device *d = pci_add(self, read.sbdf);
        if (d == NULL)
            break;
        *d = read;
        d->until = out->now + PCI_HOLD_ATTACH;
    }
    if (r < 0)
        log_line(LOG_WARN, "the note is not one of mine: what hangs between dom0 and VMs is not known");
    set_timer(self, out);
}
