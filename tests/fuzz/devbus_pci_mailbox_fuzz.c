/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of devbus-pci, with what its worker finds out in between: well, badly, too late, or late
 * behind the next. The first byte says whether there is a Xen below. */
#include "actors/devbus-pci/devbus_pci.h"

#include <stdio.h>

#include "tests/fuzz/devbus_mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SOME_DEVICES = 3 };

/* A few devices only, so that messages meet. */
static void name(struct device_item *item, unsigned which)
{
    snprintf(item->port, sizeof item->port, "00_1%u.0", which);
    snprintf(item->device_id, sizeof item->device_id, "8086:000%u::p020000", which);
    snprintf(item->data, sizeof item->data, "sbdf=0000:00:1%u.0", which);
}

static void list(struct pci_list_task *t, uint8_t how)
{
    t->devices = calloc(SOME_DEVICES, sizeof *t->devices);
    t->count = t->devices == NULL ? 0 : how % (SOME_DEVICES + 1u);
    for (unsigned i = 0; i < t->count; i++)
        name(&t->devices[i], i);
}

static void look(struct pci_task *t, uint8_t how)
{
    static const char *const drivers[] = {"", "pciback", "vfio-pci", "e1000e"};
    name(&t->device, how % SOME_DEVICES);
    (void)text_copy(t->sbdf, sizeof t->sbdf, span_of(t->device.data + strlen("sbdf=")));
    memcpy(t->port, t->device.port, sizeof t->port);
    t->facts.can_reset = (how & 4) == 0;
    t->facts.is_bridge = (how & 0x70) == 0x70;
    (void)text_copy(t->facts.driver, sizeof t->facts.driver, span_of(drivers[how >> 3 & 3]));
    if ((how & 0x80) != 0)
        (void)text_copy(t->holder, sizeof t->holder, span_of("work"));
}

static void find_out(struct task *task, uint8_t how)
{
    if (task->r == 0 && task->what == PCI_TASK_LIST)
        list((struct pci_list_task *)task, how);
    if (task->r == 0 && task->what == PCI_TASK_LOOK)
        look((struct pci_task *)task, how);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mailbox m;
    if (size == 0)
        return 0;
    devbus_pci_set_xen((data[0] & 1) != 0);
    mailbox_open(&m, &devbus_pci_actor);
    m.complete = find_out;
    devbus_play_all(&m, &((struct devbus_pci *)m.core)->table, data + 1, size - 1);
    for (int i = 0; i < 64 && m.tasks > 0; i++)
        mailbox_end_task(&m, -ERR_CANCELLED, 0);
    assert(m.tasks == 0 && m.answers == m.requests);
    mailbox_close(&m);
    return 0;
}
