/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of devbus-pci: whatever body comes, a request is answered once, at the latest when
 * the listing ends. The first byte says how the listing ends and whether a cancel follows. */
#include "actors/devbus-pci/devbus_pci.h"

#include <assert.h>
#include <stdlib.h>

#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct said {
    int answers;
    struct task *task;
};

static int keep(void *shell, struct envelope *e)
{
    struct said *s = shell;
    assert(e->class == CLASS_REPLY);
    s->answers++;
    return 0;
}

static void keep_task(void *shell, struct task *task)
{
    ((struct said *)shell)->task = task;
}

static void finish(struct devbus_pci *self, struct out *out, struct said *said, int r)
{
    struct done d = {.task = said->task, .what = PCI_TASK_LIST};
    said->task->r = r;
    devbus_pci_actor.done(self, out, &d);
    free(said->task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct out_ops ops = {.send = keep, .task = keep_task};
    struct said said = {0};
    struct out out = {&ops, &said, 5 * SECONDS};
    AUTO_MEMORY struct devbus_pci *self = calloc(1, sizeof *self);
    if (size == 0 || self == NULL)
        return 0;
    struct envelope e = {.version = 1,
                         .type = MESSAGE_bus_list,
                         .class = CLASS_REQUEST,
                         .correlation = 1,
                         .part = 1,
                         .parts = 1,
                         .body = {(const char *)data + 1, size - 1}};
    devbus_pci_actor.hear(self, &out, &e);
    e.class = CLASS_CANCEL;
    if ((data[0] & 1) != 0)
        devbus_pci_actor.hear(self, &out, &e);
    if (said.task != NULL)
        finish(self, &out, &said, (data[0] & 2) != 0 ? -ERR_HYPERVISOR : 0);
    assert(said.answers == 1);
    devbus_pci_actor.end(self);
    return 0;
}
