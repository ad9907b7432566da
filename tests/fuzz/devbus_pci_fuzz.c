/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of devbus-pci: whatever body comes, a request is answered once, at the latest when
 * its tasks have ended, and an event never. The first byte says how tasks end, whether a cancel follows, and
 * which row is meant. */
#include "actors/devbus-pci/devbus_pci.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "proto/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct said {
    int answers;
    struct task *task;
};

static int keep(void *shell, struct envelope *e)
{
    struct said *s = shell;
    s->answers += e->class == CLASS_REPLY;
    return 0;
}

static void keep_task(void *shell, struct task *task)
{
    ((struct said *)shell)->task = task;
}

static void keep_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell, (void)timer, (void)at;
}

static void keep_note(void *shell, struct span note)
{
    (void)shell;
    assert(note.len <= DEVBUS_NOTE_MAX);
}

static void leave(void *shell)
{
    (void)shell;
}

static void finish(struct devbus_pci *self, struct out *out, struct said *said, int r)
{
    struct task *task = TAKE(said->task);
    struct done d = {.task = task, .what = task->what};
    task->r = r;
    if (task->what == PCI_TASK_LOOK)
        memcpy(((struct pci_task *)task)->sbdf, "0000:02:00.0", 13);
    devbus_pci_actor.done(self, out, &d);
    free(task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct out_ops ops = {
        .send = keep, .task = keep_task, .timer = keep_timer, .note = keep_note, .leave = leave};
    static const uint16_t types[] = {
#define MSG(name, id, ...) id,
#include "proto/devbus.def"
    };
    struct said said = {0};
    struct out out = {&ops, &said, 5 * SECONDS};
    AUTO_MEMORY struct devbus_pci *self = calloc(1, sizeof *self);
    if (size == 0 || self == NULL)
        return 0;
    uint16_t type = types[(data[0] >> 2) % COUNT(types)];
    struct envelope e = {.version = 1,
                         .type = type,
                         .class = message_rule(type)->class,
                         .subject_kind = KIND_VM,
                         .subject_instance = 7,
                         .correlation = 1,
                         .part = 1,
                         .parts = 1,
                         .body = {(const char *)data + 1, size - 1}};
    bool is_request = e.class == CLASS_REQUEST;
    devbus_pci_actor.hear(self, &out, &e);
    e.class = CLASS_CANCEL;
    if ((data[0] & 1) != 0)
        devbus_pci_actor.hear(self, &out, &e);
    for (int i = 0; said.task != NULL && i < 8; i++)
        finish(self, &out, &said, (data[0] & 2) != 0 ? -ERR_HYPERVISOR : 0);
    assert(said.task == NULL && said.answers == is_request);
    devbus_pci_actor.end(self);
    return 0;
}
